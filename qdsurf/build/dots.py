"""Carve dots of a chosen shape, size and termination out of a crystal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import BOUND, Neighbours, bulk_bonds, centres_of
from qdsurf.build.exposure import faced
from qdsurf.build.fitting import Fitted, centers, fitted
from qdsurf.build.neutrality import Cut, cap_charge, neutralized
from qdsurf.build.planes import ions_of, members_of
from qdsurf.build.shapes import Facet, Polyhedron
from qdsurf.build.sites import find_sites, open_sites, set_roles
from qdsurf.build.sizing import Asked
from qdsurf.errors import AskError
from qdsurf.model.arguments import check_seed, check_whole
from qdsurf.model.nouns import Crystal, Site, Surface

if TYPE_CHECKING:
    from ase import Atoms

Vectors = NDArray[np.float64]
Strategy = Literal["auto", "remove", "cap"]

# More ions than this are refused rather than left to fill the memory (a dot of 50 nm has four million).
_MOST_IONS = 5_000_000


def carve_dot(
    crystal: Crystal,
    *,
    shape: str = "cube",
    cells: int | tuple[int, int, int] | None = None,
    edge: float | tuple[float, float, float] | None = None,
    diameter: float | None = None,
    facets: Mapping[str | Facet, float] | None = None,
    termination: str | Mapping[str | Facet, str] | None = None,
    charge: int = 0,
    neutralize: Strategy | None = "auto",
    cap: str | None = None,
    center: str | tuple[float, float, float] | None = None,
    seed: int = 0,
) -> Surface:
    """Return a dot of *crystal*, neutral unless another charge is asked for.

    Parameters
    ----------
    crystal
        Crystal with formal charges, as from ``load_crystal``; not changed.
    shape
        "cube", "cuboid" (platelets and rods), "sphere", "octahedron", "truncated-octahedron",
        "cuboctahedron", "tetrahedron" or "wulff".
    cells
        Size: unit cells along an edge of a cube, three numbers for a cuboid; ions along an edge for
        an octahedron or tetrahedron; unit cells across {100} for the other polyhedra; unit cells
        in the diameter of a sphere. A cube ended by CsBr with ``cells=7`` has 8 Cs along an edge,
        one ended by PbBr2 has 8 Pb.
    edge
        Size: length of an edge in Å, three for a cuboid; the nearest one that ends with whole planes.
    diameter
        Size: in Å of the sphere of equal volume (of the body of the outermost nuclei).
    facets
        For "wulff": surface energy of one facet of each family; for lead chalcogenides it may be left
        out (``size_dependent_facets``).
    termination
        Formula of the outermost plane of the facets, or one for each family: {"111": "Pb"}. None takes
        planes with monovalent cations first, then planes of cations. It does not depend on size.
    charge
        Net charge the dot is meant to have, in elementary charges.
    neutralize
        "remove", "cap" or "auto" (see ``qdsurf.build.neutrality.neutralized``), or None for the bare
        cut with the charge that it has.
    cap
        Monovalent ion for capping, such as "Cl" or "I".
    center
        What lies in the middle: "atom", "bond", "void", a species such as "Pb", or fractional
        coordinates of the conventional cell; None takes what makes the dot most regular.
    seed
        Another seed, another even spread of vacancies or caps.

    Returns
    -------
    Surface
        Not periodic, its centre at the origin; the facets with the distance in Å of their outermost
        nuclei are in ``recipe["facets"]``, the ions that were taken from the cut and put on it in
        ``recipe["result"]``.

    Raises
    ------
    AskError
        Shape, size, facets, termination or centre make no sense, or the size holds no unit.
    ChargeError
        The charge cannot be reached by the strategy; gives the number.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> dot = carve_dot(load_crystal("CsPbBr3-cubic"), cells=7, termination="CsBr")
    >>> str(dot.ledger)
    '1176 Br(-1), 490 Cs(+1), 343 Pb(+2); net charge +0'
    """
    ask = Asked(crystal, shape, cells, edge, diameter)
    ask.check(facets, neutralize, cap)
    if cap is not None:
        cap_charge(cap, crystal.charges)  # also where none is needed
    check_whole("charge", charge)
    check_seed(seed)
    body: Fitted | None = None
    if shape == "sphere":
        if termination is not None:
            raise AskError("a sphere shows all facets and has no one termination; leave termination out")
        middle, radius = centers(crystal, center)[0], ask.radius()
    else:
        body, middle = fitted(crystal, ask.sized(ask.body(facets)), termination, center)
        radius = float(np.linalg.norm(body.vertices, axis=1).max())
    cut = _cut(ask, body, middle, radius)
    bare = cut.inside
    if not bare.any() or len(set(cut.species[bare].tolist())) < len(crystal.charges):
        raise AskError(f"{cut.name}: this size is too small to hold one formula unit; take a larger one")
    if neutralize is not None:
        cut = neutralized(cut, charge, neutralize, cap, seed)
    elif charge not in (0, cut.net):
        raise AskError(f"{cut.name}: the bare cut has charge {cut.net:+d}; neutralize=None keeps it")
    return _surface(ask, cut, bare, body, middle, {
        "verb": "carve_dot", "crystal": dict(crystal.recipe) or crystal.name,
        "shape": shape, "cells": cells, "edge": edge,
        "diameter": diameter, "facets given": facets and {str(k): v for k, v in facets.items()},
        "termination": termination if termination is None or isinstance(termination, str)
        else {str(k): v for k, v in termination.items()},
        "charge": charge, "neutralize": neutralize, "cap": cap, "center": center, "seed": seed,
    })  # fmt: skip


def _cut(ask: Asked, body: Polyhedron | None, middle: Vectors, radius: float) -> Cut:
    """Return the ions inside the body, and the lattice places within a bond of them."""
    crystal = ask.crystal
    _, names, centres = centres_of(crystal.atoms)
    cell = crystal.atoms.cell.array
    bonds = bulk_bonds(crystal.atoms, crystal.charges)
    margin = max(d for d, _ in bonds.values()) * 1.05 if bonds else 4.0
    spans = np.ceil((radius + margin) * np.linalg.norm(np.linalg.inv(cell), axis=0)).astype(int) + 1
    if np.prod(2.0 * spans + 1) * len(names) > _MOST_IONS:
        raise AskError(f"{crystal.name} {ask.shape}: more than {_MOST_IONS:,} ions; take a smaller dot")
    middle_cell = np.floor(middle @ np.linalg.inv(cell))
    axes = [np.arange(-s, s + 1) for s in spans]
    shifts = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) + middle_cell
    positions = ((shifts @ cell)[:, None] + (centres - middle)[None]).reshape(-1, 3)
    kinds = np.tile(np.arange(len(names)), len(shifts))
    if body is None:
        depth = np.linalg.norm(positions, axis=1) - radius - 1e-6
    else:
        depth = np.full(len(positions), -np.inf)
        for normal, distance in zip(body.normals, body.distances, strict=True):
            np.maximum(depth, positions @ normal - distance, out=depth)
    near = depth <= margin
    species = np.array(names, dtype="U32")[kinds[near]]
    name = f"{crystal.name} {ask.shape}"
    return Cut(name, positions[near], species, kinds[near], depth[near] <= 0, dict(crystal.charges), bonds)


def _surface(
    ask: Asked,
    cut: Cut,
    bare: NDArray[np.bool_],
    body: Fitted | None,
    middle: Vectors,
    recipe: dict[str, Any],
) -> Surface:
    """Return the dot with its sites: vacated ones first, then occupied ones, then bridges and hollows."""
    atoms = _atoms(ask.crystal, cut)
    atoms.info["bulk_bonds"] = cut.bonds
    facets: dict[str, Any] = {}
    if body is not None:
        rows = zip(body.facets, body.normals, body.tops, body.bottoms, strict=True)
        table = {" ".join(map(str, f)): [*n.round(12).tolist(), float(b)] for f, n, _, b in rows}
        atoms.info["facets"] = table
        facets = {
            " ".join(map(str, f)): {
                "termination": t,
                "distance": round(float(d), 6),
                "area": round(float(a), 6),
            }
            for f, t, d, a in zip(body.facets, body.formulas, body.tops, body.outer.areas, strict=True)
        }
    around = Neighbours(atoms, cut.charges, cut.bonds)
    set_roles(atoms, cut.charges, around)
    sites = find_sites(atoms, cut.charges, around=around)
    empty = _vacated(cut, bare, atoms)
    outside = ~cut.inside & ~bare
    more = open_sites(
        sites, cut.positions[outside], cut.species[outside].tolist(), atoms, cut.charges, around
    )
    termination = f"-{body.formulas[0]}" if body is not None and len(set(body.formulas)) == 1 else ""
    fractional = (middle @ np.linalg.inv(ask.crystal.atoms.cell.array) % 1.0).round(6)
    return Surface(
        name=f"{ask.crystal.name}-{ask.shape}{termination}",
        atoms=atoms,
        charges=dict(cut.charges),
        sites=(*empty, *sites, *more),
        recipe={
            **recipe,
            "facets": facets,
            "middle": fractional.tolist(),
            "result": {
                "removed": _counted(cut.species[bare & ~cut.inside]),
                "added": _counted(cut.species[cut.inside & ~bare]),
            },
        },
        target_charge=cut.net,
    )


def _counted(species: NDArray[np.str_]) -> dict[str, int]:
    """Return how many ions there are of each species."""
    names, numbers = np.unique(species, return_counts=True)
    return dict(zip(names.tolist(), numbers.tolist(), strict=True))


def _atoms(crystal: Crystal, cut: Cut) -> Atoms:
    """Return the atoms of the ions inside, molecules with the orientation that they have in the crystal."""
    from ase import Atoms as AtomsClass

    shapes = ions_of(crystal.atoms)
    places = np.flatnonzero(cut.inside)
    # species that are elements and were put there as caps have the symbol of their own
    lattice = cut.species[places] == np.array([shapes[k].species for k in cut.ions[places]])
    sizes = np.where(lattice, [len(shapes[k].symbols) for k in cut.ions[places]], 1)
    owner = np.repeat(np.arange(len(places)), sizes)
    symbols: list[str] = []
    inner: list[Vectors] = []
    single = np.zeros((1, 3))
    for place, own in zip(places.tolist(), lattice.tolist(), strict=True):
        shape = shapes[int(cut.ions[place])]
        symbols.extend(shape.symbols if own else (str(cut.species[place]),))
        inner.append(shape.shape if own else single)
    atoms = AtomsClass(symbols, cut.positions[places][owner] + np.concatenate(inner), pbc=False)
    atoms.set_array("fragment", owner)
    atoms.set_array("species", cut.species[places][owner].astype("U32"))
    atoms.set_array("role", np.full(len(atoms), "core", dtype="U8"))
    atoms.set_array("anchor", np.zeros(len(atoms), dtype=bool))
    atoms.set_array("layer", np.full(len(atoms), -1))
    return atoms


def _vacated(cut: Cut, bare: NDArray[np.bool_], atoms: Atoms) -> tuple[Site, ...]:
    """Return the places emptied to reach the charge, as vacant sites."""
    from scipy.spatial import KDTree

    gone = np.flatnonzero(bare & ~cut.inside)
    if not len(gone):
        return ()
    places = cut.positions[gone]
    if "facets" in atoms.info:
        normals, _, facets, where = faced(places, atoms.info["facets"])
    else:
        normals = places / np.maximum(np.linalg.norm(places, axis=1), 1e-9)[:, None]
        facets, where = [None] * len(gone), ["face"] * len(gone)
    numbers, species, points = centres_of(atoms)
    tree, names, members = KDTree(points), np.array(species), members_of(atoms)
    found = []
    for row, (place, point) in enumerate(zip(gone.tolist(), places, strict=True)):
        name = str(cut.species[place])
        reach = {k: BOUND * cut.bonds[f"{name}-{k}"][0] for k in cut.charges if f"{name}-{k}" in cut.bonds}
        near = [
            k for k in sorted(tree.query_ball_point(point, max(reach.values(), default=0.0)))
            if names[k] in reach and np.linalg.norm(points[k] - point) < reach[str(names[k])]
        ]  # fmt: skip
        if len(near) < 2:
            continue  # a loose end of the cut, not a vacancy
        found.append(
            Site(
                position=point.copy(),
                normal=normals[row].copy(),
                kind="anion site" if cut.charges[name] < 0 else "cation site",
                species=name,
                facet=facets[row],
                location=where[row],
                layer=-1,
                coordination=len(near),
                atoms=(),
                neighbours=tuple(sorted(m for k in near for m in members[numbers[k]])),
            )
        )
    return tuple(found)
