"""Two surfaces held together by one linker: the free end of a bound ligand takes a place of the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError, PlacementError
from qdsurf.model import Ligand, Site, Surface
from qdsurf.model.contacts import SMALLEST_RATIO, radii

if TYPE_CHECKING:
    from ase import Atoms

Vectors = NDArray[np.float64]

# Angle metal - donor - rest of the linker that is looked for, in degrees, and steps around each axis.
ANGLES, AROUND, TURNS = (100.0, 110.0, 120.0), 12, 12
# Sites of the other surface that are tried, and the depth in Å of the surfaces that can touch.
SITES, DEPTH = 8, 9.0
# Clearance, as a share of the contact radii, beyond which no better pose is looked for.
ENOUGH = 1.0


@dataclass(frozen=True)
class _Pose:
    ratio: float
    site: Site
    turn: Vectors
    shift: Vectors


def join(surface: Surface, other: Surface, ligand: Ligand, *, end: str | None = None) -> Surface:
    """Return *surface*, which carries the *ligand*, with the dot *other* bound to the free end of it.

    A thiol end takes the place of a halide of *other*, which leaves with the proton of the thiol:
    R-SH + Cl-Cd -> R-S-Cd + HCl, so that charges stay balanced. *other* is moved and turned as a rigid body
    until no atom of it is nearer to others, or to its periodic images, than the sum of the contact radii, or
    else as far from them as it can be; nothing is relaxed.

    Parameters
    ----------
    surface
        Slab or dot with one ligand of this name, bound by its other end; not changed.
    other
        Dot with monovalent anions at its surface; not changed.
    ligand
        What was attached to *surface*.
    end
        Name of the free group, such as "thiol", of ``ligand.others``; None takes the first with a proton
        on its only binding atom.

    Returns
    -------
    Surface
        Atoms of *surface* first, those of *other* last. The vacuum of a slab grows by the height of the dot.

    Raises
    ------
    AskError
        Several or no ligands of that name, no such end, *other* is periodic or offers no monovalent anion,
        or an ion has another charge in *other*.
    PlacementError
        The dot has no room: says the best that was found. A longer linker, a smaller dot, or more cells
        of a slab (``repeat``) make room.

    Examples
    --------
    >>> import qdsurf as qs
    >>> oxide = qs.load_surface("TiO2-anatase-101", layers=2, repeat=(6, 4))
    >>> linker = qs.ligand_from_smiles("SCCC(=O)O", anchor="carboxylic acid", name="MPA")
    >>> dot = qs.carve_dot(qs.load_crystal("CdSe-zincblende"), shape="tetrahedron", cells=3, cap="Cl")
    >>> held = qs.transfer_proton(qs.attach(oxide, {linker: 1}, faces="top"))
    >>> join(held, dot, linker).charge
    0
    """
    if other.atoms.pbc.any():
        raise AskError(f"{other.name} is periodic: what is bound to the free end of a linker is a dot")
    for name in sorted(set(surface.charges) & set(other.charges)):
        if surface.charges[name] != other.charges[name]:
            raise AskError(
                f"{name} has charge {surface.charges[name]:+d} in {surface.name} and "
                f"{other.charges[name]:+d} in {other.name}"
            )
    donor, hydrogen = _free_end(surface, ligand, end)
    sites = [s for s in other.sites if _gives_way(other, s)]
    if not sites:
        raise AskError(f"{other.name} has no monovalent anion to give way; cap it, carve_dot(..., cap='Cl')")
    sites = sorted(sites, key=lambda s: (s.location != "face", s.atoms))
    chosen = [sites[k] for k in np.unique(np.linspace(0, len(sites) - 1, SITES).astype(int))]
    best = _best_pose(surface, other, donor, hydrogen, chosen)
    if best.ratio < SMALLEST_RATIO:
        raise PlacementError(
            f"{other.name} has no room at the free end of {ligand.name} on {surface.name}: the closest "
            f"contact would be {best.ratio:.2f} of the radii, {SMALLEST_RATIO} are needed; take a longer "
            "linker, a smaller dot, or more cells of the slab (repeat)"
        )
    return _together(surface, other, ligand, donor, hydrogen, best, {
        "verb": "join", "ligand": ligand.name, "end": end, "left": f"H{best.site.species}",
        "contact": round(best.ratio, 3), "from": dict(surface.recipe), "other": dict(other.recipe),
    })  # fmt: skip


def _gives_way(other: Surface, site: Site) -> bool:
    """Whether the ion of *site* is a monovalent anion of one atom."""
    return site.kind == "anion site" and len(site.atoms) == 1 and other.charges.get(site.species) == -1


def _free_end(surface: Surface, ligand: Ligand, end: str | None) -> tuple[int, int]:
    """Return the donor atom of the free end of the bound ligand, and the hydrogen on it."""
    arrays = surface.atoms.arrays
    named = np.isin(arrays["species"], [ligand.name, f"{ligand.name}(-H)"])
    fragments = sorted(set(arrays["fragment"][named].tolist()))
    if len(fragments) != 1:
        raise AskError(f"{surface.name} holds {len(fragments)} ligands {ligand.name!r}; one can be joined")
    names = ", ".join(o.name for o in ligand.others) or "none"
    start = int(np.flatnonzero(arrays["fragment"] == fragments[0])[0])
    symbols = surface.atoms.get_chemical_symbols()
    for group in ligand.others:
        if end in (None, group.name) and len(group.atoms) == 1:
            donor = start + group.atoms[0]
            bound = [j if i == donor else i for i, j, _ in surface.bonds if donor in (i, j)]
            protons = [k for k in bound if symbols[k] == "H"]
            if len(protons) == 1:
                return donor, protons[0]
    raise AskError(
        f"{ligand.name}: no free end{'' if end is None else f' {end!r}'} with one proton on the atom that "
        f"binds, such as a thiol; free ends: {names}"
    )


def _best_pose(surface: Surface, other: Surface, donor: int, hydrogen: int, sites: list[Site]) -> _Pose:
    """Return the pose of *other* with the widest clearance, the first in which nothing touches."""
    atoms, dot = surface.atoms, other.atoms
    ends = [(i, j) for i, j, _ in surface.bonds if donor in (i, j) and hydrogen not in (i, j)]
    place, bound = atoms.positions[donor], next(j if i == donor else i for i, j in ends)
    back = atoms.positions[bound] - place
    back /= np.linalg.norm(back)
    width = float(np.ptp(dot.positions, axis=0).max())
    ours, our_radii = _around(atoms, place, width, {donor, hydrogen})
    shifts = _images(atoms, width + DEPTH)
    sizes = radii(dot.get_chemical_symbols())
    best: _Pose | None = None
    for site in sites:
        here = np.array([k for k in range(len(dot)) if k not in site.atoms])
        for direction in _directions(back):
            for turn in _turns(-np.asarray(site.normal), direction):
                shift = place - turn @ site.position
                points = dot.positions[here] @ turn.T + shift
                least = best.ratio if best else 0.0
                ratio = _clearance(points, sizes[here], ours, our_radii, least)
                if len(shifts) and ratio > least:
                    images = (points[None] + shifts[:, None]).reshape(-1, 3)
                    own = np.tile(sizes[here], len(shifts))
                    ratio = min(ratio, _clearance(points, sizes[here], images, own, least))
                if best is None or ratio > best.ratio:
                    best = _Pose(ratio, site, turn, shift)
                if best.ratio >= ENOUGH:
                    return best
    assert best is not None
    return best


def _images(atoms: Atoms, reach: float) -> Vectors:
    """Return the shifts in Å, shape (n, 3), to the periodic images that are nearer than *reach*."""
    turns = [(-1, 0, 1) if periodic else (0,) for periodic in atoms.pbc]
    grid = np.array(
        [(a, b, c) for a in turns[0] for b in turns[1] for c in turns[2] if (a, b, c) != (0, 0, 0)]
    )
    shifts = grid.reshape(-1, 3) @ atoms.cell.array
    return np.asarray(shifts[np.linalg.norm(shifts, axis=1) < reach])


def _around(atoms: Atoms, place: Vectors, width: float, without: set[int]) -> tuple[Vectors, Vectors]:
    """Return positions and radii of the atoms, and of periodic images, that a dot at *place* may touch."""
    keep = np.array([k for k in range(len(atoms)) if k not in without])
    sizes = radii(atoms.get_chemical_symbols())[keep]
    reach = width + DEPTH
    counts = [
        int(np.ceil(reach / np.linalg.norm(vector))) if periodic else 0
        for vector, periodic in zip(atoms.cell.array, atoms.pbc, strict=True)
    ]
    grid = np.array(list(np.ndindex(*(2 * c + 1 for c in counts)))) - counts
    points = (atoms.positions[keep][None] + (grid @ atoms.cell.array)[:, None]).reshape(-1, 3)
    near = np.linalg.norm(points - place, axis=1) < reach
    return points[near], np.tile(sizes, len(grid))[near]


def _directions(back: Vectors) -> list[Vectors]:
    """Return unit vectors at the angles of a bent donor from *back*, the bond to the rest of the linker."""
    helper = np.eye(3)[int(np.argmin(np.abs(back)))]
    first = np.cross(back, helper) / np.linalg.norm(np.cross(back, helper))
    second = np.cross(back, first)
    found = []
    for angle in np.radians(ANGLES):
        for around in np.arange(AROUND) * 2 * np.pi / AROUND:
            side = np.cos(around) * first + np.sin(around) * second
            found.append(np.cos(angle) * back + np.sin(angle) * side)
    return found


def _turns(start: Vectors, direction: Vectors) -> list[Vectors]:
    """Return (3, 3) rotations that bring *start* to *direction*, turned about it step by step."""
    from scipy.spatial.transform import Rotation

    first, _ = Rotation.align_vectors(direction[None], start[None])
    angles = np.arange(TURNS) * 2 * np.pi / TURNS
    return [(Rotation.from_rotvec(a * direction) * first).as_matrix() for a in angles]


def _clearance(points: Vectors, sizes: Vectors, ours: Vectors, our_radii: Vectors, least: float) -> float:
    """Return the smallest distance between two sets as a share of the sums of radii; 0 if below *least*."""
    from scipy.spatial import KDTree

    near = KDTree(ours).query_ball_point(points, ENOUGH * (sizes + our_radii.max()))
    worst = np.inf
    for point, size, numbers in zip(points, sizes, near, strict=True):
        if numbers:
            gaps = np.linalg.norm(ours[numbers] - point, axis=1) / (our_radii[numbers] + size)
            worst = min(worst, float(gaps.min()))
            if worst <= least:
                return 0.0
    return worst


def _together(
    surface: Surface,
    other: Surface,
    ligand: Ligand,
    donor: int,
    hydrogen: int,
    pose: _Pose,
    recipe: dict[str, Any],
) -> Surface:
    """Return one Surface of both, without the hydrogen of the free end and the anion it takes along."""
    keep = np.delete(np.arange(len(surface.atoms)), hydrogen)
    here = np.delete(np.arange(len(other.atoms)), list(pose.site.atoms))
    ours, dot = surface.atoms[keep], other.atoms[here]
    dot.positions = dot.positions @ pose.turn.T + pose.shift
    names = ours.arrays["species"].astype(np.str_).tolist()
    fragment = surface.atoms.arrays["fragment"][hydrogen]
    old = str(surface.atoms.arrays["species"][hydrogen])
    left = f"{ligand.name}(-2H)" if old.endswith("(-H)") else f"{ligand.name}(-H)"
    names = [left if f == fragment else n for n, f in zip(names, ours.arrays["fragment"], strict=True)]
    dot.arrays["fragment"] += ours.arrays["fragment"].max() + 1
    species = np.array(names + dot.arrays["species"].tolist(), dtype=np.str_)
    atoms = ours + dot
    atoms.arrays["anchor"][donor - (hydrogen < donor)] = True
    atoms.set_array("species", None)
    atoms.set_array("species", species)
    atoms.arrays["fragment"] = np.unique(atoms.arrays["fragment"], return_inverse=True)[1]
    bulk = [s.atoms.info.get("bulk_bonds", {}) for s in (other, surface)]
    atoms.info["bulk_bonds"] = {**bulk[0], **bulk[1]}
    _make_room(atoms, surface.atoms)
    first = {int(old): new for new, old in enumerate(keep)}
    second = {int(old): new + len(keep) for new, old in enumerate(here)}
    donor_atoms = tuple(np.flatnonzero(species == left).tolist())
    sites = [_renumbered(s, first, left if s.species == old else s.species) for s in surface.sites]
    for site in other.sites:
        position, normal = pose.turn @ site.position + pose.shift, pose.turn @ site.normal
        turned = replace(site, position=position, normal=normal)
        if site is pose.site:
            turned = replace(turned, species=left)
            sites.append(replace(_renumbered(turned, second, left), atoms=donor_atoms))
        else:
            sites.append(_renumbered(turned, second, site.species))
    bonds = [(first[i], first[j], o) for i, j, o in surface.bonds if hydrogen not in (i, j)]
    bonds += [(second[i], second[j], o) for i, j, o in other.bonds if i in second and j in second]
    return Surface(
        name=f"{surface.name} + {other.name}", atoms=atoms, sites=tuple(sites), recipe=recipe,
        charges={**other.charges, **surface.charges, left: surface.charges[old] - 1}, bonds=tuple(bonds),
        target_charge=surface.charge + other.charge, electrons=surface.electrons + other.electrons,
    )  # fmt: skip


def _renumbered(site: Site, numbers: dict[int, int], species: str) -> Site:
    """Return *site* with the atom numbers of the joined structure."""
    atoms = tuple(numbers[k] for k in site.atoms if k in numbers)
    near = tuple(numbers[k] for k in site.neighbours if k in numbers)
    return replace(site, atoms=atoms, neighbours=near, species=species)


def _make_room(atoms: Atoms, before: Atoms) -> None:
    """Give a slab as much vacuum as it had before the dot was there; changes *atoms*, which are new."""
    if not before.pbc.any():
        return
    k = int(np.flatnonzero(~before.pbc)[0]) if not before.pbc.all() else 2
    normal = before.cell.array[k] / np.linalg.norm(before.cell.array[k])
    grown = float(np.ptp(atoms.positions @ normal) - np.ptp(before.positions @ normal))
    cell = before.cell.array.copy()
    cell[k] += grown * normal
    atoms.set_cell(cell)
