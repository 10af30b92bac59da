"""The store of a campaign: one SQLite file that many processes may write at once.

Write-ahead logging keeps it readable while it is written and whole after a process is killed.
It must lie on a disk of this machine: SQLite's write-ahead log does not work over NFS or Lustre.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

from qdsurf.errors import AskError

# "qdsf" in ASCII: tells a store of qdsurf from any other SQLite file.
APPLICATION_ID = 0x71647366
SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0

_SCHEMA = """
create table if not exists results(
  key text primary key, ligand text not null, surface text, method text, reaction text,
  cbc_class text, anchor text, status text not null check (status in ('done', 'failed')), cause text,
  energy real, uncertainty real, converged integer, worst_contact text, row text not null,
  structure text, created text not null, seconds real
) without rowid;
create table if not exists references_(key text primary key, energy text not null) without rowid;
"""
# Columns that are copied out of the row so that the file can be queried with plain SQL.
_COLUMNS = {
    "ligand": "ligand",
    "surface": "surface",
    "method": "method",
    "reaction": "reaction",
    "cbc_class": "cbc_class",
    "anchor": "anchor",
    "status": "status",
    "cause": "cause",
    "energy": "energy_eV",
    "uncertainty": "uncertainty_eV",
    "converged": "converged",
    "worst_contact": "worst_contact",
    "seconds": "seconds",
}


def _plain(value: object) -> object:
    """Return the JSON form of what the json module does not know."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "tolist"):  # numpy arrays and scalars, without importing numpy
        return value.tolist()
    return str(value)


def to_json(value: object) -> str:
    """Return canonical JSON: sorted keys, no spaces, no NaN.

    >>> to_json({"b": 1, "a": (2, 3)})
    '{"a":[2,3],"b":1}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), default=_plain, ensure_ascii=False, allow_nan=False
    )


def content_key(content: Mapping[str, Any]) -> str:
    """Return the key of *content*: "k" and the SHA-256 of its canonical JSON.

    The letter in front keeps other tools from reading a key such as 6261e8897459 as a number.

    >>> content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})
    True
    """
    return "k" + sha256(to_json(dict(content)).encode()).hexdigest()


class Store:
    """Results and reference energies of a campaign; a context manager.

    Parameters
    ----------
    path
        The SQLite file; made, with its folder, where it does not exist.
    check
        Whether to read the whole file for damage first; workers leave it to the process that began.

    Raises
    ------
    AskError
        The file is damaged, or is something other than a store of qdsurf.
    """

    def __init__(self, path: str | Path, *, check: bool = True) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            raise AskError(f"{self.path} is a folder, not a store")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AskError(f"cannot make the folder of the store {self.path}: {error}") from error
        # Autocommit: every statement is its own transaction, so a killed process loses no finished row.
        try:
            self._db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise AskError(f"cannot open the store {self.path}: {error}") from error
        self._db.row_factory = sqlite3.Row
        try:
            self._prepare(check)
        except sqlite3.OperationalError as error:
            self._db.close()
            raise AskError(f"cannot open the store {self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise AskError(
                f"{self.path} is not a store of qdsurf or is damaged ({error}); move it away to start afresh"
            ) from error
        except AskError:
            self._db.close()
            raise

    def _prepare(self, check: bool) -> None:
        """Refuse foreign and damaged files, then make the tables."""
        stamp = int(self._db.execute("pragma application_id").fetchone()[0])
        tables = int(self._db.execute("select count(*) from sqlite_master").fetchone()[0])
        if stamp != APPLICATION_ID and (tables or stamp):
            raise AskError(f"{self.path} is an SQLite file of another program, not a store of qdsurf")
        version = int(self._db.execute("pragma user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise AskError(f"{self.path} was written by a newer qdsurf (schema {version})")
        fault = self._db.execute("pragma quick_check(1)").fetchone()[0] if check else "ok"
        if fault != "ok":
            raise AskError(f"the store {self.path} is damaged ({fault}); move it away to start afresh")
        self._db.execute(f"pragma busy_timeout={int(BUSY_SECONDS * 1000)}")
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        if stamp != APPLICATION_ID:
            with self._transaction():
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"pragma user_version={SCHEMA_VERSION}")
                self._db.execute(f"pragma application_id={APPLICATION_ID}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do several statements or none."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; SQLite folds the write-ahead log in when the last connection closes."""
        self._db.close()

    def put(self, row: Mapping[str, Any], structure: str | None = None) -> None:
        """Write *row* under its "key"; writing the same row again changes nothing.

        Parameters
        ----------
        row
            A row of the table; "key", "ligand" and "status" are needed.
        structure
            The relaxed structure as extended XYZ text.
        """
        missing = [name for name in ("key", "ligand", "status") if not row.get(name)]
        if missing:
            raise ValueError(f"a row of the store needs {', '.join(missing)}")
        values = {column: row.get(name) for column, name in _COLUMNS.items()}
        if values["worst_contact"] is not None and not isinstance(values["worst_contact"], str):
            values["worst_contact"] = to_json(values["worst_contact"])
        values |= {
            "key": row["key"],
            "row": to_json(dict(row)),
            "structure": structure,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        # The time of writing is not updated unless the content changed: an upsert is idempotent.
        changing = [name for name in values if name != "key"]
        self._db.execute(
            f"insert into results({', '.join(values)}) values({', '.join(':' + n for n in values)}) "
            f"on conflict(key) do update set {', '.join(f'{n}=excluded.{n}' for n in changing)} "
            "where results.row is not excluded.row or results.structure is not excluded.structure",
            values,
        )

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the row of *key*, or None."""
        found = self._db.execute("select row from results where key=?", (key,)).fetchone()
        return json.loads(found["row"]) if found else None

    def structure(self, key: str) -> str | None:
        """Return the structure of *key* as extended XYZ text, or None."""
        found = self._db.execute("select structure from results where key=?", (key,)).fetchone()
        return found["structure"] if found else None

    def rows(self, status: str | None = None) -> list[dict[str, Any]]:
        """Return all rows, sorted by ligand; only those with *status* if it is given."""
        query = "select row from results where ?1 is null or status=?1 order by ligand, key"
        return [json.loads(found["row"]) for found in self._db.execute(query, (status,))]

    def get_reference(self, key: str) -> Any | None:
        """Return the JSON value kept under *key* for a shared state, or None."""
        found = self._db.execute("select energy from references_ where key=?", (key,)).fetchone()
        return json.loads(found["energy"]) if found else None

    def put_reference(self, key: str, energy: object) -> None:
        """Keep a JSON value, such as an energy in eV, of a shared state under *key*."""
        self._db.execute(
            "insert into references_(key, energy) values(?, ?) "
            "on conflict(key) do update set energy=excluded.energy",
            (key, to_json(energy)),
        )

    @property
    def references(self) -> ReferenceCache:
        """The shared state energies as a mapping."""
        return ReferenceCache(self)


class ReferenceCache:
    """Energies of states that several ligands share (slab, molecules, bulk), kept in a store.

    Works like a dict whose values are anything JSON can hold; another process sees a value as soon
    as it is written.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, or *default*."""
        value = self._store.get_reference(key)
        return default if value is None else value

    def __getitem__(self, key: str) -> Any:
        value = self._store.get_reference(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: object) -> None:
        self._store.put_reference(key, value)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._store.get_reference(key) is not None
