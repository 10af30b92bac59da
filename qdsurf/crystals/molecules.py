"""Molecular cations of crystals: their shapes, how they are found in a file, their dipoles."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qdsurf.crystals.charges import MOLECULAR_CHARGES
from qdsurf.errors import UnknownName
from qdsurf.library import list_shelf, read_entry

if TYPE_CHECKING:
    from ase import Atoms

Vectors = NDArray[np.float64]

DEBYE = 0.20819434
"""One debye in e Å."""
# Elements that bond covalently to hydrogen inside a molecular ion of a crystal.
_MOLECULAR = ("H", "C", "N", "O")
_SMILES = {"methylammonium": "C[NH3+]", "formamidinium": "NC=[NH2+]"}
# Composition and number of bonds between heavy atoms and hydrogen: (on C, on N).
_KNOWN = {
    ("CH6N", (3, 3)): "methylammonium",
    ("CH5N2", (1, 4)): "formamidinium",
}


@cache
def shape(species: str) -> tuple[tuple[str, ...], Vectors]:
    """Return elements and positions (n, 3) in Å about the centre of a molecular cation of the shelf.

    Raises
    ------
    UnknownName
        No crystal of the shelf holds it.
    """
    for name in list_shelf("bulk"):
        for molecule in read_entry("bulk", name).get("molecules", []):
            if molecule["name"] == species:
                positions = np.array(molecule["positions"], dtype=float)
                positions.flags.writeable = False
                return tuple(molecule["elements"]), positions
    raise UnknownName("molecular cation", species, MOLECULAR_CHARGES)


def molecules_in(atoms: Atoms) -> list[tuple[list[int], str]]:
    """Return (atom indices, name) of the molecules of hydrogen with C, N and O found by their bonds.

    Atoms are bonded where they are closer than 1.2 times the sum of their covalent radii
    (doi:10.1039/b801115j). Methylammonium and formamidinium get their names, others the formula.
    """
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    symbols = np.array(atoms.get_chemical_symbols())
    light = np.flatnonzero(np.isin(symbols, _MOLECULAR))
    if not (symbols == "H").any():
        return []
    part = atoms[light]
    i, j = neighbor_list("ij", part, [1.2 * covalent_radii[n] for n in part.numbers])
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(len(light), len(light)))
    label = connected_components(graph, directed=False)[1]
    on: dict[int, Counter[str]] = {}
    names = symbols[light]
    to_hydrogen = (names[i] != "H") & (names[j] == "H")
    for a in i[to_hydrogen].tolist():
        on.setdefault(int(label[a]), Counter())[str(names[a])] += 1
    found = []
    for number in range(int(label.max()) + 1):
        members = light[label == number]
        if len(members) < 2 or "H" not in symbols[members]:
            continue
        formula = part[label == number].get_chemical_formula("hill")
        hydrogens = on.get(number, Counter())
        name = _KNOWN.get((formula, (hydrogens["C"], hydrogens["N"])), formula)
        found.append((members.tolist(), name))
    return found


@cache
def _partial_charges(species: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return elements and Gasteiger charges in e of the atoms of a molecular cation."""
    from rdkit import Chem
    from rdkit.Chem import rdPartialCharges

    molecule = Chem.AddHs(Chem.MolFromSmiles(_SMILES[species]))
    rdPartialCharges.ComputeGasteigerCharges(molecule)
    atoms = molecule.GetAtoms()
    return (
        tuple(
            a.GetSymbol() if a.GetSymbol() != "H" else f"H{a.GetNeighbors()[0].GetSymbol()}" for a in atoms
        ),
        tuple(a.GetDoubleProp("_GasteigerCharge") for a in atoms),
    )


def dipole(species: str, symbols: tuple[str, ...] | list[str], positions: Vectors) -> Vectors:
    """Return the dipole (3,) in debye of a molecular cation about its centre of mass.

    Charges are those of Gasteiger and Marsili (doi:10.1016/0040-4020(80)80168-2), averaged over
    the atoms of one kind. They give 2.25 D for methylammonium and 0.25 D for formamidinium; GFN2-xTB
    gives 2.6 D and 0.4 D for the same shapes. The vector points from minus to plus.

    Parameters
    ----------
    symbols, positions
        Chemical symbols and positions (n, 3) in Å of the whole molecule.
    """
    from ase.data import atomic_masses, atomic_numbers

    kinds, values = _partial_charges(species)
    mean = {k: float(np.mean([v for kind, v in zip(kinds, values, strict=True) if kind == k])) for k in kinds}
    heavy = [n for n, s in enumerate(symbols) if s != "H"]
    own = []
    for n, symbol in enumerate(symbols):
        if symbol == "H":
            nearest = min(heavy, key=lambda m: float(np.linalg.norm(positions[m] - positions[n])))
            own.append(mean[f"H{symbols[nearest]}"])
        else:
            own.append(mean[symbol])
    masses = np.array([atomic_masses[atomic_numbers[s]] for s in symbols])
    centre = masses @ positions / masses.sum()
    return np.asarray(np.array(own) @ (positions - centre) / DEBYE)
