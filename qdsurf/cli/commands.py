"""The verbs of the command line; each calls one function of the package."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qdsurf.cli.show import as_json, print_table, say

if TYPE_CHECKING:
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


def _version(wanted: bool) -> None:
    if wanted:
        from qdsurf import __version__

        say(__version__)
        raise typer.Exit


@app.callback()
def options(
    library: Annotated[
        Path | None, typer.Option(help="Folder with shelves of your own, searched first.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that every verb shares."""
    if library is not None:
        known = os.environ.get("QDSURF_LIBRARY", "")
        os.environ["QDSURF_LIBRARY"] = os.pathsep.join(p for p in (str(library), known) if p)


@app.command("list")
def list_(
    shelf: Annotated[str | None, typer.Argument(help="bulk, ligands, surfaces or calculators.")] = None,
    json: Json = False,
) -> None:
    """List what is on the shelves.

    Example: qdsurf list ligands
    """
    from qdsurf.library import SHELVES, list_shelf

    found = {s: list_shelf(s) for s in ([shelf] if shelf else SHELVES)}
    if json:
        as_json(found)
        return
    for name, entries in found.items():
        say(f"{name} ({len(entries)})")
        for entry in entries:
            say(f"  {entry}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name on any shelf.")], json: Json = False) -> None:
    """Show one entry of a shelf, with its source and status.

    Example: qdsurf show oleate
    """
    from qdsurf.errors import UnknownName
    from qdsurf.library import SHELVES, list_shelf, read_entry

    for shelf in SHELVES:
        if name.lower() in (n.lower() for n in list_shelf(shelf)):
            entry = {"shelf": shelf, **read_entry(shelf, name)}
            as_json(entry) if json else print_table(entry)
            return
    raise UnknownName("entry", name, [n for s in SHELVES for n in list_shelf(s)])


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


def finish(surface: Surface, output: Path | None, json: bool) -> None:
    """Write *surface* if a file was asked for, and print what it is."""
    if output is not None:
        from qdsurf.model.files import write_structure

        write_structure(surface, output)
    contact = surface.contacts()
    facts: dict[str, Any] = {
        "name": surface.name,
        "atoms": len(surface.atoms),
        "charge": surface.charge,
        "ledger": str(surface.ledger),
        "sites": len(surface.sites),
        "worst contact": None if contact is None else str(contact),
    }
    as_json(facts) if json else print_table(facts)


def any_ligand(text: str) -> Any:
    """Return the ligand of that name on the shelf, or the one of that SMILES."""
    from qdsurf.library import list_shelf
    from qdsurf.ligands import ligand_from_smiles, load_ligand

    looks_like_smiles = re.search(r"[\[\]()=#@+]", text) and text.lower() not in list_shelf("ligands")
    return ligand_from_smiles(text) if looks_like_smiles else load_ligand(text)


def miller(text: str) -> tuple[int, int, int]:
    """Return Miller indices from "001", "1-10" or "1,-1,0"."""
    from qdsurf.errors import AskError

    numbers = re.findall(r"-?\d+" if "," in text or " " in text else r"-?\d", text)
    if len(numbers) != 3 or re.sub(r"[-\d, ()]", "", text):
        raise AskError(f"{text!r} is no facet; three Miller indices, such as 001 or 1,-1,0, are wanted")
    h, k, l = (int(n) for n in numbers)  # noqa: E741 the field's own letters
    return h, k, l


def repeats(text: str) -> tuple[int, int]:
    """Return the in-plane repeat from "2x2"."""
    from qdsurf.errors import AskError

    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None or "0" in match.groups():
        raise AskError(f"{text!r} is no in-plane repeat; such as 2x2 is wanted")
    return int(match[1]), int(match[2])


def length(text: str) -> float:
    """Return a length in Å from "15", "15A" or "1.5nm"."""
    from qdsurf.errors import AskError

    match = re.fullmatch(r"(-?[\d.]+)\s*(nm|A|Å)?", text)
    if match is None:
        raise AskError(f"{text!r} is no length; such as 15, 15A or 1.5nm is wanted")
    return float(match[1]) * (10.0 if match[2] == "nm" else 1.0)


def amount(text: str) -> tuple[str, float]:
    """Return (ligand, amount) from "acetate" or "acetate=2"."""
    from qdsurf.errors import AskError

    name, _, number = text.partition("=")
    try:
        return name, float(number or 1)
    except ValueError as error:
        raise AskError(f"{text!r}: the amount {number!r} is no number") from error
