"""Take results out of a store and into one: ASE database, extended XYZ, CSV, JSON lines, Parquet.

Every format keeps all of a row but CSV, which has columns only.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import AskError, MissingExtra
from qdsurf.model.files import extxyz_text
from qdsurf.store.content import to_json
from qdsurf.store.table import Store

if TYPE_CHECKING:
    from ase import Atoms

Found = tuple[dict[str, Any], str | None]

COLUMNS = (
    "ligand", "smiles", "surface", "site", "mode", "method", "reaction", "equation", "cbc_class", "binds",
    "anchor", "status", "cause", "energy_eV", "uncertainty_eV", "converged", "score", "worst_contact",
    "seconds", "key",
)  # fmt: skip
_TEXTS = ("ligand", "surface", "method", "site", "reaction", "cbc_class", "anchor", "status")
_NUMBERS = ("energy_eV", "uncertainty_eV", "score", "seconds")


def _finished(store: Store, keys: Iterable[str] | None) -> Iterator[Found]:
    """Yield rows with their structures as text, in order of *keys*."""
    for key in store.keys() if keys is None else keys:
        row = store.get(key)
        if row is not None:
            yield row, store.structure(key)


def _atoms(text: str) -> Atoms:
    from ase.io import read

    atoms = read(StringIO(text), format="extxyz")
    return atoms[-1] if isinstance(atoms, list) else atoms


def search_keys(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ASE's database can be searched by.

    It refuses text that looks like a number, such as the facet "100" or a hash "626121808897e459", so
    text that a number could be read from has an underscore in front.

    >>> search_keys({"ligand": "100", "energy_eV": -0.5, "status": "done"})
    {'ligand': '_100', 'status': 'done', 'energy_eV': -0.5}
    """
    found: dict[str, Any] = {}
    for name in _TEXTS:
        if text := row.get(name):
            found[name] = f"_{text}" if _is_number(str(text)) else str(text)
    for name in _NUMBERS:
        if row.get(name) is not None:
            found[name] = float(row[name])
    if row.get("converged") is not None:
        found["converged"] = bool(row["converged"])
    return found


def _is_number(text: str) -> bool:
    """Return whether ASE would take *text* for a number or a truth value."""
    if text in ("True", "False"):
        return True
    try:
        complex(text.replace("i", "j"))
    except ValueError:
        return False
    return True


def _to_db(found: Iterator[Found], path: Path) -> int:
    """Write an ASE database; failed rows, which have no structure, have no atoms in it."""
    from ase import Atoms
    from ase.db import connect

    number = 0
    with connect(path, type="db", append=False) as database:
        for row, text in found:
            atoms = _atoms(text) if text else Atoms()
            # In a list, because ASE keeps text and numbers of the data as they are only inside one.
            database.write(atoms, key_value_pairs=search_keys(row), data={"row": to_json(row)})
            number += 1
    return number


def _to_extxyz(found: Iterator[Found], path: Path) -> int:
    from ase.io import write

    number = 0
    with path.open("w", encoding="utf-8") as file:
        for row, text in found:
            if text:
                atoms = _atoms(text)
                atoms.info = {**atoms.info, "qdsurf_row": to_json(row)}
                write(file, atoms, format="extxyz")
                number += 1
    return number


def _to_csv(found: Iterator[Found], path: Path) -> int:
    number = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row, _ in found:
            writer.writerow(["" if row.get(name) is None else row[name] for name in COLUMNS])
            number += 1
    return number


def _to_jsonl(found: Iterator[Found], path: Path) -> int:
    number = 0
    with path.open("w", encoding="utf-8") as file:
        for row, text in found:
            file.write(to_json({"row": row, "structure": text}) + "\n")
            number += 1
    return number


