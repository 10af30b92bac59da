"""Reading of single fields: numbers, choices and short texts, each within bounds."""

from __future__ import annotations

import math
from typing import Any

from qdsurf.errors import AskError


def text(value: Any) -> str:
    """Return *value* as text; None is empty."""
    return "" if value is None else str(value)


def short(value: Any, most: int) -> str:
    """Return *value* as text of at most *most* characters, without those that cannot be seen.

    Raises
    ------
    AskError
        It is longer, or holds control characters.
    """
    found = text(value).strip()
    if len(found) > most:
        raise AskError(f"{len(found)} characters are too many; {most} at most")
    if not found.isprintable():
        raise AskError("there are characters in it that cannot be seen; type it anew")
    return found


def choice(value: Any, known: Any) -> str:
    """Return *value* if it is one of *known*.

    Raises
    ------
    AskError
        It is not.
    """
    if not isinstance(value, str) or value not in known:
        raise AskError("choose one of the list")
    return value


def number(value: Any, low: float, high: float, *, above: bool = False) -> float:
    """Return *value* as a number from *low* to *high*; with *above*, larger than *low*.

    Raises
    ------
    AskError
        It is none.
    """
    try:
        found = float(text(value).replace(",", "."))
    except ValueError:
        found = math.nan
    if not (low <= found <= high) or (above and found == low):
        span = f"larger than {low:g}, at most {high:g}," if above else f"from {low:g} to {high:g}"
        raise AskError(f"a number {span} is wanted")
    return found


def whole(value: Any, low: int, high: int) -> int:
    """Return *value* as a whole number from *low* to *high*.

    Raises
    ------
    AskError
        It is none.
    """
    try:
        found = number(value, low, high)
    except AskError:
        found = math.nan
    if found != found or found != round(found):
        raise AskError(f"a whole number from {low} to {high} is wanted")
    return int(found)
