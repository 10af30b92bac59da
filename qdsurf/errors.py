"""Everything qdsurf raises on purpose: a wrong question, or one piece of work that failed.

The command line turns an AskError into exit code 2 and a recorded RunError into exit code 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class QdsurfError(Exception):
    """Base of every error that qdsurf raises on purpose."""


class AskError(QdsurfError):
    """The question is wrong; nothing was computed and nothing was written."""


class UnknownName(AskError, LookupError):
    """A name that is on no shelf; the message lists the nearest names."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Say that *name* is no *kind*, and which of the *known* names come nearest."""
        names = sorted(known)
        lower = {n.lower(): n for n in names}
        begun = [n for n in lower if n.startswith(name.lower())] if name else []
        close = get_close_matches(name.lower(), lower, n=4, cutoff=0.5)
        near = [lower[n] for n in dict.fromkeys([*begun, *close])][:4]
        hint = f"nearest: {', '.join(near)}" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"no {kind} named {name!r}; {hint}")
        self.name = name
        self.near = tuple(near)


class BadEntry(AskError, ValueError):
    """A shelf, preset or campaign file that breaks its schema; names file, key and line."""


class MissingExtra(AskError, ImportError):
    """An optional engine that is not installed; the message is the command that installs it."""

    def __init__(self, what: str, extra: str, how: str = "") -> None:
        """Say that *what* needs the optional dependency group *extra*, or what *how* installs."""
        means = f"an optional package: pip install 'qdsurf[{extra}]'" if extra else f"what is not here: {how}"
        super().__init__(f"{what} needs {means}")
        self.extra = extra


class ChargeError(AskError, ValueError):
    """A structure whose formal charges do not sum to the charge asked for, or are unknown."""


class AnchorError(AskError, ValueError):
    """A molecule with no atom able to bind, or with several when one must be chosen."""


class BalanceError(AskError, ValueError):
    """A reaction that does not balance in atoms or in charge."""


class RunError(QdsurfError):
    """One piece of work failed; a campaign records it and goes on."""


class PlacementError(RunError, ValueError):
    """A ligand that cannot be placed; names the ligand, the site, the atoms and the distance."""


class EvaluationError(RunError, RuntimeError):
    """An energy that a method could not give; names the method, the formula and the cause."""


class StoreError(RunError):
    """A store that cannot be written or read any more: a full disk, a lost server, a damaged file."""
