"""Rank rows within groups whose energies answer the same question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

# Rows that differ in one of these answer different questions.
ZERO = ("reaction", "method", "surface", "site", "mode")
# Order of the groups in every table.
GROUPS = ("X, anion site", "X, cation site", "L", "zwitterion", "Z")


def group_of(row: Mapping[str, Any]) -> str:
    """Return the class label of *row*.

    >>> group_of({"cbc_class": "X", "binds": "anion site"})
    'X, anion site'
    """
    cbc, binds = row.get("cbc_class") or "?", row.get("binds") or ""
    if cbc == "Z":
        return "Z"
    if binds == "pair":
        return "zwitterion"
    return f"X, {binds}" if cbc == "X" and binds else cbc


def _why_unranked(row: Mapping[str, Any]) -> str:
    """Return why *row* has no rank, or "" where it can have one."""
    if row.get("status") != "done":
        return f"failed: {row.get('cause') or 'no cause recorded'}"
    if row.get("dropped"):
        return str(row["dropped"])
    if row.get("energy_eV") is None:
        return "no energy"
    if not row.get("converged"):
        return "not converged: the forces did not fall below the threshold"
    return ""


def _rank_group(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort the rows of one group by energy and number them in place; ties share a number."""
    rows = sorted(rows, key=lambda row: (row["energy_eV"], row["ligand"]))
    ranked: list[dict[str, Any]] = []
    leader, number = rows[0], 1
    for place, row in enumerate(rows, start=1):
        width = max(row.get("uncertainty_eV") or 0.0, leader.get("uncertainty_eV") or 0.0)
        # Compared with the leader, not the neighbour: a chain of small steps must not tie ends far apart.
        if place > 1 and row["energy_eV"] - leader["energy_eV"] >= width:
            leader, number = row, place
        row["rank"] = number
        ranked.append(row)
    shared = Counter(row["rank"] for row in ranked)
    for row in ranked:
        row["tied"] = shared[row["rank"]] > 1
    return ranked


def _rank_scores(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows that have a score and no energy, the highest score first; equal scores share a rank."""
    rows = sorted(rows, key=lambda row: (-row["score"], row["ligand"], row.get("surface") or ""))
    shared = Counter(row["score"] for row in rows)
    first: dict[float, int] = {}
    for place, row in enumerate(rows, start=1):
        first.setdefault(row["score"], place)
    return [
        {
            **row,
            "group": "by descriptors",
            "rank": first[row["score"]],
            "tied": shared[row["score"]] > 1,
            "unranked": "",
        }
        for row in rows
    ]


def rank(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return *rows* ranked within their class, the most negative energy first.

    Ligands closer to the leader of their tie than the larger of the two uncertainties share a rank,
    like 1, 1, 3. Rows that failed or did not converge come last, without a rank and with the reason.

    Rows with a score in place of an energy are ranked by it. Each row gains "group" (the class label;
    with reaction, surface, site or mode where a class has several, because their energies have different
    zeros), "rank", "tied" and "unranked" (the reason, or "").
    """
    groups: dict[str, dict[tuple[str, ...], list[dict[str, Any]]]] = {}
    last: list[dict[str, Any]] = []
    scored: list[dict[str, Any]] = []
    for row in rows:
        label, why = group_of(row), _why_unranked(row)
        if why == "no energy" and row.get("score") is not None:
            scored.append(dict(row))
            continue
        if why:
            last.append({**row, "group": label, "rank": None, "tied": False, "unranked": why})
            continue
        zero = tuple(str(row.get(name) or "") for name in ZERO)
        groups.setdefault(label, {}).setdefault(zero, []).append({**row, "unranked": ""})
    ranked: list[dict[str, Any]] = []
    order = [name for name in GROUPS if name in groups] + sorted(set(groups) - set(GROUPS))
    for label in order:
        # Named by what differs between the zeros, so that the name says why they are apart.
        differ = [n for n in range(len(ZERO)) if len({zero[n] for zero in groups[label]}) > 1]
        for zero, members in sorted(groups[label].items()):
            parts = ", ".join(zero[n] for n in differ if zero[n])
            named = f"{label} ({parts})" if parts else label
            for row in _rank_group(members):
                row["group"] = named
                ranked.append(row)
    return (
        ranked
        + _rank_scores(scored)
        + sorted(last, key=lambda row: (row["group"], row["ligand"], row.get("key") or ""))
    )
