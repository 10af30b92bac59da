"""Figures of compositions: maps of an alloy space, and a plane of t and mu with the windows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qdsurf.errors import AskError, MissingExtra
from qdsurf.rank.compositions import Composition
from qdsurf.rank.enumeration import CompositionSpace
from qdsurf.rank.windows import rules

_PANELS = 5  # slices of the third variable that fit beside each other
_LABELS = 40  # formulas that can still be read in one plane
_T_RULE, _TAU_RULE, _MU_RULE = "t-stable", "tau-bartel", "mu-window"


def write_map(space: CompositionSpace, path: Path | str) -> None:
    """Draw t and P(perovskite) over the variables of *space*, and write the figure.

    One variable gives curves, two a map, three one map for each of a few values of the third. Lines
    are the limits of the rules t-cubic (0.9 and 1) and tau-bartel (4.18).

    Raises
    ------
    AskError
        More than three variables, or a file type that cannot be drawn.
    MissingExtra
        matplotlib is not installed.
    """
    figure = _figure("a map of compositions")
    names = list(space.variables)
    if len(names) > 3:
        raise AskError(
            f"{space.pattern!r} has {len(names)} variables; a map shows up to three: fix the others"
        )
    if len(names) == 1:
        _draw_curves(figure, space, names[0])
    else:
        _draw_maps(figure, space, names)
    figure.suptitle(f"{space.pattern}   radii: {space.radii_set}", fontsize=11, parse_math=False)
    _save(figure, path)


def write_plane(rows: Sequence[Composition], path: Path | str) -> None:
    """Draw *rows* in the plane of t and mu, coloured by P(perovskite), with the windows; write the figure.

    Raises
    ------
    AskError
        Nothing to draw, or a file type that cannot be drawn.
    MissingExtra
        matplotlib is not installed.
    """
    if not rows:
        raise AskError("no composition to draw: every formula was refused")
    figure = _figure("a figure of compositions")
    figure.set_size_inches(8.5, 6.0)
    axis = figure.subplots()
    t, mu = [row.t for row in rows], [row.mu for row in rows]
    (t_low, t_high), (mu_low, mu_high) = rules()[_T_RULE].limits["t"], rules()[_MU_RULE].limits["mu"]
    axis.axvspan(t_low, t_high, color="#56B4E9", alpha=0.13, linewidth=0)
    axis.axhspan(mu_low, mu_high, color="#E69F00", alpha=0.13, linewidth=0)
    axis.axvspan(*rules()["t-cubic"].limits["t"], color="#56B4E9", alpha=0.2, linewidth=0)
    # grey: tau is not defined there, so neither is the probability
    probability = np.array([row.p_perovskite for row in rows])
    known = np.isfinite(probability)
    marks = axis.scatter(
        np.array(t)[known], np.array(mu)[known], c=probability[known],
        cmap="viridis", vmin=0, vmax=1, s=46, edgecolor="black", linewidth=0.6, zorder=3,
    )  # fmt: skip
    axis.scatter(np.array(t)[~known], np.array(mu)[~known], c="#bbbbbb", s=46, edgecolor="black", zorder=3)
    if len(rows) <= _LABELS:
        for row in rows:
            axis.annotate(row.formula, (row.t, row.mu), xytext=(6, 4), textcoords="offset points",
                          fontsize=8, parse_math=False)  # fmt: skip
    axis.margins(0.12)
    axis.set_xlabel("tolerance factor t (blue: t-stable, darker: t-cubic)")
    axis.set_ylabel("octahedral factor mu (orange: mu-window)")
    figure.colorbar(marks, ax=axis, label="P(perovskite) from tau")
    _save(figure, path)


def _figure(what: str) -> Any:
    """Return an empty figure that belongs to no window."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(what, "report") from error
    return Figure(layout="constrained")


def _save(figure: Any, path: Path | str) -> None:
    """Write the figure; the same figure gives the same bytes."""
    import matplotlib as mpl

    target = Path(path)
    known = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    if target.suffix.lower() not in known:
        raise AskError(f"{target.name!r}: a figure is written as {', '.join(known)}")
    if not target.parent.is_dir():
        raise AskError(f"{str(target)!r}: the folder {str(target.parent)!r} does not exist")
    with mpl.rc_context({"svg.hashsalt": "qdsurf"}):
        figure.savefig(target, dpi=150, metadata=known[target.suffix.lower()])