def _to_parquet(found: Iterator[Found], path: Path) -> int:
    """Write columns for analysis, with the whole row as JSON and the structure as text."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("Parquet files", "parquet") from error
    numbers = {"energy_eV", "uncertainty_eV", "score", "seconds"}
    fields = [
        (name, pa.float64() if name in numbers else pa.bool_() if name == "converged" else pa.string())
        for name in COLUMNS
    ]
    schema = pa.schema([*fields, ("row", pa.string()), ("structure", pa.string())])
    number = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            batch.clear()

        for row, text in found:
            batch.append({**{n: row.get(n) for n in COLUMNS}, "row": to_json(row), "structure": text})
            number += 1
            if len(batch) == 5000:
                flush()
        flush()
    return number


_WRITERS: dict[str, Callable[[Iterator[Found], Path], int]] = {
    ".db": _to_db,
    ".extxyz": _to_extxyz,
    ".csv": _to_csv,
    ".jsonl": _to_jsonl,
    ".parquet": _to_parquet,
}


def export_rows(store: Store, path: str | Path, *, keys: Iterable[str] | None = None) -> int:
    """Write finished rows of *store* to *path*, whose ending is the format; return how many.

    Parameters
    ----------
    path
        ``.db`` (ASE's SQLite, for ``ase db`` and ``ase gui``), ``.extxyz`` (rows with a structure only),
        ``.csv``, ``.jsonl`` or ``.parquet``. It is replaced if it exists.
    keys
        Which rows; all where None.

    Raises
    ------
    AskError
        Another ending, or no such folder.
    MissingExtra
        Parquet without pyarrow.
    """
    path = Path(path)
    writer = _WRITERS.get(path.suffix)
    if writer is None:
        raise AskError(f"{path.name}: results are written as {', '.join(_WRITERS)}, not {path.suffix!r}")
    if not path.parent.is_dir():
        raise AskError(f"the folder {str(path.parent)!r} does not exist")
    # By way of another name, which keeps the ending: the old or the new content, never half of it.
    part = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        number = writer(_finished(store, keys), part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return number


def _from_db(path: Path) -> Iterator[Found]:
    from ase.db import connect

    with connect(path, type="db") as database:
        for found in database.select():
            if "row" not in found.data:
                raise AskError(f"{path} was not written by qdsurf: entry {found.id} holds no row")
            atoms = found.toatoms()
            yield json.loads(found.data["row"]), extxyz_text(atoms) if len(atoms) else None


def _from_extxyz(path: Path) -> Iterator[Found]:
    from ase.io import iread

    for atoms in iread(path, format="extxyz"):
        row = atoms.info.pop("qdsurf_row", None)
        if row is None:
            raise AskError(f"{path} was not written by qdsurf: a structure in it has no row")
        # ASE reads JSON values of its own accord.
        yield row if isinstance(row, dict) else json.loads(row), extxyz_text(atoms)


def _from_jsonl(path: Path) -> Iterator[Found]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                found = json.loads(line)
                yield found["row"], found["structure"]
            except (ValueError, KeyError, TypeError) as error:
                raise AskError(f"{path}, line {number}: not a row of qdsurf ({error})") from error


def _from_parquet(path: Path) -> Iterator[Found]:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("Parquet files", "parquet") from error
    with pq.ParquetFile(path) as file:
        if not {"row", "structure"} <= set(file.schema.names):
            raise AskError(f"{path} was not written by qdsurf: it has no columns 'row' and 'structure'")
        for batch in file.iter_batches(columns=["row", "structure"]):
            for found in batch.to_pylist():
                yield json.loads(found["row"]), found["structure"]


_READERS: dict[str, Callable[[Path], Iterator[Found]]] = {
    ".db": _from_db,
    ".extxyz": _from_extxyz,
    ".jsonl": _from_jsonl,
    ".parquet": _from_parquet,
}


def import_rows(store: Store, path: str | Path) -> int:
    """Take the rows of a file that :func:`export_rows` wrote into *store*; return how many.

    Rows that are there already are not changed, so a file may be taken in twice. A campaign that shares
    the store finds them finished.

    Raises
    ------
    AskError
        No such file, another ending (CSV does not hold whole rows), or a file of another program.
    """
    path = Path(path)
    if not path.is_file():
        raise AskError(f"there is no file {str(path)!r}")
    reader = _READERS.get(path.suffix)
    if reader is None:
        raise AskError(f"{path.name}: results are read from {', '.join(_READERS)}, not {path.suffix!r}")
    number = 0
    for row, structure in reader(path):
        store.put(row, structure)
        number += 1
    return number
