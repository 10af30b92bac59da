"""Write what a campaign leaves behind: tables, structures and the page."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import MissingExtra
from qdsurf.store import Store

if TYPE_CHECKING:
    from ase import Atoms

log = logging.getLogger("qdsurf.campaign")


def file_name(ligand: str) -> str:
    """Return *ligand* as a file name.

    >>> file_name("my/ligand [1]")
    'my_ligand_1_'
    """
    return re.sub(r"[^\w.+-]+", "_", ligand).lstrip(".") or "ligand"


def write_outputs(rows: Sequence[Mapping[str, Any]], store: Store, folder: Path, *, title: str) -> None:
    """Write table.csv, table.json, structures/ and report.html to *folder*.

    Without the optional packages of the page, the tables are written and the log says what is missing.
    """
    from io import StringIO

    from ase.io import read

    from qdsurf.report.page import write_report
    from qdsurf.report.table import replace_file, write_csv, write_json

    write_csv(rows, folder / "table.csv")
    write_json(rows, folder / "table.json")
    structures: dict[str, Atoms] = {}
    for row in rows:
        text = store.structure(row["key"])
        if text:
            replace_file(folder / "structures" / f"{file_name(row['ligand'])}.extxyz", text)
            atoms = read(StringIO(text), format="extxyz")
            structures[row["ligand"]] = atoms[-1] if isinstance(atoms, list) else atoms
    try:
        write_report(rows, folder / "report.html", structures=structures, title=title)
    except MissingExtra as error:
        log.warning("no report.html: %s", error)
