"""The figure of the page: energies with their uncertainties, one panel for each class."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from qdsurf.errors import MissingExtra

# Okabe and Ito's colours, told apart by colour-blind readers; the yellow is left out (faint on white).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
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

    Filled marks are ranked; open marks did not converge. Bars are the uncertainties. Of a long table the
    first rows of each class are drawn, and the titles say so.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    with_energy = [row for row in rows if row.get("energy_eV") is not None]
    if not with_energy:
        return ""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("the figure of the page", "report") from error

    colours = class_colours(rows)
    panels: dict[str, list[Mapping[str, Any]]] = {}
    for row in with_energy:
        panels.setdefault(str(row.get("group") or ""), []).append(row)
    whole = {group: len(members) for group, members in panels.items()}
    panels = {group: members[:MOST_ROWS] for group, members in list(panels.items())[:MOST_CLASSES]}
    heights = [len(members) * ROW_INCHES + PANEL_INCHES for members in panels.values()]
    # A salt of our own makes the same rows give the same file.
    with mpl.rc_context({"svg.hashsalt": "qdsurf", "svg.fonttype": "path", "font.size": 10}):
        figure = Figure(figsize=(8.0, sum(heights) + 0.6), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(
            len(panels), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
        )[:, 0]
        for axis, (group, members) in zip(axes, panels.items(), strict=True):
            left_out = whole[group] > len(members)
            title = f"{group}: the first {len(members)} of {whole[group]}" if left_out else group
            _draw_panel(axis, title, members, colours[group])
        axes[-1].set_xlabel("binding energy / eV per ligand (more negative: binds more strongly)")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    # The XML header and the metadata have no place, and no use, inside an HTML page.
    return re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)


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
    axis.grid(axis="x", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(left=False)
