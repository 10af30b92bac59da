"""What a facet of a crystal can end with, and what each ending needs to be neutral."""

from __future__ import annotations

from dataclasses import dataclass

from qdsurf.build.compensation import read_rule
from qdsurf.build.cuts import POLAR, find_cuts, listed
from qdsurf.build.planes import Stack, parse_hkl, stack
from qdsurf.build.repeats import compact
from qdsurf.build.slabs import cut_slab
from qdsurf.errors import ChargeError
from qdsurf.model.nouns import Crystal

# Supercells that are tried, the smallest first.
_REPEATS = ([[1, 0], [0, 1]], [[2, 0], [0, 1]], [[1, 0], [0, 2]], [[1, -1], [1, 1]], [[2, 0], [0, 2]])
# Two different faces need a share of vacancies that depends on the thickness.
_MOST_CELLS = 13


@dataclass(frozen=True, kw_only=True)
class Termination:
    """One way to end a slab.

    Attributes
    ----------
    formula
        Of the outermost planes.
    charge
        Formal charge of the bare slab with two equal faces, in elementary charges per surface cell;
        None where no slab has two equal faces.
    faces
        Operation that relates the faces, "" where there is none.
    rules
        Repeat of the smallest cell in which each rule of compensation works; empty for a termination
        that needs none. Polar facets without equal faces are tried with ``symmetric=False``.
    """

    formula: str
    charge: int | None
    faces: str
    rules: dict[str, list[list[int]]]

    @property
    def neutral(self) -> bool:
        """Whether the bare slab is neutral and its faces are equal."""
        return self.charge == 0


def facet_terminations(
    crystal: Crystal, hkl: tuple[int, int, int] | str, *, layers: int = 2
) -> tuple[tuple[int, int, int], list[Termination]]:
    """Return the true Miller indices of a facet and its terminations, those of neutral slabs first.

    Every rule named for a termination has been tried on a slab of *layers* repeat units, with
    supercells of up to four surface cells, thirteen for facets without equal faces.

    Raises
    ------
    AskError
        The Miller indices make no sense.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> miller, rows = facet_terminations(load_crystal("PbS"), "111")
    >>> rows[0].formula, rows[0].charge, rows[0].rules["vacancies"], rows[0].rules["cap:Cl"]
    ('Pb', 2, [[2, 0], [0, 1]], [[1, 0], [0, 1]])
    """
    facet = parse_hkl(hkl)
    planes = stack(crystal, facet)
    cuts = find_cuts(crystal, planes, layers, True)
    rows = []
    for formula in listed(planes, cuts):
        cut = next((c for c in cuts if c.formula == formula), None)
        flawless = cut is not None and not cut.charge and abs(cut.dipole) <= POLAR
        rows.append(
            Termination(
                formula=formula,
                charge=None if cut is None else cut.charge,
                faces="" if cut is None else cut.flips[0].name,
                rules={} if flawless else _rules(crystal, facet, layers, formula, cut is not None, planes),
            )
        )
    return planes.miller, rows


def _rules(
    crystal: Crystal,
    facet: tuple[int, int, int],
    layers: int,
    formula: str,
    symmetric: bool,
    planes: Stack,
) -> dict[str, list[list[int]]]:
    """Return which rules make the termination neutral, each with the smallest repeat that works."""
    found: dict[str, list[list[int]]] = {}
    surface = planes.cell[:2, :2]
    repeats = _REPEATS if symmetric else [compact(surface, n) for n in range(1, _MOST_CELLS + 1)]
    for rule in ("half", "vacancies", "cap", "cap:Na") if symmetric else ("vacancies",):
        for repeat in repeats:
            try:
                cut_slab(
                    crystal,
                    facet,
                    layers=layers,
                    termination=formula,
                    repeat=repeat,
                    symmetric=symmetric,
                    compensate=rule,
                )
            except ChargeError:
                continue
            found[str(read_rule(rule, crystal))] = repeat
            break
    return found
