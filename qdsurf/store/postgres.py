"""A store in a PostgreSQL database, by way of SQLAlchemy: the same tables, for workers on many hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from qdsurf.errors import AskError, MissingExtra, StoreError
from qdsurf.store.schema import SCHEMA_VERSION, statements

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

T = TypeVar("T")

# How long a lost connection is sought again before a worker gives up.
PATIENCE = 120.0


def hidden(url: str) -> str:
    """Return *url* without its password.

    >>> hidden("postgresql://me:secret@host/db")
    'postgresql://me:***@host/db'
    """
    scheme, _, rest = url.partition("://")
    who, at, where = rest.rpartition("@")
    user, colon, _ = who.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}{at}{where}"


class Postgres:
    """A connection that is sought again when it is lost; every statement may safely be repeated."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg  # noqa: F401
            from sqlalchemy import create_engine
            from sqlalchemy.exc import SQLAlchemyError
        except ImportError as error:
            raise MissingExtra("a store in PostgreSQL", "postgres") from error
        self.name = hidden(url)
        scheme, _, rest = url.partition("://")
        self._engine = create_engine(
            f"{scheme.partition('+')[0].replace('postgres', 'postgresql', scheme == 'postgres')}+psycopg://{rest}",
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=1,
            pool_pre_ping=True,
        )
        try:
            with self._engine.connect() as connection:
                self._prepare(connection)
        except (SQLAlchemyError, ValueError) as error:
            self._engine.dispose()
            raise AskError(f"cannot open the store {self.name}: {_short(error)}") from error

    def _prepare(self, connection: Connection) -> None:
        """Make the tables; several processes may come at once."""
        from sqlalchemy import text

        with connection.execution_options(isolation_level="READ COMMITTED").begin():
            # One at a time: "create table if not exists" by two at once is an error in PostgreSQL.
            connection.execute(text("select pg_advisory_xact_lock(1903457126)"))
            there = connection.execute(text("select to_regclass('notes') is not null")).scalar()
            for statement in [] if there else statements("bytea"):
                connection.execute(text(statement))
            if not there:
                connection.execute(
                    text("insert into notes(name, value) values('qdsurf schema', :version)"),
                    {"version": str(SCHEMA_VERSION)},
                )
            version = connection.execute(text("select value from notes where name='qdsurf schema'")).scalar()
        if version != str(SCHEMA_VERSION):
            raise AskError(
                f"{self.name} holds tables of another program or schema ({version}); name another database"
            )

    def _insist(self, what: Callable[[Connection], T]) -> T:
        """Return what *what* gives, over a new connection where the old one is lost."""
        from sqlalchemy.exc import DBAPIError, OperationalError

        pause, until = 0.1, time.monotonic() + PATIENCE
        while True:
            try:
                with self._engine.connect() as connection:
                    return what(connection)
            except DBAPIError as error:
                lost = isinstance(error, OperationalError) or error.connection_invalidated
                if not lost or time.monotonic() > until:
                    raise StoreError(f"the store {self.name} cannot be used: {_short(error)}") from error
                time.sleep(pause)
                pause = min(2 * pause, 5.0)

    def read(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
        """Return the rows of a query."""
        from sqlalchemy import text

        return self._insist(lambda c: [dict(m) for m in c.execute(text(sql), dict(values or {})).mappings()])

    def stream(self, sql: str, values: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a query without holding all of them."""
        from sqlalchemy import text

        with self._engine.connect() as connection:
            # A cursor on the server needs a transaction.
            quiet = connection.execution_options(
                isolation_level="READ COMMITTED", stream_results=True, yield_per=500
            )
            for found in quiet.execute(text(sql), dict(values or {})).mappings():
                yield dict(found)

    def write(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Run a statement and return how many rows it changed."""
        from sqlalchemy import text

        return self._insist(lambda c: int(c.execute(text(sql), dict(values or {})).rowcount))

    def write_all(self, work: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> None:
        """Run statements, each for all of its parameter sets, in one transaction."""
        from sqlalchemy import text

        def run(connection: Connection) -> None:
            quiet = connection.execution_options(isolation_level="READ COMMITTED")
            with quiet.begin():
                for sql, sets in work:
                    if sets:
                        quiet.execute(text(sql), [dict(values) for values in sets])

        self._insist(run)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def _short(error: Exception) -> str:
    """Return the first line of what the driver says."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
