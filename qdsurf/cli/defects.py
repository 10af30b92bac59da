"""Verbs that list and make defects: vacancies, substitutions, adatoms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from qdsurf.cli.app import Json, Output, Picture, app, finish
from qdsurf.cli.show import as_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qdsurf.build.vacancies import Vacancy
    from qdsurf.build.vacancy_groups import VacancyGroup
    from qdsurf.model import Surface

Structure = Annotated[Path, typer.Argument(help="Slab or dot that qdsurf wrote (extended XYZ).")]
Compensate = Annotated[str | None, typer.Option(help="Species of which the nearest ions go too.")]
Charge = Annotated[int | None, typer.Option(help="Net charge that the result is meant to have.")]
Faces = Annotated[str, typer.Option(help="one, or both faces of a slab alike.")]


@app.command()
def vacancies(
    structure: Structure,
    species: Annotated[str, typer.Argument(help="Ion, such as Br; or a group, such as Pb,Br,Br.")],
    where: Annotated[str, typer.Option(help="all, or surface.")] = "all",
    distance: Annotated[str, typer.Option(help="Of a group: nearest, 4.2, or 3-6 (Å).")] = "nearest",
    remove: Annotated[int | None, typer.Option(help="Make the vacancy of this row of the table.")] = None,
    random: Annotated[float | None, typer.Option(help="Make this share of vacancies, 0 to 1.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random choice.")] = 0,
    compensate: Compensate = None,
    charge: Charge = None,
    faces: Faces = "one",
    output: Output = None,
    png: Picture = None,
    json: Json = False,
) -> None:
    """List the inequivalent vacancies of a structure with the charge they leave, or make one.

    Example: qdsurf vacancies slab.extxyz Br --remove 1 --compensate Cs -o vacancy.extxyz
    """
    from qdsurf.build.defects import remove as take
    from qdsurf.build.vacancies import random_vacancies
    from qdsurf.errors import AskError
    from qdsurf.model.files import read_surface

    surface = read_surface(structure)
    side = cast(Literal["all", "surface"], where)
    if remove is not None and random is not None:
        raise AskError("--remove and --random are two ways to make vacancies; give one of them")
    if remove is None and faces != "one":
        raise AskError(f"--faces {faces} goes with --remove N")
    if random is not None:
        made = random_vacancies(
            surface, species, fraction=random, seed=seed, compensate=compensate, charge=charge, where=side
        )
        finish(made, output, json, png=png)
        return
    rows = _rows(surface, species, side, distance)
    if remove is None:
        if any(given is not None for given in (output, png, charge, compensate)):
            raise AskError(
                "this lists the vacancies; a structure is made, compensated and written with --remove N or "
                "--random SHARE"
            )
        _list(rows, json)
        return
    row = _row(rows, remove)
    made = take(surface, _sites(row), compensate=compensate, charge=charge, faces=_faces(faces))
    finish(made, output, json, png=png)


@app.command()
def substitute(
    structure: Structure,
    host: Annotated[str, typer.Argument(help="Ion that goes, such as Pb.")],
    species: Annotated[str, typer.Argument(help="Ion that comes, such as Zn, Yb3+ or I-.")],
    row: Annotated[int, typer.Option(help="Which kind of site: row of `qdsurf vacancies`.")] = 1,
    count: Annotated[int, typer.Option(help="How many of the equivalent sites.")] = 1,
    compensate: Compensate = None,
    charge: Charge = None,
    faces: Faces = "one",
    output: Output = None,
    png: Picture = None,
    json: Json = False,
) -> None:
    """Put other ions in the place of those of a structure; --compensate electron dopes it n.

    Example: qdsurf substitute slab.extxyz Pb Na --count 2 --compensate S -o doped.extxyz
    """
    from qdsurf.build.substitution import substitute as put
    from qdsurf.build.vacancies import vacancies as find
    from qdsurf.errors import AskError
    from qdsurf.model.files import read_surface

    surface = read_surface(structure)
    kind = _row(find(surface, host), row)
    if not 1 <= count <= kind.multiplicity:
        raise AskError(f"row {row} has {kind.multiplicity} equivalent sites; asked for {count}")
    sites = kind.sites[:count]
    made = put(surface, sites, species, compensate=compensate, charge=charge, faces=_faces(faces))
    finish(made, output, json, png=png)


@app.command()
def adatoms(
    structure: Structure,
    unit: Annotated[str, typer.Argument(help="Formula of the ions, such as PbBr2 or CsBr.")],
    count: Annotated[int, typer.Option(help="How many units, far from one another.")] = 1,
    charge: Charge = None,
    faces: Faces = "one",
    output: Output = None,
    png: Picture = None,
    json: Json = False,
) -> None:
    """Put units of ions on a structure, where its lattice would go on or at bond lengths.

    Example: qdsurf adatoms slab.extxyz PbBr2 --count 2 -o grown.extxyz
    """
    from qdsurf.build.adatoms import add_adatoms
    from qdsurf.model.files import read_surface

    surface = read_surface(structure)
    made = add_adatoms(surface, unit, count=count, charge=charge, faces=_faces(faces))
    finish(made, output, json, png=png)


def _rows(
    surface: Surface, species: str, where: Literal["all", "surface"], distance: str
) -> Sequence[Vacancy | VacancyGroup]:
    """Return the vacancies, or groups of them, that the words ask for."""
    from qdsurf.build.vacancies import vacancies as find
    from qdsurf.build.vacancy_groups import vacancy_groups

    names = tuple(s.strip() for s in species.split(","))
    if len(names) == 1:
        return find(surface, names[0], where=where)
    return vacancy_groups(surface, names, distance=_distance(distance), where=where)


def _distance(text: str) -> Any:
    """Return "nearest", a length, or two, from "nearest", "4.2" or "3-6"."""
    from qdsurf.errors import AskError

    if text == "nearest":
        return text
    try:
        numbers = [float(t) for t in text.split("-")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise AskError(f"{text!r} is no distance; such as nearest, 4.2 or 3-6 is wanted")
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _faces(text: str) -> Literal["one", "both"]:
    """Return *text* as it is; the verb refuses other words."""
    return cast(Literal["one", "both"], text)


def _row(rows: Sequence[Any], number: int) -> Any:
    """Return row *number* of the table, counted from 1."""
    from qdsurf.errors import AskError

    if not 1 <= number <= len(rows):
        raise AskError(f"the table has rows 1 to {len(rows)}; there is no row {number}")
    return rows[number - 1]


def _sites(row: Vacancy | VacancyGroup) -> Any:
    """Return what goes: one site of a kind, or the whole group."""
    from qdsurf.build.vacancies import Vacancy

    return row.site if isinstance(row, Vacancy) else row.sites


def _list(rows: Sequence[Vacancy | VacancyGroup], json: bool) -> None:
    """Print the table."""
    from qdsurf.build.vacancies import Vacancy

    facts: list[dict[str, Any]] = []
    for number, row in enumerate(rows, start=1):
        fact: dict[str, Any] = {"row": number, "vacancy": row.notation, "where": row.label}
        if isinstance(row, Vacancy):
            fact |= {
                "layer": row.layer,
                "facet": row.facet,
                "location": row.location,
                "coordination": row.coordination,
                "in the bulk": row.whole,
                "depth (Å)": row.depth,
            }
        else:
            fact |= {"distances (Å)": row.distances}
        facts.append({**fact, "multiplicity": row.multiplicity, "charge left": row.charge, "ions": row.ions})
    if json:
        as_json(facts)
        return
    from rich.table import Table

    hidden = ("layer", "facet", "location", "coordination", "in the bulk", "ions")
    shown = [k for k in facts[0] if k not in hidden]
    table = Table(*shown)
    for fact in facts:
        table.add_row(*(f"{fact[k]:+d}" if k == "charge left" else _text(fact[k]) for k in shown))
    print_table(table)


def _text(value: Any) -> str:
    """Return a cell of the table; several numbers are joined."""
    if isinstance(value, tuple):
        return ", ".join(f"{v:g}" for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
