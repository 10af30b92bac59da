"""What all figures share: an empty figure, plain axes, and a file whose ending is its format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qdsurf.errors import AskError, MissingExtra
from qdsurf.model.files import write_whole

# Okabe and Ito's colours, told apart by colour-blind readers; the yellow is left out (faint on white).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#8a929c"
DOTS_PER_INCH = 200
# Neither dates nor versions: the same figure gives the same bytes.
_NAMELESS: dict[str, dict[str, None]] = {
    ".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None},
}  # fmt: skip


def check_figure(path: str | Path) -> Path:
    """Return *path* if a figure can be written there.

    Raises
    ------
    AskError
        The ending is no format of a figure, or the folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in _NAMELESS:
        raise AskError(f"{path.name!r}: a figure is written as {', '.join(_NAMELESS)}")
    if not path.parent.is_dir():
        raise AskError(f"{str(path)!r}: the folder {str(path.parent)!r} does not exist")
    return path


def new_figure(what: str, wide: float, high: float) -> Any:
    """Return an empty figure of so many inches that belongs to no window.

    Raises
    ------
    MissingExtra
        matplotlib is not installed; *what* names the figure.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(what, "report") from error
    figure = Figure(figsize=(wide, high), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axis: Any, *, grid: str | None = None) -> None:
    """Take off the frame where it says nothing; with *grid* draw faint lines along x, y or both."""
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if grid:
        axis.grid(axis=grid, color="#e3e6ea", linewidth=0.6)
        axis.set_axisbelow(True)


def name_points(axis: Any, points: Sequence[tuple[float, float, str]], *, size: float = 8) -> None:
    """Write names beside points, each where it covers neither a point nor another name, if it can.

    Call it last: it needs the limits of the axes as they will be.
    """
    figure = axis.figure
    figure.draw_without_rendering()
    pixel = figure.dpi / 72
    centres = [tuple(axis.transData.transform((x, y))) for x, y, _ in points]
    taken = [(x - 4 * pixel, y - 4 * pixel, x + 4 * pixel, y + 4 * pixel) for x, y in centres]
    inside = axis.get_window_extent()
    for (x, y, name), (left, bottom) in zip(points, centres, strict=True):
        wide, high = 0.58 * size * pixel * len(name), 1.15 * size * pixel
        best: tuple[float, float, float, tuple[float, ...]] | None = None
        for dx, dy in _OFFSETS:
            start = left + dx * pixel if dx >= 0 else left + dx * pixel - wide
            low = bottom + dy * pixel - high / 2
            box = (start, low, start + wide, low + high)
            covered = sum(_overlap(box, other) for other in taken)
            covered += 10 * wide * high * (start < inside.x0 or box[3] > inside.y1 or low < inside.y0)
            if best is None or covered < best[0] - 1e-6:
                best = (covered, dx, dy, box)
        assert best is not None
        taken.append(best[3])  # type: ignore[arg-type]
        axis.annotate(
            name, (x, y), xytext=best[1:3], textcoords="offset points", fontsize=size, va="center",
            ha="left" if best[1] >= 0 else "right", parse_math=False, annotation_clip=False,
        )  # fmt: skip


# Where a name may stand, in points from its mark, the best first.
_OFFSETS = ((7, 0), (6, 8), (6, -8), (-7, 0), (-6, 8), (-6, -8), (4, 15), (4, -15), (-4, 15), (-4, -15),
            (4, 23), (4, -23), (-4, 23), (-4, -23))  # fmt: skip


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the area that two boxes share."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def write_figure(figure: Any, path: str | Path) -> Path:
    """Write *figure* to *path*, whose ending is the format: .png, .svg or .pdf."""
    import matplotlib as mpl

    path = check_figure(path)
    options: dict[str, Any] = {"metadata": _NAMELESS[path.suffix.lower()], "dpi": DOTS_PER_INCH}
    with mpl.rc_context({"svg.hashsalt": "qdsurf", "svg.fonttype": "path"}):
        return write_whole(path, lambda part: figure.savefig(part, **options))
