"""Write what a campaign leaves behind: tables, structures and the page."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qdsurf.errors import MissingExtra
from qdsurf.store import Store

log = logging.getLogger("qdsurf.campaign")


def write_outputs(rows: Sequence[Mapping[str, Any]], store: Store, folder: Path, *, title: str) -> None:
    """Write table.csv, table.json, structures/ and report.html to *folder*.

    Without the optional packages of the page, the tables are written and the log says what is missing.
    """
    from qdsurf.report.page import write_report
    from qdsurf.report.table import read_structures, replace_file, structure_file, write_csv, write_json

    write_csv(rows, folder / "table.csv")
    write_json(rows, folder / "table.json")
    for row in rows:
        if text := store.structure(row["key"]):
            replace_file(folder / "structures" / structure_file(row["ligand"]), text)
    # Only those of this table: the folder may hold structures of an earlier version of the campaign.
    done = [row for row in rows if row["status"] == "done"]
    structures = read_structures(done, folder / "table.json")
    try:
        write_report(rows, folder / "report.html", structures=structures, title=title)
    except MissingExtra as error:
        log.warning("no report.html: %s", error)
