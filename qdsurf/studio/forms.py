"""What the form holds, its bounds, and its reading: every field is checked, each error has its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from qdsurf.errors import AskError
from qdsurf.library import list_shelf
from qdsurf.studio.values import choice, number, short, text, whole

# Bounds of what one person may ask of the machine through the page; the command line has none of them.
MOST_ATOMS = 20_000
MOST_LIGANDS = 6
LONGEST_TEXT = 300
MOST_LAYERS = 20
MOST_REPEATS = 12
LARGEST_VACUUM = 60.0
LARGEST_NM = 12.0
MOST_CELLS = 20
LARGEST_AMOUNT = 5000.0

KINDS = {"slab": "Slab (a facet)", "dot": "Dot (a nanocrystal)"}
SIZES = {"edge": "edge, nm", "diameter": "diameter, nm", "cells": "unit cells"}
NEUTRALIZE = {
    "auto": "auto: what suits the crystal",
    "remove": "leave out ions",
    "cap": "put ions on",
    "none": "no: the bare cut with its charge",
}
RULES = {
    "": "not needed, or refuse",
    "half": "half of the outermost ions",
    "vacancies": "vacancies in the outermost planes",
    "cap": "cap with the crystal's own ion",
    "cap:Cl": "cap with Cl⁻",
    "cap:Br": "cap with Br⁻",
    "cap:I": "cap with I⁻",
    "cap:Na": "cap with Na⁺",
}
SIDES = {"equal": "equal", "different": "may differ"}
UNITS = {"count": "numbers", "fraction": "shares of sites", "nm^-2": "per nm²"}
MODES = {
    "auto": "auto",
    "terminal": "one atom binds",
    "chelating": "two atoms on one ion",
    "bridging": "two atoms on two ions",
    "tilted": "leaning",
}
PATTERNS = {"even": "even", "random": "random", "clustered": "in a patch", "segmented": "one after the other"}
FACES = {"both": "both faces", "top": "top only", "bottom": "bottom only"}

T = TypeVar("T")


class Problems(AskError):
    """What is wrong with a form: a message in words for each field concerned.

    Attributes
    ----------
    fields
        Message by name of the field; "ligand 0" and "amount 0" for those of the first ligand that is not
        empty.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in fields.items()))
        self.fields = dict(fields)


@dataclass(frozen=True, kw_only=True)
class LigandRow:
    """One ligand as it was asked for.

    Attributes
    ----------
    text
        Name on the shelf, or SMILES as typed or drawn.
    anchor
        Names of the groups that bind; empty where the molecule leaves one choice.
    amount
        Number in the unit of the form.
    """

    text: str = ""
    anchor: tuple[str, ...] = ()
    amount: Any = 1


@dataclass(frozen=True, kw_only=True)
class Form:
    """Everything that the page asks for, as it was typed; `read` checks it.

    Attributes
    ----------
    kind
        "slab" or "dot": which of the two following groups counts.
    hkl, termination, layers, repeat_a, repeat_b, vacuum, compensate, sides
        Of a slab, as for ``cut_slab``; vacuum in Å, "" for a default; sides "equal" or "different".
    shape, size_by, size, facets, cut, neutralize, cap, seed
        Of a dot, as for ``carve_dot``; sizes in nm or unit cells, ``cut`` the termination.
    vacancy, vacancy_row, vacancy_compensate, vacancy_faces
        Species that leaves ("" for none), which of its kinds of site, counted from 1, and what else goes.
    ligands, unit, mode, pattern, faces, best_effort
        As for ``attach``.
    """

    crystal: str = "CsPbBr3-cubic"
    kind: str = "slab"
    hkl: str = "001"
    termination: str = ""
    layers: Any = 3
    repeat_a: Any = 2
    repeat_b: Any = 2
    vacuum: Any = 15
    compensate: str = ""
    sides: str = "equal"
    shape: str = "cube"
    size_by: str = "edge"
    size: str = "2.4"
    facets: str = ""
    cut: str = ""
    neutralize: str = "auto"
    cap: str = ""
    vacancy: str = ""
    vacancy_row: Any = 1
    vacancy_compensate: str = ""
    vacancy_faces: str = "one"
    ligands: tuple[LigandRow, ...] = ()
    unit: str = "count"
    mode: str = "auto"
    pattern: str = "even"
    faces: str = "both"
    seed: Any = 0
    best_effort: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A form that makes sense so far: names and arguments of the verbs.

    Attributes
    ----------
    crystal, kind
        As in the form.
    base
        Arguments of ``cut_slab`` beside the crystal, or of ``carve_dot``.
    vacancy
        Arguments of the removal: species, row, compensate, faces; None for none.
    ligands
        Text, names of the binding groups and amount of each.
    shell
        Options of ``attach``.
    """

    crystal: str
    kind: str
    base: Mapping[str, Any]
    vacancy: Mapping[str, Any] | None = None
    ligands: tuple[tuple[str, tuple[str, ...], float], ...] = ()
    shell: Mapping[str, Any] = field(default_factory=dict)


class _Reader:
    """Reads fields one by one and keeps what is wrong with each."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def take(self, name: str, read: Callable[[], T]) -> T | None:
        """Return what *read* gives; a refusal is kept as the problem of the field *name*."""
        try:
            return read()
        except AskError as error:
            self.problems.setdefault(name, str(error))
            return None


