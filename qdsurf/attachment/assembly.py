"""Put placed molecules and the ions that stay together into a new Surface; linear in atoms and sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.molecules import molecule_of
from qdsurf.attachment.shells import Placed
from qdsurf.model import Site, Surface

if TYPE_CHECKING:
    from ase import Atoms

Integers = NDArray[np.int64]


def assembled(surface: Surface, placed: list[Placed], *, name: str, recipe: Mapping[str, Any]) -> Surface:
    """Return *surface* with the molecules *placed* in their sites, and without the ions they push out.

    A site that a ligand takes stays among the sites, held by it: its ``atoms`` are those of the ligand,
    and an anion or cation site has the ligand's name as its species. Sites above ions that have left
    are gone.

    Raises
    ------
    ChargeError
        The ledger does not give the charge that the surface is meant to have.
    """
    sites = surface.sites
    gone = [k for p in placed if not p.job.adds for n in p.job.sites for k in sites[n].atoms]
    stay = np.setdiff1d(np.arange(len(surface.atoms)), np.array(gone, dtype=np.int64))
    atoms = _joined(surface, placed, stay)
    new = np.full(len(surface.atoms), -1, dtype=np.int64)
    new[stay] = np.arange(len(stay))
    starts = len(stay) + np.cumsum([0, *(len(p.positions) for p in placed)])
    held = {
        n: (p.job.ligand.name, tuple(range(int(a), int(b))), p.job.adds)
        for p, a, b in zip(placed, starts[:-1], starts[1:], strict=True)
        for n in p.job.sites
    }
    number = new.tolist()
    kept = [s for s in (_moved(site, held.get(n), number) for n, site in enumerate(sites)) if s is not None]
    bonds = [(int(new[i]), int(new[j]), o) for i, j, o in surface.bonds if new[i] >= 0 and new[j] >= 0]
    for p, start in zip(placed, starts[:-1].tolist(), strict=True):
        bonds += [(i + start, j + start, o) for i, j, o in p.job.ligand.bonds]
    charges = {**surface.charges, **{p.job.ligand.name: p.job.ligand.charge for p in placed}}
    return replace(
        surface, name=name, recipe=recipe, atoms=atoms, sites=tuple(kept), charges=charges, bonds=tuple(bonds)
    )


def _joined(surface: Surface, placed: list[Placed], stay: Integers) -> Atoms:
    """Return the atoms that stay, then those of the molecules, with their per-atom arrays."""
    from ase import Atoms as AtomsClass

    old = surface.atoms
    sizes = [len(p.positions) for p in placed]
    total = sum(sizes)
    anchor = np.zeros(total, dtype=bool)
    start = 0
    for p, size in zip(placed, sizes, strict=True):
        anchor[[start + k for k in p.seat.bound]] = True
        start += size
    first = int(old.arrays["fragment"].max()) + 1 if len(old) else 0
    added = {
        "numbers": np.concatenate(
            [np.zeros(0, dtype=int), *(molecule_of(p.job.ligand).numbers for p in placed)]
        ),
        "positions": np.concatenate([np.zeros((0, 3)), *(p.positions for p in placed)]),
        "fragment": np.repeat(np.arange(first, first + len(placed)), sizes),
        "species": np.repeat(np.array([p.job.ligand.name for p in placed], dtype=np.str_), sizes),
        "role": np.full(total, "ligand", dtype="<U8"),
        "anchor": anchor,
        "layer": np.full(total, -1),
    }
    arrays = {k: np.concatenate([old.arrays[k][stay], added[k]]) for k in added}
    atoms = AtomsClass(
        arrays["numbers"].astype(int), arrays["positions"], cell=old.cell, pbc=old.pbc, info=dict(old.info)
    )
    for key in ("fragment", "species", "role", "anchor", "layer"):
        atoms.set_array(key, arrays[key])
    if old.constraints:
        atoms.set_constraint(_constraints(old, stay))
    _keep_vacuum(atoms, old)
    return atoms


def _constraints(old: Atoms, stay: Integers) -> list[Any]:
    """Return the constraints of *old* for the atoms that stay, which come first."""
    return list(old[stay].constraints)


def _keep_vacuum(atoms: Atoms, old: Atoms) -> None:
    """Make the cell of a slab as much higher as the ligands are, in place."""
    if not atoms.pbc[:2].all() or not len(atoms) or atoms.cell[2, 2] <= 0:
        return
    grown = float(np.ptp(atoms.positions[:, 2])) - float(np.ptp(old.positions[:, 2]))
    if grown > 0:
        cell = atoms.cell.array.copy()
        cell[2] *= (cell[2, 2] + grown) / cell[2, 2]
        atoms.set_cell(cell)


def _moved(site: Site, held: tuple[str, tuple[int, ...], bool] | None, new: list[int]) -> Site | None:
    """Return *site* with the atom numbers of the new structure; None where it is no more."""
    neighbours = tuple(new[k] for k in site.neighbours if new[k] >= 0)
    if held is not None:
        name, atoms, adds = held
        return replace(site, species=site.species if adds else name, atoms=atoms, neighbours=neighbours)
    atoms = tuple(new[k] for k in site.atoms)
    if -1 in atoms or (site.neighbours and not neighbours and not atoms):
        return None
    return replace(site, atoms=atoms, neighbours=neighbours)
