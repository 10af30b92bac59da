"""What a ligand is ranked against: an acid by name, or the ions that a surface exposes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.errors import AskError
from qdsurf.library import folder
from qdsurf.rank.hsab_tables import (
    charged_name,
    check_acid,
    classes_of,
    contact_radius,
    hardness_of,
    ion_charge,
)
from qdsurf.rank.softness import acid_softness, base_softness

if TYPE_CHECKING:
    from qdsurf.model.nouns import Site, Surface

# Å^2 in one nm^2.
_NM2 = 100.0


@dataclass(frozen=True, kw_only=True)
class LatticeIon:
    """An ion that a surface exposes or a name that was given.

    Attributes
    ----------
    name
        "Pb2+", "Br-", "methylammonium".
    charge
        Elementary charges.
    radius
        Å, six-coordinate or effective; None where unknown.
    softness
        -1 hard to +1 soft, of the ion as acid (cation) or base (anion); None where unknown.
    """

    name: str
    charge: int
    radius: float | None
    softness: float | None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is ranked against.

    Attributes
    ----------
    acid
        The cation to which donors bind.
    anion, cation
        Lattice ions of the anion and cation sites, those that ligands replace; None without a surface.
    exposed_anion
        Anion to which cations and metal salts bind.
    spacing
        Median distance in Å between neighbouring sites of one kind.
    site_area
        Å^2 for one site.
    crystal, hkl
        Name and facet where a surface says them.
    """

    label: str
    acid: LatticeIon
    is_surface: bool = False
    anion: LatticeIon | None = None
    cation: LatticeIon | None = None
    exposed_anion: LatticeIon | None = None
    spacing: float | None = None
    site_area: float | None = None
    crystal: str = ""
    hkl: tuple[int, int, int] | None = None

    @property
    def density(self) -> float | None:
        """Sites in nm^-2."""
        return None if self.site_area is None else _NM2 / self.site_area


def target_of(target: Surface | str) -> Target:
    """Return the target that a Surface or the name of an acid is.

    Raises
    ------
    UnknownName
        No table has the acid; the message lists the nearest names.
    AskError
        A surface without sites, or one that exposes no cation.

    Examples
    --------
    >>> target_of("Pb2+").acid.radius
    1.19
    """
    if isinstance(target, str):
        name = check_acid(target)
        return Target(label=name, acid=_ion(name, ion_charge(name)))
    return _from_surface(target)


def _ion(name: str, charge: int) -> LatticeIon:
    """Return the ion of that name from the tables."""
    radius = (contact_radius(f"{name} (12)") if charge == 1 else None) or contact_radius(name)
    softness = (
        acid_softness(name)
        if charge > 0
        else base_softness(classes_of(name, "base"), hardness_of(name, "base"))
    )
    return LatticeIon(
        name=name, charge=charge, radius=None if radius is None else radius.radius, softness=softness
    )


def _lattice_ion(surface: Surface, species: str) -> LatticeIon:
    """Return the ion *species* of *surface*, by element and charge or, for a molecule, by name."""
    charge = surface.charges[species]
    return _ion(charged_name(species, charge) if species[:1].isupper() else species, charge)


def _from_surface(surface: Surface) -> Target:
    """Return what *surface* exposes, from its sites."""
    if not surface.sites:
        raise AskError(f"{surface.name} has no sites to bind to; cut_slab and carve_dot make some")
    names = surface.atoms.arrays["species"]
    kinds: dict[str, list[Site]] = {}
    for site in surface.sites:
        kinds.setdefault(site.kind, []).append(site)
    anions, cations = kinds.get("anion site", []), kinds.get("cation site", [])
    over_cation, over_anion = kinds.get("on a cation", []), kinds.get("on an anion", [])
    near = Counter(str(names[i]) for site in anions for i in site.neighbours)
    near.update(site.species for site in over_cation)
    # The most charged cation holds donors: the lead under a CsBr plane, not the caesium beside it.
    metals = [(surface.charges[s], s) for s in near if surface.charges.get(s, 0) > 0]
    if not metals:
        raise AskError(f"{surface.name} exposes no cation; sites: {', '.join(sorted(kinds))}")
    used = max(kinds.values(), key=len)
    spacing, area = _spacing(surface, anions or over_cation or used)
    facets = Counter(site.facet for site in surface.sites if site.facet is not None).most_common(1)
    exposed = anions or over_anion
    return Target(
        label=surface.name,
        acid=_lattice_ion(surface, max(metals)[1]),
        is_surface=True,
        anion=_lattice_ion(surface, anions[0].species) if anions else None,
        cation=_lattice_ion(surface, cations[0].species) if cations else None,
        exposed_anion=_lattice_ion(surface, exposed[0].species) if exposed else None,
        spacing=spacing,
        site_area=area,
        crystal=str(_root(surface.recipe).get("crystal", "")),
        hkl=facets[0][0] if facets else None,
    )


def _root(recipe: Any) -> Any:
    """Return the recipe of the bare surface that *recipe* started from."""
    while not recipe.get("crystal") and isinstance(recipe.get("from"), dict):
        recipe = recipe["from"]
    return recipe


def _spacing(surface: Surface, sites: Sequence[Site]) -> tuple[float | None, float | None]:
    """Return the median distance in Å from a site to the next like it, and the area in Å^2 for one.

    On a dot the area is the square of the distance, exact for a square net only.
    """
    from scipy.spatial import cKDTree  # type: ignore[attr-defined]

    if surface.atoms.pbc.any():
        cell = np.array(surface.atoms.cell)
        area = float(np.linalg.norm(np.cross(cell[0], cell[1])))
        top = [site for site in sites if site.normal[2] > 0] or list(sites)
        points = np.array([site.position for site in top])
        images = np.array([points + i * cell[0] + j * cell[1] for i in (-1, 0, 1) for j in (-1, 0, 1)])
        distances = cKDTree(images.reshape(-1, 3)).query(points, k=2)[0][:, 1]
        return float(np.median(distances)), area / len(top)
    # Sites round an edge are near each other but share no plane: one face, the largest, is measured.
    faces: dict[tuple[float, ...], list[Site]] = {}
    for site in sites:
        if site.location == "face":
            faces.setdefault(tuple(np.round(site.normal, 2) + 0.0), []).append(site)
    chosen = max(faces.values(), key=len, default=list(sites))
    if len(chosen) < 2:
        chosen = list(sites)
    if len(chosen) < 2:
        return None, None
    points = np.array([site.position for site in chosen])
    spacing = float(np.median(cKDTree(points).query(points, k=2)[0][:, 1]))
    return spacing, spacing**2


@cache
def _rules() -> list[dict[str, Any]]:
    """Return the rules of ``facets.toml``."""
    import tomllib

    text = folder("structures/rankings").joinpath("facets.toml").read_text(encoding="utf-8")
    rules: list[dict[str, Any]] = tomllib.loads(text)["rule"]
    return rules


def facet_rules(target: Target) -> list[dict[str, Any]]:
    """Return what the literature says of the facet of *target*; equal by the symmetry of a cube."""
    if target.hkl is None:
        return []
    facet = sorted(abs(i) for i in target.hkl)
    return [
        rule
        for rule in _rules()
        if target.crystal in rule["crystals"] and sorted(abs(i) for i in rule["hkl"]) == facet
    ]
