"""SIESTA: one fdf file for PSML pseudopotentials."""

from __future__ import annotations

from qdsurf.exports.calculation import Calculation, load_potentials
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.texts import RYDBERG, core_notes, held, ranges, spin_orbit_note, valence, vectors

_FUNCTIONALS = {"PBE": ("GGA", "PBE"), "PBEsol": ("GGA", "PBEsol"), "LDA": ("LDA", "PZ")}


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return the input of SIESTA; see its manual for each label."""
    from ase.data import atomic_numbers

    potentials = load_potentials("vasp", system.elements, calculation, template="{element}.psml")
    places = {e: k + 1 for k, e in enumerate(potentials)}
    family, authors = _FUNCTIONALS[calculation.functional]
    atoms = system.atoms
    lines = [
        f"SystemName {system.name}",
        "SystemLabel qdsurf",
        f"NumberOfAtoms {len(atoms)}",
        f"NumberOfSpecies {len(places)}",
        _block("ChemicalSpeciesLabel", [f"  {k} {atomic_numbers[e]} {e}" for e, k in places.items()]),
        "LatticeConstant 1.0 Ang",
        _block("LatticeVectors", [vectors(atoms.cell.array)]),
        "AtomicCoordinatesFormat Ang",
        _block("AtomicCoordinatesAndAtomicSpecies", [
            f"  {x:16.10f} {y:16.10f} {z:16.10f} {places[s]}"
            for s, (x, y, z) in zip(atoms.get_chemical_symbols(), atoms.positions, strict=True)
        ]),
        _block("kgrid.MonkhorstPack", [
            "  " + " ".join(f"{n if i == j else 0}" for j in range(3)) + " 0.0"
            for i, n in enumerate(system.kpoints)
        ]),
        f"XC.functional {family}\nXC.authors {authors}",
        f"PAO.BasisSize {calculation.basis}\nPAO.EnergyShift 0.01 Ry",
        f"MeshCutoff {calculation.cutoff / RYDBERG:.1f} Ry",
        f"ElectronicTemperature {calculation.smearing_width:g} eV",
        f"SCF.FreeE.Converge true\nSCF.FreeE.Tolerance {calculation.energy_tolerance:g} eV",
        "MaxSCFIterations 300",
        f"NetCharge {system.charge}",
        *_spin(system, calculation),
        *(["Slab.DipoleCorrection true"] if system.dipole else []),
        *(["DFTD3 true"] if calculation.dispersion == "D3(BJ)" else []),
        *_ions(system, calculation, purpose),
    ]  # fmt: skip
    notes = [*core_notes(potentials), *spin_orbit_note(system, calculation, purpose)]
    if calculation.dispersion == "D3(BJ)":
        notes.append("DFTD3 needs SIESTA 5, built with simple-dftd3")
    return Written(
        files={"siesta.fdf": "\n".join(lines) + "\n"},
        command=': "${PSEUDO_DIR:?set PSEUDO_DIR to the folder of the pseudopotentials}" && '
        '${MPI:-} env SIESTA_PS_PATH="$PSEUDO_DIR" ${SIESTA:-siesta} siesta.fdf > siesta.out',
        expect="siesta.out",
        needs=(
            f"{calculation.functional} pseudopotentials in the folder PSEUDO_DIR: "
            f"{', '.join(p.name for p in potentials.values())}; PseudoDojo: http://www.pseudo-dojo.org",
        ),
        notes=tuple(notes),
        electrons=valence(system, potentials),
    )


def _block(name: str, rows: list[str]) -> str:
    return "\n".join([f"%block {name}", *rows, f"%endblock {name}"])


def _spin(system: System, calculation: Calculation) -> list[str]:
    """Return the labels of spin."""
    if calculation.spin_orbit:
        return ["Spin spin-orbit"]
    if system.unpaired:
        return [f"Spin polarized\nSpin.Fix true\nSpin.Total {system.unpaired}"]
    return ["Spin non-polarized"]


def _ions(system: System, calculation: Calculation, purpose: str) -> list[str]:
    """Return relaxation and fixed atoms."""
    lines = []
    if purpose in ("relax", "binding"):
        lines.append(
            f"MD.TypeOfRun CG\nMD.Steps {calculation.steps}\n"
            f"MD.MaxForceTol {calculation.force_tolerance:g} eV/Ang"
        )
        if system.cell_relaxed:
            lines.append("MD.VariableCell true\nMD.MaxStressTol 0.1 GPa")
    if system.fixed.any():
        lines.append(_block("Geometry.Constraints", [f"  atom [{r}]" for r in ranges(held(system), " -- ")]))
    return lines
