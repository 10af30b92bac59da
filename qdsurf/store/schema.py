"""The tables, in words that SQLite and PostgreSQL both understand, and what a database has to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

# "qdsf" in ASCII: tells a store of qdsurf from any other SQLite file.
APPLICATION_ID = 0x71647366
SCHEMA_VERSION = 2

# {blob} is the type of bytes: the one word that differs.
TABLES = """
create table if not exists results(
  key text primary key, ligand text not null, surface text, method text, site text, reaction text,
  cbc_class text, anchor text,
  status text not null check (status in ('todo', 'running', 'done', 'failed')), cause text,
  energy double precision, uncertainty double precision, converged integer, worst_contact text,
  seconds double precision, owner text, lease double precision,
  attempts integer not null default 0, deaths integer not null default 0,
  digest text, content text, structure {blob}, log {blob}, created text
);
create index if not exists results_by_status on results(status);
create table if not exists plans(
  campaign text not null, tier integer not null, key text not null, primary key (campaign, key, tier)
);
create table if not exists shared_states(key text primary key, value text not null);
create table if not exists notes(name text primary key, value text not null)
"""

# Columns that are copied out of the row so that the table can be queried with plain SQL.
COLUMNS = {
    "ligand": "ligand",
    "surface": "surface",
    "method": "method",
    "site": "site",
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


def statements(blob: str) -> list[str]:
    """Return the statements that make the tables where they do not exist; *blob* is the type of bytes."""
    return [text.strip() for text in TABLES.replace("{blob}", blob).split(";") if text.strip()]


class Database(Protocol):
    """A connection; every statement is a transaction of its own, with parameters such as ``:key``."""

    def read(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
        """Return the rows of a query."""

    def stream(self, sql: str, values: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a query without holding all of them."""

    def write(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Run a statement and return how many rows it changed."""

    def write_all(self, work: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> None:
        """Run statements, each for all of its parameter sets, in one transaction."""

    def close(self) -> None:
        """Give the connection back."""
