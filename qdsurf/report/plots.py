"""Figures for papers: reactions, coverage, tiers of a campaign, compositions, hardness.

Each function writes one file; its ending is the format: .svg and .pdf are vectors, .png has 200 dots an
inch. The same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.errors import AskError
from qdsurf.report.drawing import COLOURS, GREY, check_figure, name_points, new_figure, tidy, write_figure

if TYPE_CHECKING:
    from qdsurf.energy.coverage import CoveragePoint
    from qdsurf.model import Energy
    from qdsurf.rank.compositions import Composition
    from qdsurf.rank.enumeration import CompositionSpace
    from qdsurf.rank.hsab import HsabRow

Row = Mapping[str, Any]

# Points whose names can still be read.
_NAMED = 40


def energy_diagram(energies: Energy | Mapping[str, Energy], path: str | Path) -> Path:
    """Draw the levels of a reaction: reactants at zero, products below if it binds; write the figure.

    Parameters
    ----------
    energies
        An energy, or several of the same reaction by the name of what binds: each has a level of its
        own, with its uncertainty as a bar. Levels are sums of ``Energy.terms`` times the coefficients
        of the reaction, so what is drawn is what the terms say.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    AskError
        No energy, energies of different reactions or methods, or a wrong ending.
    MissingExtra
        matplotlib is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from qdsurf.model import Energy, Reaction
    >>> r = Reaction(name="adsorption", equation="S + L -> SL", stoichiometry={"S": -1, "L": -1, "SL": 1})
    >>> e = Energy(value=-0.5, uncertainty=0.1, reaction=r, terms={"S": -10.0, "L": -5.0, "SL": -15.5},
    ...            method="emt", converged=True)
    >>> energy_diagram({"amine": e}, tempfile.mkdtemp() + "/levels.svg").name
    'levels.svg'
    """
    path = check_figure(path)
    named = dict(energies) if isinstance(energies, Mapping) else {"": energies}
    if not named:
        raise AskError("no energy to draw")
    kinds = {(energy.reaction.name, energy.method) for energy in named.values()}
    if len(kinds) > 1:
        said = "; ".join(f"{name} with {method}" for name, method in sorted(kinds))
        raise AskError(f"energies of different reactions or methods have no common zero: {said}")
    figure = new_figure("an energy diagram", 7.0, 4.4)
    axis = figure.subplots()
    first = next(iter(named.values()))
    levels = {name: _level(energy) for name, energy in named.items()}
    low, high = min(0.0, *levels.values()), max(0.0, *levels.values())
    span = (high - low or 1.0) + 2 * max(energy.uncertainty for energy in named.values())
    axis.hlines(0, 0.0, 1.0, color="black", linewidth=2.5)
    axis.text(0.0, 0.02 * span, _side(first, -1), ha="left", va="bottom", fontsize=9)
    texts = _spread(levels, 0.07 * span)
    for number, (name, energy) in enumerate(named.items()):
        colour = COLOURS[number % len(COLOURS)]
        _draw_level(axis, levels[name], energy, colour, 2.0 + (number + 0.5) / len(named))
        words = f"{name + '  ' if name else ''}{levels[name]:+.2f} ± {energy.uncertainty:.2f} eV"
        words += "" if energy.converged else ", not converged"
        axis.text(3.08, texts[name], words, fontsize=9, va="center", color=colour, parse_math=False)
    bottom = min(low, *(levels[n] - e.uncertainty for n, e in named.items()))
    axis.text(2.0, bottom - 0.03 * span, _side(first, 1), ha="left", va="top", fontsize=9)
    top = max(high, *(levels[n] + e.uncertainty for n, e in named.items()), *texts.values())
    axis.set_xlim(-0.1, 5.1)
    axis.set_ylim(bottom - 0.15 * span, top + 0.08 * span)
    axis.set_xticks([])
    axis.set_ylabel("energy / eV per ligand")
    axis.set_title(f"{first.reaction.name}, {first.method}", loc="left", fontsize=10, parse_math=False)
    tidy(axis)
    axis.spines["bottom"].set_visible(False)
    return write_figure(figure, path)


def _level(energy: Energy) -> float:
    """Return the level of the products above that of the reactants, from the terms."""
    coefficients = energy.reaction.stoichiometry
    return float(sum(coefficients[name] * energy.terms[name] for name in coefficients))


def _side(energy: Energy, sign: int) -> str:
    """Return the states of one side of the reaction, such as "surface + 2 free ligand"."""
    states = [
        (abs(number), name) for name, number in energy.reaction.stoichiometry.items() if number * sign > 0
    ]
    return " + ".join(name if number == 1 else f"{number:g} {name}" for number, name in states)


def _draw_level(axis: Any, level: float, energy: Energy, colour: str, place: float) -> None:
    """Draw the level of the products, the way to it, and at *place* the bar of its uncertainty."""
    axis.plot([1.0, 2.0], [0, level], color=colour, linewidth=0.9, linestyle=(0, (4, 3)))
    dashes = "solid" if energy.converged else (0, (3, 2))
    axis.hlines(level, 2.0, 3.0, color=colour, linewidth=2.5, linestyle=dashes)
    axis.errorbar(place, level, yerr=energy.uncertainty, color=colour, capsize=3, linewidth=1.0)


def _spread(levels: Mapping[str, float], gap: float) -> dict[str, float]:
    """Return heights of texts near *levels*, *gap* and more apart."""
    last = -np.inf
    heights: dict[str, float] = {}
    for name, level in sorted(levels.items(), key=lambda item: item[1]):
        last = max(level, last + gap)
        heights[name] = last
    return heights


def coverage_plot(
    points: Sequence[CoveragePoint] | Mapping[str, Sequence[CoveragePoint]], path: str | Path
) -> Path:
    """Draw energies against coverage, from `qs.coverage_curve`; write the figure.

    Filled marks are means over all ligands of that coverage with their uncertainty, open marks what the
    last ones added. Crosses on the axis are coverages without an energy.

    Parameters
    ----------
    points
        One curve, or several by name.

    Raises
    ------
    AskError
        No point has an energy, or a wrong ending.
    MissingExtra
        matplotlib is not installed.
    """
    path = check_figure(path)
    curves = dict(points) if isinstance(points, Mapping) else {"": points}
    if not any(point.energy is not None for curve in curves.values() for point in curve):
        causes = sorted({point.cause for curve in curves.values() for point in curve})
        raise AskError(f"no coverage has an energy: {'; '.join(causes) or 'there are no points'}")
    figure = new_figure("a coverage curve", 6.4, 4.4)
    axis = figure.subplots()
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        _draw_curve(axis, name, curve, colour)
        failed = [100 * point.coverage for point in curve if point.energy is None]
        axis.plot(
            failed, [0] * len(failed), "x", color=colour, transform=axis.get_xaxis_transform(), clip_on=False
        )
    axis.axhline(0, color=GREY, linewidth=0.8)
    axis.set_xlim(0, 105)
    axis.margins(y=0.12)
    axis.set_xlabel("sites taken / %")
    axis.set_ylabel("binding energy / eV per ligand")
    axis.legend(frameon=False, fontsize=9)
    tidy(axis, grid="y")
    return write_figure(figure, path)


def _draw_curve(axis: Any, name: str, curve: Sequence[CoveragePoint], colour: str) -> None:
    """Draw the means with bars, and what the last ligands added."""
    known = [(100 * p.coverage, p.energy) for p in curve if p.energy is not None]
    head = f"{name}: " if name else ""
    axis.errorbar(
        [x for x, _ in known], [e.value for _, e in known], yerr=[e.uncertainty for _, e in known],
        fmt="o-", color=colour, capsize=3, markersize=6, linewidth=1.4, label=f"{head}mean",
    )  # fmt: skip
    added = [(100 * p.coverage, p.differential) for p in curve if p.differential is not None]
    if added:
        axis.plot(
            *zip(*added, strict=True), "s--", color=colour, markerfacecolor="white", markersize=6,
            linewidth=1.0, label=f"{head}the last ones added",
        )  # fmt: skip


def tier_correlation(
    first: Sequence[Row], second: Sequence[Row], path: str | Path, *, names: tuple[str, str] | None = None
) -> Path:
    """Draw the energies of the same pairs by two methods against each other; write the figure.

    Rows belong together that have the same ligand, surface, site and mode. The title gives the number of
    pairs, the mean difference, the root mean square difference and Spearman's rank correlation: whether
    the cheap tier sends on the ligands that the dear one would choose.

    Parameters
    ----------
    first, second
        Rows of tables: the cheap method, and the dear one.
    names
        What to call them; by default the methods of the rows.

    Raises
    ------
    AskError
        Fewer than two pairs have an energy in both, or a wrong ending.
    MissingExtra
        matplotlib is not installed.
    """
    path = check_figure(path)

    def energies(rows: Sequence[Row]) -> dict[tuple[str, ...], Row]:
        keys = ("ligand", "surface", "site", "mode")
        known = (row for row in rows if row.get("energy_eV") is not None)
        return {tuple(str(row.get(key) or "") for key in keys): row for row in known}

    one, other = energies(first), energies(second)
    both = [key for key in one if key in other]
    if len(both) < 2:
        raise AskError(f"{len(both)} pairs have an energy in both tables; a correlation needs two and more")
    x, y = (np.array([rows[key]["energy_eV"] for key in both]) for rows in (one, other))
    said = names or (_methods(one.values()), _methods(other.values()))
    figure = new_figure("a correlation of tiers", 5.6, 5.2)
    axis = figure.subplots()
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    axis.plot([low, high], [low, high], color=GREY, linewidth=0.9)
    _draw_pairs(axis, [one[key] for key in both], x, y, [other[key] for key in both])
    axis.set_xlabel(f"E({said[0]}) / eV per ligand", parse_math=False)
    axis.set_ylabel(f"E({said[1]}) / eV per ligand", parse_math=False)
    axis.set_title(_agreement(x, y), loc="left", fontsize=9)
    axis.set_aspect("equal", adjustable="datalim")
    axis.legend(frameon=False, fontsize=8)
    tidy(axis, grid="both")
    if len(both) <= _NAMED:
        names_of = (str(one[key]["ligand"]) for key in both)
        name_points(axis, list(zip(x.tolist(), y.tolist(), names_of, strict=True)), size=7)
    return write_figure(figure, path)


def _methods(rows: Any) -> str:
    """Return the methods of *rows* in words."""
    return ", ".join(dict.fromkeys(str(row.get("method") or "?") for row in rows))


def _agreement(x: Any, y: Any) -> str:
    """Return in words how two columns agree."""
    from scipy.stats import spearmanr

    difference = y - x
    text = f"{len(x)} pairs, mean difference {difference.mean():+.2f} eV, root mean square "
    text += f"{np.sqrt((difference**2).mean()):.2f} eV"
    if np.ptp(x) > 0 and np.ptp(y) > 0:
        text += f",\nSpearman's rank correlation {spearmanr(x, y).statistic:.2f}"
    return text


def _draw_pairs(axis: Any, rows: Sequence[Row], x: Any, y: Any, others: Sequence[Row]) -> None:
    """Draw the pairs, a colour for each class."""
    classes = list(dict.fromkeys(str(row.get("group") or row.get("cbc_class") or "") for row in rows))
    for number, name in enumerate(classes):
        here = np.array([str(row.get("group") or row.get("cbc_class") or "") == name for row in rows])
        places = np.flatnonzero(here).tolist()
        bars = [[float(side[k].get("uncertainty_eV") or 0) for k in places] for side in (rows, others)]
        axis.errorbar(
            x[here], y[here], xerr=bars[0], yerr=bars[1], fmt="o", markersize=5, elinewidth=0.6,
            color=COLOURS[number % len(COLOURS)], alpha=0.85, label=name or None,
        )  # fmt: skip


def composition_map(compositions: Sequence[Composition] | CompositionSpace, path: str | Path) -> Path:
    """Draw compositions in the plane of t and mu with the windows, or an alloy space as a map; write it.

    Parameters
    ----------
    compositions
        Rows of `qs.tolerance`, or the space of `qs.enumerate_compositions`.

    Raises
    ------
    AskError
        Nothing to draw, more than three variables, or a wrong ending.
    MissingExtra
        matplotlib is not installed.
    """
    from qdsurf.rank.enumeration import CompositionSpace
    from qdsurf.rank.maps import write_map, write_plane

    path = check_figure(path)
    if isinstance(compositions, CompositionSpace):
        write_map(compositions, path)
    else:
        write_plane(compositions, path)
    return path


def hsab_plot(rows: Sequence[HsabRow], path: str | Path) -> Path:
    """Draw donors by hardness and class against the softness of the acid, from `qs.hsab`; write it.

    To the right the harder donors (eta in eV), above the softer class; the line is the softness of the
    acid. The colour is the match, the product of both softnesses from -1 to 1: soft likes soft, hard likes
    hard. Donors without a hardness stand at the left edge.

    Raises
    ------
    AskError
        No donor has a class, or a wrong ending.
    MissingExtra
        matplotlib is not installed.
    """
    path = check_figure(path)
    shown = [row for row in rows if row.donor_softness is not None]
    if not shown:
        raise AskError("no donor has a class, so there is nothing to draw")
    known = [row.donor_hardness.eta for row in shown if row.donor_hardness is not None]
    left = min(known) - 0.8 if known else 0.0
    figure = new_figure("an HSAB plot", 7.2, 4.8)
    axis = figure.subplots()
    x = [left if row.donor_hardness is None else row.donor_hardness.eta for row in shown]
    marks = axis.scatter(
        x, [row.donor_softness for row in shown], c=[np.nan if r.match is None else r.match for r in shown],
        cmap="viridis", s=52, edgecolor="black", linewidth=0.6, zorder=3, plotnonfinite=True,
    )  # fmt: skip
    acid = shown[0]
    if acid.acid_softness is not None:
        axis.axhline(acid.acid_softness, color=COLOURS[1], linestyle="--", linewidth=1.2)
        axis.annotate(f"{acid.acid}", (1, acid.acid_softness), xycoords=("axes fraction", "data"),
                      xytext=(-2, 4), textcoords="offset points", color=COLOURS[1], ha="right")  # fmt: skip
    axis.set_xlabel(
        "hardness eta of the donor / eV" + ("" if len(known) == len(shown) else " (left edge: unknown)")
    )
    axis.set_ylabel("class of the donor")
    axis.set_yticks([-1, 0, 1], ["hard", "borderline", "soft"])
    axis.set_ylim(-1.25, 1.25)
    axis.margins(x=0.14)
    figure.colorbar(marks, ax=axis, label=f"match with {acid.acid} (higher is better)")
    tidy(axis, grid="x")
    named = [(left, float(r.donor_softness or 0.0), r.donor) for left, r in zip(x, shown, strict=True)]
    name_points(axis, named[:_NAMED])
    return write_figure(figure, path)
