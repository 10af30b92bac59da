"""Pictures of structures for papers and pages: light and shade in PNG, plain shapes in SVG and PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError, MissingExtra
from qdsurf.model.files import write_whole
from qdsurf.model.nouns import Surface
from qdsurf.model.vacant import vacant_places
from qdsurf.report.legend import DOTS_PER_INCH, LEGEND_INCHES, Legend, ball_tones, dashed_ring, draw_legend

if TYPE_CHECKING:
    from ase import Atoms

    from qdsurf.report.raster import Frame
    from qdsurf.report.scene import Scene

KINDS = ("png", "svg", "pdf")
SMALLEST_WIDTH, LARGEST_WIDTH = 100, 8000
MANY = 3000


def write_picture(
    structure: Surface | Atoms,
    path: str | Path,
    *,
    width: int = 1400,
    view: tuple[float, float, float] | None = None,
    legend: bool = True,
    cell: bool = True,
) -> Path:
    """Draw *structure* into a file; its ending, png, svg or pdf, is the format.

    Ions are balls of a share of their radius (Shannon), molecules balls and sticks; colours are told apart
    by colour-blind readers. Slabs are seen from the side, dots from a direction that shows three faces.
    Vacancies are dashed rings, as large as the ion that is missing and in its colour; the legend counts
    them, and says how many lie behind other atoms.

    Parameters
    ----------
    structure
        A Surface, or ASE Atoms, of which vacancies are those in ``info["vacancies"]``; not changed.
    width
        Pixels of the longer side; for SVG and PDF 200 make an inch.
    view
        Direction towards the camera: for slabs in axes along the first in-plane vector, across it, and
        along the normal, else Cartesian. None takes (0.28, -1, 0.16) for slabs and (1, 0.4, 0.3) else.
    legend
        Whether the elements and vacancies are named below, with a scale bar.
    cell
        Whether the cell is drawn; of a slab's vacuum only the height is written.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    AskError
        The ending is no format, the folder does not exist, the width or the view makes no sense, or there
        are no atoms.
    MissingExtra
        matplotlib is not installed.

    Examples
    --------
    >>> from ase.build import bulk
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> write_picture(bulk("PbS", "rocksalt", a=5.93) * 3, f"{folder}/galena.png", width=300).name
    'galena.png'
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in KINDS:
        raise AskError(f"a picture ends with .png, .svg or .pdf, not {path.suffix or path.name!r}")
    if not SMALLEST_WIDTH <= width <= LARGEST_WIDTH:
        raise AskError(f"width={width}: from {SMALLEST_WIDTH} to {LARGEST_WIDTH} pixels are possible")
    if not path.parent.is_dir():
        raise AskError(f"the folder {str(path.parent)!r} does not exist")
    atoms = structure.atoms if isinstance(structure, Surface) else structure
    if len(atoms) == 0:
        raise AskError("there are no atoms to draw")
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtra("a picture", "report") from error
    from qdsurf.report.raster import draw, frame
    from qdsurf.report.scene import make_scene

    scene = make_scene(atoms, view=view, cell=cell, vacant=vacant_places(structure))
    place = frame(scene, width)
    # vector pictures need the pixels only to know what is hidden
    pixels, seen, marked = draw(scene, place if kind == "png" else frame(scene, min(width, 1600)))
    with mpl.rc_context({"svg.hashsalt": "qdsurf", "svg.fonttype": "path", "font.size": 9}):
        figure, axes = _figure(scene, place, Legend.of(scene, marked) if legend else None)
        if kind == "png":
            axes.imshow(pixels, extent=(0, place.width, 0, place.height), interpolation="nearest", zorder=1)
        else:
            _shapes(axes, scene, place, seen, marked)
        # neither dates nor versions: the same structure gives the same bytes
        known = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        options: dict[str, Any] = {"format": kind, "dpi": DOTS_PER_INCH, "metadata": known[kind]}
        if kind == "png":
            options["pil_kwargs"] = {"compress_level": 5}
        return write_whole(path, lambda part: figure.savefig(part, **options))


