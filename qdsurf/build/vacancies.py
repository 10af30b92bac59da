"""Which vacancies a surface can have, up to symmetry, and random ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.defects import remove
from qdsurf.build.ions import INSIDE, Ions, require_bare
from qdsurf.build.symmetry import Symmetry, symmetry_of
from qdsurf.errors import AskError
from qdsurf.model.arguments import check_seed
from qdsurf.model.nouns import Site, Surface

Where = Literal["all", "surface"]
Numbers = NDArray[np.int64]

# Ions within this many Å tell apart sites that share layer, facet and coordination.
_AROUND = 9.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Vacancy:
    """One kind of vacancy: a symmetry-inequivalent site and all its equals.

    Attributes
    ----------
    label
        Location, layer and coordination in words; no two of one surface are the same.
    species
        The ion that goes.
    charge
        Formal charge that stays behind, in elementary charges: +1 where a bromide goes.
    layer
        Atomic plane of the representative, counted from the bottom of a slab; -1 in dots.
    facet
        Miller indices, or None where no single facet can be named.
    location
        "face", "edge", "corner", or "core" for an ion that lacks no neighbour.
    coordination, whole
        Counter-ions that hold the ion here, and in the bulk.
    depth
        Å below the outermost ions of a slab, or below the convex hull of a dot.
    sites
        All equivalent sites, as ``remove`` takes them; the representative comes first.
    ions
        Fragment numbers of these.
    """

    label: str
    species: str
    charge: int
    layer: int
    facet: tuple[int, int, int] | None
    location: str
    coordination: int
    whole: int
    depth: float
    sites: tuple[Site, ...]
    ions: tuple[int, ...]

    @property
    def site(self) -> Site:
        """The representative site."""
        return self.sites[0]

    @property
    def multiplicity(self) -> int:
        """Number of equivalent sites."""
        return len(self.sites)

    @property
    def notation(self) -> str:
        """The vacancy with the charge it leaves, and in the notation of Kröger and Vink."""
        return charge_notation((self.species,), (self.charge,))

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.notation}, {self.label}, {self.multiplicity} equivalent"


def vacancies(
    surface: Surface, species: str, *, where: Where = "all", tolerance: float = 0.02
) -> tuple[Vacancy, ...]:
    """Return the symmetry-inequivalent vacancies of *species* in *surface*, those at the surface first.

    Slabs are judged by spglib in their own cell, both faces and the in-plane repeat included; dots
    by the operations about their centre that map every atom on its equal.

    Parameters
    ----------
    surface
        Bare slab or dot, not changed.
    species
        Ion that goes: "Br", "Cs", "methylammonium".
    where
        "surface" leaves out the ions that lack no neighbour and lie in no outermost plane.
    tolerance
        Å that equivalent atoms may deviate from symmetry; larger for relaxed structures.

    Returns
    -------
    tuple of Vacancy
        By depth, then coordination. With ``where="all"`` the multiplicities sum to the number of ions of
        the species.

    Raises
    ------
    AskError
        The surface has no such species, or carries ligands.

    References
    ----------
    Kröger, Vink, Solid State Phys. 3, 307 (1956), doi:10.1016/S0081-1947(08)60135-6, for the notation.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(2, 2))
    >>> for vacancy in vacancies(slab, "Br"):
    ...     print(vacancy)
    V_Br: +1 (V_Br•), (001) face, layer 4, 1 of 2 bonds, 8 equivalent
    V_Br: +1 (V_Br•), core, layer 3, 2 of 2 bonds, 16 equivalent
    V_Br: +1 (V_Br•), core, layer 2, 2 of 2 bonds, 4 equivalent
    """
    ions, symmetry, chosen = asked(surface, species, where, tolerance)
    rows = []
    for orbit in np.unique(symmetry.orbits[chosen]).tolist():
        members = chosen[symmetry.orbits[chosen] == orbit]
        members = members[np.argsort(ions.order[members], kind="stable")]
        first = int(members[0])
        depth, coordination = round(float(ions.depth[first]), 3), int(ions.coordination[first])
        key = (depth, coordination, ions.near(first, _AROUND), int(ions.order[first]))
        rows.append((key, members, ions.site(first)))
    rows.sort(key=lambda row: row[0])
    labels = unlike([site_label(ions, int(members[0]), site) for _, members, site in rows])
    return tuple(
        Vacancy(
            label=label,
            species=species,
            charge=-surface.charges[species],
            layer=site.layer,
            facet=site.facet,
            location=site.location,
            coordination=key[1],
            whole=int(ions.whole[members[0]]),
            depth=key[0],
            sites=tuple(ions.site(k) for k in members.tolist()),
            ions=tuple(ions.fragments[k] for k in members.tolist()),
        )
        for label, (key, members, site) in zip(labels, rows, strict=True)
    )


def random_vacancies(
    surface: Surface,
    species: str,
    *,
    fraction: float | None = None,
    count: int | None = None,
    seed: int = 0,
    compensate: str | None = None,
    charge: int | None = None,
    where: Where = "all",
) -> Surface:
    """Return *surface* with vacancies of *species* at random sites.

    Parameters
    ----------
    fraction
        Share of the ions of *species* that go, 0 to 1; the nearest whole number is taken.
    count
        How many go; give this or *fraction*.
    seed
        Same seed, same vacancies.
    compensate
        Species of which the nearest ions go too, until the charge is the one asked for.
    charge
        Net charge the result is meant to have; None keeps that of *surface*.
    where
        "surface" takes ions of the surface only; the fraction then counts these.

    Raises
    ------
    AskError
        Not one of fraction and count, or a number that makes no sense.
    ChargeError
        The result has another charge; says what would work.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(3, 3))
    >>> made = random_vacancies(slab, "Br", fraction=0.05, seed=1, compensate="Cs")
    >>> slab.ledger["Br"] - made.ledger["Br"], slab.ledger["Cs"] - made.ledger["Cs"], made.charge
    (3, 3, 0)
    """
    require_bare(surface, "make vacancies")
    check_seed(seed)
    ions = Ions(surface)
    pool = asked_ions(ions, species, where)
    number = _how_many(len(pool), species, fraction, count)
    recipe = {
        "verb": "random_vacancies",
        "species": species,
        "fraction": fraction,
        "count": count,
        "seed": seed,
        "compensate": compensate,
        "charge": charge,
        "where": where,
        "removed": number,
        "from": dict(surface.recipe),
    }
    pool = pool[np.argsort(ions.order[pool], kind="stable")]
    chosen = np.random.default_rng(seed).choice(pool, size=number, replace=False)
    made = remove(surface, [ions.site(int(k)) for k in chosen], compensate=compensate, charge=charge)
    return replace(made, recipe=recipe)


def _how_many(there: int, species: str, fraction: float | None, count: int | None) -> int:
    """Return how many of the *there* ions go."""
    if (fraction is None) == (count is None):
        raise AskError("give either fraction= or count=")
    if fraction is not None and not 0 < fraction <= 1:
        raise AskError(f"fraction lies above 0 and up to 1; got {fraction}")
    number = count if count is not None else round((fraction or 0.0) * there)
    if not 1 <= number <= there:
        asked = f"a fraction of {fraction} of them is {number}" if count is None else f"asked for {number}"
        raise AskError(f"there are {there} {species} to choose from; {asked}")
    return number


def asked(surface: Surface, species: str, where: Where, tolerance: float) -> tuple[Ions, Symmetry, Numbers]:
    """Return the ions of *surface*, its symmetry, and the ions of *species*."""
    require_bare(surface, "choose vacancies")
    ions = Ions(surface)
    chosen = asked_ions(ions, species, where)
    return ions, symmetry_of(surface, tolerance=tolerance), chosen


def asked_ions(ions: Ions, species: str, where: Where) -> Numbers:
    """Return the ions of *species*, or those of them at the surface."""
    if where not in ("all", "surface"):
        raise AskError(f"where is 'all' or 'surface'; got {where!r}")
    chosen = ions.of(species)
    if where == "surface":
        chosen = chosen[[ions.location(k) != INSIDE for k in chosen.tolist()]]
        if not len(chosen):
            raise AskError(f"{ions.surface.name} has no {species} at its surface; take where='all'")
    return chosen


def site_label(ions: Ions, ion: int, site: Site) -> str:
    """Return where *ion* is, in words."""
    facet = f"({''.join(map(str, site.facet))}) " if site.facet and site.location != INSIDE else ""
    layer = f"layer {site.layer}" if site.layer >= 0 else f"{ions.depth[ion]:.1f} Å deep"
    held, whole = int(ions.coordination[ion]), int(ions.whole[ion])
    # a cap lacks nothing with one bond, and may have more
    bonds = f"{held} of {whole} bonds" if held <= whole else f"{held} bonds"
    return f"{facet}{site.location}, {layer}, {bonds}"


def unlike(labels: list[str]) -> list[str]:
    """Return *labels* with numbers after those that occur more than once."""
    often = {s for s, n in Counter(labels).items() if n > 1}
    turn: Counter[str] = Counter()
    result = []
    for text in labels:
        turn[text] += 1
        result.append(f"{text} #{turn[text]}" if text in often else text)
    return result


def charge_notation(species: Iterable[str], charges: Iterable[int]) -> str:
    """Return vacancies with the charges they leave, in words and after Kröger and Vink."""
    parts = []
    for (name, charge), number in Counter(zip(species, charges, strict=True)).items():
        sign = "x" if not charge else ("•" if charge > 0 else "'") * abs(charge)
        times = f"{number} " if number > 1 else ""
        parts.append(f"{times}V_{name}: {charge:+d} (V_{name}{sign})")
    return " + ".join(parts)
