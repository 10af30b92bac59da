"""Lists of formulas from files, and tables of compositions."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qdsurf.errors import AskError
from qdsurf.rank.compositions import Composition, Refusal

_COLUMNS = ("formula", "composition", "compound", "abx3")


def read_formulas(path: Path | str) -> list[str]:
    """Return the formulas of a file: one a line, or the column "formula" of a CSV.

    Empty lines and lines that start with "#" are left out.

    Raises
    ------
    AskError
        No such file, no column of formulas, or no formula; names the file.
    """
    file = Path(path)
    if not file.is_file():
        raise AskError(f"{str(path)!r} is no file")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise AskError(f"{str(path)!r} is no text file") from error
    if file.suffix.lower() == ".csv":
        reader = csv.DictReader(lines)
        column = next((c for c in reader.fieldnames or () if c.strip().lower() in _COLUMNS), None)
        if column is None:
            has = ", ".join(reader.fieldnames or ()) or "none: it is empty"
            raise AskError(f"{str(path)!r} has no column 'formula'; columns: {has}")
        found = [(row[column] or "").strip() for row in reader]
    else:
        found = [line.split("#")[0].strip() for line in lines]
    formulas = [formula for formula in found if formula]
    if not formulas:
        raise AskError(f"{str(path)!r} has no formula")
    return formulas


def write_csv(rows: Iterable[Mapping[str, Any]], path: Path | str) -> None:
    """Write flat rows as CSV; a column that a row lacks is empty.

    Raises
    ------
    AskError
        The folder does not exist.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise AskError(f"{str(target)!r}: the folder {str(target.parent)!r} does not exist")
    listed = list(rows)
    columns = list(dict.fromkeys(column for row in listed for column in row))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(listed)


def as_record(row: Composition | Refusal) -> dict[str, Any]:
    """Return a row with its radii, verdicts and observations as nested records, ready for JSON."""
    flat = row.as_row()
    if isinstance(row, Refusal):
        return flat
    for rule in (verdict.rule.name for verdict in row.verdicts):
        del flat[rule]
    return {
        **flat,
        "kind": row.kind,
        "mu_range": [round(value, 4) for value in row.mu_range],
        "radii": [
            {
                "site": ion.site, "ion": ion.ion, "charge": ion.charge, "amount": ion.amount,
                "radius_A": ion.radius.value, "coordination": ion.radius.coordination, "set": ion.radius.set,
                "status": ion.radius.status, "source": str(ion.radius.source), "note": ion.radius.note,
            }
            for ion in row.radii
        ],
        "verdicts": {
            verdict.rule.name: {
                "passes": verdict.passes, "window": str(verdict.rule), "says": verdict.rule.says,
                "accuracy": None if verdict.rule.accuracy is None else asdict(verdict.rule.accuracy),
                "source": str(verdict.rule.source),
            }
            for verdict in row.verdicts
        },
        "observed": [str(seen) for seen in row.observed],
        "contradictions": list(row.contradictions),
        "notes": list(row.notes),
    }  # fmt: skip
