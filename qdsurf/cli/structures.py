"""Verbs that make and check structures."""

from __future__ import annotations

from typing import Annotated

import typer

from qdsurf.cli.app import Json, Output, app, finish, length, miller, repeats


@app.command()
def slab(
    crystal: Annotated[str, typer.Argument(help="Name on the shelf, or a structure file.")],
    hkl: Annotated[str, typer.Option(help="Miller indices, such as 001 or 1,-1,0.")] = "001",
    termination: Annotated[str | None, typer.Option(help="Outermost plane, such as CsBr.")] = None,
    layers: Annotated[int, typer.Option(help="Repeat units along the normal.")] = 3,
    repeat: Annotated[str, typer.Option(help="In the plane, such as 2x2.")] = "1x1",
    vacuum: Annotated[str, typer.Option(help="Empty height, in Å, or such as 1.5nm.")] = "15",
    output: Output = None,
    json: Json = False,
) -> None:
    """Cut a slab and print its ledger.

    Example: qdsurf slab CsPbBr3-cubic --hkl 001 --termination CsBr --layers 3 --repeat 2x2 -o slab.extxyz
    """
    from qdsurf.build.slabs import cut_slab
    from qdsurf.crystals import load_crystal

    surface = cut_slab(
        load_crystal(crystal),
        miller(hkl),
        layers=layers,
        termination=termination,
        repeat=repeats(repeat),
        vacuum=length(vacuum),
    )
    finish(surface, output, json)
