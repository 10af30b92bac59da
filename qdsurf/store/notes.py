"""What many pieces of work share: short notes, and the energies of states that ligands have in common."""

from __future__ import annotations

import json
from typing import Any

from qdsurf.store.content import to_json
from qdsurf.store.schema import Database


class Notes:
    """The part of the store that many pieces share."""

    _db: Database

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

    def __init__(self, store: Notes) -> None:
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
