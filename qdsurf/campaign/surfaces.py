"""Build the surfaces that a campaign names, with their vacancies, coverages and choices of sites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qdsurf.campaign.sections import Campaign, CoverageSection, SiteSection, SurfaceSection, VacancySection
from qdsurf.campaign.tasks import Packed
from qdsurf.errors import AskError
from qdsurf.store import to_json

if TYPE_CHECKING:
    from qdsurf.model import Crystal, Surface

Lattice = Callable[["Crystal"], float] | None


@dataclass(frozen=True, kw_only=True)
class Base:
    """A surface on which ligands are tried.

    Attributes
    ----------
    identity
        All that decides which surface it is, as JSON.
    site
        Which sites may be taken, in words; "" for all.
    """

    name: str
    site: str
    identity: str
    packed: Packed
    atoms: int


def build(section: SurfaceSection, campaign: Campaign, lattice: Lattice) -> Surface:
    """Return the surface of *section*; *lattice* gives the lattice constant in Å of a slab's crystal."""
    from qdsurf.crystals import load_crystal

    if section.shelf is not None:
        from qdsurf.build.surfaces import load_surface

        made = load_surface(section.shelf)
    elif section.file is not None:
        from qdsurf.model.files import read_surface

        made = read_surface(campaign.beside(section.file))
    elif section.hkl is not None:
        from qdsurf.build.slabs import cut_slab

        crystal = load_crystal(str(section.crystal))
        made = cut_slab(
            crystal,
            section.hkl,
            layers=section.layers,
            termination=section.termination,
            repeat=section.repeat,
            vacuum=section.vacuum,
            lattice_constant=lattice(crystal) if lattice else None,
        )
    else:
        from qdsurf.build.dots import carve_dot

        made = carve_dot(
            load_crystal(str(section.crystal)),
            shape=str(section.shape),
            cells=section.cells,
            edge=section.edge,
            diameter=section.diameter,
            termination=section.termination,
        )
    return replace(made, name=section.name) if section.name else made


def with_vacancies(surface: Surface, section: VacancySection) -> Surface:
    """Return *surface* with the vacancies of *section*, at its surface."""
    if section.species is None:
        return surface
    from qdsurf.build.vacancies import random_vacancies

    made = random_vacancies(
        surface,
        section.species,
        count=section.count,
        fraction=section.fraction,
        compensate=section.compensate,
        seed=section.seed,
        where="surface",
    )
    many = f"{section.count}" if section.count else f"{section.fraction:.3g}"
    return replace(made, name=f"{surface.name}, {many} {section.species} vacant")


def with_coverage(surface: Surface, section: CoverageSection) -> Surface:
    """Return *surface* with the ligands of *section* on it."""
    if not section.ligands:
        return surface
    from qdsurf.attachment import attach

    made = attach(surface, dict(section.ligands), unit=section.unit, seed=section.seed)
    unit = "" if section.unit == "count" else f" {section.unit}"
    shell = ", ".join(f"{amount:g}{unit} {name}" for name, amount in section.ligands.items())
    return replace(made, name=f"{surface.name} with {shell}")


def with_sites(surface: Surface, section: SiteSection) -> tuple[Surface, str]:
    """Return *surface* with only the sites that *section* allows, and these in words.

    Raises
    ------
    AskError
        The surface has no such site.
    """
    asked = section.model_dump(exclude_none=True)
    if not asked:
        return surface, ""
    found = tuple(s for s in surface.sites if all(getattr(s, name) == value for name, value in asked.items()))
    words = ", ".join(str(value) for value in asked.values())
    if not found:
        kinds = sorted({f"{s.kind} {s.species} {s.location}" for s in surface.sites})
        raise AskError(f"{surface.name} has no site {words!r}; it has: {', '.join(kinds) or 'none'}")
    return replace(surface, sites=found), words


def surfaces_of(campaign: Campaign, lattice: Lattice) -> Iterator[Base]:
    """Yield the surfaces of *campaign*, one for each vacancy, coverage and choice of sites."""
    for section in campaign.all_surfaces:
        first = build(section, campaign, lattice)
        for vacancy in campaign.vacancies:
            second = with_vacancies(first, vacancy)
            for coverage in campaign.coverages:
                third = with_coverage(second, coverage)
                for sites in campaign.sites:
                    yield base_of(*with_sites(third, sites))


def base_of(surface: Surface, site: str = "") -> Base:
    """Return *surface*, packed, with what identifies it."""
    atoms = surface.atoms
    identity = {
        # The recipe alone would do, were it not for lattice constants and files.
        "recipe": surface.recipe,
        "cell": atoms.cell.array.round(6),
        "numbers": atoms.numbers,
        "positions": atoms.positions.round(4) + 0.0,
        "sites": site,
    }
    return Base(
        name=surface.name,
        site=site,
        identity=to_json(identity),
        packed=Packed.of(surface),
        atoms=len(atoms),
    )
