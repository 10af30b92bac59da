"""The verb that compares donors with an acid by hardness."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from qdsurf.cli.app import Json, app
from qdsurf.cli.show import as_json, print_table, say


@app.command("hsab")
def hsab_(
    donors: Annotated[
        list[str], typer.Argument(help="Species such as I- or NH3, names on the shelf, or SMILES.")
    ],
    on: Annotated[str, typer.Option("--on", help='The acid, such as "Pb2+".')],
    method: Annotated[
        str, typer.Option(help="For molecules that are in no table: a method, auto (gfn2-xtb), or none.")
    ] = "auto",
    cache: Annotated[Path | None, typer.Option(help="Folder for computed values.")] = None,
    figure: Annotated[Path | None, typer.Option("--figure", help="Plot to draw: .png, .svg or .pdf.")] = None,
    json: Json = False,
) -> None:
    """Compare donors with an acid by hardness and class, the best match first.

    The match is the product of both softnesses, from -1 to 1; dN (electrons given to the acid) and dE (eV)
    are Pearson's, and count charge transfer only: the match orders, not dE.

    Example: qdsurf hsab F- Cl- Br- I- acetate --on Pb2+ --figure hardness.svg
    """
    from rich.table import Table

    from qdsurf.rank.hsab import hsab
    from qdsurf.report.drawing import check_figure
    from qdsurf.report.plots import hsab_plot

    if figure is not None:
        check_figure(figure)
    rows = hsab(donors, on, method=None if method == "none" else method, cache=cache)
    if json:
        as_json(rows)
    else:
        columns = ("donor", "group", "match", "softness", "eta / eV", "dN", "dE / eV")
        table = Table(*columns, title=f"on {rows[0].acid}")
        for row in rows:
            eta = None if row.donor_hardness is None else row.donor_hardness.eta
            values = (row.match, row.donor_softness, eta, row.charge_transfer, row.energy)
            table.add_row(row.donor, row.group, *(_text(value) for value in values))
        print_table(table)
        for text in dict.fromkeys(text for row in rows for text in row.warnings):
            say(f"warning: {text}", error=True)
        for source in dict.fromkeys(f"{r.donor}: {r.donor_hardness}" for r in rows if r.donor_hardness):
            say(source)
    if figure is not None:
        say(f"wrote {hsab_plot(rows, figure)}", error=True)


def _text(value: Any) -> str:
    """Return a number of the table; a dash where it is not known."""
    return "-" if value is None else f"{value:.2f}"
