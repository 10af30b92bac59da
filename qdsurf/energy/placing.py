"""Where a ligand goes in a reaction: the site it takes, and the poses it starts from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qdsurf.errors import AskError, PlacementError
from qdsurf.model.nouns import Ligand, Site, Surface

# Binding modes tried one after the other before the next seed is.
_MODES = ("auto", "bridging", "chelating", "terminal", "tilted")
# Ligands within this root mean square distance in Å of one another are one pose.
_SAME = 0.3


def is_top(surface: Surface, site: Site) -> bool:
    """Return whether *site* is on the top face; true everywhere on a dot."""
    return not surface.atoms.pbc.any() or float(site.normal[2]) > 0.5


def exchanged_site(name: str, surface: Surface, ligand: Ligand) -> Site:
    """Return the site of the top face that *ligand* takes in the reaction *name*.

    Raises
    ------
    AskError
        There is none.
    """
    from qdsurf.attachment import suitable_sites

    sites = [s for s in suitable_sites(surface, ligand) if is_top(surface, s)]
    if ligand.binds in ("anion site", "cation site"):
        sites = [s for s in sites if s.occupied]
    if not sites:
        raise AskError(f"{name}: {surface.name} has no site on its top face that {ligand.name} could take")
    # Stable: the order of preference of suitable_sites is kept among the sites of a face.
    return sorted(sites, key=lambda s: s.location != "face")[0]


def vacated_site(surface: Surface, vacancy: Surface, ligand: Ligand) -> Site:
    """Return the site of *vacancy*, suited to *ligand*, that is nearest to the anion taken away."""
    from ase.geometry import get_distances

    from qdsurf.attachment import suitable_sites

    atoms = surface.atoms
    cell, pbc = atoms.cell, atoms.pbc
    anions = [i for i in removed_atoms(surface, vacancy) if _charge_of(surface, i) < 0]
    if not anions:
        raise AskError(f"the pair vacancy of {surface.name} took no anion away")
    sites = [s for s in suitable_sites(vacancy, ligand) if is_top(vacancy, s)]
    if not sites:
        raise AskError(f"{vacancy.name} has no site on its top face that {ligand.name} could take")
    where = np.array([s.position for s in sites])
    _, far = get_distances(atoms.positions[anions], where, cell=cell, pbc=pbc)
    charge = np.array([abs(vacancy.charges.get(s.species, 0)) for s in sites])
    # Donors bind the divalent cation that was opened, not a monovalent one that happens to be nearer.
    best = np.flatnonzero(charge == charge.max()) if ligand.binds == "on a cation" else np.arange(len(sites))
    return sites[int(best[np.argmin(far.min(axis=0)[best])])]


def removed_atoms(surface: Surface, without: Surface) -> list[int]:
    """Return the atoms of *surface* that are no more in *without*."""
    from ase.geometry import get_distances

    atoms = surface.atoms
    _, gaps = get_distances(atoms.positions, without.atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    return [int(i) for i in np.flatnonzero(gaps.min(axis=1) > 0.1)]


def site_at(surface: Surface, atom: int) -> Site:
    """Return the site of *surface* whose ion holds *atom*.

    Raises
    ------
    AskError
        There is none.
    """
    for site in surface.sites:
        if atom in site.atoms and is_top(surface, site):
            return site
    raise AskError(f"{surface.name}: atom {atom} is at no site of the top face")


def _charge_of(surface: Surface, atom: int) -> int:
    return surface.charges[str(surface.atoms.arrays["species"][atom])]


def starting_poses(
    base: Surface, ligand: Ligand, site: Site, count: int, mode: str
) -> tuple[tuple[Surface, ...], tuple[int, ...], tuple[str, ...]]:
    """Return *base* with *ligand* at *site* in up to *count* different poses, with seeds and labels.

    Modes come before seeds, because how a ligand binds changes its energy more than how it is turned.

    Raises
    ------
    PlacementError
        No pose has room; the last cause is chained.
    """
    from qdsurf.attachment import attach

    placed: list[Surface] = []
    seeds: list[int] = []
    labels: list[str] = []
    blocked: Exception | None = None
    for one, seed in _attempts(mode, count):
        if len(placed) == count:
            break
        try:
            made = attach(base, {ligand: 1}, unit="count", sites=[site], mode=one, seed=seed)
        except PlacementError as error:
            blocked = error
            continue
        except AskError as error:
            if one == mode:
                raise
            blocked = error  # this ligand, or this site, has no such mode
            continue
        if any(_alike(made, other) for other in placed):
            continue
        placed.append(made)
        seeds.append(seed)
        labels.append(f"{one}, seed {seed}")
    if not placed:
        raise PlacementError(f"{ligand.name} found no room on {base.name}: {blocked}") from blocked
    return tuple(placed), tuple(seeds), tuple(labels)


def _attempts(mode: str, count: int) -> Iterator[tuple[str, int]]:
    """Yield (mode, seed), four for each pose wanted, since some have no room and some are the same."""
    modes = _MODES if mode == "auto" else (mode,)
    for number in range(4 * count):
        yield modes[number % len(modes)], number // len(modes)


def _alike(one: Surface, other: Surface) -> bool:
    """Return whether the ligands of both are in the same places."""
    if len(one.atoms) != len(other.atoms):
        return False
    here = one.atoms.arrays["role"] == "ligand"
    apart = one.atoms.positions[here] - other.atoms.positions[here]
    return float(np.sqrt((apart**2).sum(axis=1).mean())) < _SAME
