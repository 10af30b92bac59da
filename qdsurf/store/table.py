"""The store: one row for each piece of work, who is at it, what came out, and energies that many share."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from qdsurf.store.content import to_json
from qdsurf.store.owners import is_gone
from qdsurf.store.schema import COLUMNS, Database

# A claim that its owner has not renewed for so long is void: the owner's host is gone.
LEASE_SECONDS = 300.0
# A piece of work whose process died so often is not tried again by itself.
MAX_DEATHS = 3
_BATCH = 1000
# As a question about each row, so that the few rows of a status are looked up, not the whole plan.
_PLANNED = "exists (select 1 from plans p where p.campaign=:campaign and p.key=results.key)"

Claim = Literal["mine", "busy", "done", "failed", "unknown"]


def is_url(where: str | Path) -> bool:
    """Return whether *where* names a database server rather than a file."""
    return isinstance(where, str) and "://" in where


def _packed(text: str | None) -> bytes | None:
    return None if text is None else zlib.compress(text.encode(), 6)


def _unpacked(data: bytes | memoryview | None) -> str | None:
    return None if data is None else zlib.decompress(bytes(data)).decode()


class Store:
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

    # what is to be done

    def set_plan(self, campaign: str, tier: int, work: Iterable[Mapping[str, Any]]) -> list[str]:
        """Make *work* the plan of a tier: rows that are new become "todo"; what is known stays as it is.

        Parameters
        ----------
        work
            For each piece "key", "ligand", "surface", "method" and "site".

        Returns
        -------
        list
            The keys, in order, each once.
        """
        pieces = {piece["key"]: piece for piece in work}
        note = f"plan {campaign} {tier}"
        digest = sha256("\n".join(sorted(pieces)).encode()).hexdigest()
        if self.note(note) == digest:
            return list(pieces)
        name = {"campaign": campaign, "tier": tier}
        self._db.write("delete from plans where campaign=:campaign and tier=:tier", name)
        waiting = iter(pieces.values())
        while batch := list(islice(waiting, _BATCH)):
            self._db.write_all(
                [
                    (
                        "insert into results(key, status, ligand, surface, method, site) "
                        "values(:key, 'todo', :ligand, :surface, :method, :site) on conflict(key) do nothing",
                        batch,
                    ),
                    (
                        "insert into plans(campaign, tier, key) values(:campaign, :tier, :key) "
                        "on conflict(campaign, key, tier) do nothing",
                        [{**name, "key": piece["key"]} for piece in batch],
                    ),
                ]
            )
        # Last, so that a plan that was cut short is made again.
        self.set_note(note, digest)
        return list(pieces)

    def statuses(self, campaign: str, tier: int) -> dict[str, str]:
        """Return the status of every piece of a tier, by key."""
        found = self._db.read(
            "select p.key, r.status from plans p join results r on r.key=p.key "
            "where p.campaign=:campaign and p.tier=:tier",
            {"campaign": campaign, "tier": tier},
        )
        return {row["key"]: row["status"] for row in found}

    def status(self, key: str) -> str:
        """Return the status of *key*, "" where there is no such row."""
        found = self._db.read("select status from results where key=:key", {"key": key})
        return str(found[0]["status"]) if found else ""

    def counts(self, campaign: str) -> dict[int, dict[str, int]]:
        """Return how many pieces have which status, by tier."""
        mine = {"campaign": campaign}
        planned = self._db.read(
            "select tier, count(*) as number from plans where campaign=:campaign group by tier", mine
        )
        everything = self._db.read("select status, count(*) as number from results group by status")
        if len(planned) == 1 and planned[0]["number"] == sum(row["number"] for row in everything):
            # Nothing else is in the store: an index alone gives the answer.
            found = [{**row, "tier": planned[0]["tier"]} for row in map(dict, everything)]
        else:
            found = [
                dict(row)
                for row in self._db.read(
                    "select p.tier, r.status, count(*) as number from plans p join results r on r.key=p.key "
                    "where p.campaign=:campaign group by p.tier, r.status",
                    mine,
                )
            ]
        tiers: dict[int, dict[str, int]] = {}
        for row in found:
            tiers.setdefault(int(row["tier"]), {})[row["status"]] = int(row["number"])
        return tiers

    def causes(self, campaign: str, most: int = 10) -> list[tuple[str, int]]:
        """Return the commonest causes of failure and how often each occurs."""
        found = self._db.read(
            "select cause, count(*) as number from results where status='failed' "
            f"and {_PLANNED} group by cause order by number desc, cause limit :most",
            {"campaign": campaign, "most": most},
        )
        return [(str(row["cause"]), int(row["number"])) for row in found]

    def running(self, campaign: str) -> list[dict[str, Any]]:
        """Return what is being computed: ligand, surface, method, owner."""
        found = self._db.read(
            "select ligand, surface, method, owner from results where status='running' "
            f"and {_PLANNED} order by ligand, key limit 100",
            {"campaign": campaign},
        )
        return [dict(row) for row in found]

    def campaigns(self) -> list[str]:
        """Return the names of the campaigns that were planned here."""
        return [row["campaign"] for row in self._db.read("select distinct campaign from plans order by 1")]

    # who does it

    def claim(self, key: str, owner: str) -> Claim:
        """Claim *key* for *owner*; "mine" where it may be computed, else why not."""
        now = time.time()
        # Repeated after a lost connection it is still true: an owner may claim what it has.
        changed = self._db.write(
            "update results set status='running', owner=:owner, lease=:lease, attempts=attempts+1 "
            "where key=:key and (status='todo' or (status='running' and (owner=:owner or lease<:now)))",
            {"key": key, "owner": owner, "lease": now + LEASE_SECONDS, "now": now},
        )
        if changed:
            return "mine"
        status = self.status(key)
        if status == "done" or status == "failed":
            return status  # type: ignore[return-value]
        return "busy" if status else "unknown"

    def renew(self, owner: str) -> None:
        """Put off the end of all claims of *owner*."""
        self._db.write(
            "update results set lease=:lease where status='running' and owner=:owner",
            {"owner": owner, "lease": time.time() + LEASE_SECONDS},
        )

    def release(self, owner: str, *, died: bool = False) -> list[str]:
        """Make what *owner* has claimed "todo" again and return the keys.

        With *died*, the death of a process is counted to each; :meth:`deaths` tells how many.
        """
        mine = {"owner": owner}
        keys = [
            row["key"]
            for row in self._db.read("select key from results where status='running' and owner=:owner", mine)
        ]
        self._db.write(
            f"update results set status='todo', owner=null, lease=null, deaths=deaths+{int(died)} "
            "where status='running' and owner=:owner",
            mine,
        )
        return keys

    def deaths(self, key: str) -> int:
        """Return how many processes died at *key*."""
        found = self._db.read("select deaths from results where key=:key", {"key": key})
        return int(found[0]["deaths"]) if found else 0

    def reap(self) -> int:
        """Release the claims of processes of this host that are gone, and those that ran out."""
        owners = self._db.read(
            "select owner, max(lease) as lease from results where status='running' group by owner"
        )
        freed = 0
        for row in owners:
            owner = str(row["owner"] or "")
            if is_gone(owner) or (row["lease"] or 0.0) < time.time():
                freed += len(self.release(owner))
        return freed

    def retry(self, campaign: str, cause: str = "") -> int:
        """Make failed rows "todo" again, those whose cause contains *cause*; return how many."""
        return self._db.write(
            "update results set status='todo', deaths=0, digest=null, owner=null where status='failed' "
            f"and {_PLANNED} and (:cause = '' or cause like :pattern)",
            {"campaign": campaign, "cause": cause, "pattern": f"%{cause}%"},
        )

    # what came out

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

    # what many pieces share

    def note(self, name: str) -> str | None:
        """Return the note of that name, or None."""
        found = self._db.read("select value from notes where name=:name", {"name": name})
        return str(found[0]["value"]) if found else None

    def set_note(self, name: str, value: str) -> None:
        """Keep a short text under *name*."""
        self._db.write(
            "insert into notes(name, value) values(:name, :value) "
            "on conflict(name) do update set value=excluded.value",
            {"name": name, "value": value},
        )

    def get_reference(self, key: str) -> Any | None:
        """Return the JSON value kept under *key* for a shared state, or None."""
        found = self._db.read("select value from shared_states where key=:key", {"key": key})
        return json.loads(found[0]["value"]) if found else None

    def put_reference(self, key: str, value: object) -> None:
        """Keep a JSON value, such as an energy in eV, of a shared state under *key*."""
        self._db.write(
            "insert into shared_states(key, value) values(:key, :value) "
            "on conflict(key) do update set value=excluded.value",
            {"key": key, "value": to_json(value)},
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
