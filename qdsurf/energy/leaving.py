"""Which ions leave when vacancies are made: those of given sites, or the outermost next to one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError
from qdsurf.model.nouns import Site, Surface

# Distances that agree to this many Å are equal.
_SHELL = 0.05


def ions_that_leave(
    surface: Surface, species: tuple[str, ...], sites: Sequence[Site] | None
) -> tuple[list[int], list[int]]:
    """Return atoms and fragments that leave: those of *sites*, or the outermost ones next to one another."""
    arrays = surface.atoms.arrays
    if sites is not None:
        atoms = sorted(i for site in sites for i in site.atoms)
        found = Counter(str(arrays["species"][i]) for i in atoms)
        if found != Counter(species):
            raise AskError(f"the sites hold {dict(found)}, asked for {dict(Counter(species))}")
        return atoms, [int(arrays["fragment"][i]) for i in atoms]
    known = set(arrays["species"].tolist())
    for one in species:
        if one not in known:
            raise AskError(f"{surface.name} has no {one}; it has: {', '.join(sorted(known))}")
        if len(one) > 2:
            raise AskError(f"{surface.name}: {one} is a molecular ion; vacancies of elements are counted")
    if (arrays["role"] == "ligand").any():
        raise AskError(f"{surface.name} carries ligands; vacancies are counted on a bare surface")
    often = Counter(species)
    first = min(often, key=lambda s: (often[s], -surface.charges[s]))
    start = _outermost(surface, first)
    chosen = [start]
    for other in sorted(often):
        count = often[other] - (other == first)
        chosen += _nearest(surface, start, other, count, chosen)
    return sorted(chosen), [int(arrays["fragment"][i]) for i in sorted(chosen)]


def _height(surface: Surface) -> NDArray[np.float64]:
    """Return (n_atoms,) how far out each atom is, Å: on a slab its height, on a dot its distance."""
    positions = surface.atoms.positions
    if surface.atoms.pbc.all():
        return np.zeros(len(positions))
    if surface.atoms.pbc.any():
        return np.asarray(positions[:, 2])
    return np.asarray(np.abs(positions - positions.mean(axis=0)).max(axis=1))


def _outermost(surface: Surface, species: str) -> int:
    """Return the atom of *species* that is farthest out, of these the one nearest to the middle."""
    atoms = surface.atoms
    here = np.flatnonzero(atoms.arrays["species"] == species)
    out = _height(surface)[here]
    here = here[out > out.max() - 0.3]
    center = atoms.positions.mean(axis=0) if not atoms.pbc.any() else atoms.cell.array.sum(axis=0) / 2
    gaps = np.linalg.norm((atoms.positions[here] - center)[:, : 3 if atoms.pbc.all() else 2], axis=1)
    return int(here[np.argmin(np.round(gaps, 3))])


def _nearest(surface: Surface, start: int, species: str, count: int, taken: list[int]) -> list[int]:
    """Return the *count* atoms of *species* nearest to *start*; of equal ones those farther out."""
    atoms = surface.atoms
    here = [int(i) for i in np.flatnonzero(atoms.arrays["species"] == species) if i not in taken]
    if len(here) < count:
        raise AskError(f"{surface.name} has {len(here)} {species} beside, asked for {count}")
    if not count:
        return []
    gaps = atoms.get_distances(start, here, mic=True)
    out = _height(surface)
    order = sorted(
        range(len(here)), key=lambda k: (round(gaps[k] / _SHELL), -round(out[here[k]], 2), here[k])
    )
    return [here[k] for k in order[:count]]


def in_words(surface: Surface, fragments: list[int]) -> str:
    """Return which ions leave, in words."""
    arrays = surface.atoms.arrays
    parts = []
    for fragment in fragments:
        atom = int(np.flatnonzero(arrays["fragment"] == fragment)[0])
        layer = int(arrays["layer"][atom])
        parts.append(f"{arrays['species'][atom]}{atom}" + (f" in layer {layer}" if layer >= 0 else ""))
    return ", ".join(parts)
