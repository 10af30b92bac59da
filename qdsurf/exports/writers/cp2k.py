"""CP2K: Quickstep with MOLOPT bases and GTH potentials from the data files that come with CP2K."""

from __future__ import annotations

import textwrap

import numpy as np

from qdsurf.errors import AskError
from qdsurf.exports.calculation import Calculation, Potential, load_potentials
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System, kpoint_pairs
from qdsurf.exports.writers.texts import (
    BOHR,
    HARTREE,
    RYDBERG,
    core_notes,
    functions,
    held,
    spin_orbit_note,
    valence,
)

_FUNCTIONALS = {
    "PBE": ["    &XC_FUNCTIONAL PBE", "    &END XC_FUNCTIONAL"],
    "PBEsol": [
        "    &XC_FUNCTIONAL", "      &PBE", "        PARAMETRIZATION PBESOL", "      &END PBE",
        "    &END XC_FUNCTIONAL",
    ],
    "LDA": ["    &XC_FUNCTIONAL PADE", "    &END XC_FUNCTIONAL"],
}  # fmt: skip


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return the input of CP2K; see https://manual.cp2k.org for each keyword."""
    potentials = load_potentials("cp2k", system.elements, calculation)
    foreign = sorted(set(system.elements) - set(calculation.potentials))
    if calculation.functional == "LDA" and foreign:
        raise AskError(
            f"the potentials for CP2K are those of PBE; name those of {', '.join(foreign)} for LDA in "
            "potentials="
        )
    if purpose == "dos" and system.kpoints != (1, 1, 1):
        raise AskError(
            "CP2K projects a density of states at Gamma only: repeat the cell until one k-point will do, and "
            "set kpoint_spacing to match; or take VASP, Quantum ESPRESSO or GPAW"
        )
    name = "qdsurf"
    text = "\n".join(
        [
            _global(system, purpose, name),
            "&FORCE_EVAL\n  METHOD QUICKSTEP",
            *(["  STRESS_TENSOR ANALYTICAL"] if system.cell_relaxed else []),
            textwrap.indent(_dft(system, calculation, purpose, potentials), "  "),
            textwrap.indent(_subsys(system, calculation, potentials), "  "),
            "  &PRINT\n    &FORCES ON\n    &END FORCES\n  &END PRINT\n&END FORCE_EVAL",
            _motion(system, calculation) if purpose in ("relax", "binding") else "",
        ]
    )
    return Written(
        files={"cp2k.inp": text.rstrip() + "\n"},
        command="${MPI:-} ${CP2K:-cp2k.psmp} -i cp2k.inp -o cp2k.out",
        expect="cp2k.out",
        again="${CP2K:-cp2k.psmp} -i qdsurf-1.restart -o cp2k.out" if purpose in ("relax", "binding") else "",
        needs=(
            "CP2K_DATA_DIR, where the installation does not set it: BASIS_MOLOPT, GTH_POTENTIALS, dftd3.dat",
        ),
        notes=(
            *core_notes(potentials),
            *spin_orbit_note(system, calculation, purpose),
            *(
                ["the potentials were made for PBE, as usual with PBEsol"]
                if calculation.functional == "PBEsol" and foreign
                else []
            ),
        ),
        electrons=valence(system, potentials),
        functions=functions(system, potentials),
    )


def _global(system: System, purpose: str, name: str) -> str:
    """Return the section GLOBAL."""
    relaxed = "CELL_OPT" if system.cell_relaxed else "GEO_OPT"
    run = relaxed if purpose in ("relax", "binding") else "ENERGY_FORCE"
    return f"&GLOBAL\n  PROJECT {name}\n  RUN_TYPE {run}\n  PRINT_LEVEL MEDIUM\n&END GLOBAL"


