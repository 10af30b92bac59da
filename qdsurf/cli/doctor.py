"""The verb that says which methods work on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from qdsurf.cli.app import Json, app
from qdsurf.cli.show import as_json, say


@app.command()
def doctor(
    methods: Annotated[
        list[str] | None, typer.Argument(help="Methods to try; all where none is named.")
    ] = None,
    run: Annotated[bool, typer.Option(help="Compute water with each; else only look what is there.")] = True,
    seconds: Annotated[float, typer.Option(help="Longest that one trial may take.")] = 300.0,
    json: Json = False,
) -> None:
    """Try every method and say which work here, what the others lack and how to install it.

    Example: qdsurf doctor sevennet-0 gfn2-xtb
    """
    from qdsurf.energy.trial import as_row, try_method
    from qdsurf.library import list_shelf
    from qdsurf.methods import load_method

    names = [load_method(name).name for name in methods] if methods else list_shelf("calculators")
    trials = []
    for name in names:
        trial = try_method(name, limit=seconds, run=run)
        trials.append(trial)
        if json:
            continue
        row = as_row(trial)
        took = f" in {trial.seconds:g} s" if trial.seconds else ""
        say(f"{trial.name}: {trial.status}{took} ({trial.engine})")
        if trial.lacks:
            say(f"  install:  {trial.lacks}")
        if trial.status == "lacks" and row["export"]:
            say(f"  or:       write its inputs and read the results: qdsurf export STRUCTURE {row['export']}")
        if trial.cause:
            say(f"  cause:    {trial.cause}")
        say(f"  good for: {row['good_for']}")
        say(f"  bad for:  {row['bad_for']}")
        for warning in load_method(name).warnings:
            say(f"  warning:  {warning}")
    if json:
        as_json({trial.name: as_row(trial) for trial in trials})
    if any(trial.status == "fails" for trial in trials):
        raise typer.Exit(1)
