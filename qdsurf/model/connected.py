"""Write structures with the bonds of their molecules: SDF (V3000), PDB with CONECT, LAMMPS data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError

if TYPE_CHECKING:
    from ase import Atoms

    from qdsurf.model.nouns import Surface

# Formal charge by element and sum of bond orders, of the groups that ligands have.
_CHARGE = {
    ("N", 4): 1, ("N", 2): -1, ("O", 1): -1, ("O", 3): 1, ("S", 1): -1, ("S", 3): 1, ("Se", 1): -1,
    ("P", 4): 1, ("B", 4): -1, ("As", 4): 1,
}  # fmt: skip
_MOST_IN_PDB = 99999
# Empty space in Å around a dot.
_BOX = 10.0


def writer_of(ending: str) -> Callable[[Surface, Path], None] | None:
    """Return the function that writes files with this *ending* and bonds, or None."""
    known = {
        ".sdf": write_sdf,
        ".mol": write_sdf,
        ".pdb": write_pdb,
        ".lmp": write_lammps,
        ".data": write_lammps,
    }
    return known.get(ending.lower())


def formal_charges(surface: Surface) -> NDArray[np.int64]:
    """Return the formal charge of each atom, (n,): of ions theirs, of molecules by the sums of bond orders.

    A molecule whose sums do not give the charge of its species gets that charge on its first anchor.
    """
    atoms = surface.atoms
    order = np.zeros(len(atoms))
    for i, j, o in surface.bonds:
        order[i] += o
        order[j] += o
    symbols = atoms.get_chemical_symbols()
    species, fragments = atoms.arrays["species"].tolist(), atoms.arrays["fragment"]
    bonded = order > 0
    charge = np.array(
        [
            _CHARGE.get((s, round(o)), 0) if b else (surface.charges[name] if s == name else 0)
            for s, o, b, name in zip(symbols, order.tolist(), bonded.tolist(), species, strict=True)
        ],
        dtype=np.int64,
    )
    numbers, first, inverse = np.unique(fragments, return_index=True, return_inverse=True)
    total = np.bincount(inverse, charge, len(numbers)).astype(np.int64)
    meant = np.array([surface.charges[species[k]] for k in first.tolist()], dtype=np.int64)
    anchor = atoms.arrays["anchor"]
    for k in np.flatnonzero(total != meant).tolist():
        own = np.flatnonzero(inverse == k)
        lead = own[anchor[own]] if anchor[own].any() else own
        charge[own] = 0
        charge[lead[0]] = meant[k]
    return charge


def write_sdf(surface: Surface, path: Path) -> None:
    """Write *surface* as one record of an SDF file, V3000, with bonds and formal charges; no cell."""
    atoms = surface.atoms
    charge = formal_charges(surface)
    lines = [
        surface.name[:79],
        f"  {'qdsurf':<18}3D",
        "",
        "  0  0  0     0  0            999 V3000",
        "M  V30 BEGIN CTAB",
    ]
    lines.append(f"M  V30 COUNTS {len(atoms)} {len(surface.bonds)} 0 0 0")
    lines.append("M  V30 BEGIN ATOM")
    for n, (symbol, (x, y, z), q) in enumerate(
        zip(atoms.get_chemical_symbols(), atoms.positions.tolist(), charge.tolist(), strict=True), start=1
    ):
        lines.append(f"M  V30 {n} {symbol} {x:.6f} {y:.6f} {z:.6f} 0{f' CHG={q}' if q else ''}")
    lines += ["M  V30 END ATOM", "M  V30 BEGIN BOND"]
    for n, (i, j, order) in enumerate(surface.bonds, start=1):
        lines.append(f"M  V30 {n} {4 if 1.2 < order < 1.8 else round(order)} {i + 1} {j + 1}")
    lines += ["M  V30 END BOND", "M  V30 END CTAB", "M  END"]
    lines += [f"> <charge>\n{surface.charge}\n", f"> <ledger>\n{surface.ledger}\n", "$$$$"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_pdb(surface: Surface, path: Path) -> None:
    """Write *surface* as PDB: a residue for each ion or molecule, and CONECT records for the bonds.

    Raises
    ------
    AskError
        There are more atoms than PDB can number.
    """
    atoms = surface.atoms
    if len(atoms) > _MOST_IN_PDB:
        raise AskError(
            f"PDB numbers at most {_MOST_IN_PDB} atoms and {surface.name} has {len(atoms)}; write .sdf, "
            f".lmp or .extxyz"
        )
    lines = []
    if atoms.pbc.any():
        a, b, c, alpha, beta, gamma = atoms.cell.cellpar()
        lines.append(f"CRYST1{a:9.3f}{b:9.3f}{c:9.3f}{alpha:7.2f}{beta:7.2f}{gamma:7.2f} P 1           1")
    rows = zip(
        atoms.get_chemical_symbols(), atoms.positions.tolist(), atoms.arrays["species"].tolist(),
        atoms.arrays["fragment"].tolist(), strict=True,
    )  # fmt: skip
    for n, (symbol, (x, y, z), name, fragment) in enumerate(rows, start=1):
        residue = "".join(c for c in name.upper() if c.isalnum())[:3] or "UNK"
        lines.append(
            f"HETATM{n:5d} {symbol.upper():>2s}   {residue:>3s} A{fragment % 10000:4d}    "
            f"{x:8.3f}{y:8.3f}{z:8.3f}{1.0:6.2f}{0.0:6.2f}          {symbol.upper():>2s}"
        )
    around: dict[int, list[int]] = {}
    for i, j, _ in surface.bonds:
        around.setdefault(i, []).append(j)
        around.setdefault(j, []).append(i)
    for i in sorted(around):
        near = sorted(around[i])
        for k in range(0, len(near), 4):
            lines.append(f"CONECT{i + 1:5d}" + "".join(f"{j + 1:5d}" for j in near[k : k + 4]))
    path.write_text("\n".join([*lines, "END"]) + "\n", encoding="utf-8")


def write_lammps(surface: Surface, path: Path) -> None:
    """Write *surface* as LAMMPS data, atom style molecular: a molecule number for each ion or molecule.

    Partial charges belong to a force field and are not written. The types of atoms are elements, those
    of bonds pairs of elements with their order; comments name them. A dot gets 10 Å of empty space.
    """
    from ase.data import atomic_masses, atomic_numbers

    atoms, bounds, tilt = _boxed(surface.atoms)
    symbols = atoms.get_chemical_symbols()
    kinds = sorted(set(symbols))
    number = {s: n for n, s in enumerate(kinds, start=1)}
    named = [
        ("-".join(sorted((symbols[i], symbols[j]))) + f" order {o:g}", i, j) for i, j, o in surface.bonds
    ]
    types = {name: n for n, name in enumerate(sorted({b[0] for b in named}), start=1)}
    lines = [f"{surface.name}; written by qdsurf; charge {surface.charge:+d}", "", f"{len(atoms)} atoms"]
    lines += [f"{len(named)} bonds", f"{len(kinds)} atom types", f"{len(types)} bond types", ""]
    lines += [f"0.0 {high:.8f} {axis}lo {axis}hi" for axis, high in zip("xyz", bounds, strict=True)]
    if any(abs(t) > 1e-9 for t in tilt):
        lines.append(f"{tilt[0]:.8f} {tilt[1]:.8f} {tilt[2]:.8f} xy xz yz")
    lines += ["", "Masses", ""]
    lines += [f"{number[s]} {atomic_masses[atomic_numbers[s]]:.4f} # {s}" for s in kinds]
    if types:
        lines += ["", *(f"# bond type {n}: {t}" for t, n in types.items())]
    lines += ["", "Atoms # molecular", ""]
    fragments = np.unique(atoms.arrays["fragment"], return_inverse=True)[1] + 1
    rows = zip(fragments.tolist(), symbols, atoms.positions.tolist(), strict=True)
    lines += [
        f"{n} {m} {number[s]} {x:.8f} {y:.8f} {z:.8f}" for n, (m, s, (x, y, z)) in enumerate(rows, start=1)
    ]
    if named:
        lines += ["", "Bonds", ""]
        lines += [f"{n} {types[t]} {i + 1} {j + 1}" for n, (t, i, j) in enumerate(named, start=1)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _boxed(atoms: Atoms) -> tuple[Atoms, tuple[float, float, float], tuple[float, float, float]]:
    """Return atoms in LAMMPS's orientation, the lengths of the box and its tilts xy, xz, yz in Å."""
    from ase.calculators.lammps import Prism

    boxed = atoms.copy()
    if not boxed.pbc.any():
        boxed.center(vacuum=_BOX)
    else:
        low = float(boxed.positions[:, 2].min())
        if low < 0 and not boxed.pbc[2]:
            boxed.positions[:, 2] -= low
    prism = Prism(boxed.cell.array, pbc=boxed.pbc)
    lx, ly, lz, xy, xz, yz = (float(v) for v in prism.get_lammps_prism())
    boxed.positions = prism.vector_to_lammps(boxed.positions)
    return boxed, (lx, ly, lz), (xy, xz, yz)