def _dft(system: System, calculation: Calculation, purpose: str, potentials: dict[str, Potential]) -> str:
    """Return the section DFT."""
    bases = dict.fromkeys(["BASIS_MOLOPT", *(p.more.get("basis_file", "") for p in potentials.values())])
    files = dict.fromkeys(
        ["GTH_POTENTIALS", *(p.more.get("potential_file", "") for p in potentials.values())]
    )
    lines = [
        "&DFT",
        *(f"  BASIS_SET_FILE_NAME {b}" for b in bases if b),
        *(f"  POTENTIAL_FILE_NAME {f}" for f in files if f),
        f"  CHARGE {system.charge}",
        f"  MULTIPLICITY {system.unpaired + 1}",
        *(["  UKS"] if system.unpaired else []),
    ]
    if system.dipole:
        lines += ["  SURFACE_DIPOLE_CORRECTION", "  SURF_DIP_DIR Z"]
    lines += [
        "  &MGRID",
        f"    CUTOFF [eV] {calculation.cutoff:g}",
        f"    REL_CUTOFF [eV] {calculation.density_cutoff or 60 * RYDBERG:g}",
        "  &END MGRID",
        "  &QS",
        "    EPS_DEFAULT 1.0E-12",
        "  &END QS",
        *_poisson(system),
        *_kpoints(system),
        *_scf(system, calculation),
        *_exchange(calculation),
        *_print(system, purpose, empty_levels(system, potentials)),
        "&END DFT",
    ]
    return "\n".join(lines)


def isolated(system: System) -> bool:
    """Return whether the system is computed without periodic images: only where it carries a charge.

    Neutral dots stand in a padded periodic box: the Poisson solver of Martyna and Tuckerman was far
    slower for them and changes little.
    """
    return system.kind == "dot" and system.charge != 0


def _poisson(system: System) -> list[str]:
    if not isolated(system):
        return ["  &POISSON", "    PERIODIC XYZ", "  &END POISSON"]
    return ["  &POISSON", "    PERIODIC NONE", "    POISSON_SOLVER MT", "  &END POISSON"]


def _kpoints(system: System) -> list[str]:
    """Return the k-points one by one, so that the mesh contains Gamma in every version of CP2K."""
    if system.kpoints == (1, 1, 1):
        return []
    rows = [
        "    KPOINT "
        + " ".join(_half(i, n) for i, n in zip(point, system.kpoints, strict=True))
        + f" {weight}"
        for point, weight in kpoint_pairs(system.kpoints)
    ]
    return ["  &KPOINTS", "    SCHEME GENERAL", "    SYMMETRY OFF", *rows, "  &END KPOINTS"]


def _half(index: int, count: int) -> str:
    """Return the fraction index/count in (-1/2, 1/2]."""
    value = index / count
    return f"{value - 1 if value > 0.5 else value:.10f}"


def _scf(system: System, calculation: Calculation) -> list[str]:
    """Return the section SCF: orbital transformation at Gamma, diagonalisation with k-points."""
    eps = min(1e-5, calculation.energy_tolerance)
    if system.kpoints == (1, 1, 1):
        return [
            "  &SCF", "    SCF_GUESS ATOMIC", f"    EPS_SCF {eps:.1E}", "    MAX_SCF 30",
            "    &OT", "      MINIMIZER DIIS", "      PRECONDITIONER FULL_SINGLE_INVERSE", "    &END OT",
            "    &OUTER_SCF", f"      EPS_SCF {eps:.1E}", "      MAX_SCF 20", "    &END OUTER_SCF",
            "  &END SCF",
        ]  # fmt: skip
    # Gaussian smearing is not among those of CP2K; the Fermi function is given the same width.
    kelvin = calculation.smearing_width / 8.617333262e-5
    return [
        "  &SCF", "    SCF_GUESS ATOMIC", f"    EPS_SCF {eps:.1E}", "    MAX_SCF 200",
        "    ADDED_MOS 20",
        "    &DIAGONALIZATION", "      ALGORITHM STANDARD", "    &END DIAGONALIZATION",
        "    &SMEAR ON", "      METHOD FERMI_DIRAC", f"      ELECTRONIC_TEMPERATURE [K] {kelvin:.1f}",
        *([f"      FIXED_MAGNETIC_MOMENT {system.unpaired}"] if system.unpaired else []),
        "    &END SMEAR",
        "    &MIXING", "      METHOD BROYDEN_MIXING", "      ALPHA 0.2", "    &END MIXING",
        "  &END SCF",
    ]  # fmt: skip


