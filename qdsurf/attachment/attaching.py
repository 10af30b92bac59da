"""The verb attach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from qdsurf.attachment.assembly import assembled
from qdsurf.attachment.choosing import Job, choose_sites, explicit_jobs
from qdsurf.attachment.demands import Demand, Facet, area_of, demands_of, numbers_of
from qdsurf.attachment.mirrored import Swap, face_swap
from qdsurf.attachment.places import Places, available, pools
from qdsurf.attachment.seats import MODES
from qdsurf.attachment.shells import Placed, build_shell
from qdsurf.errors import AskError
from qdsurf.model import Site, Surface

Unit = Literal["count", "fraction", "nm^-2"]
Pattern = Literal["even", "random", "clustered", "segmented"]
Faces = Literal["both", "top", "bottom"]
FACES = {"both": None, "top": 1.0, "bottom": -1.0}


def attach(
    surface: Surface,
    ligands: Mapping[Any, float],
    *,
    unit: Unit = "count",
    sites: Sequence[int | Site] | None = None,
    mode: str = "auto",
    best_effort: bool = False,
    seed: int = 0,
    pattern: Pattern = "even",
    faces: Faces = "both",
    facet: Facet | None = None,
) -> Surface:
    """Return *surface* with *ligands* bound to it; the surface itself is not changed.

    A cationic ligand takes the place of a cation of the same charge, an anionic one that of an
    anion; a neutral L-type ligand binds above an under-coordinated cation, a Z-type one above an
    anion, and a zwitterion, or a salt, takes a neutral pair. None of these changes the net charge.
    Vacancies are filled first where that leaves the charge as it is. Ions for which no ion of their
    charge could leave (halide and ammonium on PbS) are added as neutral pairs, anions on cations and
    cations on anions.

    No two atoms of different molecules, or of a molecule and the core, come closer than 0.75 of the sum
    of their van der Waals radii (two hydrogens: 1.8 Å), bonds of the anchors apart: molecules start in
    the best pose for their site, then all turn and shift together, and chains that still overlap bend.

    Parameters
    ----------
    ligands
        Amount by ligand, by name of a ligand on the shelf, or by (ligand or name, facet).
    unit
        "count", "fraction" of the sites that suit the ligand, or "nm^-2" (per area of the covered faces
        of a slab, of the facets of a dot, or of those of the form *facet*).
    sites
        Indices into ``surface.sites``, or Site objects, to be taken in this order. None chooses by
        *pattern*.
    mode
        "auto", "terminal" (one atom binds), "chelating" (two atoms on one ion), "bridging" (two atoms on
        two ions; of a metal salt the metal on an anion and its anion on a cation), or "tilted" (leaning by
        30 degrees and more).
    best_effort
        Keep what could be placed instead of raising.
    seed
        Another seed starts from another pose; the same seed gives the same bytes.
    pattern
        "even" (each as far from the others as it can be, mixtures mixed), "random", "clustered" (a patch
        of each ligand) or "segmented" (one ligand after the other along the first axis).
    faces
        Of a slab: "both", "top" or "bottom". On both faces of a slab whose faces are related by symmetry
        even numbers of ligands are placed by that symmetry too.
    facet
        Miller indices; only sites on facets of that form, such as all six (100) of a cube.

    Raises
    ------
    AskError
        No site suits the ligand, or there are fewer than asked for, or the mode is none for it.
    ChargeError
        The only sites are of another charge than the ligand.
    PlacementError
        The molecules overlap whatever is tried; says how many found room, and names one that did not,
        its site and the distance.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr")
    >>> attach(slab, {"acetate": 1}).charge
    0
    """
    if mode not in MODES:
        raise AskError(f"no binding mode {mode!r}; known: {', '.join(MODES)}")
    if faces not in FACES:
        raise AskError(f"no faces {faces!r}; known: {', '.join(FACES)}")
    demands = demands_of(ligands, facet)
    places = Places.of(surface)
    slab = bool(surface.atoms.pbc.any())
    side = FACES[faces] if slab else None
    demands, found = pools(places, demands, side)
    counts = numbers_of(
        demands, unit, available(places, demands, found),
        [area_of(surface, d.facet, faces) for d in demands] if unit == "nm^-2" else [0.0] * len(demands),
    )  # fmt: skip
    options: dict[str, Any] = {"mode": mode, "seed": seed, "best_effort": best_effort}
    placed = None
    if sites is not None:
        wanted = [_number(surface, s) for s in sites]
        jobs = explicit_jobs(places, demands, found, counts, wanted, best_effort)
    else:
        rng = np.random.default_rng(seed)
        if slab and faces == "both" and not any(n % 2 for n in counts):
            placed = _on_both(places, demands, counts, pattern, rng, options)
        if placed is None:
            jobs = choose_sites(
                places, demands, found, counts, pattern=pattern, rng=rng, best_effort=best_effort
            )
    if placed is None:
        placed = build_shell(places, jobs, **options)
    names = {d.name if d.facet is None else f"{d.name}@{d.facet}": d.amount for d in demands}
    recipe = {
        "verb": "attach", "from": dict(surface.recipe), "ligands": names, "unit": unit, "seed": seed,
        "sites": None if sites is None else [int(s) for s in sites if not isinstance(s, Site)],
        "mode": mode, "pattern": pattern, "faces": faces, "facet": facet, "best_effort": best_effort,
    }  # fmt: skip
    return assembled(surface, placed, name=f"{surface.name}+{'+'.join(names)}", recipe=recipe)


def _number(surface: Surface, site: int | Site) -> int:
    """Return the number of *site* among the sites of *surface*."""
    if not isinstance(site, Site):
        if not 0 <= site < len(surface.sites):
            raise AskError(f"{surface.name} has sites 0 to {len(surface.sites) - 1}, not {site}")
        return int(site)
    for number, other in enumerate(surface.sites):
        if other is site:
            return number
    for number, other in enumerate(surface.sites):
        if other.kind == site.kind and np.allclose(other.position, site.position, atol=1e-6):
            return number
    raise AskError(f"the {site.kind} at {np.round(site.position, 2).tolist()} Å is no site of {surface.name}")


def _on_both(
    places: Places, demands: list[Demand], counts: list[int], pattern: Pattern, rng: np.random.Generator,
    options: dict[str, Any],
) -> list[Placed] | None:  # fmt: skip
    """Return half of the molecules on the top face and their images below; None where that cannot be."""
    if not sum(counts):
        return []
    swap = face_swap(places, [p.ligand for d in demands for p in d.parts])
    if swap is None:
        return None
    _, top = pools(places, demands, 1.0)
    half = [n // 2 for n in counts]
    try:
        jobs = choose_sites(
            places, demands, top, half, pattern=pattern, rng=rng, best_effort=options["best_effort"]
        )
    except AskError:
        return None  # the faces have different numbers of sites, or vacancies
    if any(k not in swap.site for job in jobs for k in job.sites):
        return None
    upper = build_shell(places, jobs, faces=2, **options)
    return [*upper, *_below(upper, swap, len(jobs))]


def _below(upper: list[Placed], swap: Swap, units: int) -> list[Placed]:
    """Return the images of the molecules *upper* on the other face."""
    found = []
    for p in upper:
        sites = tuple(swap.site[k] for k in p.job.sites)
        job = Job(p.job.ligand, sites, p.job.adds, p.job.unit + units)
        seat = replace(p.seat, point=swap.moved(p.seat.point))
        found.append(Placed(job, seat, swap.moved(p.positions)))
    return found
