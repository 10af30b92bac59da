"""The figure of the page: energies with their uncertainties, one panel for each class."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qdsurf.errors import AskError
from qdsurf.report.drawing import COLOURS, check_figure, new_figure, tidy, write_figure

ROW_INCHES = 0.3
# Classes in the figure, and rows of each: more could not be read.
MOST_CLASSES, MOST_ROWS = 10, 15
PANEL_INCHES = 0.45


def class_colours(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return a colour for each group of *rows*, in the order of the table."""
    groups = list(dict.fromkeys(str(row.get("group") or "") for row in rows))
    return {group: COLOURS[place % len(COLOURS)] for place, group in enumerate(groups)}


def energy_figure(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return an SVG element with the energies of *rows* in eV, or "" where none has an energy.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    if not any(row.get("energy_eV") is not None for row in rows):
        return ""
    figure = _energies(rows)
    import matplotlib as mpl

    text = io.StringIO()
    # A salt of our own makes the same rows give the same file.
    with mpl.rc_context({"svg.hashsalt": "qdsurf", "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    # The XML header and the metadata have no place, and no use, inside an HTML page.
    return re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)


def energies_plot(rows: Sequence[Mapping[str, Any]], path: str | Path) -> Path:
    """Draw the energies of a table with their uncertainties, a panel for each class; write the figure.

    Filled marks are ranked; open marks are not, because they did not converge. Bars are the
    uncertainties. Of a long table the first rows of each class are drawn, and the titles say so.

    Raises
    ------
    AskError
        No row has an energy, or a wrong ending.
    MissingExtra
        matplotlib is not installed.
    """
    path = check_figure(path)
    if not any(row.get("energy_eV") is not None for row in rows):
        raise AskError("no row has an energy, so there is nothing to draw")
    return write_figure(_energies(rows), path)


def _energies(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return the figure of all rows with an energy."""
    colours = class_colours(rows)
    panels: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("energy_eV") is not None:
            panels.setdefault(str(row.get("group") or ""), []).append(row)
    whole = {group: len(members) for group, members in panels.items()}
    panels = {group: members[:MOST_ROWS] for group, members in list(panels.items())[:MOST_CLASSES]}
    heights = [len(members) * ROW_INCHES + PANEL_INCHES for members in panels.values()]
    figure = new_figure("a figure of energies", 8.0, sum(heights) + 0.6)
    ratios = {"height_ratios": heights}
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, gridspec_kw=ratios)[:, 0]
    for axis, (group, members) in zip(axes, panels.items(), strict=True):
        left_out = whole[group] > len(members)
        title = f"{group}: the first {len(members)} of {whole[group]}" if left_out else group
        _draw_panel(axis, title, members, colours[group])
    axes[-1].set_xlabel("binding energy / eV per ligand (more negative: binds more strongly)")
    return figure


def _draw_panel(axis: Any, group: str, rows: Sequence[Mapping[str, Any]], colour: str) -> None:
    """Draw the rows of one class, the first on top."""
    for place, row in enumerate(rows):
        ranked = row.get("rank") is not None
        axis.errorbar(
            row["energy_eV"], place, xerr=row.get("uncertainty_eV") or None, fmt="o", color=colour,
            markerfacecolor=colour if ranked else "white", capsize=3, markersize=6, linewidth=1.4,
        )  # fmt: skip
    # Names are not mathematics: a "$" in one stays a "$".
    axis.set_yticks(range(len(rows)), [str(row["ligand"]) for row in rows], parse_math=False)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_title(group, loc="left", fontsize=10, fontweight="bold", color=colour, parse_math=False)
    axis.axvline(0, color="#888888", linewidth=0.8)
    tidy(axis, grid="x")
    axis.spines["left"].set_visible(False)
    axis.tick_params(left=False)
