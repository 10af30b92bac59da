"""What a check found: a level, a code that stays the same, a sentence, and the atoms concerned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
# More indices than this make a message unreadable; `Finding.atoms` has all of them.
NAMED = 6


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that `validate` found.

    Attributes
    ----------
    level
        "error" (not a sound model), "warning" (sound only if it is meant so) or "note" (a fact).
    code
        Word that stays the same between versions: "charge", "duplicate", "overlap", ...
    message
        What is wrong, where, and what would mend it.
    atoms
        Indices, counted from 0, of the atoms concerned.
    """

    level: Level
    code: str
    message: str
    atoms: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return for example "error charge: net formal charge +22 ..."."""
        return f"{self.level} {self.code}: {self.message}"


def where(indices: Iterable[int]) -> str:
    """Return "atom 3", "atoms 3, 7" or "atoms 3, 7, 9, 11, 12, 15 and 20 more".

    >>> where([3]), where(range(8))
    ('atom 3', 'atoms 0, 1, 2, 3, 4, 5 and 2 more')
    """
    found = list(indices)
    named = ", ".join(str(int(i)) for i in found[:NAMED])
    rest = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"atom{'s' if len(found) != 1 else ''} {named}{rest}"