def read(form: Form) -> Plan:
    """Return the plan of *form*.

    Raises
    ------
    Problems
        Names every field that makes no sense, with a message for each.

    Examples
    --------
    >>> read(Form(layers=2)).base["layers"]
    2
    >>> read(Form(layers="many"))
    Traceback (most recent call last):
    qdsurf.studio.forms.Problems: layers: a whole number from 1 to 20 is wanted
    """
    reader = _Reader()
    crystal = reader.take("crystal", lambda: choice(form.crystal, list_shelf("bulk")))
    kind = reader.take("kind", lambda: choice(form.kind, KINDS))
    base = _slab(form, reader) if form.kind == "slab" else _dot(form, reader)
    vacancy = _vacancy(form, reader)
    ligands = _ligands(form, reader)
    shell = {
        "unit": reader.take("unit", lambda: choice(form.unit, UNITS)),
        "mode": reader.take("mode", lambda: choice(form.mode, MODES)),
        "pattern": reader.take("pattern", lambda: choice(form.pattern, PATTERNS)),
        "faces": reader.take("faces", lambda: choice(form.faces, FACES)),
        "seed": reader.take("seed", lambda: whole(form.seed, 0, 10**6)),
        "best_effort": bool(form.best_effort),
    }
    if reader.problems:
        raise Problems(reader.problems)
    assert crystal is not None
    assert kind is not None
    return Plan(crystal=crystal, kind=kind, base=base, vacancy=vacancy, ligands=ligands, shell=shell)


def _slab(form: Form, reader: _Reader) -> dict[str, Any]:
    """Return the arguments of ``cut_slab``."""
    from qdsurf.build.planes import parse_hkl

    hkl = text(form.hkl).strip()
    reader.take("hkl", lambda: parse_hkl(short(hkl, 20)))
    return {
        "hkl": hkl,
        "layers": reader.take("layers", lambda: whole(form.layers, 1, MOST_LAYERS)),
        "termination": reader.take("termination", lambda: short(form.termination, 40)) or None,
        "repeat": (
            reader.take("repeat_a", lambda: whole(form.repeat_a, 1, MOST_REPEATS)),
            reader.take("repeat_b", lambda: whole(form.repeat_b, 1, MOST_REPEATS)),
        ),
        "vacuum": reader.take("vacuum", lambda: number(form.vacuum, 0.0, LARGEST_VACUUM)),
        "compensate": reader.take("compensate", lambda: choice(form.compensate, RULES)) or None,
        "symmetric": reader.take("sides", lambda: choice(form.sides, SIDES)) == "equal",
    }