def _draw_curves(figure: Any, space: CompositionSpace, name: str) -> None:
    """Draw t, mu and P over one variable."""
    figure.set_size_inches(7.0, 6.5)
    x = space.variables[name]
    panels = figure.subplots(3, 1, sharex=True)
    for axis, values, label in zip(
        panels, (space.t, space.mu, space.p_perovskite), ("t", "mu", "P(perovskite)"), strict=True
    ):
        axis.plot(x, values, "o-", color="#0072B2", markersize=3)
        axis.set_ylabel(label)
        axis.margins(y=0.2)
    # the lines must not widen the axes: a window far from all values says nothing here
    for axis, rule, quantity in ((panels[0], "t-cubic", "t"), (panels[1], _MU_RULE, "mu")):
        low, high = axis.get_ylim()
        for limit in rules()[rule].limits[quantity]:
            if low <= limit <= high:
                axis.axhline(limit, color="#D55E00", linestyle="--")
                axis.annotate(f"{rule} {limit:g}", (x.min(), limit), fontsize=8, va="bottom")
    panels[2].axhline(0.5, color="#888888", linewidth=0.8)
    panels[2].set_ylim(0, 1)
    panels[2].set_xlabel(name)


def _draw_maps(figure: Any, space: CompositionSpace, names: Sequence[str]) -> None:
    """Draw t above and P below over the first two variables, one column for each slice of the third."""
    third = np.unique(space.variables[names[2]]) if len(names) == 3 else np.array([np.nan])
    chosen = third[np.unique(np.linspace(0, len(third) - 1, min(_PANELS, len(third))).round().astype(int))]
    figure.set_size_inches(2.5 * len(chosen) + 1.8, 5.6)
    axes = figure.subplots(2, len(chosen), sharex=True, sharey=True, squeeze=False)
    rows = ((space.t, "t", "viridis"), (space.p_perovskite, "P(perovskite)", "cividis"))
    for line, (values, label, colours) in enumerate(rows):
        finite = values[np.isfinite(values)]
        scale = {"vmin": finite.min(), "vmax": finite.max()} if len(finite) else {}
        drawn = None
        for axis, value in zip(axes[line], chosen, strict=True):
            here = np.ones(len(space), bool) if np.isnan(value) else space.variables[names[2]] == value
            x, y, grid = _gridded(space, names, here, values)
            drawn = axis.pcolormesh(x, y, grid, cmap=colours, shading="nearest", **scale)
            _draw_limits(axis, x, y, space, names, here, line)
            if line == 0 and not np.isnan(value):
                axis.set_title(f"{names[2]} = {value:.3g}", fontsize=10)
            if line == 1:
                axis.set_xlabel(names[0])
            axis.set_box_aspect(1)
        axes[line, 0].set_ylabel(names[1])
        figure.colorbar(drawn, ax=list(axes[line]), label=label, shrink=0.9)
    figure.supxlabel("solid: t = 0.9 and 1 (t-cubic); dashed: tau = 4.18 (tau-bartel)", fontsize=9)


def _draw_limits(
    axis: Any, x: Any, y: Any, space: CompositionSpace, names: Sequence[str], here: Any, line: int
) -> None:
    """Draw the limits of the rules where they cross the map."""
    if min(len(x), len(y)) < 2:
        return
    values = space.t if line == 0 else space.tau
    limits = list(rules()["t-cubic"].limits["t"]) if line == 0 else [rules()[_TAU_RULE].limits["tau"][1]]
    _, _, grid = _gridded(space, names, here, values)
    finite = grid[np.isfinite(grid)]
    crossed = [limit for limit in limits if len(finite) and finite.min() < limit < finite.max()]
    if crossed:
        lines = axis.contour(
            x, y, np.ma.masked_invalid(grid), levels=crossed, colors="white" if line == 0 else "red",
            linestyles="solid" if line == 0 else "dashed", linewidths=1.6,
        )  # fmt: skip
        if line == 0:
            axis.clabel(lines, fmt="%g", fontsize=8)


def _gridded(space: CompositionSpace, names: Sequence[str], here: Any, values: Any) -> tuple[Any, Any, Any]:
    """Return the axes and the values as a grid, NaN where the space has no point."""
    x, column = np.unique(space.variables[names[0]][here], return_inverse=True)
    y, row = np.unique(space.variables[names[1]][here], return_inverse=True)
    grid = np.full((len(y), len(x)), np.nan)
    grid[row, column] = values[here]
    return x, y, grid
