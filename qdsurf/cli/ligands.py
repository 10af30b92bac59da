"""Verbs of ligands: what they are, and binding them to surfaces."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from qdsurf.cli.app import (
    AnchorName,
    ChargeStateName,
    Json,
    Output,
    Picture,
    amount,
    any_ligand,
    app,
    finish,
    miller,
)
from qdsurf.cli.show import as_json, print_table, say


@app.command("attach")
def attach_(
    surface: Annotated[Path, typer.Argument(help="Extended XYZ written by qdsurf.")],
    ligands: Annotated[
        list[str],
        typer.Argument(help="NAME, NAME=AMOUNT or NAME@FACET=AMOUNT; a SMILES instead of a name too."),
    ],
    unit: Annotated[str, typer.Option(help="count, fraction or nm^-2.")] = "count",
    mode: Annotated[str, typer.Option(help="auto, terminal, chelating, bridging or tilted.")] = "auto",
    pattern: Annotated[str, typer.Option(help="even, random, clustered or segmented.")] = "even",
    faces: Annotated[str, typer.Option(help="Of a slab: both, top or bottom.")] = "both",
    sites: Annotated[str, typer.Option(help="Numbers of sites to be taken, such as 0,5,7.")] = "",
    seed: Annotated[int, typer.Option(help="Another seed, another pose.")] = 0,
    anchor: AnchorName = None,
    charge_state: ChargeStateName = "as written",
    best_effort: Annotated[bool, typer.Option(help="Keep what finds room.")] = False,
    output: Output = None,
    png: Picture = None,
    json: Json = False,
) -> None:
    """Bind ligands to a surface and print its ledger and worst contact.

    --anchor chooses where a molecule has several groups; with several ligands, of those that have it.

    Example: qdsurf attach slab.extxyz acetate=2 butylammonium=1 -o covered.extxyz

    Example: qdsurf attach slab.extxyz OCCS=2 --anchor thiol -o covered.extxyz
    """
    from typing import cast

    from qdsurf.attachment import attach
    from qdsurf.errors import AskError
    from qdsurf.model.files import read_surface

    if not re.fullmatch(r"[\d, ]*", sites):
        raise AskError(f"--sites {sites!r}: numbers with commas between them are wanted, such as 0,5,7")
    amounts = dict(_all_asked(ligands, anchor, charge_state))
    bound = attach(
        read_surface(surface), amounts, unit=cast(Any, unit), mode=mode, pattern=cast(Any, pattern),
        faces=cast(Any, faces), sites=[int(k) for k in re.findall(r"\d+", sites)] or None, seed=seed,
        best_effort=best_effort,
    )  # fmt: skip
    finish(bound, output, json, png=png)


def _all_asked(texts: list[str], anchor: str | None, charge_state: str) -> list[tuple[Any, float]]:
    """Return ligands and amounts; *anchor* is of those that have it, and one of them must."""
    from qdsurf.errors import AnchorError

    found, refused = [], []
    for text in texts:
        try:
            found.append(_asked(text, anchor, charge_state))
        except AnchorError as error:
            if anchor is None or len(texts) == 1:
                raise
            refused.append(error)
            found.append(_asked(text, None, charge_state))
    if refused and len(refused) == len(texts):
        raise AnchorError("; ".join(map(str, refused)))
    return found


def _asked(text: str, anchor: str | None, charge_state: str) -> tuple[Any, float]:
    """Return (ligand, or ligand and facet, amount) from "acetate=2", "oleate@100=0.5" or "CC(=O)[O-]=2"."""
    from qdsurf.library import list_shelf

    match = re.fullmatch(r"(.+?)(?:@(-?\d,?-?\d,?-?\d))?(?:=(-?\d+\.?\d*(?:[eE]-?\d+)?))?", text)
    assert match is not None
    name, facet, number = match.groups()
    start = text.partition("=")[0]
    if number is None and start != text and start.lower() in list_shelf("ligands"):
        amount(text)  # says what is wrong with the number
    ligand = any_ligand(name, anchor, charge_state)
    return (ligand if facet is None else (ligand, miller(facet))), float(number or 1)


@app.command("ligands")
def ligands_(
    items: Annotated[list[str] | None, typer.Argument(help="Names on the shelf, or SMILES; several.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="List: SMILES and name a line, a CSV with a column smiles, or SDF.")
    ] = None,
    charge_state: Annotated[
        str, typer.Option(help="as written, auto, neutral, anion, dianion, cation or zwitterion.")
    ] = "as written",
    anchor: Annotated[
        str, typer.Option(help="SMARTS or name of a group; best takes the first of the ranking.")
    ] = "best",
    forms: Annotated[bool, typer.Option("--forms", help="All forms in which each can bind.")] = False,
    sizes: Annotated[bool, typer.Option(help="Measure the straight conformer.")] = True,
    workers: Annotated[int, typer.Option(help="Processes; 0 takes two for long lists.")] = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Table to write: .csv or .json.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    json: Json = False,
) -> None:
    """Say what ligands are: class, charge, anchors, denticity, site, length and footprint.

    Lengths in Å, footprints in Å², dipoles in debye, positive where the positive end points away from
    the surface. Ligands that cannot bind are rows with the reason, and the exit code is then 1.

    Example: qdsurf ligands oleate "NCC(=O)O" "CCCCS" --charge-state auto
    """
    from qdsurf.errors import AskError
    from qdsurf.ligands.protonation import check_state
    from qdsurf.ligands.table import describe_ligands, read_list

    wanted: list[str | tuple[str, str]] = [*(items or []), *(read_list(file) if file else [])]
    if not wanted:
        raise AskError("no ligand given: names or SMILES, or --file with a list of them")
    check_state(charge_state)
    if output is not None and output.suffix.lower() not in (".csv", ".json"):
        raise AskError(f"the table is written as .csv or .json, not as {output.suffix!r}")
    number = workers or (2 if len(wanted) > 200 else 1)
    rows = list(
        describe_ligands(
            wanted,
            charge_state=charge_state,  # type: ignore[arg-type]
            anchor=anchor,
            sizes=sizes,
            forms=forms,
            workers=number,
        )
    )
    if output is not None:
        output.write_text(_table_text(rows, output.suffix.lower()), encoding="utf-8")
    if json:
        as_json(rows)
    elif csv:
        say(_table_text(rows, ".csv").rstrip("\n"))
    else:
        _print_rows(rows)
    failed = sum(row["status"] == "failed" for row in rows)
    if failed:
        say(f"{failed} of {len(rows)} failed", error=True)
        raise typer.Exit(1)


def _table_text(rows: list[dict[str, Any]], ending: str) -> str:
    """Return *rows* as CSV or JSON."""
    import csv
    import io
    import json

    if ending == ".json":
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _print_rows(rows: list[dict[str, Any]]) -> None:
    """Print the columns that fit a terminal; the cause in place of them where a row failed."""
    from rich.table import Table

    table = Table("ligand", "class", "charge", "binds by", "left free", "takes", "dent.", "Å", "Å²", "D")
    for row in rows:
        if row["status"] == "failed":
            table.add_row(row["name"], "failed", "", row["cause"])
            continue
        sizes = (row["length_A"], row["footprint_A2"], row["dipole_D"])
        table.add_row(
            row["name"], row["cbc_class"], f"{row['charge']:+d}", row["anchors"], row["others"], row["binds"],
            str(row["denticity"]), *("" if value is None else f"{value:.1f}" for value in sizes),
        )  # fmt: skip
    print_table(table)
