"""Write what a campaign leaves behind: tables, structures, pages and exports."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qdsurf.campaign.sections import Campaign
from qdsurf.store import Store

log = logging.getLogger("qdsurf.campaign")

Row = Mapping[str, Any]
# A page with more rows than this is slow to open; the tables have all of them.
PAGE_ROWS = 50_000


def write_outputs(rows: Sequence[Row], store: Store, folder: Path, campaign: Campaign) -> None:
    """Write table.csv, table.json, structures/, report.html and the exports to *folder*.

    With several surfaces, sites or modes, each has a folder of its own with structures/ and report.html,
    beside the page of all rows.
    """
    from qdsurf.report.table import variant_folder, write_csv, write_json

    write_csv(rows, folder / "table.csv")
    write_json(rows, folder / "table.json")
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(variant_folder(row), []).append(row)
    title, left = campaign.title or folder.name, campaign.outputs.structures
    for name, members in parts.items():
        alone = len(parts) == 1
        where = folder if alone else folder / name
        left -= _structures(members, store, where, left)
        if campaign.outputs.report:
            _page(members, store, where, title if alone else f"{title}: {name.replace('_', ' ')}")
    if campaign.outputs.report and len(parts) > 1:
        _page(rows, store, folder, title)
    for kind in campaign.outputs.exports:
        from qdsurf.store.exchange import export_rows

        keys = [row["key"] for row in rows]
        export_rows(store, folder / f"results.{kind}", keys=keys)


def _structures(rows: Sequence[Row], store: Store, folder: Path, most: int) -> int:
    """Write the structures of the first rows that have one, the best first; return how many."""
    from qdsurf.report.table import replace_file, structure_file

    written = 0
    for row in rows:
        if written >= most:
            log.info("%s: the first %d structures are files, all are in the store", folder, written)
            break
        if text := store.structure(row["key"]):
            replace_file(folder / "structures" / structure_file(row["ligand"]), text)
            written += 1
    return written


def _page(rows: Sequence[Row], store: Store, folder: Path, title: str) -> None:
    """Write the page of *rows*, of the best where there are very many."""
    from qdsurf.report.carried import MOST_STRUCTURES, best_first
    from qdsurf.report.page import write_report

    shown = rows[:PAGE_ROWS]
    if len(rows) > len(shown):
        title += f" (the first {len(shown)} of {len(rows)} rows)"
    done = [shown[k]["key"] for k in best_first(shown) if shown[k]["status"] == "done"]
    structures = {key: text for key in done[:MOST_STRUCTURES] if (text := store.structure(key))}
    folder.mkdir(parents=True, exist_ok=True)
    write_report(shown, folder / "report.html", structures=structures, title=title)
