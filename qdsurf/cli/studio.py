"""The verb that opens the builder in the browser."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from qdsurf.cli.app import Json, app
from qdsurf.cli.show import as_json, say


@app.command("app")
def app_(
    port: Annotated[int | None, typer.Option(help="Port on this machine; a free one if not said.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser of this machine.")] = True,
    seconds: Annotated[float, typer.Option(min=1.0, help="Time that one piece of work may take.")] = 60.0,
    atoms: Annotated[int, typer.Option(min=1, help="Atoms that a structure may have.")] = 20_000,
    json: Json = False,
) -> None:
    """Open the builder in the browser: draw ligands, put them on a surface, look, download.

    It answers this machine only and loads nothing from elsewhere. Ctrl-C stops it.

    Example: qdsurf app --no-browser --port 8123
    """
    from qdsurf.studio.server import serve

    def ready(address: str) -> None:
        if json:
            as_json({"address": address})
        else:
            say(f"the builder is at {address}  (Ctrl-C stops it)")
        sys.stdout.flush()

    serve(port=port, browser=browser, seconds=seconds, most_atoms=atoms, ready=ready)
