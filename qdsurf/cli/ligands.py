"""Verbs of ligands: what they are, and binding them to surfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qdsurf.cli.app import Json, Output, amount, app, finish


@app.command("attach")
def attach_(
    surface: Annotated[Path, typer.Argument(help="Extended XYZ written by qdsurf.")],
    ligands: Annotated[list[str], typer.Argument(help="NAME or NAME=AMOUNT, such as acetate=2.")],
    unit: Annotated[str, typer.Option(help="count, fraction or nm^-2.")] = "count",
    seed: Annotated[int, typer.Option(help="Another seed, another pose.")] = 0,
    best_effort: Annotated[bool, typer.Option(help="Keep what finds room.")] = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """Bind ligands to a surface and print its ledger and worst contact.

    Example: qdsurf attach slab.extxyz acetate=2 butylammonium=1 -o covered.extxyz
    """
    from qdsurf.attachment import attach
    from qdsurf.model.files import read_surface

    amounts = dict(amount(text) for text in ligands)
    base = read_surface(surface)
    finish(attach(base, amounts, unit=unit, seed=seed, best_effort=best_effort), output, json)  # type: ignore[arg-type]
