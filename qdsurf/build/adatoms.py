"""Put units such as PbBr2 or CsBr on a surface: where its lattice would go on, or at bond lengths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.balance import both_faces, wanted_charge
from qdsurf.build.bonds import stored_bonds
from qdsurf.build.continuation import outside
from qdsurf.build.defects import open_places
from qdsurf.build.growing import LONG, SHORT, Growing, bonds_with, fits, ions_of_unit
from qdsurf.build.ions import ION_KINDS, Ions, require_bare
from qdsurf.build.sites import find_sites, set_roles
from qdsurf.build.symmetry import symmetry_of
from qdsurf.errors import AskError, ChargeError, PlacementError
from qdsurf.model.nouns import Site, Surface

Vectors = NDArray[np.float64]

# The first ion is looked for within this distance (Å) of the place asked for.
_NEAR = 7.0
# Places of the first ion within steps of this many Å from the one asked for are equally good.
_BESIDE = 3.0
# So many places of the first ion are tried before a unit is given up.
_TRIES = 24


def add_adatoms(
    surface: Surface,
    unit: str,
    *,
    sites: Site | int | Iterable[Site | int] | None = None,
    count: int = 1,
    charge: int | None = None,
    faces: Literal["one", "both"] = "one",
) -> Surface:
    """Return *surface* with units of ions, such as PbBr2 or CsBr, put on it; nothing is relaxed.

    Each ion goes where the lattice of the surface would go on, next to the most counter-ions, or else at
    the bulk bond length above an ion of the face; pairs that the bulk does not have get the sum of
    their ionic radii. Bonds are no shorter than 0.9 of the bulk length (0.85 of the sum of radii), and no
    other contact is closer than 0.75 of the sum of the contact radii.

    Parameters
    ----------
    surface
        Bare slab or dot, not changed.
    unit
        Formula of the ions: "PbBr2", "CsBr", "PbI2".
    sites
        Places next to which the units go, one each, or their numbers in ``surface.sites``; None takes
        *count* places, the middle of the upper face first and the others far from one another.
    count
        How many units, where no sites are given.
    charge
        Net charge the result is meant to have, in elementary charges; None keeps that of *surface*.
    faces
        "both" does the same at the other face of a slab, by the operation that swaps its faces.

    Returns
    -------
    Surface
        Adatoms come last. Those of a slab belong to the outermost plane of their face (``layer``).

    Raises
    ------
    AskError
        The formula cannot be read, or holds an ion without known charge or bond length.
    ChargeError
        The unit is charged and no charge is asked for.
    PlacementError
        A unit finds no room; names the ion and its closest contact.

    References
    ----------
    Shannon, Acta Cryst. A 32, 751 (1976), doi:10.1107/S0567739476001551, for ionic radii.

    Examples
    --------
    >>> from qdsurf.build.slabs import cut_slab
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr", repeat=(3, 3))
    >>> made = add_adatoms(slab, "PbBr2")
    >>> made.charge, made.ledger["Pb"] - slab.ledger["Pb"], made.ledger["Br"] - slab.ledger["Br"]
    (0, 1, 2)
    """
    require_bare(surface, "add ions")
    ions = Ions(surface)
    both = both_faces(surface, faces)
    parts, charges = ions_of_unit(surface, unit)
    starts = _starts(surface, sites, count, charges[parts[0]])
    wanted = wanted_charge(surface, charge)
    number = len(starts) * (2 if both else 1)
    gain = sum(charges[s] for s in parts)
    net = surface.charge + gain * number
    if net != wanted:
        raise ChargeError(
            f"{surface.name}: with {number} {unit}({gain:+d}) the charge is {net:+d}, asked for "
            f"{wanted:+d}; add neutral units, or state the charge (charge={net})"
        )
    bonds = bonds_with(stored_bonds(surface.atoms), parts, charges, ions.species)
    body = Growing(ions, bonds, charges)
    for start in starts:
        _add_unit(body, unit, parts, start)
    if both:
        _mirror(body)
    recipe = {
        "verb": "add_adatoms",
        "unit": unit,
        "places": tuple(tuple(round(float(x), 4) for x in s.position) for s in starts),
        "charge": charge,
        "faces": faces,
        "from": dict(surface.recipe),
    }
    return _joined(body, f"{surface.name}-with-{f'{number} ' if number > 1 else ''}{unit}", wanted, recipe)


def _starts(
    surface: Surface, sites: Site | int | Iterable[Site | int] | None, count: int, charge: int
) -> list[Site]:
    """Return the sites next to which units go."""
    known = surface.sites
    if sites is not None:
        asked = [sites] if isinstance(sites, Site | int | np.integer) else list(sites)
        for item in asked:
            if not isinstance(item, Site) and not -len(known) <= item < len(known):
                raise AskError(f"{surface.name} has {len(known)} sites; there is no number {item}")
        if not asked:
            raise AskError("no site is given to add ions at")
        return [item if isinstance(item, Site) else known[item] for item in asked]
    kind = "on an anion" if charge > 0 else "on a cation"
    up = [s for s in known if not surface.atoms.pbc.any() or s.normal[2] > 0]
    pool = [s for s in up if s.kind == kind]
    # beside ions that lack nothing there is room too, but only where more places are asked for
    for more in (ION_KINDS[int(charge < 0)], ION_KINDS[int(charge > 0)]):
        pool += [s for s in up if s.kind == more and s.occupied] if len(pool) < count else []
    if count < 1:
        raise AskError(f"count is 1 or more; got {count}")
    if count > len(pool):
        raise AskError(f"{surface.name} has {len(pool)} places for ions; asked for {count}")
    from ase.geometry import find_mic

    chosen = [pool[0]]
    where = np.array([s.position for s in pool])
    gap = np.full(len(pool), np.inf)
    while len(chosen) < count:
        _, far = find_mic(where - chosen[-1].position, surface.atoms.cell, surface.atoms.pbc)
        gap = np.minimum(gap, far)
        chosen.append(pool[int(np.argmax(np.round(gap, 3)))])
    return chosen


def _places(body: Growing, name: str, unit: list[int]) -> list[tuple[bool, Vectors]]:
    """Return where an ion could go: whether the lattice goes on there, and the position in Å."""
    surface = body.ions.surface
    charge = body.charges[name]
    found = [(True, p) for p in body.lattice.get(name, np.zeros((0, 3)))]
    found += [(True, s.position) for s in surface.sites if not s.occupied and s.species == name
              and s.kind not in ("on a cation", "on an anion")]  # fmt: skip
    for site in surface.sites:
        bond = body.bonds.get(f"{name}-{site.species}")
        if not bond or charge * body.charges[site.species] > 0:
            continue
        if site.occupied:
            found.append((False, site.position + site.normal * bond[0]))
        elif site.kind.startswith("on "):
            ion = np.mean([body.points[k] for k in site.neighbours], axis=0)
            away = site.position - ion
            found.append((False, ion + away / np.linalg.norm(away) * bond[0]))
    for k in unit:
        bond = body.bonds.get(f"{name}-{body.names[k]}")
        if bond:
            found += [(False, body.points[k] + bond[0] * d) for d in _directions(body, body.names[k])]
    if not found:
        return []
    free = outside(body.ions, np.array([p for _, p in found]))
    return [item for item, ok in zip(found, free.tolist(), strict=True) if ok]


def _directions(body: Growing, name: str) -> list[Vectors]:
    """Return unit vectors along which an ion like *name* binds in this lattice."""
    ions = body.ions
    like = [k for k, s in enumerate(ions.species) if s == name]
    sign = body.charges[name]
    like = like or [k for k, s in enumerate(ions.species) if body.charges[s] * sign > 0]
    if not like:
        return []
    most = max(like, key=lambda k: (int(ions.coordination[k]), -k))
    vectors = [v for _, v in ions.around.bound(ions.fragments[most])]
    both = [sign * v / np.linalg.norm(v) for v in vectors for sign in (1.0, -1.0)]
    return [np.asarray(v) for v in both]


def _add_unit(body: Growing, unit: str, parts: list[str], start: Site) -> None:
    """Add one unit next to *start*, or refuse."""
    before = len(body.points)
    first, words = _ranked(body, parts[0], [], start)
    for _, place in first[:_TRIES]:
        body.put(parts[0], place)
        for name in parts[1:]:
            rest, words = _ranked(body, name, list(range(before, len(body.points))), start)
            if not rest:
                break
            body.put(name, rest[0][1])
        else:
            return
        body.take_back(before)
    x, y, z = start.position
    raise PlacementError(
        f"{body.ions.surface.name}: {unit} finds no room at ({x:.2f}, {y:.2f}, {z:.2f}) Å; {words}"
    )


def _ranked(
    body: Growing, name: str, unit: list[int], start: Site
) -> tuple[list[tuple[tuple[float, ...], Vectors]], str]:
    """Return the places that fit, best first, and the closest contact where none does."""
    from ase.geometry import find_mic

    atoms = body.ions.surface.atoms
    anchors = np.array([body.points[k] for k in unit]) if unit else start.position[None]
    bonds = [body.bonds.get(f"{name}-{body.names[k]}", (0.0, 0))[0] for k in unit]
    rows: list[tuple[tuple[float, ...], Vectors]] = []
    best, words = 0.0, "there is no place where it would be bound"
    places = _places(body, name, unit)
    if not places:
        return [], words
    where = np.array([p for _, p in places])
    gaps = np.array([find_mic(where - a, atoms.cell, atoms.pbc)[1] for a in anchors])
    far = gaps.min(axis=0)
    tied = (gaps < LONG * np.array(bonds or [np.inf])[:, None]).any(axis=0)
    sides = (where - atoms.positions.mean(axis=0)) @ start.normal > 0
    for n in np.flatnonzero((far < _NEAR) & sides & tied).tolist():
        goes_on, place = places[n]
        gap = float(far[n])
        held, worst, contact = fits(body, name, place)
        if worst < 1.0:
            if worst > best:
                best, words = worst, f"{name} is held off by the contact {contact}"
            continue
        if not held:
            continue
        height = round(float((place - start.position) @ start.normal), 1)
        strain = -round(min(worst, 1 / SHORT), 2)
        # the lattice first; then well held, low, and unstrained
        key = (not goes_on, -held, height, strain, round(gap, 2), *np.round(place, 2).tolist())
        rows.append((key if unit else (gap // _BESIDE, *key), place))
    rows.sort(key=lambda row: row[0])
    return rows, words


def _mirror(body: Growing) -> None:
    """Add the images of the added ions at the other face."""
    points = np.array([p for _, p in body.added])
    symmetry = symmetry_of(body.ions.surface)
    operation = symmetry.swapping(points)
    if operation is None:
        raise AskError(
            f"{body.ions.surface.name}: no symmetry operation swaps its two faces and back (space group in "
            f"its box: {symmetry.name}), so they cannot be treated alike; take another repeat, or name "
            f"sites of both faces"
        )
    for (name, _), place in zip(body.added, symmetry.moved(points, operation), strict=True):
        body.put(name, place)


def _joined(body: Growing, name: str, charge: int, recipe: dict[str, Any]) -> Surface:
    """Return the surface with the added ions."""
    from ase import Atoms

    surface = body.ions.surface
    atoms = surface.atoms.copy()
    species = [s for s, _ in body.added]
    new = Atoms(species, np.array([p for _, p in body.added]))
    first = int(atoms.arrays["fragment"].max()) + 1
    new.set_array("fragment", np.arange(first, first + len(new)))
    new.set_array("species", np.array(species, dtype="U32"))
    new.set_array("role", np.array(["surface"] * len(new), dtype="U8"))
    new.set_array("anchor", np.zeros(len(new), dtype=bool))
    new.set_array("layer", _layers(surface, new.positions))
    atoms += new
    atoms.info["bulk_bonds"] = body.bonds
    set_roles(atoms, body.charges)
    filled = [
        s
        for s in surface.sites
        if s.kind in ION_KINDS and not s.occupied
        and np.linalg.norm(new.positions - s.position, axis=1).min() > 1.0
    ]  # fmt: skip
    found = find_sites(atoms, body.charges, facet=body.ions.facet, vacated=filled)
    return Surface(
        name=name,
        atoms=atoms,
        charges=body.charges,
        sites=open_places(found, atoms.positions, [], atoms.cell.array, atoms.pbc),
        recipe=recipe,
        target_charge=charge,
        electrons=surface.electrons,
        bonds=surface.bonds,
    )


def _layers(surface: Surface, points: Vectors) -> NDArray[np.int64]:
    """Return the plane of added ions: the outermost one of their face, -1 at a dot."""
    if not surface.atoms.pbc.any():
        return np.full(len(points), -1)
    layer, height = surface.atoms.arrays["layer"], surface.atoms.positions[:, 2]
    middle = (height.max() + height.min()) / 2
    return np.asarray(np.where(points[:, 2] > middle, layer.max(), layer[layer >= 0].min()))
