"""Canonical JSON, and keys made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from hashlib import sha256
from typing import Any


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
