"""Cut slabs with a chosen facet, termination and thickness out of a crystal."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from qdsurf.build.assemble import assemble, count_species, formal_dipole, leave_out, set_roles
from qdsurf.build.bonds import bulk_bonds
from qdsurf.build.planes import Plane, Stack, parse_hkl, stack
from qdsurf.build.sites import find_sites
from qdsurf.errors import AskError, ChargeError
from qdsurf.model.nouns import Crystal, Surface

# Largest formal dipole along the normal, in e Å per surface cell, of a slab that counts as non-polar.
POLAR = 0.05
# Heights and gaps that agree to this many Å are the same.
_SAME = 0.05


def cut_slab(
    crystal: Crystal,
    hkl: tuple[int, int, int] | str,
    *,
    layers: int,
    termination: str | None = None,
    repeat: tuple[int, int] = (1, 1),
    vacuum: float = 15.0,
    symmetric: bool = True,
    charge: int = 0,
    compensate: str | None = None,
    lattice_constant: float | None = None,
) -> Surface:
    """Return a slab of *crystal* with the facet *hkl* on both sides.

    Parameters
    ----------
    crystal
        Crystal with formal charges, as from ``load_crystal``; not changed.
    hkl
        Miller indices, (0, 0, 1) or "001", without a common divisor. For crystals with pseudo-cubic
        axes (tilted perovskites) they are pseudo-cubic; four-index hexagonal ones are accepted.
    layers
        Repeat units of the bulk along the normal. A symmetric slab whose facet needs it has one more
        plane to close it: CsPbBr3 (001) with the termination CsBr and ``layers=3`` is Cs4Pb3Br10
        with three octahedra between its faces, and with the termination PbBr2 it is Cs3Pb4Br11.
    termination
        Formula of the outermost planes, elements in any order; None takes the first neutral one.
        ``terminations`` lists them.
    repeat
        Surface cells along the two in-plane vectors.
    vacuum
        Total empty height in Å between the slab and its image above; the cell is as high as
        the slab (between the outermost nuclei) and the vacuum together.
    symmetric
        Whether both faces are equal. When false the slab has whole repeat units only.
    charge
        Net charge the slab is meant to have, in elementary charges; another one is refused.
    compensate
        None, or "vacancies": leave out ions of the outermost planes, evenly on both faces, until the
        slab has the charge asked for (polar facets).
    lattice_constant
        Length in Å that the cell vector a shall have; the crystal is scaled isotropically
        (a method's own lattice constant). Molecular cations keep their size.

    Raises
    ------
    AskError
        Miller indices, layers, repeat, vacuum, lattice constant or termination make no sense.
    ChargeError
        The slab has another charge than asked for, or a formal dipole; gives the number.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=3, termination="CsBr")
    >>> slab.name, slab.charge, slab.atoms.get_chemical_formula()
    ('CsPbBr3-cubic(001)-CsBr', 0, 'Br10Cs4Pb3')
    """
    facet = parse_hkl(hkl)
    _check(layers, repeat, vacuum, lattice_constant, compensate)
    scale = 1.0 if lattice_constant is None else lattice_constant / float(crystal.atoms.cell.lengths()[0])
    planes = stack(crystal, facet, scale=scale)
    cuts = _cuts(crystal, planes, layers, symmetric)
    chosen = _choose(crystal, facet, planes, cuts, termination, charge, compensate)
    formula = chosen[-1].formula
    name = f"{crystal.name}({''.join(map(str, facet))})-{formula}"
    atoms = assemble(chosen, planes, repeat, vacuum)
    if compensate is not None:
        leave_out(atoms, crystal, charge, name)
    net = sum(crystal.charges[s] * n for s, n in count_species(atoms).items())
    if net != charge:
        raise ChargeError(_charged(name, net, charge, "in this cell"))
    dipole = formal_dipole(atoms, crystal)
    if abs(dipole) > POLAR:
        raise ChargeError(
            f"{name}: polar; the formal charges have a dipole of {dipole:+.2f} e Å per cell along the "
            f"normal. It needs compensation: take another facet or termination, or equal faces "
            f"(symmetric=True) with compensate='vacancies'"
        )
    atoms.info["bulk_bonds"] = bulk_bonds(crystal.atoms, crystal.charges, scale=scale)
    set_roles(atoms, crystal.charges)
    recipe: dict[str, Any] = {
        "verb": "cut_slab",
        "crystal": crystal.name,
        "hkl": facet,
        "layers": layers,
        "termination": formula,
        "repeat": tuple(repeat),
        "vacuum": vacuum,
        "symmetric": symmetric,
        "charge": charge,
        "compensate": compensate,
        "lattice_constant": lattice_constant,
    }
    return Surface(
        name=name,
        atoms=atoms,
        charges=dict(crystal.charges),
        sites=find_sites(atoms, crystal.charges, facet=facet),
        recipe=recipe,
        target_charge=charge,
    )


def terminations(crystal: Crystal, hkl: tuple[int, int, int] | str) -> list[str]:
    """Return the formulas of the planes that can end a slab, those of neutral slabs first.

    Raises
    ------
    AskError
        The Miller indices make no sense.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> terminations(load_crystal("CsPbBr3-cubic"), (0, 0, 1))
    ['CsBr', 'PbBr2']
    """
    planes = stack(crystal, parse_hkl(hkl))
    cuts = _cuts(crystal, planes, 2, True)
    return list(dict.fromkeys([*(c[-1].formula for c in cuts), *sorted(p.formula for p in planes.planes)]))


def _check(
    layers: int,
    repeat: tuple[int, int],
    vacuum: float,
    lattice_constant: float | None,
    compensate: str | None,
) -> None:
    """Refuse arguments that make no sense."""
    if layers < 1:
        raise AskError(f"a slab has one layer or more; got layers={layers}")
    if len(repeat) != 2 or min(repeat) < 1:
        raise AskError(f"repeat is two positive integers; got {repeat}")
    if not vacuum >= 0:
        raise AskError(f"vacuum is a height of 0 Å or more; got {vacuum}")
    if lattice_constant is not None and not lattice_constant > 0:
        raise AskError(f"lattice_constant is a positive length in Å; got {lattice_constant}")
    if compensate not in (None, "vacancies"):
        raise AskError(f"compensate is None or 'vacancies'; got {compensate!r}")


def _charge(crystal: Crystal, planes: list[Plane]) -> int:
    """Return the formal charge of *planes* per surface cell."""
    return sum(crystal.charges[ion.species] for plane in planes for ion in plane.ions)


def _moment(crystal: Crystal, planes: list[Plane]) -> float:
    """Return the formal dipole of *planes* in e Å per surface cell, about their middle height."""
    middle = (planes[0].bottom + planes[-1].top) / 2
    return float(sum(crystal.charges[i.species] * (i.centre[2] - middle) for p in planes for i in p.ions))


def _cuts(crystal: Crystal, planes: Stack, layers: int, symmetric: bool) -> list[list[Plane]]:
    """Return the ways to cut a slab, the best first: neutral, non-polar, thin, low charges outside."""
    count = len(planes.planes)
    whole = layers * count // planes.units
    found: list[tuple[tuple[Any, ...], list[Plane]]] = []
    for start in range(count):
        for extra in range(count // planes.units if symmetric else 1):
            cut = [planes.plane(n) for n in range(start, start + whole + extra)]
            if symmetric and not _mirrored(cut):
                continue
            key = (
                _charge(crystal, cut) != 0,
                abs(_moment(crystal, cut)) > POLAR,
                extra,
                max(abs(crystal.charges[ion.species]) for ion in cut[-1].ions),
                -round(planes.gap_below(start), 3),
                start,
            )
            found.append((key, cut))
            break
    found.sort(key=lambda item: item[0])
    return [cut for _, cut in found]


def _mirrored(planes: list[Plane]) -> bool:
    """Return whether the planes read the same, in formulas and heights, from above and from below."""
    up = [(ion.species, ion.centre[2] - planes[0].bottom) for p in planes for ion in p.ions]
    down = [(ion.species, planes[-1].top - ion.centre[2]) for p in planes for ion in p.ions]
    return all(
        a[0] == b[0] and abs(a[1] - b[1]) < _SAME
        for a, b in zip(
            sorted(up, key=lambda x: (x[0], x[1])), sorted(down, key=lambda x: (x[0], x[1])), strict=True
        )
    )


def _parsed(formula: str) -> Counter[str]:
    """Return the composition that a formula states, whatever the order of the elements."""
    counts: Counter[str] = Counter()
    for name, number in re.findall(r"(MA|FA|[A-Z][a-z]?)(\d*)", formula):
        counts[name] += int(number or 1)
    return counts


def _choose(
    crystal: Crystal,
    facet: tuple[int, int, int],
    planes: Stack,
    cuts: list[list[Plane]],
    termination: str | None,
    charge: int,
    compensate: str | None,
) -> list[Plane]:
    """Return the cut with the termination asked for."""
    name = f"{crystal.name}({''.join(map(str, facet))})"
    listed = list(dict.fromkeys([*(c[-1].formula for c in cuts), *(p.formula for p in planes.planes)]))
    fits = [c for c in cuts if termination is None or _parsed(c[-1].formula) == _parsed(termination)]
    if termination is not None and all(_parsed(f) != _parsed(termination) for f in listed):
        raise AskError(f"{name} has no termination {termination!r}; it has {', '.join(listed)}")
    if not fits:
        whole = [planes.plane(n) for n in range(len(planes.planes))]
        dipole = _moment(crystal, whole)
        if abs(dipole) > POLAR:
            raise ChargeError(
                f"{name}: polar; no slab has two equal faces, and each repeat unit has a formal dipole of "
                f"{dipole:+.2f} e Å along the normal. It needs compensation by ligands; take another facet"
            )
        raise AskError(f"{name} has no slab with two equal faces that ends so; try symmetric=False")
    best = fits[0]
    net = _charge(crystal, best)
    if net != charge and compensate is None and charge == 0:
        raise ChargeError(_charged(f"{name}-{best[-1].formula}", net, charge, "per surface cell"))
    return best


def _charged(name: str, net: int, charge: int, where: str) -> str:
    """Return the message for a slab of the wrong charge."""
    return (
        f"{name}: the formal charges sum to {net:+d} {where}, asked for {charge:+d}; a charged facet needs "
        f"compensation: another termination, compensate='vacancies' with a repeat that allows it, or ligands"
    )
