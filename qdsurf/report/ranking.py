"""A ranking of ligands as CSV, as JSON rows, as a Pareto plot and as a page that needs no other file."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qdsurf.errors import AskError
from qdsurf.model.files import write_whole
from qdsurf.rank.ligand_ranking import RankedLigand
from qdsurf.rank.presets import Preset
from qdsurf.report.assets import style
from qdsurf.report.drawing import COLOURS, new_figure, tidy, write_figure

_BLUE, _GREY = COLOURS[0], "#9aa5b1"
# Ranks and names written in the plot, and terms printed in a terminal; the files have all.
_NAMED = 20
_COLUMNS = 6


def ranking_rows(rows: Sequence[RankedLigand]) -> list[dict[str, Any]]:
    """Return the rows as plain dicts, terms included."""
    return [asdict(row) for row in rows]


def ranking_csv(rows: Sequence[RankedLigand]) -> str:
    """Return a table in CSV: a column for the value and one for the desirability of each term."""
    names = list(next((row.terms for row in rows if row.terms), {}))
    head = ["rank", "name", "smiles", "binds_by", "far_end", "score", "pareto", "stability"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    units = {name: term.unit for row in rows[:1] for name, term in row.terms.items()}
    columns = [c for n in names for c in (f"{n} / {units.get(n, '')}", f"{n} desirability")]
    writer.writerow([*head, *columns, "reasons", "error"])
    for row in rows:
        values = [
            value for name in names for value in (
                (row.terms[name].value, row.terms[name].desirability) if name in row.terms else ("", "")
            )
        ]  # fmt: skip
        first = [row.rank, row.name, row.smiles, row.binds_by, row.far_end, row.score, row.pareto]
        writer.writerow([*first, row.stability, *values, "; ".join(row.reasons), row.error])
    return text.getvalue()


def pareto_figure(rows: Sequence[RankedLigand], preset: Preset, target: str) -> Any:
    """Return a matplotlib figure: the first two objectives, the front joined, the best ligands named.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    AskError
        Nothing was ranked, or the preset has a single objective.
    """
    ranked = [row for row in rows if row.rank is not None]
    if not ranked or len(preset.objectives) < 2:
        raise AskError("a Pareto plot needs ranked ligands and a preset with two objectives")
    x, y = list(preset.objectives)[:2]
    figure = new_figure("the Pareto plot", 9.0, 5.5)
    axis = figure.subplots()
    for front, colour, label in ((False, _GREY, "beaten by another"), (True, _BLUE, "Pareto front")):
        points = [(r.objectives[x], r.objectives[y]) for r in ranked if r.pareto is front]
        if points:
            # With more than two objectives the front is no line in this plane, so marks only.
            axis.plot(*zip(*points, strict=True), "o", color=colour, label=label, markersize=6)
    _name_marks(axis, ranked, x, y)
    axis.set_xlabel(f"{x} (0 worst, 1 best)")
    axis.set_ylabel(f"{y} (0 worst, 1 best)")
    axis.set_title(f"{preset.title} on {target}", loc="left", fontsize=11, parse_math=False)
    tidy(axis, grid="both")
    axis.margins(x=0.08, y=0.08)
    axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(1.02, 0.0), fontsize=9)
    return figure


def _name_marks(axis: Any, rows: Sequence[RankedLigand], x: str, y: str) -> None:
    """Write the ranks beside the best marks, those of one mark together, and their names beside the plot."""
    named = rows[:_NAMED]
    span = [max(v) - min(v) or 1.0 for v in ([r.objectives[k] for r in rows] for k in (x, y))]
    marks: list[tuple[float, float, list[str]]] = []
    for row in named:
        left, height = row.objectives[x], row.objectives[y]
        for a, b, ranks in marks:
            if abs(a - left) < 0.04 * span[0] and abs(b - height) < 0.03 * span[1]:
                ranks.append(str(row.rank))
                break
        else:
            marks.append((left, height, [str(row.rank)]))
    for left, height, ranks in marks:
        axis.annotate(
            ", ".join(ranks),
            (left, height),
            xytext=(6, 0),
            textcoords="offset points",
            fontsize=9,
            va="center",
        )
    names = "\n".join(f"{row.rank:>3}  {row.name[:30]}" for row in named)
    axis.text(1.03, 1.0, names, transform=axis.transAxes, va="top", fontsize=9, parse_math=False)


def ranking_page(rows: Sequence[RankedLigand], preset: Preset, target: str) -> str:
    """Return an HTML page: the question, the weights, the plot, the table with reasons, what failed."""
    ranked = [row for row in rows if row.rank is not None]
    failed = [row for row in rows if row.rank is None]
    title = f"{preset.title} on {target}"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(preset.question)} A score of terms, not an energy: it says what to try first.</p>",
        _picture(rows, preset, target),
        _weights(ranked, preset),
        _table(ranked),
        _failed(failed),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{style()} .reasons {{ padding-left: 1rem; margin: 0; }}"
        f" img {{ max-width: 100%; }}</style></head>\n<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _picture(rows: Sequence[RankedLigand], preset: Preset, target: str) -> str:
    """Return the plot as a section, or "" where there is none."""
    try:
        figure = pareto_figure(rows, preset, target)
    except AskError:
        return ""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120, metadata={"Software": None})
    code = base64.b64encode(data.getvalue()).decode("ascii")
    return (
        "<section><h2>No ligand beats those in blue in both</h2>"
        f'<figure><img alt="Pareto plot" src="data:image/png;base64,{code}"></figure></section>'
    )


def _weights(rows: Sequence[RankedLigand], preset: Preset) -> str:
    """Return the table of terms: share of the score, direction, formula, source and where it fails."""
    terms = rows[0].terms if rows else {}
    body = "".join(
        f"<tr><td class=name>{html.escape(preset.rules[name].label)}</td>"
        f"<td class=num>{100 * term.weight:.0f} %</td><td>{html.escape(term.unit)}</td>"
        f"<td>{html.escape(preset.rules[name].direction)}</td>"
        f"<td>{html.escape(preset.rules[name].formula)}</td><td>{html.escape(term.source)}</td>"
        f"<td>{html.escape(preset.rules[name].fails)}</td></tr>"
        for name, term in terms.items()
    )
    return (
        f"<section><h2>Terms and weights</h2><p class=small>{html.escape(preset.source)}</p>"
        "<div class=scroll><table><thead><tr><th>term</th><th>share</th><th>unit</th><th>direction</th>"
        f"<th>formula</th><th>source</th><th>fails</th></tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _table(rows: Sequence[RankedLigand]) -> str:
    """Return the ranking with its reasons."""
    body = "".join(
        f"<tr><td class=num>{row.rank}</td><td class=name>{html.escape(row.name)}"
        f"<div class=small>{html.escape(row.smiles)}</div></td><td>{html.escape(row.binds_by)}</td>"
        f"<td class=num>{row.score:.3f}</td><td>{'yes' if row.pareto else ''}</td>"
        f"<td class=num>{100 * (row.stability or 0):.0f} %</td><td><ul class=reasons>"
        + "".join(f"<li>{html.escape(reason)}</li>" for reason in row.reasons)
        + "</ul></td></tr>"
        for row in rows
    )
    return (
        "<section><h2>Ranking</h2><p class=small>Stability: share of 200 draws of perturbed weights in which "
        "the ligand stays within the top places.</p><div class=scroll><table><thead><tr><th>rank</th>"
        "<th>ligand</th><th>binds by</th><th>score</th><th>Pareto</th><th>stability</th><th>reasons</th>"
        f"</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _failed(rows: Sequence[RankedLigand]) -> str:
    """Return what could not be ranked, or ""."""
    if not rows:
        return ""
    body = "".join(f"<li><b>{html.escape(r.name)}</b>: {html.escape(r.error)}</li>" for r in rows)
    return f"<section class=warn><h2>Not ranked: {len(rows)}</h2><ul>{body}</ul></section>"


def ranking_table(rows: Sequence[RankedLigand], preset: Preset, target: str, first: int) -> Any:
    """Return a rich table of the *first* rows: score, the heaviest terms as values, front, stability."""
    from rich.table import Column, Table

    terms = next((row.terms for row in rows if row.terms), {})
    names = sorted(terms, key=lambda name: -terms[name].weight)[:_COLUMNS]
    table = Table(
        Column("rank", justify="right"), Column("ligand", no_wrap=True), Column("binds by", min_width=14),
        Column("score", justify="right"), *[Column(n.replace("_", " "), justify="right") for n in names],
        "Pareto", Column("stable", justify="right"), title=f"{preset.title} on {target}",
    )  # fmt: skip
    for row in [row for row in rows if row.rank is not None][:first]:
        values = [row.terms[name].value for name in names]
        table.add_row(
            str(row.rank), row.name[:28], row.binds_by, f"{row.score:.3f}",
            *["-" if value is None else f"{value:.3g}" for value in values],
            "yes" if row.pareto else "", f"{100 * (row.stability or 0):.0f} %",
        )  # fmt: skip
    return table


def check_ending(path: str | Path) -> None:
    """Refuse a file whose ending is no format of a ranking, or whose folder does not exist.

    Raises
    ------
    AskError
        Names the file, and what would work.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".json", ".html", ".png", ".svg", ".pdf"):
        raise AskError(f"{path.name}: a ranking is written as csv, json, html, png, svg or pdf")
    if not path.parent.is_dir():
        raise AskError(f"{str(path)!r}: the folder {str(path.parent)!r} does not exist")


def write_ranking(rows: Sequence[RankedLigand], path: str | Path, *, preset: Preset, target: str) -> Path:
    """Write a ranking; the ending of *path* is the format: csv, json, png, svg, pdf or html.

    Raises
    ------
    AskError
        Another ending, or nothing to draw.
    MissingExtra
        A figure without matplotlib.
    """
    import json

    path = Path(path)
    check_ending(path)
    kind = path.suffix.lower().lstrip(".")
    if kind in ("csv", "json", "html"):
        text = {
            "csv": lambda: ranking_csv(rows),
            "json": lambda: json.dumps(ranking_rows(rows), indent=1, ensure_ascii=False) + "\n",
            "html": lambda: ranking_page(rows, preset, target),
        }[kind]()
        return write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
    return write_figure(pareto_figure(rows, preset, target), path)
