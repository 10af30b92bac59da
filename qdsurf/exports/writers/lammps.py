"""LAMMPS: a data file with connectivity and charges, and an input for their electrostatic energy."""

from __future__ import annotations

import io
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.exports.writers.texts import held, ranges

if TYPE_CHECKING:
    from qdsurf.model.nouns import Crystal, Surface


def write(system: System, surface: Surface | Crystal | None) -> Written:
    """Return a data file of atom style full, and an input that LAMMPS runs unchanged.

    No force field is written: pair, bond and angle coefficients are the user's. The input computes the
    electrostatic energy of the charges, so that cell, charges and connectivity are seen to be read.
    """
    bonds = sorted((min(i, j), max(i, j)) for i, j, _ in getattr(surface, "bonds", ()))
    notes = ["no force field is written: add pair_coeff, bond_coeff and angle_coeff of your own"]
    if surface is None:
        charges = [0.0] * len(system.atoms)
        notes.append("no formal charges are known for this structure: all are zero")
    else:
        from qdsurf.exports.writers.connectivity import spread_charges

        charges = spread_charges(surface)
        notes.append("charges are formal: of a molecule, shared by its atoms other than C and H")
    data = _data(system, charges, bonds, surface)
    return Written(
        files={"structure.data": data, "in.lammps": _input(system, bool(bonds), any(charges))},
        command="${MPI:-} ${LAMMPS:-lmp} -in in.lammps -log lammps.log > lammps.out",
        expect="lammps.log",
        needs=("LAMMPS with the packages KSPACE and MOLECULE",),
        notes=tuple(notes),
        electrons=0,
    )


def _types(symbols: list[str], groups: list[tuple[int, ...]]) -> tuple[list[tuple[str, ...]], list[int]]:
    """Return the kinds of *groups* by their elements, a chain read either way, and the kind of each."""
    kinds: list[tuple[str, ...]] = []
    numbers = []
    for group in groups:
        names = tuple(symbols[i] for i in group)
        name = min(names, names[::-1])
        if name not in kinds:
            kinds.append(name)
        numbers.append(kinds.index(name) + 1)
    return kinds, numbers


def angles_of(bonds: list[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return (i, centre, k) of every pair of bonds that share an atom.

    >>> angles_of([(0, 1), (1, 2)])
    [(0, 1, 2)]
    """
    partners: defaultdict[int, list[int]] = defaultdict(list)
    for i, j in bonds:
        partners[i].append(j)
        partners[j].append(i)
    return [
        (a, centre, b)
        for centre in sorted(partners)
        for k, a in enumerate(sorted(partners[centre]))
        for b in sorted(partners[centre])[k + 1 :]
    ]


def _data(
    system: System, charges: list[float], bonds: list[tuple[int, int]], surface: Surface | Crystal | None
) -> str:
    """Return the data file."""
    from ase.data import atomic_masses, atomic_numbers

    symbols = system.atoms.get_chemical_symbols()
    places = {e: k + 1 for k, e in enumerate(system.elements)}
    fragments = surface.atoms.arrays["fragment"] if surface is not None else np.arange(len(symbols))
    molecule = {f: k + 1 for k, f in enumerate(dict.fromkeys(np.asarray(fragments).tolist()))}
    angles = angles_of(bonds)
    bond_kinds, bond_types = _types(symbols, list(bonds))
    angle_kinds, angle_types = _types(symbols, angles)
    (a, _, _), (xy, b, _), (xz, yz, c) = system.atoms.cell.array
    out = io.StringIO()
    out.write(f"{system.name} charge {system.charge:+d}; atom style full, units real or metal\n\n")
    out.write(f"{len(symbols)} atoms\n{len(bonds)} bonds\n{len(angles)} angles\n{len(places)} atom types\n")
    if bonds:
        out.write(f"{len(bond_kinds)} bond types\n{max(1, len(angle_kinds))} angle types\n")
    out.write(f"\n0.0 {a:.10f} xlo xhi\n0.0 {b:.10f} ylo yhi\n0.0 {c:.10f} zlo zhi\n")
    if max(abs(xy), abs(xz), abs(yz)) > 1e-9:
        out.write(f"{xy:.10f} {xz:.10f} {yz:.10f} xy xz yz\n")
    out.write("\nMasses\n\n")
    for e, k in places.items():
        out.write(f"{k} {atomic_masses[atomic_numbers[e]]:.4f}  # {e}\n")
    out.write("\nAtoms  # full\n\n")
    for i, (x, y, z) in enumerate(system.atoms.positions):
        number = molecule[int(np.asarray(fragments)[i])]
        out.write(f"{i + 1} {number} {places[symbols[i]]} {charges[i]:.8f} {x:.10f} {y:.10f} {z:.10f}\n")
    for title, groups, kinds, names in (
        ("Bonds", bonds, bond_types, bond_kinds), ("Angles", angles, angle_types, angle_kinds)
    ):  # fmt: skip
        if groups:
            said = ", ".join(f"{k + 1} {'-'.join(n)}" for k, n in enumerate(names))
            out.write(f"\n{title}  # {said}\n\n")
            for k, (group, kind) in enumerate(zip(groups, kinds, strict=True)):
                out.write(f"{k + 1} {kind} {' '.join(str(i + 1) for i in group)}\n")
    return out.getvalue()


def _input(system: System, bonded: bool, charged: bool) -> str:
    """Return an input that computes the electrostatic energy."""
    edge = "f" if system.kind == "dot" else "p"
    last = "f" if system.kind == "slab" else edge
    lines = [
        f"# {system.name}: electrostatic energy of formal charges; put your force field into the marked line",
        "units metal", "atom_style full", f"boundary {edge} {edge} {last}",
    ]  # fmt: skip
    if bonded:
        lines += ["bond_style zero", "angle_style zero"]
    (a, _, _), (xy, b, _), (xz, yz, _) = system.atoms.cell.array
    if abs(xy) > a / 2 or abs(xz) > a / 2 or abs(yz) > b / 2:
        # refused otherwise by versions before 2022
        lines.append("box tilt large")
    lines.append("read_data structure.data")
    if bonded:
        lines += ["bond_coeff *", "angle_coeff *"]
    if not charged:
        lines += ["pair_style zero 8.0", "pair_coeff * *"]
    elif system.kind == "dot":
        reach = float(np.linalg.norm(system.atoms.cell.array.sum(axis=0))) + 1
        lines += [f"pair_style coul/cut {reach:.1f}", "pair_coeff * *   # your force field"]
    else:
        lines += [
            "pair_style coul/long 8.0",
            "pair_coeff * *   # your force field",
            "kspace_style ewald 1.0e-6",
        ]
        if system.kind == "slab":
            lines.append("kspace_modify slab 3.0")
    lines.append("special_bonds lj/coul 1.0 1.0 1.0")
    if system.fixed.any():
        lines += [
            f"group fixed id {' '.join(ranges(held(system), ':'))}",
            "fix hold fixed setforce 0.0 0.0 0.0",
        ]
    lines += ["thermo_style custom step pe ecoul elong", "thermo_modify format float %20.10f", "run 0"]
    return "\n".join(lines) + "\n"
