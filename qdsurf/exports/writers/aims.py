"""FHI-aims: geometry.in and control.in; the species defaults are joined from the user's installation."""

from __future__ import annotations

from qdsurf.exports.calculation import Calculation, load_potentials
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.texts import spin_orbit_note

_FUNCTIONALS = {"PBE": "pbe", "PBEsol": "pbesol", "LDA": "pw-lda", "PBE0": "pbe0"}


def write(system: System, calculation: Calculation, purpose: str) -> Written:
    """Return the input of FHI-aims; see its manual for each keyword."""
    from ase.data import atomic_numbers

    load_potentials("vasp", system.elements, calculation)
    species = [f"{atomic_numbers[e]:02d}_{e}_default" for e in system.elements]
    return Written(
        files={
            "geometry.in": _geometry(system),
            "control.head": _control(system, calculation, purpose),
            "species.names": "".join(f"{s}\n" for s in species),
            "make-control.sh": _JOIN.format(level=calculation.basis or "light"),
        },
        command="bash make-control.sh && ${MPI:-} ${AIMS:-aims.x} > aims.out",
        expect="aims.out",
        needs=(
            "AIMS_SPECIES_DIR, the folder defaults_2020 of FHI-aims; make-control.sh joins control.head and "
            + ", ".join(species),
        ),
        notes=spin_orbit_note(system, calculation, purpose),
        electrons=system.electrons,
    )


def _geometry(system: System) -> str:
    """Return geometry.in."""
    atoms, lines = system.atoms, [f"# {system.name}"]
    if system.kind != "dot":
        lines += ["lattice_vector " + " ".join(f"{x:.10f}" for x in row) for row in atoms.cell.array]
    for symbol, (x, y, z), fixed in zip(
        atoms.get_chemical_symbols(), atoms.positions, system.fixed, strict=True
    ):
        lines.append(f"atom {x:.10f} {y:.10f} {z:.10f} {symbol}")
        if fixed:
            lines.append("  constrain_relaxation .true.")
    return "\n".join(lines) + "\n"


def _control(system: System, calculation: Calculation, purpose: str) -> str:
    """Return the head of control.in."""
    collinear = system.unpaired and not calculation.spin_orbit
    lines = [
        f"xc {_FUNCTIONALS[calculation.functional]}",
        "relativistic atomic_zora scalar",
        f"charge {system.charge}.",
        f"spin {'collinear' if collinear else 'none'}",
        f"occupation_type gaussian {calculation.smearing_width:g}",
        f"sc_accuracy_etot {calculation.energy_tolerance:g}",
        "sc_iter_limit 200",
    ]
    if collinear:
        lines += [
            f"fixed_spin_moment {system.unpaired}",
            f"default_initial_moment {system.unpaired / len(system.atoms):.6f}",
        ]
    if system.kind != "dot":
        lines.append("k_grid {} {} {}".format(*system.kpoints))
    if system.dipole:
        lines.append("use_dipole_correction")
    if calculation.dispersion == "TS":
        lines.append("vdw_correction_hirshfeld")
    if calculation.spin_orbit:
        lines.append("include_spin_orbit")
    if purpose in ("relax", "binding"):
        lines += [
            f"relax_geometry bfgs {calculation.force_tolerance:g}",
            f"max_relaxation_steps {calculation.steps}",
        ]
        if system.cell_relaxed:
            lines.append("relax_unit_cell full")
    else:
        lines.append("compute_forces .true.")
    return "\n".join(lines) + "\n"


_JOIN = """#!/usr/bin/env bash
# Joins control.head and the species defaults of FHI-aims, which qdsurf does not ship.
set -euo pipefail
: "${{AIMS_SPECIES_DIR:?set AIMS_SPECIES_DIR to the folder defaults_2020}}"
{{
  cat control.head
  while read -r name; do cat "$AIMS_SPECIES_DIR/{level}/$name"; done < species.names
}} > control.part
mv control.part control.in
"""
