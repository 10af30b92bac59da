"""Pictures of structures for papers and pages: light and shade in PNG, plain shapes in SVG and PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError, MissingExtra
from qdsurf.model.files import write_whole
from qdsurf.model.nouns import Surface

if TYPE_CHECKING:
    from ase import Atoms

    from qdsurf.report.raster import Frame
    from qdsurf.report.scene import Scene

KINDS = ("png", "svg", "pdf")
DOTS_PER_INCH = 200
SMALLEST_WIDTH, LARGEST_WIDTH = 100, 8000
MANY = 3000
LEGEND_INCHES, SCALE_BAR = 0.42, (1, 2, 5, 10, 20, 50, 100)


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

    Parameters
    ----------
    structure
        A Surface or an ASE Atoms; not changed.
    width
        Pixels of the longer side; for SVG and PDF 200 make an inch.
    view
        Direction towards the camera: for slabs in axes along the first in-plane vector, across it, and
        along the normal, else Cartesian. None takes (0.28, -1, 0.16) for slabs and (1, 0.4, 0.3) else.
    legend
        Whether the elements are named below, with a scale bar.
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

    scene = make_scene(atoms, view=view, cell=cell)
    place = frame(scene, width)
    # vector pictures need the pixels only to know what is hidden
    pixels, seen = draw(scene, place if kind == "png" else frame(scene, min(width, 1600)))
    with mpl.rc_context({"svg.hashsalt": "qdsurf", "svg.fonttype": "path", "font.size": 9}):
        figure, axes = _figure(scene, place, legend)
        if kind == "png":
            axes.imshow(pixels, extent=(0, place.width, 0, place.height), interpolation="nearest", zorder=1)
        else:
            _shapes(axes, scene, place, seen)
        # neither dates nor versions: the same structure gives the same bytes
        known = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        options: dict[str, Any] = {"format": kind, "dpi": DOTS_PER_INCH, "metadata": known[kind]}
        if kind == "png":
            options["pil_kwargs"] = {"compress_level": 5}
        return write_whole(path, lambda part: figure.savefig(part, **options))


def _figure(scene: Scene, place: Frame, legend: bool) -> tuple[Any, Any]:
    """Return a figure with room for the picture, and the legend drawn below it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    below = LEGEND_INCHES if legend else 0.0
    wide, high = place.width / DOTS_PER_INCH, place.height / DOTS_PER_INCH
    # a narrow picture still needs room for its legend
    names = _named(scene)
    whole = max(wide, 0.52 * len(names) + 1.3, 3.4 if scene.caption else 0.0) if legend else wide
    figure = Figure(figsize=(whole, high + below), facecolor="white")
    FigureCanvasAgg(figure)
    share = high / (high + below)
    axes = figure.add_axes(((whole - wide) / 2 / whole, 1 - share, wide / whole, share))
    axes.set_xlim(0, place.width)
    axes.set_ylim(0, place.height)
    axes.set_axis_off()
    if legend:
        _legend(figure, scene, place, names, whole, high + below)
    return figure, axes


def _named(scene: Scene) -> list[str]:
    """Return the elements: those drawn as large balls first."""
    largest: dict[str, float] = {}
    for element, radius in zip(scene.elements, scene.radii.tolist(), strict=True):
        largest[element] = max(radius, largest.get(element, 0.0))
    return sorted(largest, key=lambda e: (-largest[e], e))


def _legend(figure: Any, scene: Scene, place: Frame, names: list[str], wide: float, high: float) -> None:
    """Draw balls with their elements, a scale bar and the caption."""
    from qdsurf.report.palette import rgb

    axes = figure.add_axes((0, 0, 1, LEGEND_INCHES / high))
    axes.set_xlim(0, wide)
    axes.set_ylim(0, LEGEND_INCHES)
    axes.set_axis_off()
    middle = LEGEND_INCHES * (0.64 if scene.caption else 0.5)
    x = 0.16
    for name in names:
        _ball(axes, (x, middle), 0.075, rgb(name))
        axes.text(x + 0.12, middle, name, va="center", ha="left", fontsize=9)
        x += 0.30 + 0.09 * len(name) + 0.08
    angstrom = place.scale / DOTS_PER_INCH
    room = max(0.3, wide - x - 0.2)
    bar = max((b for b in SCALE_BAR if b * angstrom <= min(room, 1.6)), default=0)
    if bar:
        end = wide - 0.15
        axes.plot(
            [end - bar * angstrom, end],
            [middle + 0.06] * 2,
            color="black",
            linewidth=2.2,
            solid_capstyle="butt",
        )
        text = f"{bar} Å" if bar < 10 else f"{bar / 10:g} nm"
        axes.text(end - bar * angstrom / 2, middle + 0.02, text, va="top", ha="center", fontsize=8)
    if scene.caption:
        axes.text(0.10, 0.015, scene.caption, va="bottom", ha="left", fontsize=7, color="#555555")


def _ball(axes: Any, centre: tuple[float, float], radius: float, colour: tuple[float, float, float]) -> None:
    """Draw a ball of plain circles: rim, body and two lights."""
    from matplotlib.patches import Circle

    for share, shift, tone in _tones(np.array([colour]))[0]:
        place = (centre[0] - shift * radius, centre[1] + shift * radius)
        axes.add_patch(Circle(place, share * radius, facecolor=tone, edgecolor="none"))
    axes.add_patch(Circle(centre, radius, facecolor="none", edgecolor="#222222", linewidth=0.5))


def _tones(colours: NDArray[np.float64]) -> list[list[tuple[float, float, Any]]]:
    """Return (share of the radius, shift to the light, colour) of the circles that make balls."""
    steps = ((1.0, 0.0, 0.72), (0.86, 0.08, 0.90), (0.62, 0.20, 1.0))
    return [
        [
            *((share, shift, tuple(np.clip(c * tone, 0, 1))) for share, shift, tone in steps),
            (0.30, 0.36, tuple(c + (1 - c) * 0.45)),
        ]
        for c in colours
    ]


def _shapes(axes: Any, scene: Scene, place: Frame, seen: NDArray[np.bool_]) -> None:
    """Draw what is seen as circles and strips, the farthest first."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle, Polygon

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
        tones = _tones(scene.colours[k : k + 1])[0]
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
