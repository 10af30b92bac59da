"""What goes on to the next tier: filters, then the best of those that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qdsurf.campaign.ranking import rank
from qdsurf.campaign.sections import FilterSection, TierSection
from qdsurf.errors import AskError


def value_of(row: Mapping[str, Any], name: str) -> float | None:
    """Return the number that *row* has under a dotted name; None where it has none.

    >>> value_of({"descriptors": {"softness": 0.4}}, "descriptors.softness")
    0.4
    """
    found: Any = row
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def why_filtered(row: Mapping[str, Any], filters: Sequence[FilterSection]) -> str:
    """Return why *row* does not pass, or ""."""
    for one in filters:
        value = value_of(row, one.value)
        if value is None:
            return f"has no {one.value}"
        if one.min is not None and value < one.min:
            return f"{one.value} {value:.4g} is below {one.min:g}"
        if one.max is not None and value > one.max:
            return f"{one.value} {value:.4g} is above {one.max:g}"
    return ""


def choose(rows: Iterable[Mapping[str, Any]], tier: TierSection, label: str) -> dict[str, str]:
    """Return why a row does not go on, "" where it does, by key.

    Scores are compared among all; energies only within their class, because those of different
    reactions have different zeros. What failed does not go on; equal values are taken by name, so that
    the order of the rows does not matter.

    Parameters
    ----------
    label
        What the tier is called in the reasons.

    Raises
    ------
    AskError
        A filter names a value that no row has.
    """
    rows = list(rows)
    for one in tier.filters:
        done = [row for row in rows if row["status"] == "done"]
        if done and all(value_of(row, one.value) is None for row in done):
            known = sorted(_numbers(done[0]))
            raise AskError(f"{label}: no row has the value {one.value!r}; there are {', '.join(known)}")
    fate = {row["key"]: why_filtered(row, tier.filters) for row in rows if row["status"] == "done"}
    passed = [row for row in rows if fate.get(row["key"]) == ""]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    if tier.rank is not None:
        for row in sorted(passed, key=lambda r: (-(r.get("score") or 0.0), r["ligand"], r["key"])):
            groups.setdefault(f"{row['surface']}, {row['site']}", []).append(row)
    else:
        for row in rank(passed):
            if row["rank"] is None:
                fate[row["key"]] = row["unranked"]
            else:
                groups.setdefault(row["group"], []).append(row)
    for members in groups.values():
        for place, row in enumerate(members, start=1):
            if tier.keep is not None and place > tier.keep:
                fate[row["key"]] = f"place {place}, and the best {tier.keep} went on"
    failed = {row["key"]: "failed" for row in rows if row["status"] != "done"}
    return {
        key: f"{label}: {why}" if why and why != "failed" else why for key, why in {**fate, **failed}.items()
    }


def _numbers(row: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    """Yield the dotted names of the numbers in *row*."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}.")
        elif value_of(row, name) is not None:
            yield f"{prefix}{name}"
