"""Verbs of single energies: binding, exchange, vacancies; their plans on disk."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from qdsurf.cli.app import AnchorName, ChargeStateName, Json, Output, Picture, any_ligand, app
from qdsurf.cli.show import as_json, say

SurfaceFile = Annotated[Path, typer.Argument(help="Extended XYZ written by qdsurf.")]
MethodName = Annotated[str, typer.Option(help="Name on the shelf of calculators.")]
Steps = Annotated[int, typer.Option(help="Most relaxation steps.")]
Force = Annotated[float, typer.Option(help="Force threshold in eV/Å.")]
PlanFolder = Annotated[
    Path | None, typer.Option("--plan", help="Write the structures to this folder, to be run anywhere.")
]

EnergyFigure = Annotated[
    Path | None, typer.Option("--figure", help="Levels of the reaction to draw: .png, .svg or .pdf.")
]


@app.command()
def bind(
    surface: SurfaceFile,
    ligand: Annotated[str, typer.Argument(help="Name on the shelf, or SMILES of the bound form.")],
    method: MethodName = "sevennet-0-d3",
    reaction: Annotated[str, typer.Option(help="auto, or the name of a reaction.")] = "auto",
    poses: Annotated[int, typer.Option(help="Poses relaxed fully.")] = 2,
    tries: Annotated[int | None, typer.Option(help="Starting poses; twice as many if left out.")] = None,
    prescreen: Annotated[str | None, typer.Option(help="Cheaper method for the starting poses.")] = None,
    replaces: Annotated[str | None, typer.Option(help="Ligand whose place it takes: the exchange.")] = None,
    donor: Annotated[str | None, typer.Option(help="What carries a Z-type ligand away.")] = None,
    anchor: AnchorName = None,
    charge_state: ChargeStateName = "as written",
    steps: Steps = 150,
    fmax: Force = 0.05,
    parts: Annotated[bool, typer.Option("--parts", help="Tell deformation and interaction apart.")] = False,
    counterpoise: Annotated[
        bool, typer.Option("--counterpoise", help="Correct for localised basis functions.")
    ] = False,
    temperature: Annotated[float | None, typer.Option(help="K; add a harmonic free energy.")] = None,
    correct: Annotated[
        bool,
        typer.Option("--correct", help="Take off the mean error that the method has in docs/accuracy.md."),
    ] = False,
    converge: Annotated[str, typer.Option(help="layers,repeat,vacuum: again with more of each.")] = "",
    plan: PlanFolder = None,
    output: Output = None,
    png: Picture = None,
    figure: EnergyFigure = None,
    json: Json = False,
) -> None:
    """Compute the energy of one binding reaction; negative binds.

    Example: qdsurf bind slab.extxyz acetate --correct
    """
    from qdsurf.energy.convergence import larger
    from qdsurf.energy.procedure import Procedure
    from qdsurf.errors import AskError
    from qdsurf.methods import load_method
    from qdsurf.model.files import read_surface, write_structure

    if replaces is not None and (converge or donor or correct):
        raise AskError("--replaces is not combined with --converge, --donor or --correct")
    if plan is not None and any((correct, parts, counterpoise, temperature, converge, output, png, figure)):
        raise AskError(
            "--plan writes structures and runs nothing: --correct, --parts, --counterpoise, --temperature, "
            "--converge, --output, --png and --figure are for what is computed here"
        )
    if correct and not load_method(method).corrections:
        raise AskError(f"{method} has no correction; docs/accuracy.md lists the methods that have one")
    how = Procedure(
        tries=tries, prescreen=None if prescreen is None else load_method(prescreen), parts=parts,
        counterpoise=counterpoise, temperature=temperature,
    )  # fmt: skip
    base, chosen, one = read_surface(surface), load_method(method), any_ligand(ligand, anchor, charge_state)
    other = None if replaces is None else any_ligand(replaces)
    for name in _names(converge):
        larger(base, name)  # refused before anything is computed
    if plan is not None:
        _write_plan(plan, base, one, other, chosen, reaction, how.starts(poses), donor, fmax, steps, json)
        return
    settings: dict[str, Any] = {
        "reaction": reaction, "poses": poses, "steps": steps, "fmax": fmax, "procedure": how,
    }  # fmt: skip
    if other is not None:
        from qdsurf.energy.exchanges import exchange as exchange_one

        result = exchange_one(base, other, one, chosen, **settings)
    else:
        from qdsurf.energy.binding import bind as bind_one

        settings["donor"] = None if donor is None else any_ligand(donor)
        result = bind_one(base, one, chosen, **settings)
    changes = _converged(converge, base, one, chosen, result, settings) if converge else ()
    if correct:
        bare, result = result.energy, replace(result, energy=_corrected(result.energy, chosen))
        shift = result.energy.value - bare.value
        changes = tuple(replace(c, energy=None if c.energy is None else c.energy + shift) for c in changes)
    if output is not None:
        write_structure(result.surface, output)
    _draw(result, png, figure)
    if json:
        as_json({**asdict(result.energy), "converge": changes} if converge else result.energy)
    else:
        _print_energy(result.energy)
        for change in changes:
            _print_change(change)


def _corrected(energy: Any, method: Any) -> Any:
    """Return *energy* corrected; as it is, with the reason, where its reaction has no correction."""
    from qdsurf.energy.combining import corrected
    from qdsurf.errors import AskError

    try:
        return corrected(energy, method)
    except AskError as error:
        return replace(energy, warnings=(*energy.warnings, f"not corrected: {error}"))


def _draw(result: Any, png: Path | None, figure: Path | None) -> None:
    """Draw the structure and the levels that were asked for."""
    if png is not None:
        from qdsurf.report.picture import write_picture

        write_picture(result.surface, png)
    if figure is not None:
        from qdsurf.report.plots import energy_diagram

        energy_diagram(result.energy, figure)


def _write_plan(
    folder: Path,
    base: Any,
    ligand: Any,
    other: Any,
    method: Any,
    reaction: str,
    poses: int,
    donor: str | None,
    fmax: float,
    steps: int,
    json: bool,
) -> None:
    """Write the plan of a binding or an exchange; nothing is run."""
    from qdsurf.energy.exchanges import exchange_plan
    from qdsurf.energy.planfiles import write_plan
    from qdsurf.energy.reactions import plan as make

    if other is None:
        carrier = None if donor is None else any_ligand(donor)
        made = make(base, ligand, reaction=reaction, poses=poses, donor=carrier)
    else:
        made = exchange_plan(base, other, ligand, reaction=reaction, poses=poses)
    path = write_plan(made, folder, method, fmax=fmax, steps=steps)
    _say_plan(made, path, json)


def _say_plan(made: Any, path: Path, json: bool) -> None:
    """Say what was written."""
    if json:
        as_json({"plan": str(path), "reaction": made.reaction, "warnings": made.warnings})
        return
    say(f"{made.reaction.name}: {made.reaction.equation}")
    say(f"{path}: run the structures with any code, then: qdsurf collect {path.parent}")
    for warning in made.warnings:
        say(f"warning: {warning}", error=True)


def _converged(
    along: str, base: Any, ligand: Any, method: Any, first: Any, settings: dict[str, Any]
) -> tuple[Any, ...]:
    """Return what more of each does to the energy."""
    from qdsurf.energy.convergence import converge

    return converge(base, ligand, method, along=_names(along), first=first, **settings)


def _names(along: str) -> list[str]:
    """Return the names in "layers,repeat"."""
    return [name.strip() for name in along.split(",") if name.strip()]


def _print_change(change: Any) -> None:
    """Print what one more of something does."""
    grown = f"{change.along} {change.before} -> {change.after}"
    if change.energy is None:
        say(f"{grown}: failed ({change.cause})", error=True)
    else:
        say(f"{grown}: {change.energy:+.3f} eV per ligand, {change.change:+.3f} eV")


def _print_energy(energy: Any, what: str = "eV per ligand") -> None:
    """Print an energy with its terms and warnings."""
    say(f"{energy.reaction.name}: {energy.reaction.equation}")
    state = "" if energy.converged else ", not converged: not to be ranked"
    say(f"{energy.value:+.3f} ± {energy.uncertainty:.2f} {what}, {energy.method}{state}")
    for name, value in energy.terms.items():
        say(f"  {energy.reaction.stoichiometry[name]:+g} x {name}: {value:.4f} eV")
    for name, value in energy.provenance.get("parts", {}).items():
        say(f"  {name}: {value:+.3f} eV")
    for name, value in energy.provenance.get("chemical_potentials", {}).items():
        say(f"  chemical potential of {name}: {value:.3f} eV")
    for warning in energy.warnings:
        say(f"warning: {warning}", error=True)


@app.command()
def vacancy(
    surface: SurfaceFile,
    species: Annotated[str, typer.Argument(help="Ions that go: Br, or Cs,Br, or Pb,Br,Br.")],
    method: MethodName = "sevennet-0-d3",
    limit: Annotated[
        str, typer.Option(help="salts, halide-rich, lead-rich, or phases: CsPbBr3,CsBr,Br2.")
    ] = "salts",
    steps: Steps = 150,
    fmax: Force = 0.05,
    plan: PlanFolder = None,
    output: Output = None,
    png: Picture = None,
    figure: EnergyFigure = None,
    json: Json = False,
) -> None:
    """Compute what neutral vacancies at the top face cost; positive costs.

    Example: qdsurf vacancy slab.extxyz Cs,Br --limit lead-rich
    """
    from qdsurf.energy.planfiles import write_plan
    from qdsurf.energy.vacancy import vacancy as one
    from qdsurf.energy.vacancy import vacancy_plan
    from qdsurf.methods import load_method
    from qdsurf.model.files import read_surface, write_structure

    base, chosen = read_surface(surface), load_method(method)
    ions = [name.strip() for name in species.split(",")]
    where: str | list[str] = [name.strip() for name in limit.split(",")] if "," in limit else limit
    if plan is not None:
        made = vacancy_plan(base, ions, limit=where)
        _say_plan(made, write_plan(made, plan, chosen, fmax=fmax, steps=steps), json)
        return
    result = one(base, ions, chosen, limit=where, fmax=fmax, steps=steps)
    if output is not None:
        write_structure(result.surface, output)
    _draw(result, png, figure)
    if json:
        as_json(result.energy)
    else:
        _print_energy(result.energy, "eV")
