"""One HTML file that holds everything about a campaign and loads nothing from a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import MissingExtra
from qdsurf.report.assets import CSS, TABLE_JS, VIEWER_JS
from qdsurf.report.figure import class_colours, energy_figure
from qdsurf.report.table import csv_text, energy_text, rank_text, read_rows, read_structures, replace_file
from qdsurf.report.viewer import bundle, dataset, script_json

if TYPE_CHECKING:
    from ase import Atoms

Row = Mapping[str, Any]

# The browser itself refuses whatever is not inside the page.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; connect-src data: blob:; worker-src blob:; form-action 'none'"
)
HEADS = (
    "rank", "ligand", "class", "binds by", "E / eV per ligand", "reaction and reference",
    "closest contact", "method", "note",
)  # fmt: skip


def write_report(
    rows: Iterable[Row] | str | Path,
    path: str | Path,
    *,
    structures: Mapping[str, Atoms] | None = None,
    title: str = "Binding energies",
) -> Path:
    """Write the page for *rows* to *path* and return the path.

    Parameters
    ----------
    rows
        Ranked rows, or the path of a table.json or of the folder that holds it.
    structures
        Relaxed structures by ligand, for the viewer; by default those in the folder structures/
        beside a table given by its path.

    Raises
    ------
    MissingExtra
        chemiscope or matplotlib is not installed.
    """
    table = read_rows(rows)
    if structures is None and isinstance(rows, str | Path):
        structures = read_structures(table, rows)
    try:
        figure = energy_figure(table)
    except ImportError as error:
        raise MissingExtra("the report page", "report") from error
    data = dataset(table, structures or {}, title)
    parts = [
        f"<h1>{escape(title)}</h1>",
        _section("In short", _summary(table)),
        _warnings(table),
        _section("Ranked table", _table(table)),
        _section("Energies", f"<figure>{figure}</figure>{_legend()}") if figure else "",
        _section("Structures", _viewer(), "view") if data else "",
        _section("Method and citations", _citations(table)),
        f'<script type="application/json" id="csv">{script_json(csv_text(table))}</script>',
        f"<script>{TABLE_JS}</script>",
    ]
    if data:
        parts += [
            f"<script>{bundle()}</script>",
            f'<script type="application/json" id="chsp-data">{script_json(data)}</script>',
            f"<script>{VIEWER_JS}</script>",
        ]
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main></body></html>\n"
    )
    return replace_file(path, page)


def _section(head: str, body: str, name: str = "", kind: str = "") -> str:
    """Return a titled box of the page."""
    marks = (f' id="{name}"' if name else "") + (f' class="{kind}"' if kind else "")
    return f"<section{marks}><h2>{head}</h2>{body}</section>"


def _names(rows: Sequence[Row]) -> str:
    """Return the ligands of *rows* in words."""
    names = [f"<b>{escape(str(row['ligand']))}</b>" for row in rows]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _summary(rows: Sequence[Row]) -> str:
    """Return the outcome in words."""
    ranked = [row for row in rows if row.get("rank") is not None]
    failed = [row for row in rows if row.get("status") == "failed"]
    open_ended = [row for row in rows if row.get("rank") is None and row.get("status") != "failed"]
    surfaces = ", ".join(dict.fromkeys(str(row["surface"]) for row in rows if row.get("surface")))
    on = f" on {escape(surfaces)}" if surfaces else ""
    text = f"<p>{len(rows)} ligand{'s' * (len(rows) != 1)}{on}: {len(ranked)} ranked"
    text += f", {len(open_ended)} without a rank ({_names(open_ended)})" if open_ended else ""
    text += f", {len(failed)} failed ({_names(failed)})" if failed else ""
    lines = []
    for group in dict.fromkeys(str(row.get("group") or "") for row in ranked):
        members = [row for row in ranked if str(row.get("group") or "") == group]
        first = [row for row in members if row["rank"] == members[0]["rank"]]
        energy = f"{escape(energy_text(members[0]))} eV per ligand"
        if len(members) == 1:
            said = f"{_names(first)} is the only one ({energy})."
        elif len(first) == 1:
            said = f"of {len(members)}, {_names(first)} binds most strongly ({energy})."
        else:
            said = f"of {len(members)}, {_names(first)} tie for the first place ({energy} for the first)."
        lines.append(f"<li>{escape(group)}: {said}</li>")
    return (
        f"{text}.</p><ul>{''.join(lines)}</ul>"
        "<p>Negative energies bind. Ligands closer than the uncertainty share a rank (=). Energies of "
        "different classes belong to different reactions: compare within a class only.</p>"
    )


def _warnings(rows: Sequence[Row]) -> str:
    """Return the box of warnings, each once, or ""."""
    said: dict[str, list[str]] = {}
    for row in rows:
        for warning in row.get("warnings") or ():
            said.setdefault(str(warning), []).append(str(row["ligand"]))
    if not said:
        return ""
    items = [
        f"<li>{escape(text)}"
        + (f' <span class="small">({escape(", ".join(names))})</span>' if len(names) < len(rows) else "")
        + "</li>"
        for text, names in said.items()
    ]
    return _section("Before believing the numbers", f"<ul>{''.join(items)}</ul>", kind="warn")


def _cell(shown: str, *, sort: object = None, kind: str = "") -> str:
    """Return a table cell; *shown* is HTML, *sort* is what the column is sorted by."""
    marks = (f' class="{kind}"' if kind else "") + ("" if sort is None else f' data-v="{escape(str(sort))}"')
    return f"<td{marks}>{shown}</td>"


def _reaction(row: Row) -> str:
    """Return the reaction of *row* with its states."""
    if not row.get("reaction"):
        return ""
    energies = row.get("terms") or {}
    states = "; ".join(
        f"{factor:+g} × {state}" + (f" ({energies[state]:.3f} eV)" if state in energies else "")
        for state, factor in (row.get("stoichiometry") or {}).items()
    )
    return (
        f'{escape(str(row["reaction"]))}<div class="small">{escape(str(row.get("equation") or ""))}</div>'
        + (f'<details class="small"><summary>states</summary>{escape(states)}</details>' if states else "")
    )


def _table(rows: Sequence[Row]) -> str:
    """Return the table with its tools."""
    colours = class_colours(rows)
    lines = []
    for row in rows:
        group = str(row.get("group") or "")
        dot = f'<span class="dot" style="background:{colours[group]}"></span>'
        energy, place = row.get("energy_eV"), row.get("rank")
        cells = (
            _cell(rank_text(row), sort="" if place is None else place, kind="num"),
            _cell(escape(str(row["ligand"])), kind="name"),
            _cell(dot + escape(group), kind="tight"),
            _cell(escape(str(row.get("anchor") or ""))),
            _cell(escape(energy_text(row)), sort="" if energy is None else energy, kind="num"),
            _cell(_reaction(row)),
            _cell(escape(str(row.get("worst_contact") or ""))),
            _cell(escape(str(row.get("method") or "")), kind="tight"),
            _cell(escape(str(row.get("unranked") or row.get("cause") or ""))),
        )
        kind = ' class="unranked"' if place is None else ""
        lines.append(f"<tr{kind}>{''.join(cells)}</tr>")
    heads = "".join(f'<th scope="col"><button>{head}</button></th>' for head in HEADS)
    return (
        '<div class="tools"><input type="search" id="filter" placeholder="Filter: ligand, class, reaction …" '
        'aria-label="Filter the rows"><button id="download">Download CSV</button>'
        f'<span class="small" id="count">{len(rows)} rows</span></div><div class="scroll"><table id="rows">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _legend() -> str:
    """Return how to read the figure."""
    return '<p class="small">Bars: uncertainty. Filled: ranked. Open: not converged.</p>'


def _viewer() -> str:
    """Return the places that chemiscope fills."""
    return (
        '<p class="small" id="viewer-note">Click a point of the map to see its relaxed structure; drag to '
        'turn it, scroll to zoom.</p><div id="viewer"><div id="chsp-map"></div>'
        '<div id="chsp-structure"></div><div id="chsp-info"></div><div id="chsp-meta"></div></div>'
    )


def _citations(rows: Sequence[Row]) -> str:
    """Return the methods with what to cite."""
    cited: dict[str, list[str]] = {}
    for row in rows:
        dois = cited.setdefault(str(row.get("method") or "unknown method"), [])
        dois += [str(doi) for doi in row.get("cite") or () if doi not in dois]
    # As text: the page has no reference to anything outside it.
    lines = []
    for method, dois in cited.items():
        text = "; ".join(f"doi:{doi}" for doi in dois) or "no citation recorded"
        lines.append(f"<li>{escape(method)}: {escape(text)}</li>")
    return f"<ul>{''.join(lines)}</ul><p>Structure viewer: chemiscope, doi:10.21105/joss.02117.</p>"
