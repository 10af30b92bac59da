"""Put ligands on a surface: which sites they take, what they replace, and in which pose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from qdsurf.attachment.poses import Surroundings, Target, poses
from qdsurf.errors import AskError, ChargeError, PlacementError
from qdsurf.model import Ligand, Site, Surface

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["attach", "suitable_sites"]

Unit = Literal["count", "fraction", "nm^-2"]
GOOD_CLEARANCE = 1.0


def attach(
    surface: Surface,
    ligands: Mapping[str | Ligand, float],
    *,
    unit: Unit = "count",
    sites: Sequence[int | Site] | None = None,
    mode: str = "auto",
    best_effort: bool = False,
    seed: int = 0,
) -> Surface:
    """Return *surface* with *ligands* bound to it; the surface itself is not changed.

    A cationic ligand takes the place of a cation of the same charge, an anionic one that of an
    anion; a neutral L-type ligand binds above an under-coordinated cation, a Z-type one above an
    anion, and a zwitterion takes a neutral pair. None of these changes the net charge.

    Parameters
    ----------
    ligands
        Amount by ligand, or by name of a ligand on the shelf.
    unit
        "count", "fraction" of the sites that suit the ligand, or "nm^-2" (per area of both faces
        of a slab).
    sites
        Indices into ``surface.sites``, or Site objects, to be taken in this order. None spreads the
        ligands evenly, each as far from the others as it can be.
    mode
        Only "auto": the pose is searched over conformers, tilts and azimuths.
    best_effort
        Keep what could be placed instead of raising.
    seed
        Another seed starts from another pose; the same seed gives the same bytes.

    Raises
    ------
    AskError
        No site suits the ligand, or there are fewer than asked for.
    ChargeError
        The only sites are of another charge than the ligand.
    PlacementError
        Every pose overlaps; names the ligand, the site and the distance.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr")
    >>> attach(slab, {"acetate": 1}).charge
    0
    """
    if mode != "auto":
        raise AskError(f"no binding mode {mode!r}; known: auto")
    rng = np.random.default_rng(seed)
    result = surface
    for key, amount in ligands.items():
        ligand = _as_ligand(key)
        suitable = suitable_sites(result, ligand)
        number = _number(amount, unit, len(suitable), surface)
        wanted = None if sites is None else [_as_site(surface, s) for s in sites]
        pool = suitable if wanted is None else [s for s in suitable if any(_same(s, w) for w in wanted)]
        if len(pool) < number:
            raise AskError(
                f"{number} {ligand.name} asked for, but only {len(pool)} sites of {surface.name} suit it"
            )
        result = _place_many(
            result, ligand, pool, number, rng, best_effort, explicit=wanted is not None, plain=seed == 0
        )
    names = {_as_ligand(k).name: float(v) for k, v in ligands.items()}
    recipe = {
        "verb": "attach", "surface": dict(surface.recipe), "ligands": names, "unit": unit, "seed": seed,
        "sites": None if sites is None else [int(s) for s in sites if not isinstance(s, Site)],
    }  # fmt: skip
    return _with(result, recipe=recipe, name=f"{surface.name}+{'+'.join(names)}")


def suitable_sites(surface: Surface, ligand: Ligand) -> list[Site]:
    """Return the sites of *surface* that *ligand* can take, vacant ones and strong acids first.

    Raises
    ------
    AskError
        No site of the kind that the ligand takes.
    ChargeError
        There are such sites, but their ions have another charge than the ligand.
    """
    kind = {"pair": "anion site"}.get(ligand.binds, ligand.binds)
    found = [s for s in surface.sites if s.kind == kind]
    if kind == "on a cation" and not found:
        found = [s for s in surface.sites if s.kind in ("bridge", "hollow")]
    if not found:
        kinds = sorted({s.kind for s in surface.sites})
        raise AskError(
            f"{ligand.name} binds {ligand.binds}, and {surface.name} has none; "
            f"it has: {', '.join(kinds) or 'no sites'}"
        )
    if ligand.binds in ("anion site", "cation site"):
        matching = [s for s in found if surface.charges[s.species] == ligand.charge]
        if not matching:
            ions = sorted({f"{s.species}({surface.charges[s.species]:+d})" for s in found})
            raise ChargeError(
                f"{ligand.name} has charge {ligand.charge:+d}, but every {kind} of {surface.name} holds "
                f"{', '.join(ions)}: the exchange would leave the surface charged"
            )
        found = matching
    if ligand.binds == "pair":
        found = [s for s in found if surface.charges[s.species] == -1 and _partner(surface, s) is not None]
        if not found:
            raise AskError(f"{ligand.name} fills a neutral pair, and {surface.name} has none at its surface")
    # a vacancy is taken before an ion is pushed out, and a divalent cation binds before a monovalent one
    return sorted(found, key=lambda s: (s.occupied, -abs(surface.charges.get(s.species, 0))))


def _as_ligand(key: str | Ligand) -> Ligand:
    """Return *key* itself, or the ligand of that name on the shelf."""
    if isinstance(key, Ligand):
        return key
    from qdsurf.ligands import load_ligand

    return load_ligand(key)


def _as_site(surface: Surface, site: int | Site) -> Site:
    """Return the site, by index or as it is."""
    if isinstance(site, Site):
        return site
    if not 0 <= site < len(surface.sites):
        raise AskError(f"{surface.name} has sites 0 to {len(surface.sites) - 1}, not {site}")
    return surface.sites[site]


def _same(a: Site, b: Site) -> bool:
    return a.kind == b.kind and bool(np.allclose(a.position, b.position, atol=1e-6))


def _number(amount: float, unit: str, available: int, surface: Surface) -> int:
    """Return how many ligands *amount* in *unit* means."""
    if amount < 0:
        raise AskError(f"an amount of {amount} ligands is negative")
    if unit == "count":
        if amount != int(amount):
            raise AskError(f"a count must be a whole number, not {amount}")
        return int(amount)
    if unit == "fraction":
        if amount > 1:
            raise AskError(f"a fraction of the sites is at most 1, not {amount}")
        return round(amount * available)
    if unit == "nm^-2":
        if not surface.atoms.pbc[:2].all():
            raise AskError("nm^-2 is implemented for slabs; give a count or a fraction for a dot")
        area = np.linalg.norm(np.cross(surface.atoms.cell[0], surface.atoms.cell[1])) / 100
        return round(amount * 2 * float(area))
    raise AskError(f"no unit {unit!r}; known: count, fraction, nm^-2")


def _spread(pool: list[Site], surface: Surface, number: int) -> list[Site]:
    """Return the sites in an order in which each is as far as it can be from those before it."""
    taken = pool[:1]
    rest = pool[1:]
    while rest and len(taken) < len(pool):
        gaps = [min(_gap(surface, s, t) for t in taken) for s in rest[:400]]
        taken.append(rest.pop(int(np.argmax(gaps))))
        if len(taken) >= 4 * number:
            break
    return taken


def _gap(surface: Surface, a: Site, b: Site) -> float:
    """Return the distance in Å of two sites over periodic images."""
    from ase.geometry import find_mic

    _, length = find_mic(a.position - b.position, surface.atoms.cell, surface.atoms.pbc)
    return float(length)


def _place_many(
    surface: Surface, ligand: Ligand, pool: list[Site], number: int,
    rng: np.random.Generator, best_effort: bool, *, explicit: bool, plain: bool,
) -> Surface:  # fmt: skip
    """Place *number* copies of *ligand* on sites of *pool*; a site that has no room is passed over."""
    order = pool if explicit else _spread(pool, surface, number)
    result, placed, reasons = surface, 0, []
    for site in order:
        if placed == number:
            break
        current = next((s for s in result.sites if _same(s, site)), None)
        if current is None:
            continue  # a neighbour's pair took it
        try:
            result = _place_one(result, ligand, current, rng, plain)
        except PlacementError as error:
            reasons.append(str(error))
            continue
        placed += 1
    if placed < number and not best_effort:
        raise PlacementError(
            f"{placed} of {number} {ligand.name} found room; "
            + (reasons[0] if reasons else "no site is left")
        )
    return result


def _partner(surface: Surface, site: Site) -> Site | None:
    """Return the monovalent cation site nearest to an anion *site*, vacant ones first."""
    cations = [
        s for s in surface.sites
        if s.kind == "cation site" and surface.charges[s.species] == 1 and s.occupied == site.occupied
        and s.normal @ site.normal > 0.5
    ]  # fmt: skip
    return min(cations, key=lambda s: _gap(surface, s, site), default=None)


def _target(surface: Surface, ligand: Ligand, site: Site, partner: Site | None) -> Target:
    """Return where the anchor of *ligand* goes at *site*."""
    symbols = surface.atoms.get_chemical_symbols()
    if ligand.binds == "cation site" or not site.neighbours:
        return Target(site.position, "", site.normal)
    from ase.geometry import find_mic

    ion = site.neighbours[0]
    arm, length = find_mic(
        site.position - surface.atoms.positions[ion], surface.atoms.cell, surface.atoms.pbc
    )
    # the ion's image next to the site, so that nothing is placed across a cell border
    start = site.position - np.asarray(arm)
    second = None
    if partner is not None:
        across, _ = find_mic(partner.position - site.position, surface.atoms.cell, surface.atoms.pbc)
        second = site.position + np.asarray(across)
    return Target(start, symbols[ion], np.asarray(arm) / float(length), second)


def _place_one(
    surface: Surface, ligand: Ligand, site: Site, rng: np.random.Generator, plain: bool
) -> Surface:
    """Return *surface* with one *ligand* at *site*, in the best pose found."""
    partner = _partner(surface, site) if ligand.binds == "pair" else None
    gone = [i for s in (site, partner) if s is not None for i in s.atoms]
    stay = np.setdiff1d(np.arange(len(surface.atoms)), gone)
    rest = surface.atoms[stay]
    exempt = rest.arrays["role"] != "ligand"
    around = Surroundings(rest, exempt)
    symbols = ligand.conformers[0].get_chemical_symbols()
    anchor = {i for a in ligand.anchors for i in a.atoms}
    best: tuple[float, float, NDArray[np.float64]] | None = None
    for penalty, positions in poses(ligand, _target(surface, ligand, site, partner), rng, plain=plain):
        if best is not None and best[0] >= 0 and penalty >= best[1]:
            continue
        room = around.clearance(positions, symbols, anchor)
        free = min(0.0, room - GOOD_CLEARANCE)
        if best is None or (free, -penalty) > (best[0], -best[1]):
            best = (free, penalty, positions)
    assert best is not None
    if best[0] < 0:
        raise PlacementError(
            f"{ligand.name} has no room at the {site.kind} at {np.round(site.position, 2).tolist()} Å: "
            f"the best pose comes to {1 + best[0]:.2f} of the allowed distance"
        )
    return _assemble(surface, ligand, best[2], stay, [site, partner])


def _assemble(
    surface: Surface, ligand: Ligand, positions: NDArray[np.float64], stay: NDArray[np.int64],
    taken: list[Site | None],
) -> Surface:  # fmt: skip
    """Return the new Surface: the atoms that stay, then the ligand, sites and bonds renumbered."""
    atoms = surface.atoms[stay]
    added = ligand.atoms
    added.set_positions(positions)
    n, count = len(atoms), len(added)
    anchor = np.zeros(count, dtype=bool)
    anchor[[i for a in ligand.anchors for i in a.atoms]] = True
    added.set_array("fragment", np.full(count, int(surface.atoms.arrays["fragment"].max()) + 1))
    added.set_array("species", np.full(count, ligand.name, dtype="<U64"))
    added.set_array("role", np.full(count, "ligand", dtype="<U8"))
    added.set_array("anchor", anchor)
    added.set_array("layer", np.full(count, -1))
    for name in ("species", "role"):  # numpy would cut longer names to the width of the first array
        atoms.arrays[name] = atoms.arrays[name].astype("<U64" if name == "species" else "<U8")
    for name in set(added.arrays) - set(atoms.arrays):
        del added.arrays[name]
    atoms.extend(added)
    if atoms.pbc[:2].all() and atoms.cell[2, 2] > 0:
        margin = float(surface.atoms.cell[2, 2] - surface.atoms.positions[:, 2].max())
        height = float(atoms.positions[:, 2].max()) + max(margin, 0.0)
        if height > atoms.cell[2, 2]:  # keep the vacuum above a long ligand
            cell = atoms.cell.array.copy()
            cell[2] *= height / cell[2, 2]
            atoms.set_cell(cell)
    new = {int(old): k for k, old in enumerate(stay)}
    left = tuple(
        _renumbered(s, new)
        for s in surface.sites
        if not any(t is not None and _same(s, t) for t in taken) and all(i in new for i in s.atoms)
    )
    bonds = tuple((new[i], new[j], o) for i, j, o in surface.bonds if i in new and j in new)
    own = tuple((i + n, j + n, o) for i, j, o in ligand.bonds)
    charges = {**surface.charges, ligand.name: ligand.charge}
    return _with(surface, atoms=atoms, sites=left, charges=charges, bonds=bonds + own)


def _renumbered(site: Site, new: dict[int, int]) -> Site:
    """Return *site* with atom indices of the new structure."""
    from dataclasses import replace

    return replace(
        site,
        atoms=tuple(new[i] for i in site.atoms),
        neighbours=tuple(new[i] for i in site.neighbours if i in new),
    )


def _with(surface: Surface, **changes: Any) -> Surface:
    """Return *surface* with some fields changed; its ledger is checked again."""
    from dataclasses import replace

    return replace(surface, **changes)
