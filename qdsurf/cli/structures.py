"""Verbs that make and check structures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from qdsurf.cli.app import Json, Output, Picture, app, finish, length, number, pair, repeats, sizes
from qdsurf.cli.show import as_json, print_table, say


@app.command()
def slab(
    crystal: Annotated[str, typer.Argument(help="Crystal or surface of the shelf, or a structure file.")],
    hkl: Annotated[str | None, typer.Option(help="Miller indices, such as 001, 10-10 or 1,-1,0.")] = None,
    termination: Annotated[str | None, typer.Option(help="Outermost plane, such as CsBr.")] = None,
    layers: Annotated[int | None, typer.Option(help="Repeat units along the normal; 3 if not said.")] = None,
    repeat: Annotated[str | None, typer.Option(help="In the plane, such as 2x2 or 1,1,1,-1.")] = None,
    vacuum: Annotated[str | None, typer.Option(help="Empty height, in Å, or such as 1.5nm.")] = None,
    compensate: Annotated[
        str | None, typer.Option(help="half, vacancies, or cap:Cl for polar faces.")
    ] = None,
    asymmetric: Annotated[bool, typer.Option("--asymmetric", help="Allow two different faces.")] = False,
    charge: Annotated[int | None, typer.Option(help="Net charge the slab is meant to have.")] = None,
    fixed: Annotated[str | None, typer.Option(help="Innermost planes to hold: a number, or inner.")] = None,
    max_dipole: Annotated[float | None, typer.Option(help="Accepted dipole, e Å per surface cell.")] = None,
    terminations: Annotated[bool, typer.Option("--terminations", help="List the terminations only.")] = False,
    output: Output = None,
    png: Picture = None,
    json: Json = False,
) -> None:
    """Cut a slab and print its ledger.

    Example: qdsurf slab CsPbBr3-cubic --hkl 001 --termination CsBr --layers 3 --repeat 2x2 -o slab.extxyz
    """
    from qdsurf.build.slabs import cut_slab
    from qdsurf.build.surfaces import load_surface
    from qdsurf.cli import slabs
    from qdsurf.crystals import load_crystal
    from qdsurf.library import list_shelf

    if terminations:
        slabs.show_terminations(load_crystal(crystal), hkl or "001", 2 if layers is None else layers, json)
        return
    asked: dict[str, Any] = {
        "layers": layers,
        "termination": termination,
        "repeat": None if repeat is None else repeats(repeat),
        "vacuum": None if vacuum is None else length(vacuum),
        "compensate": compensate,
        "symmetric": False if asymmetric else None,
        "charge": charge,
        "fixed": None if fixed is None else slabs.planes_to_fix(fixed),
        "max_dipole": max_dipole,
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    named = {name.lower() for name in list_shelf("surfaces")}
    if hkl is None and crystal.lower() in named:
        surface = load_surface(crystal, **asked)
    else:
        surface = cut_slab(load_crystal(crystal), hkl or "001", **{"layers": 3, **asked})
    finish(surface, output, json, slabs.facts(surface), png=png)


@app.command()
def dot(
    crystal: Annotated[str, typer.Argument(help="Name on the shelf, or a structure file.")],
    shape: Annotated[str, typer.Option(help="cube, cuboid, sphere, octahedron, ..., wulff.")] = "cube",
    cells: Annotated[str | None, typer.Option(help="Unit cells, such as 7, or 7x7x2.")] = None,
    edge: Annotated[str | None, typer.Option(help="Edge, such as 4.2nm, or 4nmx4nmx2nm.")] = None,
    diameter: Annotated[
        str | None, typer.Option(help="Of the sphere of equal volume, such as 3.3nm.")
    ] = None,
    facet: Annotated[
        list[str] | None, typer.Option(help="Wulff: facet and energy, such as 100=1.0; repeat it.")
    ] = None,
    termination: Annotated[
        list[str] | None, typer.Option(help="Outermost plane, such as CsBr, or 111=Pb; repeat it.")
    ] = None,
    charge: Annotated[int, typer.Option(help="Net charge the dot is meant to have.")] = 0,
    neutralize: Annotated[str, typer.Option(help="auto, remove, cap, or none for the bare cut.")] = "auto",
    cap: Annotated[str | None, typer.Option(help="Monovalent ion for capping, such as I.")] = None,
    center: Annotated[str | None, typer.Option(help="atom, bond, void, or a species.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another spread of vacancies.")] = 0,
    output: Output = None,
    png: Picture = None,
    json: Json = False,
) -> None:
    """Carve a dot and print its ledger.

    Example: qdsurf dot CsPbBr3-cubic --cells 7 --termination CsBr -o dot.extxyz
    """
    from qdsurf.build.dots import carve_dot
    from qdsurf.crystals import load_crystal

    surface = carve_dot(
        load_crystal(crystal),
        shape=shape,
        cells=None if cells is None else sizes(cells, whole=True),
        edge=None if edge is None else sizes(edge),
        diameter=None if diameter is None else length(diameter),
        facets=_numbers(facet, "100=1.0") or None,
        termination=_terminations(termination),
        charge=charge,
        neutralize=None if neutralize == "none" else neutralize,  # type: ignore[arg-type]
        cap=cap,
        center=center,
        seed=seed,
    )
    _small(load_crystal(crystal), edge, diameter)
    finish(surface, output, json, {k: v for k, v in surface.recipe["result"].items() if v}, png=png)


def _small(crystal: Any, edge: str | None, diameter: str | None) -> None:
    """Say so where a length without a unit is shorter than the cell: nm may have been meant."""
    cell = float(crystal.atoms.cell.lengths().min())
    for option, text in (("--edge", edge), ("--diameter", diameter)):
        bare = text is not None and not text.rstrip().endswith(("m", "A", "Å"))
        if bare and text is not None and max(_several(sizes(text))) < cell:
            say(
                f"note: {option} {text} is in Å, less than a unit cell of {cell:.2f} Å; was {text}nm meant?",
                error=True,
            )


def _several(size: Any) -> tuple[float, ...]:
    """Return one size or three as a tuple."""
    return size if isinstance(size, tuple) else (size,)


def _numbers(texts: list[str] | None, like: str) -> dict[Any, float]:
    """Return {key: number} from texts such as *like*."""
    return {key: number(value) for key, value in (pair(text, like) for text in texts or [])}


def _terminations(texts: list[str] | None) -> Any:
    """Return one formula, or {facet: formula}."""
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return texts[0]
    return dict(map(pair, texts))


@app.command()
def validate(
    file: Annotated[Path, typer.Argument(help="Structure file in any format of ASE.")],
    charge: Annotated[
        list[str] | None, typer.Option(help="Charge of an element, such as Mn=2; repeat it.")
    ] = None,
    png: Picture = None,
    json: Json = False,
) -> None:
    """Say what is wrong with a structure file of any origin.

    Exit code 0: no errors (there may be warnings), 1: errors were found, 2: the file cannot be read.

    Example: qdsurf validate slab.extxyz
    """
    from qdsurf.validation import validate as check

    found = check(file, charges=_numbers(charge, "Mn=2"))
    errors, warnings = (sum(f.level == level for f in found) for level in ("error", "warning"))
    if png is not None:
        from qdsurf.report.picture import write_picture

        write_picture(_structure(file), png)
    if json:
        as_json({"file": str(file), "errors": errors, "warnings": warnings, "findings": found})
    else:
        for finding in found:
            say(str(finding))
        say(f"{file}: {errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}")
    if errors:
        raise typer.Exit(1)


def _structure(file: Path) -> Any:
    """Return the Surface of *file*, which knows its vacancies, or the atoms of a file of other origin."""
    from ase.io import read

    from qdsurf.errors import AskError
    from qdsurf.model.files import read_surface

    try:
        return read_surface(file)
    except AskError:
        return read(file)


@app.command()
def alloy(
    structure: Annotated[
        str, typer.Argument(help="Crystal of the shelf or file, or a slab or dot (.extxyz).")
    ],
    mix: Annotated[list[str], typer.Argument(help="Sublattice and fractions, such as A=Cs:0.5,FA:0.5.")],
    repeat: Annotated[str, typer.Option(help="Cells of a crystal, such as 2x2x2.")] = "1x1x1",
    arrangement: Annotated[
        str, typer.Option(help="random, sqs, surface-enriched or surface-depleted.")
    ] = "random",
    segregation: Annotated[float, typer.Option(help="Share of the new ions that segregates.")] = 1.0,
    compensate: Annotated[str | None, typer.Option(help="Such as 'Cs vacancies'.")] = None,
    charge: Annotated[int | None, typer.Option(help="Net charge that is meant.")] = None,
    lattice: Annotated[str, typer.Option(help="Cell of a crystal: auto, vegard or keep.")] = "auto",
    orientation: Annotated[str, typer.Option(help="Of cations: random or 'no net dipole'.")] = "random",
    seed: Annotated[int, typer.Option(help="Another seed, another arrangement.")] = 0,
    output: Output = None,
    png: Picture = None,
    json: Json = False,
) -> None:
    """Mix ions on the sublattices of a crystal, slab or dot; print what was achieved, with its ledger.

    Example: qdsurf alloy CsPbI3-cubic A=Cs:0.5,FA:0.5 --repeat 2x2x2 -o alloy.cif
    """
    from qdsurf.build import mixing
    from qdsurf.cli import mixtures

    made = mixing.alloy(
        mixtures.structure(structure),
        mixtures.mixture(mix),
        repeat=sizes(repeat, whole=True),
        seed=seed,
        arrangement=arrangement,  # type: ignore[arg-type]
        segregation=segregation,
        compensate=compensate,
        charge=charge,
        lattice=lattice,  # type: ignore[arg-type]
        orientation=orientation,  # type: ignore[arg-type]
    )
    if png is not None:
        from qdsurf.model.nouns import Surface
        from qdsurf.report.picture import write_picture

        write_picture(made if isinstance(made, Surface) else made.atoms, png)
    if output is not None:
        mixtures.write(made, output)
    facts = mixtures.facts(made, plain=json)
    as_json(facts) if json else print_table(facts)
