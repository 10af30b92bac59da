"""The verb of coverage curves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from qdsurf.cli.app import AnchorName, Json, any_ligand, app
from qdsurf.cli.reactions import Force, MethodName, Steps, SurfaceFile
from qdsurf.cli.show import as_json, print_table, say


@app.command()
def coverage(
    surface: SurfaceFile,
    ligands: Annotated[
        list[str], typer.Argument(help="Names on the shelf, or SMILES of the bound forms: a curve each.")
    ],
    method: MethodName = "sevennet-0-d3",
    counts: Annotated[
        str, typer.Option(help="Ligands on the top face, such as 1,2,4; one, half and all if left out.")
    ] = "",
    reaction: Annotated[str, typer.Option(help="auto, or the name of a reaction.")] = "auto",
    poses: Annotated[int, typer.Option(help="Starts of the whole shell.")] = 1,
    anchor: AnchorName = None,
    steps: Steps = 150,
    fmax: Force = 0.05,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Curves to draw: .png, .svg or .pdf.")
    ] = None,
    json: Json = False,
) -> None:
    """Compute how binding changes from the first to the last ligand of a face; negative binds.

    Energies are in eV per ligand: the mean over all, and that of those added since the line before. A
    coverage without an energy is there with its cause, and the exit code is then 1.

    Example: qdsurf coverage slab.extxyz formate --counts 1,2,4 --figure coverage.svg
    """
    from qdsurf.energy.coverage import coverage_curve
    from qdsurf.methods import load_method
    from qdsurf.model.files import read_surface
    from qdsurf.report.drawing import check_figure
    from qdsurf.report.plots import coverage_plot

    if figure is not None:
        check_figure(figure)  # before hours are spent
    base, chosen, wanted = read_surface(surface), load_method(method), _numbers(counts)
    named = {ligand.name: ligand for ligand in (any_ligand(text, anchor) for text in ligands)}
    references: Any = {}
    curves = {
        name: coverage_curve(
            base, ligand, chosen, counts=wanted, reaction=reaction, poses=poses, fmax=fmax, steps=steps,
            references=references, progress=lambda text: say(text, error=True),
        )
        for name, ligand in named.items()
    }  # fmt: skip
    as_json(curves) if json else _print_curves(curves)
    points = [point for curve in curves.values() for point in curve]
    if figure is not None and any(point.energy is not None for point in points):
        say(f"wrote {coverage_plot(curves, figure)}", error=True)
    if any(point.energy is None for point in points):
        raise typer.Exit(1)


def _numbers(text: str) -> list[int] | None:
    """Return the numbers of "1,2,4"; None of nothing."""
    from qdsurf.errors import AskError

    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdigit() for part in parts):
        raise AskError(f"--counts {text!r}: numbers of ligands with commas are wanted, such as 1,2,4")
    return [int(part) for part in parts] or None


def _print_curves(curves: dict[str, Any]) -> None:
    """Print a line for each coverage, then the reactions, and what to know."""
    from rich.table import Table

    table = Table("ligand", "on the face", "sites taken", "mean / eV", "last ones / eV", "")
    notes: dict[str, None] = {}
    for name, curve in curves.items():
        for point in curve:
            energy, added = point.energy, point.differential
            mean = "" if energy is None else f"{energy.value:+.3f} ± {energy.uncertainty:.2f}"
            state = point.cause or ("" if energy.converged else "not converged")
            last = "" if added is None else f"{added:+.3f}"
            table.add_row(name, str(point.ligands), f"{point.coverage:.0%}", mean, last, state)
            if energy is not None:
                say(f"{energy.reaction.name}, {energy.method}: {energy.reaction.equation}")
                notes |= dict.fromkeys(energy.warnings)
    print_table(table)
    for note in notes:
        say(f"warning: {note}", error=True)
