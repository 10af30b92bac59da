"""The command-line application, and what its verbs share: option types and the reading of arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from qdsurf.cli.show import as_json, print_table, say

if TYPE_CHECKING:
    from qdsurf.build.summary import FacetSummary
    from qdsurf.model import Surface

app = typer.Typer(
    name="qdsurf",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Surface chemistry of quantum dots: surfaces, ligands, charges, binding energies.\n\n"
    "Example: qdsurf screen examples/screen/cspbbr3.toml",
    epilog="--traceback, anywhere, shows where an error came from.",
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="File to write; its ending is the format.")
]

ChargeStateName = Annotated[
    str,
    typer.Option(
        "--charge-state", help="Of SMILES: as written, auto, neutral, anion, dianion, cation or zwitterion."
    ),
]

AnchorName = Annotated[
    str | None,
    typer.Option("--anchor", help="Group that binds: a name such as thiol, SMARTS, or best."),
]

Picture = Annotated[Path | None, typer.Option("--png", help="Picture to draw: .png, .svg or .pdf.")]


def finish(
    surface: Surface,
    output: Path | None,
    json: bool,
    more: Mapping[str, Any] | None = None,
    png: Path | None = None,
) -> None:
    """Write and draw *surface* if asked for, and print what it is, and what *more* there is to say."""
    if png is not None:
        from qdsurf.report.picture import write_picture

        write_picture(surface, png)
    if output is not None:
        from qdsurf.model.files import write_structure

        write_structure(surface, output)
    from qdsurf.build.summary import summary

    contact, found = surface.contacts(), summary(surface)
    facts: dict[str, Any] = {
        "name": surface.name,
        "atoms": len(surface.atoms),
        "charge": surface.charge,
        "ledger": str(surface.ledger),
        "sites": len(surface.sites),
        "worst contact": None if contact is None else str(contact),
        **(more or {}),
    }
    if json:
        as_json({**facts, **asdict(found)})
        return
    print_table({**facts, "ratios": ", ".join(f"{k} {v:.2f}" for k, v in found.ratios.items())})
    for line in facet_lines(found.facets):
        say(line)


def facet_lines(facets: Iterable[FacetSummary]) -> list[str]:
    """Return one line for each kind of facet: equal ones are counted together."""
    kinds: dict[tuple[Any, ...], list[FacetSummary]] = {}
    for f in facets:
        family = sorted(abs(int(i)) for i in re.findall(r"-?\d+", f.facet))
        kinds.setdefault((*family, f.termination, round(f.area, 2), str(f.sites)), []).append(f)
    lines = []
    for members in kinds.values():
        first, share = members[0], sum(m.share for m in members)
        density = ", ".join(f"{k} {v:.2f}" for k, v in first.density.items() if v is not None)
        ends = f" ended by {first.termination}" if first.termination else ""
        lines.append(f"{len(members)} x ({first.facet}){ends}: {first.area:.2f} nm^2 each, {share:.0%}")
        if density:
            lines.append(f"    sites in nm^-2: {density}")
    return lines


ACIDS = ("carboxylic acid", "phosphonic acid", "phosphinic acid", "sulfonic acid", "thiol")


def any_ligand(text: str, anchor: str | None = None, charge_state: str = "as written") -> Any:
    """Return the ligand of that name on the shelf, of that file, or the one of that SMILES.

    With *anchor* it binds by that group: a name, SMARTS, "best", or names with commas between them. An
    acid that binds as written, with its proton, is named on stderr: a slip of who forgot the charge.
    """
    from qdsurf.ligands.shelf import is_known

    found = _found_ligand(text, anchor, charge_state)
    if charge_state == "as written" and not is_known(text):
        for group in found.anchors:
            if group.name in ACIDS:
                say(
                    f"note: {text} binds as written, by its {group.name} with the proton on it; for the "
                    "anion write its charge, or say --charge-state auto",
                    error=True,
                )
    return found


def _found_ligand(text: str, anchor: str | None, charge_state: str) -> Any:
    """Return the ligand; names of the shelf keep their charge unless an anchor asks for another form."""
    from dataclasses import replace

    from qdsurf.ligands import find_ligand, ligand_from_smiles
    from qdsurf.ligands.groups import BY_NAME
    from qdsurf.ligands.shelf import is_known

    if anchor is None:
        return find_ligand(text, charge_state=cast(Any, charge_state))
    names = [name.strip() for name in anchor.split(",")]
    groups = names if len(names) > 1 and set(names) <= set(BY_NAME) else anchor
    if not is_known(text):
        return ligand_from_smiles(text, anchor=groups, charge_state=cast(Any, charge_state))
    known = find_ligand(text)
    return replace(ligand_from_smiles(known.smiles, name=known.name, anchor=groups), source=known.source)


def miller(text: str) -> tuple[int, int, int]:
    """Return Miller indices from "001", "1-10" or "1,-1,0"."""
    from qdsurf.errors import AskError

    numbers = re.findall(r"-?\d+" if "," in text or " " in text else r"-?\d", text)
    if len(numbers) != 3 or re.sub(r"[-\d, ()]", "", text):
        raise AskError(f"{text!r} is no facet; three Miller indices, such as 001 or 1,-1,0, are wanted")
    h, k, l = (int(n) for n in numbers)  # noqa: E741 the field's own letters
    return h, k, l


def repeats(text: str) -> tuple[int, int] | list[list[int]]:
    """Return the in-plane repeat from "2x2", or the matrix [[1, 1], [1, -1]] from "1,1,1,-1"."""
    from qdsurf.errors import AskError

    matrix = re.fullmatch(r"\s*(-?\d+)\s*,\s*(-?\d+)\s*[,;]\s*(-?\d+)\s*,\s*(-?\d+)\s*", text)
    if matrix is not None:
        a, b, c, d = (int(n) for n in matrix.groups())
        return [[a, b], [c, d]]
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None or "0" in match.groups():
        raise AskError(f"{text!r} is no in-plane repeat; such as 2x2, or a matrix 1,1,1,-1, is wanted")
    return int(match[1]), int(match[2])


def length(text: str) -> float:
    """Return a length in Å from "15", "15A" or "1.5nm"."""
    from qdsurf.errors import AskError

    match = re.fullmatch(r"(-?[\d.]+)\s*(nm|A|Å)?", text)
    if match is None:
        raise AskError(f"{text!r} is no length; such as 15, 15A or 1.5nm is wanted")
    return float(match[1]) * (10.0 if match[2] == "nm" else 1.0)


def sizes(text: str, *, whole: bool = False) -> Any:
    """Return one size or three from "7", "4.2nm" or "7x7x2": lengths in Å, or whole numbers of cells."""
    from qdsurf.errors import AskError

    parts = text.split("x")
    if whole and not all(re.fullmatch(r"-?\d+", part) for part in parts):
        raise AskError(f"{text!r} is no number of cells; such as 7 or 7x7x2 is wanted")
    found = tuple(int(part) if whole else length(part) for part in parts)
    return found[0] if len(found) == 1 else found


def number(text: str) -> float:
    """Return a number."""
    from qdsurf.errors import AskError

    try:
        return float(text)
    except ValueError:
        raise AskError(f"{text!r} is no number") from None


def pair(text: str, like: str = "111=Pb") -> tuple[str, str]:
    """Return (key, value) from "111=Pb"; *like* is the example of the refusal."""
    from qdsurf.errors import AskError

    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise AskError(f"{text!r}: such as {like} is wanted")
    return key, value


def amount(text: str) -> tuple[str, float]:
    """Return (ligand, amount) from "acetate" or "acetate=2"."""
    from qdsurf.errors import AskError

    name, _, number = text.partition("=")
    try:
        return name, float(number or 1)
    except ValueError as error:
        raise AskError(f"{text!r}: the amount {number!r} is no number; such as {name}=2 is wanted") from error
