"""The outcome of a campaign in words, as pieces of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from qdsurf.report.table import energy_text, rank_text

Row = Mapping[str, Any]

# Names written out in a sentence, ligands named with a warning, classes in the summary, and rows in the
# table for readers without scripts.
NAMES, NAMED, CLASSES, PLAIN_ROWS = 6, 8, 12, 200


def section(head: str, body: str, name: str = "", kind: str = "") -> str:
    """Return a titled box of the page."""
    marks = (f' id="{name}"' if name else "") + (f' class="{kind}"' if kind else "")
    return f"<section{marks}><h2>{head}</h2>{body}</section>"


def _listed(texts: Sequence[str], most: int = NAMES) -> str:
    """Return *texts*, which are HTML, as a list in a sentence; of many the first."""
    shown = list(texts[:most])
    if len(texts) > len(shown):
        shown.append(f"{len(texts) - len(shown)} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else ""


def _names(rows: Sequence[Row]) -> str:
    """Return the ligands of *rows* in words."""
    return _listed(list(dict.fromkeys(f"<b>{escape(str(row['ligand']))}</b>" for row in rows)))


def _best(group: str, members: Sequence[Row]) -> str:
    """Return in words who leads the class *group*."""
    first = [row for row in members if row["rank"] == members[0]["rank"]]
    by_score = members[0].get("energy_eV") is None
    lead = members[0]
    value = f"score {lead.get('score') or 0.0:.3f}" if by_score else f"{energy_text(lead)} eV per ligand"
    verb = "has the highest score" if by_score else "binds most strongly"
    if len(members) == 1:
        return f"{_names(first)} is the only one ({escape(value)})."
    if len(first) == 1:
        return f"of {len(members)}, {_names(first)} {verb} ({escape(value)})."
    return f"of {len(members)}, {_names(first)} tie for the first place ({escape(value)} for the first)."


def summary(rows: Sequence[Row]) -> str:
    """Return the outcome in words."""
    ranked = [row for row in rows if row.get("rank") is not None]
    failed = [row for row in rows if row.get("status") == "failed"]
    open_ended = [row for row in rows if row.get("rank") is None and row.get("status") != "failed"]
    ligands = len({str(row["ligand"]) for row in rows})
    surfaces = list(dict.fromkeys(escape(str(row["surface"])) for row in rows if row.get("surface")))
    text = f"<p>{ligands} ligand{'s' * (ligands != 1)}"
    text += f" on {_listed(surfaces)}" if surfaces else ""
    text += f" in {len(rows)} pairs" if len(rows) != ligands else ""
    text += f": {len(ranked)} ranked"
    text += f", {len(open_ended)} without a rank ({_names(open_ended)})" if open_ended else ""
    text += f", {len(failed)} failed ({_names(failed)})" if failed else ""
    groups: dict[str, list[Row]] = {}
    for row in ranked:
        groups.setdefault(str(row.get("group") or ""), []).append(row)
    lines = [f"<li>{escape(g)}: {_best(g, m)}</li>" for g, m in list(groups.items())[:CLASSES]]
    if len(groups) > len(lines):
        lines.append(f"<li>{len(groups) - len(lines)} more classes: see the table.</li>")
    return (
        f"{text}.</p><ul>{''.join(lines)}</ul>"
        "<p>Negative energies bind. Ligands closer than the uncertainty share a rank (=). Energies of "
        "different classes belong to different reactions: compare within a class only.</p>"
    )


def warnings(rows: Sequence[Row]) -> str:
    """Return the box of warnings, each once, or ""."""
    said: dict[str, list[str]] = {}
    for row in rows:
        for warning in row.get("warnings") or ():
            said.setdefault(str(warning), []).append(str(row["ligand"]))
    if not said:
        return ""
    items = [
        f"<li>{escape(text)}"
        + (
            f' <span class="small">({_listed([escape(n) for n in names], NAMED)})</span>'
            * (len(names) < len(rows))
        )
        + "</li>"
        for text, names in said.items()
    ]
    return section("Before believing the numbers", f"<ul>{''.join(items)}</ul>", kind="warn")


def plain_table(rows: Sequence[Row]) -> str:
    """Return the first rows as a table that needs no script."""
    lines = [
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in (
            rank_text(row), str(row["ligand"]), str(row.get("group") or ""), energy_text(row),
            str(row.get("reaction") or ""), str(row.get("method") or ""),
            str(row.get("unranked") or row.get("cause") or ""),
        )) + "</tr>"
        for row in rows[:PLAIN_ROWS]
    ]  # fmt: skip
    heads = ("rank", "ligand", "class", "E / eV per ligand", "reaction", "method", "note")
    more = (
        f"<p>The first {PLAIN_ROWS} of {len(rows)} rows; all are in table.csv.</p>"
        if len(rows) > PLAIN_ROWS
        else ""
    )
    return (
        f"<table><thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>{more}"
    )
