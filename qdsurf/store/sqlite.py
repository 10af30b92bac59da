"""A store in one SQLite file, with write-ahead logging: readable while written, whole after a kill.

It must lie on a disk of this machine: SQLite's write-ahead log does not work over a network.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qdsurf.errors import AskError, StoreError
from qdsurf.store.schema import APPLICATION_ID, SCHEMA_VERSION, statements

BUSY_SECONDS = 60.0
# File systems that several hosts mount: their locks do not carry SQLite's shared memory.
SHARED = {"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs", "afs", "glusterfs"}


def shared_disk(path: Path) -> str:
    """Return the type of the network file system that *path* lies on, or ""."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux: nothing is known
        return ""
    place = path.resolve()
    found = ("", "")
    for line in mounts:
        _, where, kind, *_ = line.split(" ")
        where = where.replace("\\040", " ")
        if len(where) >= len(found[0]) and place.is_relative_to(where):
            found = (where, kind)
    return found[1] if found[1] in SHARED else ""


class SQLite:
    """A connection to a store file; made, with its folder, where it does not exist."""

    def __init__(self, path: Path, *, check: bool = True) -> None:
        self.path = path
        if path.is_dir():
            raise AskError(f"{path} is a folder, not a store")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AskError(f"cannot make the folder of the store {path}: {error}") from error
        # Autocommit: every statement is its own transaction, so a killed process loses no finished row.
        try:
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise AskError(f"cannot open the store {path}: {error}") from error
        self._db.row_factory = sqlite3.Row
        try:
            self._prepare(check)
        except sqlite3.OperationalError as error:
            self._db.close()
            raise AskError(f"cannot open the store {path}: {error}") from error
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise AskError(
                f"{path} is not a store of qdsurf or is damaged ({error}); move it away to start afresh"
            ) from error
        except AskError:
            self._db.close()
            raise

    def _prepare(self, check: bool) -> None:
        """Refuse foreign and damaged files, then make the tables."""
        stamp = self._pragma("application_id")
        tables = int(self._db.execute("select count(*) from sqlite_master").fetchone()[0])
        if stamp != APPLICATION_ID and (tables or stamp):
            raise AskError(f"{self.path} is an SQLite file of another program, not a store of qdsurf")
        version = self._pragma("user_version")
        if version > SCHEMA_VERSION:
            raise AskError(f"{self.path} was written by a newer qdsurf (schema {version})")
        if stamp == APPLICATION_ID and version < SCHEMA_VERSION:
            raise AskError(
                f"{self.path} was written by an older qdsurf (schema {version}); move it away to start afresh"
            )
        fault = self._db.execute("pragma quick_check(1)").fetchone()[0] if check else "ok"
        if fault != "ok":
            raise AskError(f"the store {self.path} is damaged ({fault}); move it away to start afresh")
        self._db.execute(f"pragma busy_timeout={int(BUSY_SECONDS * 1000)}")
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        if stamp != APPLICATION_ID:
            with self._transaction():
                for statement in statements("blob"):
                    self._db.execute(statement)
                self._db.execute(f"pragma user_version={SCHEMA_VERSION}")
                self._db.execute(f"pragma application_id={APPLICATION_ID}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"pragma {name}").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do several statements or none."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            # After a full disk SQLite has rolled back by itself.
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise
        self._db.execute("commit")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn what SQLite says of a full disk or a damaged file into a StoreError."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StoreError(f"the store {self.path} cannot be used: {error}") from error

    def read(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
        """Return the rows of a query."""
        with self._guarded():
            return self._db.execute(sql, dict(values or {})).fetchall()

    def stream(self, sql: str, values: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a query without holding all of them."""
        with self._guarded():
            yield from self._db.execute(sql, dict(values or {}))

    def write(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Run a statement and return how many rows it changed."""
        with self._guarded():
            return self._db.execute(sql, dict(values or {})).rowcount

    def write_all(self, work: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> None:
        """Run statements, each for all of its parameter sets, in one transaction."""
        with self._guarded(), self._transaction():
            for sql, sets in work:
                self._db.executemany(sql, [dict(values) for values in sets])

    def close(self) -> None:
        """Close the file; SQLite folds the write-ahead log in when the last connection closes."""
        self._db.close()
