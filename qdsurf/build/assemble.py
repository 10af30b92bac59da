"""Put planes of ions together into the atoms of a slab, with their per-atom arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.build.bonds import Neighbours, stored_bonds
from qdsurf.build.planes import Plane, Stack
from qdsurf.build.sites import exposure_of
from qdsurf.errors import ChargeError
from qdsurf.model.nouns import Crystal, fragment_species

if TYPE_CHECKING:
    from ase import Atoms


def assemble(planes: list[Plane], repeats: Stack, repeat: tuple[int, int], vacuum: float) -> Atoms:
    """Return the atoms of *planes*, ions wrapped into the surface cell, centred in the height."""
    from ase import Atoms as AtomsClass

    surface = repeats.cell.copy()
    bottom = min(float((i.centre + i.shape)[:, 2].min()) for p in planes for i in p.ions)
    top = max(float((i.centre + i.shape)[:, 2].max()) for p in planes for i in p.ions)
    surface[2] = [0.0, 0.0, top - bottom + vacuum]
    # A cell of no height is not a cell: one plane without vacuum gets 1 Å.
    surface[2, 2] = max(surface[2, 2], 1.0)
    lift = np.array([0.0, 0.0, (surface[2, 2] - top - bottom) / 2])
    symbols: list[str] = []
    rows: list[np.ndarray[Any, Any]] = []
    fragment: list[int] = []
    species: list[str] = []
    layer: list[int] = []
    number = 0
    inverse = np.linalg.inv(surface)
    for level, plane in enumerate(planes):
        for across in range(repeat[0]):
            for along in range(repeat[1]):
                for ion in plane.ions:
                    fractional = (ion.centre + lift) @ inverse
                    fractional[:2] = (fractional[:2] + 1e-6) % 1.0 - 1e-6
                    centre = fractional @ surface + across * surface[0] + along * surface[1]
                    rows.extend(centre + ion.shape)
                    symbols.extend(ion.symbols)
                    size = len(ion.symbols)
                    fragment += [number] * size
                    species += [ion.species] * size
                    layer += [level] * size
                    number += 1
    cell = surface * np.array([[repeat[0]], [repeat[1]], [1]])
    atoms = AtomsClass(symbols, np.array(rows), cell=cell, pbc=(True, True, False))
    atoms.set_array("fragment", np.array(fragment))
    atoms.set_array("species", np.array(species, dtype="U32"))
    atoms.set_array("role", np.array(["core"] * len(atoms), dtype="U8"))
    atoms.set_array("anchor", np.zeros(len(atoms), dtype=bool))
    atoms.set_array("layer", np.array(layer))
    return atoms


def set_roles(atoms: Atoms, charges: Mapping[str, int]) -> None:
    """Write the array ``role``: "surface" for ions of the outermost planes and under-coordinated ones."""
    around = Neighbours(atoms, charges, stored_bonds(atoms))
    exposed = around.deficits()[0] > 0
    exposure = exposure_of(atoms, around)
    exposed[exposure.ions[exposure.outermost]] = True
    numbers = np.array(around.fragments)[exposed]
    lattice = atoms.arrays["role"] != "ligand"
    role = np.where(np.isin(atoms.arrays["fragment"], numbers), "surface", "core")
    atoms.arrays["role"][lattice] = role[lattice]


def count_species(atoms: Atoms) -> Counter[str]:
    """Return how many ions of each species there are."""
    return Counter(fragment_species(atoms).values())


def formal_dipole(atoms: Atoms, crystal: Crystal) -> float:
    """Return the formal dipole along z in e Å per cell, about the middle of the cell."""
    fragments = atoms.arrays["fragment"]
    total = 0.0
    for number, name in zip(*np.unique(fragments, return_index=True), strict=True):
        height = float(atoms.positions[fragments == number, 2].mean()) - float(atoms.cell[2, 2]) / 2
        total += crystal.charges[str(atoms.arrays["species"][name])] * height
    return total


def leave_out(atoms: Atoms, crystal: Crystal, charge: int, name: str) -> None:
    """Delete ions of the outermost planes, evenly on both faces, until *charge* is reached."""
    net = sum(crystal.charges[s] * n for s, n in count_species(atoms).items()) - charge
    if not net:
        return
    layer, fragments = atoms.arrays["layer"], atoms.arrays["fragment"]
    gone: list[int] = []
    for face in (int(layer.min()), int(layer.max())):
        here = list(dict.fromkeys(fragments[layer == face].tolist()))
        kinds = {f: crystal.charges[str(atoms.arrays["species"][fragments == f][0])] for f in here}
        wrong = [f for f in here if kinds[f] * net > 0]
        size = abs(kinds[wrong[0]]) if wrong else 0
        if not size or abs(net) % (2 * size) or abs(net) // (2 * size) >= len(wrong):
            raise ChargeError(
                f"{name}: the charge {net:+d} cannot be taken evenly from the two outermost planes of this "
                f"cell; take a larger repeat"
            )
        # Every second ion and so on, so that the vacancies lie apart.
        count = abs(net) // (2 * size)
        gone += [wrong[(k * len(wrong)) // count] for k in range(count)]
    del atoms[np.isin(fragments, gone)]
    atoms.arrays["fragment"] = np.unique(atoms.arrays["fragment"], return_inverse=True)[1]