def _figure(scene: Scene, place: Frame, legend: Legend | None) -> tuple[Any, Any]:
    """Return a figure with room for the picture, and the legend drawn below it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wide, high = place.width / DOTS_PER_INCH, place.height / DOTS_PER_INCH
    # a narrow picture still needs room for its legend
    whole, below = (wide, 0.0) if legend is None else (max(wide, legend.width), LEGEND_INCHES)
    figure = Figure(figsize=(whole, high + below), facecolor="white")
    FigureCanvasAgg(figure)
    share = high / (high + below)
    axes = figure.add_axes(((whole - wide) / 2 / whole, 1 - share, wide / whole, share))
    axes.set_xlim(0, place.width)
    axes.set_ylim(0, place.height)
    axes.set_axis_off()
    if legend is not None:
        axis = figure.add_axes((0, 0, 1, LEGEND_INCHES / (high + below)))
        draw_legend(axis, legend, scene, place.scale / DOTS_PER_INCH, whole)
    return figure, axes


def _shapes(
    axes: Any, scene: Scene, place: Frame, seen: NDArray[np.bool_], marked: NDArray[np.bool_]
) -> None:
    """Draw what is seen as circles and strips, the farthest first."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle, Polygon

    from qdsurf.report.raster import ring_width

    corner = np.array([place.left, place.bottom])
    near, far = float(scene.balls[:, 2].max()), float(scene.balls[:, 2].min())

    def hazy(colour: Any, z: float) -> tuple[float, ...]:
        share = 0.38 * min(1.0, max(0.0, (near - z) / max(near - far, 20.0)))
        return tuple(float(c) * (1 - share) + share for c in colour)

    patches: list[tuple[float, Any, tuple[float, ...]]] = []
    for k in np.flatnonzero(seen).tolist():
        z, radius = float(scene.balls[k, 2]), float(scene.radii[k]) * place.scale
        centre = (scene.balls[k, :2] - corner) * place.scale
        patches.append((z, Circle(centre, radius), hazy((0.15, 0.15, 0.15), z)))
        tones = ball_tones(scene.colours[k : k + 1])[0]
        # thousands of balls are small: body and light are enough, and the file stays small
        for share, shift, tone in tones if seen.sum() < MANY else ((*tones[0][:2], tones[2][2]), tones[3]):
            where = centre + np.array([-shift, shift]) * radius
            patches.append((z, Circle(where, min(share, 0.955) * radius), hazy(tone, z)))
    for a, b, half, one, other in zip(
        scene.starts, scene.ends, scene.widths, scene.start_colours, scene.end_colours, strict=True
    ):
        middle = (a + b) / 2
        for start, end, colour in ((a, middle, one), (b, middle, other)):
            strip = _strip(start, end, float(half))
            if strip is not None:
                z = float((start[2] + end[2]) / 2) - 0.2
                patches.append((z, Polygon((strip - corner) * place.scale), hazy(colour * 0.9, z)))
    for k in np.flatnonzero(marked).tolist():
        z, centre = float(scene.rings[k, 2]), (scene.rings[k, :2] - corner) * place.scale
        width = ring_width(place.scale) * place.scale
        radius = float(scene.ring_radii[k]) * place.scale
        for dash, tone in dashed_ring(centre, radius, width, scene.ring_colours[k]):
            patches.append((z, dash, hazy(tone, z)))
    patches.sort(key=lambda p: p[0])
    for line in scene.box:
        ends = (line[:, :2] - corner) * place.scale
        axes.plot(ends[:, 0], ends[:, 1], color="#777780", linewidth=0.7, zorder=0)
    shapes = PatchCollection([p for _, p, _ in patches], facecolors=[c for *_, c in patches], linewidths=0)
    axes.add_collection(shapes)


def _strip(start: NDArray[np.float64], end: NDArray[np.float64], half: float) -> NDArray[np.float64] | None:
    """Return the four corners of a strip from *start* to *end*, None where it is seen end-on."""
    along = (end - start)[:2]
    length = float(np.linalg.norm(along))
    if length < 1e-3:
        return None
    across = np.array([-along[1], along[0]]) / length * half
    return np.array([start[:2] + across, end[:2] + across, end[:2] - across, start[:2] - across])
