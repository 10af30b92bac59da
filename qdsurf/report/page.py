"""One HTML file that holds everything about a campaign and loads nothing from a network."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import MissingExtra
from qdsurf.report import carried, words
from qdsurf.report.assets import script, style
from qdsurf.report.citing import bibtex
from qdsurf.report.figure import energy_figure
from qdsurf.report.table import read_rows, read_structures, replace_file
from qdsurf.report.viewer import bundle, has_viewer, script_json

if TYPE_CHECKING:
    from ase import Atoms

log = logging.getLogger("qdsurf.report")

Row = Mapping[str, Any]

CHEMISCOPE_DOI = "10.21105/joss.02117"


def write_report(
    rows: Iterable[Row] | str | Path,
    path: str | Path,
    *,
    structures: Mapping[str, Atoms | str] | None = None,
    title: str = "Binding energies",
) -> Path:
    """Write the page for *rows* to *path* and return the path.

    The page is one file and loads nothing: the outcome in words, a map of any two properties with the
    structure of the chosen point beside it, the ranked table (search, filters, sorting, CSV), structures
    as extxyz, POSCAR and CIF, methods and citations. All rows are in the table and on the map; of
    structures it carries at most 2000 or 16 MB, the best of each class first.

    Without chemiscope there is no map and the structures are pictures; without matplotlib there is no
    figure. The page says so, and the log.

    Parameters
    ----------
    rows
        Ranked rows, or the path of a table.json or of the folder that holds it.
    structures
        Relaxed structures by key of the row or by ligand, as Atoms or as extended XYZ; by default those
        in the folders beside a table given by its path.
    title
        Heading of the page.

    Raises
    ------
    AskError
        *rows* is the path of no table.

    Examples
    --------
    >>> import tempfile
    >>> row = {"ligand": "acetate", "energy_eV": -0.5, "uncertainty_eV": 0.3, "rank": 1, "group": "X"}
    >>> write_report([row], tempfile.mkdtemp() + "/report.html").name
    'report.html'
    """
    table = read_rows(rows)
    if structures is None and isinstance(rows, str | Path):
        structures = read_structures(table, rows, most=carried.MOST_STRUCTURES)
    texts = carried.choose_structures(table, structures or {})
    viewer = bool(texts) and has_viewer()
    drawn = {} if viewer else carried.pictures(texts)
    parts = [
        f"<h1>{escape(title)}</h1>",
        words.section("In short", words.summary(table)),
        words.warnings(table),
        words.section("Explore", _explorer(table, texts, viewer), "view"),
        words.section("Ranked table", _table(table)),
        _figure(table),
        words.section("Methods and citations", _citations(table, viewer)),
        _json("data", carried.data(table, texts, drawn)),
        _json("structures", {str(index): carried.packed(text) for index, text in texts.items()}),
    ]
    if viewer:
        # as text, which the script of the page runs once the table is there
        parts.append(f'<script type="text/plain" id="viewer-script">{bundle()}</script>')
    parts.append(f"<script>{script()}</script>")
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script())}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style()}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main></body></html>\n"
    )
    return replace_file(path, page)


def _policy(text: str) -> str:
    """Return the rules by which the browser itself refuses what is not inside the page.

    Only the script *text* runs, told by its hash: words that got out of their place would not.
    """
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return (
        # evaluation: the viewer is carried as text, and its map compiles its drawing code
        f"default-src 'none'; script-src 'sha256-{digest}' 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:; connect-src data: blob:; worker-src blob:; "
        "form-action 'none'; base-uri 'none'"
    )


def _json(name: str, value: object) -> str:
    """Return *value* as an element that is no script and that scripts read."""
    return f'<script type="application/json" id="{name}">{script_json(value)}</script>'


def _figure(rows: Sequence[Row]) -> str:
    """Return the section with the energies, or why there is none."""
    try:
        figure = energy_figure(rows)
    except MissingExtra as error:
        log.warning("no figure in the page: %s", error)
        return words.section("Energies", f"<p>No figure: {escape(str(error))}</p>")
    if not figure:
        return ""
    legend = '<p class="small">Bars: uncertainty. Filled: ranked. Open: not ranked.</p>'
    return words.section("Energies", f"<figure>{figure}</figure>{legend}")


def _explorer(rows: Sequence[Row], texts: Mapping[int, str], viewer: bool) -> str:
    """Return the places that the map, the viewer and the chosen row fill."""
    valued = sum(row.get("energy_eV") is not None or row.get("score") is not None for row in rows)
    points = min(valued, carried.MOST_POINTS)
    chosen = '<div id="chosen"></div>'
    if not texts:
        return (
            f"<p>There are no structures to show. Choose a row of the table to see all about it.</p>{chosen}"
        )
    if not viewer:
        missing = MissingExtra("the map with structures that can be turned", "report")
        log.warning("%s", missing)
        return (
            f'<p id="viewer-note">Choose a row of the table to see its structure. {escape(str(missing))}; '
            f"the first {min(len(texts), carried.MOST_PICTURES)} structures are pictures.</p>{chosen}"
        )
    count = f"{points} of {len(rows)} rows" if points < len(rows) else f"all {len(rows)} rows"
    note = (
        f"Choose a point, or a row of the table. The map has {count}; the page has the structures of "
        f"{len(texts)}. Menus (☰) set what the axes, colours and symbols show, and how atoms are drawn."
    )
    return (
        f'<p class="small" id="viewer-note">{note}</p><div id="viewer"><div id="chsp-map"></div>'
        '<div><div id="chsp-structure" style="height:100%"></div><div id="absent" hidden></div></div></div>'
        f'<div id="chsp-info"></div><div id="chsp-meta"></div>{_keys(texts)}{chosen}'
    )


def _keys(texts: Mapping[int, str]) -> str:
    """Return which colour is which element, and how vacancies are marked."""
    keys = [
        f'<span><span class="dot" style="background:{carried.colour_of(name)}"></span>{name}</span>'
        for name in carried.elements(texts)
    ]
    if any("vacancies=" in text.split("\n", 2)[1] for text in texts.values()):
        keys.append('<span><span class="dot gone">✛</span>vacancy</span>')
    keys.append("<span>large balls: ions, pale ones inside; small: molecules</span>")
    return f'<div class="keys small">{"".join(keys)}</div>'


def _table(rows: Sequence[Row]) -> str:
    """Return the tools of the table and its place; the script fills it."""
    choices = {
        "group": "all classes",
        "state": "ranked or not",
        "surface": "all surfaces",
        "method": "all methods",
    }
    menus = "".join(
        f'<select id="only-{name}" aria-label="{label}" hidden><option value="">{label}</option></select>'
        for name, label in choices.items()
    )
    return (
        '<div class="tools"><input type="search" id="filter" placeholder="Search: ligand, reaction, note …" '
        f'aria-label="Search the rows">{menus}<button id="download">Download CSV</button>'
        f'<span class="small" id="count">{len(rows)} rows</span></div>'
        '<div class="scroll"><table id="rows"><thead></thead><tbody></tbody></table></div>'
        f"<noscript>{words.plain_table(rows)}</noscript>"
        '<div class="tools" id="pages" hidden><button id="before">before</button><span id="where"></span>'
        '<button id="after">after</button></div>'
    )


def _citations(rows: Sequence[Row], viewer: bool) -> str:
    """Return the methods with what to cite, in words and as BibTeX."""
    cited: dict[str, list[str]] = {}
    for row in rows:
        dois = cited.setdefault(str(row.get("method") or "unknown method"), [])
        dois += [str(doi) for doi in row.get("cite") or () if doi not in dois]
    if viewer:
        cited["structure viewer: chemiscope"] = [CHEMISCOPE_DOI]
    # As text: the page has no reference to anything outside it.
    lines = []
    for method, dois in cited.items():
        text = "; ".join(f"doi:{doi}" for doi in dois) or "no citation recorded"
        lines.append(f"<li>{escape(method)}: {escape(text)}</li>")
    entries = bibtex(doi for dois in cited.values() for doi in dois)
    return f"<ul>{''.join(lines)}</ul>" + (
        f'<pre id="bibtex">{escape(entries)}</pre><button id="bib">Download BibTeX</button>'
        if entries
        else ""
    )
