"""Rows as a table: for the terminal, as CSV, as JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from qdsurf.errors import AskError

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]

# Columns of table.csv; what other programs may rely on.
COLUMNS = (
    "rank", "tied", "group", "ligand", "cbc_class", "binds", "anchor", "energy_eV", "uncertainty_eV",
    "converged", "reaction", "equation", "worst_contact", "method", "status", "cause", "unranked",
    "warnings", "terms", "stoichiometry", "seconds", "smiles", "surface", "cite", "key",
)  # fmt: skip


def replace_file(path: str | Path, text: str) -> Path:
    """Write *text* to *path* by way of a temporary file: the old or the new content, never half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(
        "w", encoding="utf-8", newline="", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(text)
    try:
        # A temporary file is private; the result should be as readable as any other file here.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(file.name, 0o666 & ~mask)
        os.replace(file.name, path)
    except OSError:
        Path(file.name).unlink(missing_ok=True)
        raise
    return path


def read_rows(source: Iterable[Row] | str | Path) -> list[dict[str, Any]]:
    """Return rows from an iterable of them, or from the path of a table.json or of its folder."""
    if not isinstance(source, str | Path):
        return [dict(row) for row in source]
    source = Path(source)
    source = source / "table.json" if source.is_dir() else source
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AskError(
            f"cannot read the table {source}: {error}; what is wanted is the folder that "
            "`qdsurf screen` leaves, such as runs/mine, or the table.json in it"
        ) from error
    if not isinstance(content, list) or not all(isinstance(row, dict) and "ligand" in row for row in content):
        raise AskError(f"{source} is not a table of qdsurf: a JSON list of rows with a 'ligand' is needed")
    return content


def structure_file(ligand: str) -> str:
    """Return the name of the structure file of *ligand*.

    >>> structure_file("my/ligand [1]")
    'my_ligand_1_.extxyz'
    """
    return (re.sub(r"[^\w.+-]+", "_", ligand).lstrip(".") or "ligand") + ".extxyz"


def variant_folder(row: Row) -> str:
    """Return surface, site and mode of *row* as the name of a folder.

    >>> variant_folder({"surface": "PbS(100)", "site": "on a cation", "mode": "auto"})
    'PbS(100)_on_a_cation'
    """
    parts = [str(row.get("surface") or ""), str(row.get("site") or "")]
    if row.get("mode") not in (None, "auto"):
        parts.append(str(row["mode"]))
    return re.sub(r"[^\w.+()-]+", "_", " ".join(filter(None, parts))).strip("_") or "surface"


def read_structures(rows: Iterable[Row], table: str | Path, *, most: int | None = None) -> dict[str, str]:
    """Return the structures beside *table*, extended XYZ by key of the row, or by ligand where it has none.

    They are in structures/, and for campaigns of several surfaces, sites or modes in a folder of each.
    """
    table = Path(table)
    folder = table if table.is_dir() else table.parent
    found: dict[str, str] = {}
    for row in rows:
        name = structure_file(str(row["ligand"]))
        for place in (folder / variant_folder(row) / "structures", folder / "structures"):
            if (place / name).is_file():
                text = (place / name).read_text(encoding="utf-8")
                found[str(row.get("key") or row["ligand"])] = text
                break
        if most is not None and len(found) >= most:
            break
    return found


def csv_cell(value: object) -> str:
    """Return *value* as the text of a CSV cell; lists and mappings as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


def csv_text(rows: Iterable[Row]) -> str:
    """Return *rows* as CSV with a header line; energies in eV, times in seconds."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([csv_cell(row.get(name)) for name in COLUMNS] for row in rows)
    return text.getvalue()


def write_csv(rows: Iterable[Row], path: str | Path) -> Path:
    """Write *rows* to the CSV file *path*."""
    return replace_file(path, csv_text(rows))


def write_json(rows: Iterable[Row], path: str | Path) -> Path:
    """Write *rows* to the JSON file *path*, each on a line of its own."""
    # Row by row, because Python's encoder of indented text is ten times slower.
    lines = ",\n".join(json.dumps(dict(row), ensure_ascii=False) for row in rows)
    return replace_file(path, f"[\n{lines}\n]\n")


def energy_text(row: Row) -> str:
    """Return the energy of *row* with its uncertainty, in eV.

    >>> energy_text({"energy_eV": -1.234, "uncertainty_eV": 0.1})
    '-1.23 ± 0.10'
    """
    value, width = row.get("energy_eV"), row.get("uncertainty_eV")
    if value is None:
        return "–"
    return f"{value:+.2f}" + (f" ± {width:.2f}" if width is not None else "")


def rank_text(row: Row) -> str:
    """Return the rank of *row*, with "=" in front where it is shared."""
    if row.get("rank") is None:
        return "–"
    return f"{'=' if row.get('tied') else ''}{row['rank']}"


def terminal_table(rows: Sequence[Row], *, title: str = "") -> Table:
    """Return *rows* as a rich table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, caption="= shares its rank: closer than the uncertainty")
    table.add_column("rank", justify="right")
    table.add_column("ligand")
    table.add_column("binds by")
    table.add_column("E / eV per ligand", justify="right")
    table.add_column("reaction")
    table.add_column("class")
    table.add_column("converged")
    table.add_column("worst contact")
    table.add_column("note")
    group = None
    for row in rows:
        label = row.get("group") if row.get("rank") is not None else "not ranked"
        if label != group:
            table.add_section()
            table.add_row("", Text(str(label), style="bold"))
            group = label
        # As Text, because a name such as "[x]" would be read as markup.
        cells = (
            rank_text(row), row["ligand"], row.get("anchor") or "", energy_text(row),
            row.get("reaction") or "", row.get("cbc_class") or "",
            "yes" if row.get("converged") else "no", row.get("worst_contact") or "",
            row.get("unranked") or "",
        )  # fmt: skip
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table
