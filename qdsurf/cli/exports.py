"""Verbs of DFT codes: write their inputs, read their outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from qdsurf.cli.app import Json, any_ligand, app
from qdsurf.cli.show import as_json, say


@app.command()
def export(
    structure: Annotated[
        str, typer.Argument(help="Extended XYZ written by qdsurf, or a crystal of the shelf.")
    ],
    code: Annotated[str, typer.Argument(help="vasp, espresso, cp2k, gpaw, ..., or cif, pdb, xsf, ...")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to make.")],
    purpose: Annotated[str, typer.Option(help="relax, static, dos, workfunction or binding.")] = "relax",
    preset: Annotated[str, typer.Option(help="Name on the shelf of calculations.")] = "pbe-d3",
    ligand: Annotated[
        str | None, typer.Option(help="What binds, for binding: a name on the shelf, or SMILES.")
    ] = None,
    reaction: Annotated[str, typer.Option(help="auto, or the name of a reaction.")] = "auto",
    poses: Annotated[int, typer.Option(help="Starting poses, for binding.")] = 1,
    fixed_layers: Annotated[int | None, typer.Option(help="Fix that many planes from the bottom.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting in place of the preset's, such as kpoint_spacing=0.2."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    json: Json = False,
) -> None:
    """Write the input of a DFT code as a folder that is ready to run.

    Example: qdsurf export slab.extxyz vasp -o slab-vasp --set cutoff=450
    """
    from qdsurf.exports import export as write

    overrides = dict(setting(text) for text in settings or ())
    made = write(
        _structure(structure), code, output, purpose=purpose, preset=preset,
        ligand=None if ligand is None else any_ligand(ligand),
        reaction=reaction, poses=poses, fixed_layers=fixed_layers, force=force, **overrides,
    )  # fmt: skip
    if json:
        as_json(made)
        return
    say(f"{made.folder}: {len(made.files)} files for {made.code}, {made.purpose}")
    if made.cost is not None:
        cost = made.cost
        say(
            f"{cost.electrons} electrons, {cost.functions} basis functions or plane waves, "
            f"{cost.bands} bands, {cost.kpoints} k-points, about {cost.memory:.2g} GB"
        )
    for note in made.notes:
        say(f"note: {note}", error=True)


@app.command()
def collect(
    folder: Annotated[Path, typer.Argument(help="Folder that export made.")],
    json: Json = False,
) -> None:
    """Read the outputs of an export: energy, levels, convergence; negative binds.

    Example: qdsurf collect acetate-binding
    """
    from qdsurf.exports import collect as read
    from qdsurf.exports.collecting import brief

    found = read(folder)
    if json:
        as_json(
            {
                "folder": str(found.folder), "code": found.code, "purpose": found.purpose, "done": found.done,
                "runs": [brief(run) for run in found.runs], "energy": found.energy, "missing": found.missing,
            }
        )  # fmt: skip
    else:
        for run in found.runs:
            _print_run(run)
        if found.energy is not None:
            energy = found.energy
            say(f"{energy.reaction.name}: {energy.reaction.equation}")
            state = "" if energy.converged else ", not converged: not to be ranked"
            unit = "eV" if energy.reaction.name == "vacancy formation" else "eV per ligand"
            say(f"{energy.value:+.3f} ± {energy.uncertainty:.2f} {unit}, {energy.method}{state}")
            for name, value in energy.terms.items():
                say(f"  {energy.reaction.stoichiometry[name]:+g} x {name}: {value:.4f} eV")
            for warning in energy.warnings:
                say(f"warning: {warning}", error=True)
        elif found.missing:
            say(found.missing, error=True)
    if not found.done:
        raise typer.Exit(1)


def _print_run(run: Any) -> None:
    """Print one run in a few lines."""
    late = "" if run.converged or run.status != "done" else ", not converged"
    say(f"{run.folder}: {run.status}{late}" + (f" ({run.reason})" if run.reason else ""))
    facts = {
        "energy": run.energy, "largest force": run.largest_force, "Fermi": run.fermi, "HOMO": run.homo,
        "LUMO": run.lumo, "gap": run.gap,
    }  # fmt: skip
    shown = [f"{name} {value:.4f}" for name, value in facts.items() if value is not None]
    if run.work_function is not None:
        shown.append("work function {:.2f} (top) {:.2f} (bottom)".format(*run.work_function))
    if run.ionization_energy is not None:
        shown.append("ionization energy {:.2f} (top) {:.2f} (bottom)".format(*run.ionization_energy))
    if run.edge_shares is not None:
        shown.append("share of outer atoms {:.0%} (HOMO) {:.0%} (LUMO)".format(*run.edge_shares))
    if shown:
        say(f"  {', '.join(shown)}; eV, Å")
    for warning in run.warnings:
        say(f"warning: {run.folder}: {warning}", error=True)


def setting(text: str) -> tuple[str, Any]:
    """Return (name, value) from "cutoff=450", "spin_orbit=true", "potentials=Pb:Pb.upf".

    >>> setting("cutoff=450")
    ('cutoff', 450.0)
    """
    from qdsurf.errors import AskError

    name, equals, value = text.partition("=")
    name, value = name.strip().replace("-", "_"), value.strip()
    if not (name and equals and value):
        raise AskError(f"{text!r}: such as kpoint_spacing=0.2 is wanted")
    if name == "potentials":
        return name, dict(_pair(part) for part in value.split(","))
    if value.lower() in ("true", "false"):
        return name, value.lower() == "true"
    if name in ("unpaired", "steps"):
        try:
            return name, int(value)
        except ValueError:
            raise AskError(f"{text!r}: a whole number is wanted") from None
    try:
        return name, float(value)
    except ValueError:
        return name, value


def _pair(text: str) -> tuple[str, str]:
    """Return (element, name) from "Pb:Pb.upf"."""
    from qdsurf.errors import AskError

    element, colon, name = text.partition(":")
    if not (element and colon and name):
        raise AskError(f"{text!r}: such as potentials=Pb:Pb.upf,Cs:Cs.upf is wanted")
    return element.strip(), name.strip()


def _structure(text: str) -> Any:
    """Return the Surface of a file, or the crystal of that name on the shelf."""
    from qdsurf.errors import UnknownName
    from qdsurf.model.files import read_surface

    if Path(text).suffix in (".extxyz", ".xyz") or Path(text).is_file():
        return read_surface(text)
    from qdsurf.crystals import load_crystal

    try:
        return load_crystal(text)
    except UnknownName as error:
        raise UnknownName("file or crystal", text, error.near) from error
