"""The sites of a surface as arrays, and which of them a ligand can take."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qdsurf.attachment.demands import Demand, Need, Part, needs_of, on_facet
from qdsurf.errors import AskError, ChargeError
from qdsurf.model import Ligand, Site, Surface
from qdsurf.model.periodic import nearest_image

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Places:
    """Sites of a surface, one entry for each.

    Attributes
    ----------
    positions, normals
        (n, 3).
    charge
        Formal charge of the ion at the site, or below it.
    occupied, held
        Whether an ion of the lattice, or a ligand, is there.
    """

    surface: Surface
    positions: Array
    normals: Array
    charge: Integers
    occupied: NDArray[np.bool_]
    held: NDArray[np.bool_]

    @classmethod
    def of(cls, surface: Surface) -> Places:
        """Return the places of *surface*."""
        sites = surface.sites
        role = surface.atoms.arrays["role"] == "ligand"
        return cls(
            surface,
            np.array([s.position for s in sites], dtype=float).reshape(-1, 3),
            np.array([s.normal for s in sites], dtype=float).reshape(-1, 3),
            np.array([surface.charges.get(s.species, 0) for s in sites], dtype=np.int64),
            np.array([bool(s.atoms) for s in sites], dtype=bool),
            np.array([bool(s.atoms) and bool(role[s.atoms[0]]) for s in sites], dtype=bool),
        )

    def of_kind(self, kind: str) -> Integers:
        """Return the numbers of the sites of *kind* that hold no ligand."""
        found = [k for k, s in enumerate(self.surface.sites) if s.kind == kind]
        if kind == "on a cation" and not found:
            found = [k for k, s in enumerate(self.surface.sites) if s.kind in ("bridge", "hollow")]
        numbers = np.array(found, dtype=np.int64)
        return numbers[~self.held[numbers]]

    def pool(self, need: Need, ligand: Ligand) -> Integers:
        """Return the sites that meet *need*: vacancies first, then the strongest acids.

        Raises
        ------
        AskError
            There is no such kind of site.
        ChargeError
            There is, but with ions of another charge.
        """
        surface = self.surface
        found = self.of_kind(need.kind)
        if not len(found):
            kinds = sorted({s.kind for s in surface.sites})
            raise AskError(
                f"{ligand.name} binds {ligand.binds}, and {surface.name} has none; "
                f"it has: {', '.join(kinds) or 'no sites'}"
            )
        if need.charge is not None:
            matching = found[self.charge[found] == need.charge]
            if not len(matching):
                names = [surface.sites[k].species for k in found]
                ions = sorted({f"{s}({surface.charges[s]:+d})" for s in names})
                raise ChargeError(
                    f"{ligand.name} has charge {ligand.charge:+d}, but every {need.kind} of {surface.name} "
                    f"holds {', '.join(ions)}: the exchange would leave the surface charged; attach it "
                    f"together with as much of the opposite charge, of which neutral pairs are added"
                )
            found = matching
        order = np.lexsort((np.arange(len(found)), -np.abs(self.charge[found]), self.occupied[found]))
        return found[order]

    def gaps(self, chosen: Integers, number: int) -> Array:
        """Return the distances in Å of the sites *chosen* from the site *number*, over images."""
        atoms = self.surface.atoms
        away = nearest_image(
            self.positions[chosen] - self.positions[number], atoms.cell.array, np.asarray(atoms.pbc)
        )
        found: Array = np.sqrt(np.einsum("ij,ij->i", away, away))
        return found


def suitable_sites(surface: Surface, ligand: Ligand) -> list[Site]:
    """Return the sites of *surface* that *ligand* can take, vacant ones and strong acids first.

    For a ligand that takes several sites these are the sites of its first anchor.

    Raises
    ------
    AskError
        No site of the kind that the ligand takes.
    ChargeError
        There are such sites, but their ions have another charge than the ligand.
    """
    places = Places.of(surface)
    # of a salt the anion comes first
    part = min(ligand.ions or (ligand,), key=lambda ion: ion.charge)
    needs = _shared_out(places, Part(part, needs_of(part))).needs
    found = places.pool(needs[0], part)
    if ligand.binds == "pair" and not ligand.ions:
        partners = places.pool(needs[1], part)
        found = found[[_has_partner(places, int(k), partners) for k in found]]
        if not len(found):
            raise AskError(f"{ligand.name} fills a neutral pair, and {surface.name} has none at its surface")
    return [surface.sites[k] for k in found]


def _has_partner(places: Places, number: int, partners: Integers) -> bool:
    """Return whether a site of *partners* on the same face is as occupied as the site *number*."""
    same = places.occupied[partners] == places.occupied[number]
    return bool((same & (places.normals[partners] @ places.normals[number] > 0.5)).any())


def pools(
    places: Places, demands: list[Demand], side: float | None
) -> tuple[list[Demand], list[list[list[Integers]]]]:
    """Return the demands and, for each part and need of each, the sites that it can take.

    An ion of several charges takes one site of its charge, or else several sites that share it. Ions that
    no ion of the surface could make way for are added as neutral pairs instead, anions on cations and
    cations on anions, where the demands together are neutral.

    Parameters
    ----------
    side
        Sign of the normal along z of the face to be covered; None for all.
    """
    demands = [replace(d, parts=tuple(_shared_out(places, p) for p in d.parts)) for d in demands]
    try:
        return demands, [_pools(places, d, side) for d in demands]
    except ChargeError:
        if len(demands) == 1 and len(demands[0].parts) == 1:
            raise
        added = [_added(d) for d in demands]
        return added, [_pools(places, d, side) for d in added]


def _shared_out(places: Places, part: Part) -> Part:
    """Return *part* with its one site of several charges as several sites, where none has such an ion.

    A dianion such as a phosphonate takes the places of two bromides that are next to each other.
    """
    (need, *more), charge = part.needs, part.ligand.charge
    if more or need.charge is None or abs(charge) < 2:
        return part
    there = set(places.charge[places.of_kind(need.kind)].tolist())
    for count in range(1, abs(charge) + 1):
        if charge % count == 0 and charge // count in there:
            return replace(part, needs=(Need(need.kind, charge // count),) * count)
    return part


def _added(demand: Demand) -> Demand:
    """Return *demand* with its ions put on counter-ions instead of in place of ions."""
    above = {"anion site": Need("on a cation", None), "cation site": Need("on an anion", None)}
    parts = tuple(
        Part(p.ligand, tuple(above.get(n.kind, n) for n in p.needs)) if p.ligand.charge else p
        for p in demand.parts
    )
    return replace(demand, parts=parts)


def _pools(places: Places, demand: Demand, side: float | None) -> list[list[Integers]]:
    """Return the sites for each part and need of *demand*, on its facet and *side*."""
    sites = places.surface.sites
    result = []
    for part in demand.parts:
        needs = []
        for need in part.needs:
            found = places.pool(need, part.ligand)
            if demand.facet is not None:
                found = found[[on_facet(sites[k].facet, demand.facet) for k in found]]
                if not len(found):
                    known = sorted({str(s.facet) for s in sites if s.facet})
                    raise AskError(
                        f"no site for {demand.name} lies on the facet {demand.facet} of "
                        f"{places.surface.name}; its facets: {', '.join(known)}"
                    )
            if side is not None:
                found = found[places.normals[found, 2] * side > 0]
            needs.append(found)
        result.append(needs)
    return result


def available(places: Places, demands: list[Demand], found: list[list[list[Integers]]]) -> list[int]:
    """Return how many sites there are for each demand: ions to be replaced, or vacancies where all are."""
    result = []
    for demand, parts in zip(demands, found, strict=True):
        counts = []
        for part, needs in zip(demand.parts, parts, strict=True):
            for need, pool in zip(part.needs, needs, strict=True):
                present = int(places.occupied[pool].sum())
                number = present if need.charge is not None and present else len(pool)
                counts.append(number // part.needs.count(need))
        result.append(min(counts))
    return result
