"""Refusal of arguments that are no whole numbers, in the same words everywhere."""

from __future__ import annotations

import operator

from qdsurf.errors import AskError


def check_whole(name: str, value: object) -> None:
    """Refuse a *value* that is no whole number, naming the argument.

    Raises
    ------
    AskError
        It is a fraction, a text, or a truth value.

    Examples
    --------
    >>> check_whole("charge", -2)
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise AskError(f"{name} is a whole number; got {value!r}") from None


def check_seed(seed: object) -> None:
    """Refuse a *seed* that is no whole number of 0 or more.

    Raises
    ------
    AskError
        It is negative, a fraction, or no number.

    Examples
    --------
    >>> check_seed(0)
    """
    try:
        if isinstance(seed, bool) or operator.index(seed) < 0:  # type: ignore[arg-type]
            raise TypeError
    except TypeError:
        raise AskError(f"seed is a whole number of 0 or more; got {seed!r}") from None