def _exchange(calculation: Calculation) -> list[str]:
    """Return the section XC."""
    lines = ["  &XC", *_FUNCTIONALS[calculation.functional]]
    if calculation.dispersion == "D3(BJ)":
        lines += [
            "    &VDW_POTENTIAL", "      POTENTIAL_TYPE PAIR_POTENTIAL", "      &PAIR_POTENTIAL",
            "        TYPE DFTD3(BJ)", "        PARAMETER_FILE_NAME dftd3.dat",
            f"        REFERENCE_FUNCTIONAL {calculation.functional}", "        R_CUTOFF [angstrom] 15.0",
            "      &END PAIR_POTENTIAL", "    &END VDW_POTENTIAL",
        ]  # fmt: skip
    return [*lines, "  &END XC"]


def empty_levels(system: System, potentials: dict[str, Potential]) -> int:
    """Return how many levels of one spin stay empty in the basis."""
    occupied = (valence(system, potentials) + system.unpaired + 1) // 2
    return max(0, functions(system, potentials) - occupied)


def _print(system: System, purpose: str, empty: int) -> list[str]:
    """Return what the purpose wants on disk, and the levels around the gap in the output."""
    if system.kpoints == (1, 1, 1):
        inside = [
            "    &MO_CUBES",
            "      WRITE_CUBE F",
            "      NHOMO 5",
            f"      NLUMO {min(5, empty)}",
            "    &END MO_CUBES",
        ]
    else:
        # once, after the last step
        inside = [
            "    &MO", "      EIGENVALUES", "      OCCUPATION_NUMBERS",
            "      &EACH", "        QS_SCF 0", "      &END EACH", "    &END MO",
        ]  # fmt: skip
    if purpose == "dos":
        outer = [int(i) + 1 for i in np.flatnonzero(system.outer)]
        inside += ["    &PDOS", f"      NLUMO {min(50, empty)}"]
        if outer:
            inside += ["      &LDOS", *(f"        LIST {row}" for row in _rows(outer)), "      &END LDOS"]
        inside.append("    &END PDOS")
    if purpose == "workfunction":
        inside += ["    &V_HARTREE_CUBE", "      STRIDE 1 1 1", "    &END V_HARTREE_CUBE"]
    return ["  &PRINT", *inside, "  &END PRINT"]


def _subsys(system: System, calculation: Calculation, potentials: dict[str, Potential]) -> str:
    """Return the section SUBSYS."""
    atoms = system.atoms
    lines = ["&SUBSYS", "  &CELL"]
    for letter, row in zip("ABC", atoms.cell.array, strict=True):
        lines.append(f"    {letter} [angstrom] " + " ".join(f"{x:.10f}" for x in row))
    lines += [f"    PERIODIC {'NONE' if isolated(system) else 'XYZ'}", "  &END CELL", "  &COORD"]
    for symbol, (x, y, z) in zip(atoms.get_chemical_symbols(), atoms.positions, strict=True):
        lines.append(f"    {symbol} {x:.10f} {y:.10f} {z:.10f}")
    lines.append("  &END COORD")
    for element, potential in potentials.items():
        basis = potential.more.get("basis") or calculation.basis
        basis = calculation.basis if "basis_file" not in potential.more and calculation.basis else basis
        lines += [
            f"  &KIND {element}", f"    BASIS_SET {basis}", f"    POTENTIAL {potential.name}", "  &END KIND",
        ]  # fmt: skip
    return "\n".join([*lines, "&END SUBSYS"])


def _rows(numbers: list[int], width: int = 15) -> list[str]:
    """Return *numbers* in rows: not every parser of CP2K inputs knows runs such as 3..7."""
    return [" ".join(map(str, numbers[i : i + width])) for i in range(0, len(numbers), width)]


def _motion(system: System, calculation: Calculation) -> str:
    """Return the section MOTION: relaxation, and the atoms that stay."""
    force = calculation.force_tolerance / (HARTREE / BOHR)
    kind = "CELL_OPT" if system.cell_relaxed else "GEO_OPT"
    lines = [
        "&MOTION", f"  &{kind}", "    OPTIMIZER BFGS", f"    MAX_ITER {calculation.steps}",
        f"    MAX_FORCE {force:.6E}", f"  &END {kind}",
    ]  # fmt: skip
    if system.fixed.any():
        fixed = [f"      LIST {row}" for row in _rows(held(system))]
        lines += ["  &CONSTRAINT", "    &FIXED_ATOMS", *fixed, "    &END FIXED_ATOMS", "  &END CONSTRAINT"]
    return "\n".join([*lines, "&END MOTION"])
