"""ABINIT: one input file for norm-conserving PseudoDojo potentials."""

from __future__ import annotations

from qdsurf.exports.calculation import Calculation, load_potentials
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.texts import BOHR, HARTREE, core_notes, held, spin_orbit_note, valence, vectors

# LDA of Perdew and Wang, PBE, and PBEsol of libxc (exchange 116, correlation 133)
_FUNCTIONALS = {"LDA": 7, "PBE": 11, "PBEsol": -116133}


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return the input of ABINIT; see https://docs.abinit.org/variables for each variable."""
    from ase.data import atomic_numbers

    potentials = load_potentials("vasp", system.elements, calculation, template="{element}.psp8")
    names = ", ".join(p.name for p in potentials.values())
    places = {e: k + 1 for k, e in enumerate(potentials)}
    atoms = system.atoms
    lines = [
        f"# {system.name}",
        'pp_dirpath "$ABI_PSPDIR"',
        f'pseudos "{names}"',
        "acell 1.0 1.0 1.0 angstrom",
        f"rprim\n{vectors(atoms.cell.array)}",
        f"ntypat {len(places)}",
        "znucl " + " ".join(str(atomic_numbers[e]) for e in places),
        f"natom {len(atoms)}",
        "typat\n" + _folded([str(places[s]) for s in atoms.get_chemical_symbols()]),
        f"xred\n{vectors(atoms.get_scaled_positions(wrap=False))}",
        f"ecut {calculation.cutoff / HARTREE:.4f}",
        # slabs are supercells, which ABINIT otherwise refuses
        "chkprim 0",
        # said, so that potentials made for another functional are not computed with theirs
        f"ixc {_FUNCTIONALS[calculation.functional]}",
        f"kptopt 1\nngkpt {' '.join(map(str, system.kpoints))}\nnshiftk 1\nshiftk 0.0 0.0 0.0",
        f"occopt 7\ntsmear {calculation.smearing_width / HARTREE:.6f}",
        f"nstep 200\ntoldfe {calculation.energy_tolerance / HARTREE:.4e}"
        if purpose == "static"
        else "nstep 200",
        *_electrons(system, calculation),
        *_ions(system, calculation, purpose),
    ]
    relativistic = "fully relativistic " if calculation.spin_orbit else "scalar relativistic "
    return Written(
        files={"abinit.abi": "\n".join(lines) + "\n"},
        command=': "${ABI_PSPDIR:?set ABI_PSPDIR to the folder of the pseudopotentials}" && '
        "export ABI_PSPDIR && ${MPI:-} ${ABINIT:-abinit} abinit.abi > abinit.log",
        expect="abinit.abo",
        needs=(
            f"{relativistic}norm-conserving {calculation.functional} pseudopotentials in the folder "
            f"ABI_PSPDIR: {names}; PseudoDojo: http://www.pseudo-dojo.org (doi:10.1016/j.cpc.2018.01.012)",
        ),
        notes=(
            *core_notes(potentials),
            *spin_orbit_note(system, calculation, purpose),
            *(["no dipole correction: ABINIT has none for slabs; make both faces alike, or use more vacuum"]
              if system.dipole else []),
        ),
        electrons=valence(system, potentials),
    )  # fmt: skip


def _electrons(system: System, calculation: Calculation) -> list[str]:
    """Return charge, spin and dispersion."""
    lines = []
    if system.charge:
        lines.append(f"cellcharge {system.charge}")
    if calculation.spin_orbit:
        lines.append("nspinor 2\nnspden 1")
    elif system.unpaired:
        # a start with the moment spread over the atoms
        moment = system.unpaired / len(system.atoms)
        lines.append(f"nsppol 2\nspinmagntarget {system.unpaired}")
        lines.append("spinat\n" + "\n".join([f"  0.0 0.0 {moment:.6f}"] * len(system.atoms)))
    if calculation.dispersion == "D3(BJ)":
        lines.append("vdw_xc 7\nvdw_tol 1.0e-8")
    return lines


def _ions(system: System, calculation: Calculation, purpose: str) -> list[str]:
    """Return relaxation and fixed atoms."""
    lines = []
    force = calculation.force_tolerance / (HARTREE / BOHR)
    if purpose in ("relax", "binding"):
        lines.append(f"ionmov 22\nntime {calculation.steps}\ntolmxf {force:.4e}\ntoldff {force / 10:.4e}")
        if system.cell_relaxed:
            lines.append("optcell 2\necutsm 0.5\ndilatmx 1.05")
    if system.fixed.any():
        lines.append(f"natfix {int(system.fixed.sum())}\niatfix\n" + _folded([str(i) for i in held(system)]))
    return lines


def _folded(words: list[str], width: int = 20) -> str:
    """Return *words* in lines of at most *width*; ABINIT reads lines of at most 264 characters."""
    return "\n".join("  " + " ".join(words[i : i + width]) for i in range(0, len(words), width))
