"""Verbs of energies: one reaction, a campaign of many, its page, and the methods that can run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qdsurf.cli.app import Json, Output, any_ligand, app
from qdsurf.cli.show import as_json, print_table, say


@app.command()
def bind(
    surface: Annotated[Path, typer.Argument(help="Extended XYZ written by qdsurf.")],
    ligand: Annotated[str, typer.Argument(help="Name on the shelf, or SMILES of the bound form.")],
    method: Annotated[str, typer.Option(help="Name on the shelf of calculators.")] = "sevennet-0",
    reaction: Annotated[str, typer.Option(help="auto, or the name of a reaction.")] = "auto",
    poses: Annotated[int, typer.Option(help="Starting poses.")] = 2,
    steps: Annotated[int, typer.Option(help="Most relaxation steps.")] = 150,
    fmax: Annotated[float, typer.Option(help="Force threshold in eV/Å.")] = 0.05,
    output: Output = None,
    json: Json = False,
) -> None:
    """Compute the energy of one binding reaction; negative binds.

    Example: qdsurf bind slab.extxyz acetate --method sevennet-0
    """
    from qdsurf.energy.binding import bind as bind_one
    from qdsurf.methods import load_method
    from qdsurf.model.files import read_surface, write_structure

    base, chosen = read_surface(surface), load_method(method)
    result = bind_one(
        base, any_ligand(ligand), chosen, reaction=reaction, poses=poses, steps=steps, fmax=fmax
    )
    if output is not None:
        write_structure(result.surface, output)
    energy = result.energy
    if json:
        as_json(energy)
        return
    say(f"{energy.reaction.name}: {energy.reaction.equation}")
    state = "" if energy.converged else ", not converged: not to be ranked"
    say(f"{energy.value:+.3f} ± {energy.uncertainty:.2f} eV per ligand, {energy.method}{state}")
    for name, value in energy.terms.items():
        say(f"  {energy.reaction.stoichiometry[name]:+g} x {name}: {value:.4f} eV")
    for warning in energy.warnings:
        say(f"warning: {warning}", error=True)


@app.command()
def screen(
    campaign: Annotated[Path, typer.Argument(help="Campaign file (TOML).")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder; runs/<name> if left out.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes.")] = None,
    json: Json = False,
) -> None:
    """Rank the ligands of a campaign file; started again, it goes on where it was.

    Example: qdsurf screen examples/screen/cspbbr3.toml
    """
    from qdsurf.campaign import load_campaign
    from qdsurf.campaign import screen as run
    from qdsurf.cli.show import progress_bar
    from qdsurf.report.table import terminal_table

    folder = output or Path("runs") / campaign.stem
    with progress_bar() as progress:
        rows = run(load_campaign(campaign), output=folder, workers=workers, progress=progress)
    if json:
        as_json(rows)
    else:
        print_table(terminal_table(rows))
        say(f"page: {folder / 'report.html'}", error=True)
    if any(r["status"] != "done" for r in rows):
        raise typer.Exit(1)


@app.command()
def report(
    table: Annotated[Path, typer.Argument(help="table.json of a campaign, or its folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Page to write.")] = Path("report.html"),
) -> None:
    """Write the page of a finished campaign again.

    Example: qdsurf report runs/cspbbr3 -o page.html
    """
    from qdsurf.report import write_report

    write_report(table, output)
    say(f"page: {output}", error=True)


@app.command()
def doctor(json: Json = False) -> None:
    """Say which methods can run here, what each lacks, and what each is good and bad for."""
    from qdsurf.library import list_shelf
    from qdsurf.methods import lacks, load_method

    methods = [load_method(n) for n in list_shelf("calculators")]
    if json:
        as_json({m.name: {"lacks": lacks(m), "warnings": m.warnings} for m in methods})
        return
    for m in methods:
        missing = lacks(m)
        say(f"{m.name}: {'can run here' if not missing else 'lacks: ' + missing}")
        say(f"  good for: {m.good_for}")
        say(f"  bad for:  {m.bad_for}")
        for warning in m.warnings:
            say(f"  warning:  {warning}")
