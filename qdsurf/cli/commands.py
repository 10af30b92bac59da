"""All verbs of the command line; each calls one function of the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

# Importing these modules adds their verbs; --help lists them in this order.
from qdsurf.cli.app import Json, Picture, app
from qdsurf.cli.show import as_json, print_table, say

__all__ = ["app"]


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
def show(
    name: Annotated[str, typer.Argument(help="Name on any shelf.")], png: Picture = None, json: Json = False
) -> None:
    """Show one entry of a shelf, with its source and status.

    Example: qdsurf show oleate --png oleate.png
    """
    from qdsurf.cli.drawing import draw_entry
    from qdsurf.errors import UnknownName
    from qdsurf.library import SHELVES, list_shelf, read_entry

    for shelf in SHELVES:
        if name.lower() in (n.lower() for n in list_shelf(shelf)):
            entry = {"shelf": shelf, **read_entry(shelf, name)}
            if png is not None:
                draw_entry(shelf, name, png)
            as_json(entry) if json else print_table(entry)
            return
    raise UnknownName("entry", name, [n for s in SHELVES for n in list_shelf(s)])


from qdsurf.cli import structures as _structures  # noqa: E402, F401, I001
from qdsurf.cli import defects as _defects  # noqa: E402, F401
from qdsurf.cli import ligands as _ligands  # noqa: E402, F401
from qdsurf.cli import rank as _rank  # noqa: E402, F401
from qdsurf.cli import hsab as _hsab  # noqa: E402, F401
from qdsurf.cli import reactions as _reactions  # noqa: E402, F401
from qdsurf.cli import coverage as _coverage  # noqa: E402, F401
from qdsurf.cli import energies as _energies  # noqa: E402, F401
from qdsurf.cli import doctor as _doctor  # noqa: E402, F401
from qdsurf.cli import exports as _exports  # noqa: E402, F401
from qdsurf.cli import studio as _studio  # noqa: E402, F401
