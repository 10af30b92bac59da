"""Printing: results to standard output, progress and errors to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import Any


def say(text: str, *, error: bool = False) -> None:
    """Print one line."""
    print(text, file=sys.stderr if error else sys.stdout)


def as_json(value: Any) -> None:
    """Print *value* as JSON; dataclasses as objects."""

    def plain(item: Any) -> Any:
        if is_dataclass(item) and not isinstance(item, type):
            return asdict(item)
        return dict(item) if isinstance(item, Mapping) else str(item)

    print(json.dumps(value, indent=2, default=plain, ensure_ascii=False))


def print_table(value: Any) -> None:
    """Print a mapping line by line, or a rich table."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, Mapping):
                item = ", ".join(f"{k}: {v}" for k, v in item.items())
            print(f"{key + ':':15s} {item}")
        return
    from rich.console import Console

    # a pipe has no width of its own; a table cut at 80 columns would lose numbers
    Console(width=None if sys.stdout.isatty() else 160).print(value)


@contextmanager
def progress_bar() -> Iterator[Callable[[Any], None]]:
    """Yield a callback that draws progress with an estimate of the time left, on standard error."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("starting", total=None)

        def show(event: Any) -> None:
            failed = f", {event.failed} failed" if event.failed else ""
            bar.update(task, completed=event.done, total=event.total, description=f"{event.name}{failed}")
            if not console.is_terminal:
                say(f"{event.done}/{event.total} {event.name}{failed}", error=True)

        yield show
