"""The store: one row for each piece of work, and what came out of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

from qdsurf.store.claims import Claims
from qdsurf.store.content import to_json
from qdsurf.store.schema import COLUMNS, Database


def is_url(where: str | Path) -> bool:
    """Return whether *where* names a database server rather than a file."""
    return isinstance(where, str) and "://" in where


def _packed(text: str | None) -> bytes | None:
    return None if text is None else zlib.compress(text.encode(), 6)


def _unpacked(data: bytes | memoryview | None) -> str | None:
    return None if data is None else zlib.decompress(bytes(data)).decode()


class Store(Claims):
    """Results of campaigns; a context manager.

    A row is "todo", "running" (somebody has claimed it), "done" or "failed". Only one claims a row;
    whoever computes it writes it. A row that is done is never replaced by a failure.

    Parameters
    ----------
    where
        Path of an SQLite file on a disk of this machine, made where it does not exist; or the URL of a
        PostgreSQL database, ``postgresql://user:password@host:port/name``.
    check
        Whether to read a whole file for damage first; workers leave it to the process that began.

    Raises
    ------
    AskError
        The file is damaged, or something other than a store of qdsurf; the database cannot be reached.
    MissingExtra
        A PostgreSQL URL without the optional packages for it.
    """

    def __init__(self, where: str | Path, *, check: bool = True) -> None:
        self._db: Database
        if is_url(where):
            from qdsurf.store.postgres import Postgres, hidden

            self.where, self.name = str(where), hidden(str(where))
            self._db = Postgres(self.where)
        else:
            from qdsurf.store.sqlite import SQLite

            # Absolute, because workers may stand in another folder.
            self.where = self.name = str(Path(where).absolute())
            self._db = SQLite(Path(where), check=check)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def put(self, row: Mapping[str, Any], structure: str | None = None, log: str | None = None) -> None:
        """Write *row* under its "key"; writing the same row again changes nothing.

        Parameters
        ----------
        row
            A row of the table; "key", "ligand" and "status" ("done" or "failed") are needed.
        structure
            The relaxed structure as extended XYZ text.
        log
            What was said while it was computed.
        """
        missing = [name for name in ("key", "ligand", "status") if not row.get(name)]
        if missing:
            raise ValueError(f"a row of the store needs {', '.join(missing)}")
        content = to_json(dict(row))
        values = {column: row.get(name) for column, name in COLUMNS.items()}
        if values["worst_contact"] is not None and not isinstance(values["worst_contact"], str):
            values["worst_contact"] = to_json(values["worst_contact"])
        if values["converged"] is not None:
            values["converged"] = int(values["converged"])
        values |= {
            "key": row["key"],
            "content": content,
            "structure": _packed(structure),
            "log": _packed(log),
            "digest": sha256(f"{content}\0{structure or ''}".encode()).hexdigest(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "owner": None,
            "lease": None,
        }
        changing = [name for name in values if name != "key"]
        # The time of writing stays unless the content changed, and a failure never replaces a result.
        self._db.write(
            f"insert into results({', '.join(values)}) values({', '.join(':' + n for n in values)}) "
            f"on conflict(key) do update set {', '.join(f'{n}=excluded.{n}' for n in changing)} "
            "where results.digest is null or (results.digest<>excluded.digest "
            "and (results.status<>'done' or excluded.status='done'))",
            values,
        )

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the row of *key*, or None."""
        found = self._db.read("select content from results where key=:key", {"key": key})
        return json.loads(found[0]["content"]) if found and found[0]["content"] else None

    def structure(self, key: str) -> str | None:
        """Return the structure of *key* as extended XYZ text, or None."""
        found = self._db.read("select structure from results where key=:key", {"key": key})
        return _unpacked(found[0]["structure"]) if found else None

    def log(self, key: str) -> str | None:
        """Return what was said while *key* was computed, or None."""
        found = self._db.read("select log from results where key=:key", {"key": key})
        return _unpacked(found[0]["log"]) if found else None

    def stream(
        self, *, campaign: str | None = None, tier: int | None = None, status: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield finished rows, sorted by ligand and key, without holding all of them."""
        asked = {"campaign": campaign, "tier": tier, "status": status}
        plan = "" if campaign is None else "and key in (select key from plans where campaign=:campaign) "
        if campaign is not None and tier is not None:
            plan = "and key in (select key from plans where campaign=:campaign and tier=:tier) "
        state = "" if status is None else "and status=:status "
        given = {name: value for name, value in asked.items() if f":{name}" in plan + state}
        for found in self._db.stream(
            "select content from results where content is not null and status in ('done', 'failed') "
            f"{plan}{state}order by ligand, key",
            given,
        ):
            yield json.loads(found["content"])

    def rows(
        self, status: str | None = None, *, campaign: str | None = None, tier: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the finished rows, sorted by ligand; only those with *status* if it is given."""
        return list(self.stream(campaign=campaign, tier=tier, status=status))

    def keys(self) -> Sequence[str]:
        """Return the keys of all finished rows."""
        found = self._db.read("select key from results where status in ('done', 'failed') order by key")
        return [row["key"] for row in found]

    def seconds(self, method: str) -> list[float]:
        """Return how long the finished pieces of *method* took, in seconds, of a thousand at most."""
        found = self._db.read(
            "select seconds from results where status='done' and method=:method "
            "and seconds is not null limit 1000",
            {"method": method},
        )
        return [float(row["seconds"]) for row in found]
