"""What stands below a picture: balls with their elements, rings of vacancies, a scale bar, the caption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.report.palette import rgb

if TYPE_CHECKING:
    from qdsurf.report.scene import Scene

DOTS_PER_INCH = 200
LEGEND_INCHES, SCALE_BAR = 0.42, (1, 2, 5, 10, 20, 50, 100)
# Inches: radius of a mark, from its middle to its text, a letter, and between entries.
MARK, TO_TEXT, LETTER, BETWEEN = 0.075, 0.12, 0.075, 0.26
CAPTION_LETTER = 0.056
Colour = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Legend:
    """Entries of a legend.

    Attributes
    ----------
    elements
        Chemical symbols, those drawn as large balls first.
    vacancies
        Text and colour of each species that is missing.
    caption
        The line below.
    """

    elements: tuple[str, ...]
    vacancies: tuple[tuple[str, Colour], ...]
    caption: str

    @classmethod
    def of(cls, scene: Scene, seen: NDArray[np.bool_]) -> Legend:
        """Return the legend of *scene*, of whose vacancies *seen* are not hidden."""
        largest: dict[str, float] = {}
        for element, radius in zip(scene.elements, scene.radii.tolist(), strict=True):
            largest[element] = max(radius, largest.get(element, 0.0))
        entries = []
        for species in sorted(set(scene.vacant)):
            many = scene.vacant.count(species)
            red, green, blue = scene.ring_colours[scene.vacant.index(species)].tolist()
            text = f"{species} vacancy" if many == 1 else f"{many} {species} vacancies"
            entries.append((text, (red, green, blue)))
        hidden = int((~seen).sum())
        words = f"{hidden} of {len(seen)} vacancies behind other atoms" if hidden else ""
        return cls(
            elements=tuple(sorted(largest, key=lambda e: (-largest[e], e))),
            vacancies=tuple(entries),
            caption="; ".join(filter(None, (scene.caption, words))),
        )

    @property
    def width(self) -> float:
        """Inches that it needs, a scale bar of one inch among them."""
        texts = [*self.elements, *(text for text, _ in self.vacancies)]
        entries = sum(BETWEEN + TO_TEXT + LETTER * len(text) for text in texts)
        return max(entries + 1.3, CAPTION_LETTER * len(self.caption) + 0.2)


def draw_legend(axis: Any, legend: Legend, scene: Scene, angstrom: float, wide: float) -> None:
    """Draw *legend* into *axis*, *wide* inches; *angstrom* is the length of 1 Å in inches."""
    axis.set_xlim(0, wide)
    axis.set_ylim(0, LEGEND_INCHES)
    axis.set_axis_off()
    middle = LEGEND_INCHES * (0.64 if legend.caption else 0.5)
    x = 0.16
    marks: list[tuple[str, Colour | None]] = [(name, None) for name in legend.elements]
    for text, ring in [*marks, *legend.vacancies]:
        if ring is None:
            _ball(axis, (x, middle), MARK, rgb(text))
        else:
            for dash, tone in dashed_ring(np.array([x, middle]), 0.068, 0.024, np.array(ring), dashes=8):
                dash.set(facecolor=tone, edgecolor="none")
                axis.add_patch(dash)
        axis.text(x + TO_TEXT, middle, text, va="center", ha="left", fontsize=9)
        x += BETWEEN + TO_TEXT + LETTER * len(text)
    _scale_bar(axis, (x, middle), angstrom, wide)
    if legend.caption:
        axis.text(0.10, 0.015, legend.caption, va="bottom", ha="left", fontsize=7, color="#555555")


def _scale_bar(axis: Any, start: tuple[float, float], angstrom: float, wide: float) -> None:
    """Draw the longest bar of a round length that has room."""
    x, middle = start
    room = max(0.3, wide - x - 0.2)
    bar = max((b for b in SCALE_BAR if b * angstrom <= min(room, 1.6)), default=0)
    if not bar:
        return
    end = wide - 0.15
    ends = [end - bar * angstrom, end]
    axis.plot(ends, [middle + 0.06] * 2, color="black", linewidth=2.2, solid_capstyle="butt")
    text = f"{bar} Å" if bar < 10 else f"{bar / 10:g} nm"
    axis.text(sum(ends) / 2, middle + 0.02, text, va="top", ha="center", fontsize=8)


def _ball(axes: Any, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    """Draw a ball of plain circles: rim, body and two lights."""
    from matplotlib.patches import Circle

    for share, shift, tone in ball_tones(np.array([colour]))[0]:
        place = (centre[0] - shift * radius, centre[1] + shift * radius)
        axes.add_patch(Circle(place, share * radius, facecolor=tone, edgecolor="none"))
    axes.add_patch(Circle(centre, radius, facecolor="none", edgecolor="#222222", linewidth=0.5))


def ball_tones(colours: NDArray[np.float64]) -> list[list[tuple[float, float, Any]]]:
    """Return (share of the radius, shift to the light, colour) of the circles that make balls."""
    steps = ((1.0, 0.0, 0.72), (0.86, 0.08, 0.90), (0.62, 0.20, 1.0))
    return [
        [
            *((share, shift, tuple(np.clip(c * tone, 0, 1))) for share, shift, tone in steps),
            (0.30, 0.36, tuple(c + (1 - c) * 0.45)),
        ]
        for c in colours
    ]


def dashed_ring(
    centre: NDArray[np.float64],
    radius: float,
    width: float,
    colour: NDArray[np.float64],
    *,
    dashes: int | None = None,
) -> list[tuple[Any, tuple[float, ...]]]:
    """Return the dashes of a ring as wedges with their colours: the dark borders first."""
    from matplotlib.patches import Wedge

    from qdsurf.report.raster import BORDER_COLOUR, DASH_SHARE, DASHES, RING_BORDER

    many = dashes or DASHES
    drawn: list[tuple[Any, tuple[float, ...]]] = []
    for grown, tone in ((RING_BORDER * width, BORDER_COLOUR), (0.0, tuple(colour.tolist()))):
        outer, thick = radius + (width + grown) / 2, width + grown
        half = 180 / many * DASH_SHARE + np.degrees(grown / 2 / radius)
        for k in range(many):
            middle = 360 / many * (k + 0.5)
            drawn.append((Wedge(tuple(centre), outer, middle - half, middle + half, width=thick), tone))
    return drawn