def _dot(form: Form, reader: _Reader) -> dict[str, Any]:
    """Return the arguments of ``carve_dot``."""
    from qdsurf.build.shapes import SHAPES

    shape = reader.take("shape", lambda: choice(form.shape, SHAPES))
    by = reader.take("size_by", lambda: choice(form.size_by, SIZES))
    neutralize = reader.take("neutralize", lambda: choice(form.neutralize, NEUTRALIZE))
    cap = reader.take("cap", lambda: short(form.cap, 4))
    facets = reader.take("facets", lambda: _facets(form.facets)) if shape == "wulff" else None
    return {
        "shape": shape,
        by or "edge": reader.take("size", lambda: _size(form.size, form.size_by)),
        **({"facets": facets} if facets else {}),
        "termination": reader.take("cut", lambda: _cut(form.cut)),
        "neutralize": None if neutralize == "none" else neutralize,
        "cap": cap or None,
        "seed": reader.take("seed", lambda: whole(form.seed, 0, 10**6)),
    }


def _vacancy(form: Form, reader: _Reader) -> dict[str, Any] | None:
    """Return the arguments of the removal, or None."""
    if not form.vacancy:
        return None
    return {
        "species": reader.take("vacancy", lambda: short(form.vacancy, 40)),
        "row": reader.take("vacancy_row", lambda: whole(form.vacancy_row, 1, 10_000)),
        "compensate": reader.take("vacancy_compensate", lambda: short(form.vacancy_compensate, 40)) or None,
        "faces": reader.take("vacancy_faces", lambda: choice(form.vacancy_faces, ("one", "both"))),
    }


def _ligands(form: Form, reader: _Reader) -> tuple[tuple[str, tuple[str, ...], float], ...]:
    """Return text, groups and amount of each ligand; empty rows are not even counted."""
    found: list[tuple[str, tuple[str, ...], float]] = []
    most = 1.0 if form.unit == "fraction" else LARGEST_AMOUNT
    rows = filled(form)
    if len(rows) > MOST_LIGANDS:
        reader.problems["ligands"] = f"at most {MOST_LIGANDS} kinds of ligand at once"
    for k, row in enumerate(rows[:MOST_LIGANDS]):
        asked = reader.take(f"ligand {k}", lambda row=row: short(row.text, LONGEST_TEXT))  # type: ignore[misc]
        amount = reader.take(f"amount {k}", lambda row=row: number(row.amount, 0.0, most, above=True))  # type: ignore[misc]
        if form.unit == "count" and amount is not None and amount != round(amount):
            reader.problems[f"amount {k}"] = "a whole number of ligands is wanted, or choose another unit"
        if asked and amount is not None:
            found.append((asked, tuple(str(name) for name in row.anchor), amount))
    return tuple(found)


def filled(form: Form) -> tuple[LigandRow, ...]:
    """Return the ligands of *form* that are not empty: at most one more than may be."""
    return tuple(row for row in form.ligands if text(row.text).strip())[: MOST_LIGANDS + 1]


def _size(value: Any, by: str) -> Any:
    """Return the size of a dot from "2.4" or "4x4x2": cells, or Å from nm; one number or three."""
    parts = re.split(r"\s*[x×]\s*", short(value, 30))
    if len(parts) not in (1, 3):
        raise AskError("one number is wanted, such as 2.4, or three for a cuboid, such as 4x4x2")
    if by == "cells":
        cells = tuple(whole(part, 1, MOST_CELLS) for part in parts)
        return cells[0] if len(cells) == 1 else cells
    lengths = tuple(number(part, 0.0, LARGEST_NM, above=True) * 10.0 for part in parts)
    return lengths[0] if len(lengths) == 1 else lengths


def _pairs(value: Any, like: str) -> dict[str, str]:
    """Return {key: value} from texts such as *like*."""
    found = {}
    for part in filter(None, re.split(r"[,;]\s*|\s+", short(value, 100))):
        key, equals, what = part.partition("=")
        if not (equals and what and re.fullmatch(r"-?\d-?\d-?\d", key)):
            raise AskError(f"{part!r}: such as {like} is wanted")
        found[key] = what
    return found


def _facets(value: Any) -> dict[str, float] | None:
    """Return energies of facets from "100=1.0, 111=1.2", or None."""
    found = {key: number(what, 0.0, 100.0, above=True) for key, what in _pairs(value, "100=1.0").items()}
    return found or None


def _cut(value: Any) -> Any:
    """Return None, one formula, or {facet: formula} from "CsBr" or "111=Pb, 100=PbS"."""
    found = short(value, 100)
    if "=" in found:
        return _pairs(found, "111=Pb")
    return found or None
