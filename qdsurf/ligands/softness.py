"""How soft a binding group is, by the classes that texts give: data of ``structures/ions``."""

from __future__ import annotations

import csv
import tomllib
from functools import cache

from qdsurf.library import folder

_VOTES = {"hard": -1.0, "borderline": 0.0, "soft": 1.0}


@cache
def _classes() -> dict[str, list[float]]:
    """Return the counted votes of the texts on each base."""
    text = folder("structures/ions").joinpath("hsab_classes.csv").read_text(encoding="utf-8")
    votes: dict[str, list[float]] = {}
    for row in csv.DictReader(text.splitlines()):
        if row["role"] == "base" and row["counted"] == "yes":
            votes.setdefault(row["species"], []).append(_VOTES[row["hsab_class"]])
    return votes


@cache
def group_softness(group: str) -> float:
    """Return the mean class of a binding *group* of the table: -1 hard, 0 borderline or unknown, +1 soft.

    Examples
    --------
    >>> group_softness("thiol"), group_softness("alcohol")
    (1.0, -1.0)
    """
    text = folder("structures/ions").joinpath("donor_groups.toml").read_text(encoding="utf-8")
    species = tomllib.loads(text).get(group, {}).get("classes", ())
    votes = [vote for name in species for vote in _classes().get(name, ())]
    return sum(votes) / len(votes) if votes else 0.0
