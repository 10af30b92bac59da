"""Draw balls and sticks with light and shade into an array of pixels; orthographic, with a depth buffer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from qdsurf.report.scene import Scene

Pixels = NDArray[np.float32]
Integers = NDArray[np.int64]
# Each pixel is the mean of 2 x 2.
FINER = 2
LIGHT = np.array([-0.45, 0.60, 0.66], dtype=np.float32) / np.float32(np.linalg.norm([-0.45, 0.60, 0.66]))
# The reflection of the light is squared so many times: the small bright spot.
AMBIENT, DIFFUSE, SPECULAR, SHARPENINGS = 0.50, 0.66, 0.20, 5
GAMMA = 2.2
_DISPLAY = np.linspace(0, 1, 4096, dtype=np.float32) ** np.float32(1 / GAMMA)
# A step in depth of so many Å draws an outline; its darkness grows up to the second number.
OUTLINE, FULL_OUTLINE, FAINTEST, DARKEST = 0.35, 2.0, 0.35, 0.85
# Share of white at the back of a scene of that depth in Å and more, and of darkness in the deepest corners.
FOG, FOG_DEPTH, OCCLUSION = 0.40, 45.0, 0.95
# Directions in which corners are looked for; what stands more Å in front makes none.
ANGLES, NO_CONTACT = 12, 9.0
# Pixels over which the shade of corners is smoothed.
SMOOTH = 7
BAND = 32
# A ball of which less than this share shows between others counts as hidden.
GLIMPSE = 0.01
BOX_COLOUR = (0.45, 0.45, 0.5)
BOX_PIXELS = 1.2
BACKGROUND = np.float32(-1e9)
# Rings of vacancies: dashes around the circle, the share of each that is drawn, the width in Å and in
# pixels at least, with a border that keeps pale colours apart from white.
DASHES, DASH_SHARE, RING_WIDTH, RING_PIXELS, RING_BORDER = 12, 0.62, 0.20, 2.2, 0.35
BORDER_COLOUR = (0.12, 0.12, 0.14)


@dataclass(frozen=True)
class Frame:
    """Where the picture lies: pixels per Å, and the lower left corner and size in Å and pixels."""

    scale: float
    left: float
    bottom: float
    width: int
    height: int


def frame(scene: Scene, longest: int) -> Frame:
    """Return a frame around *scene* whose longer side has *longest* pixels."""
    centres = np.vstack([scene.balls[:, :2], scene.rings[:, :2]])
    radii = np.append(scene.radii, scene.ring_radii + RING_WIDTH)[:, None]
    low = [centres - radii, *(line[:, :2] for line in scene.box)]
    high = [centres + radii, *(line[:, :2] for line in scene.box)]
    lower, upper = np.vstack(low).min(axis=0) - 0.4, np.vstack(high).max(axis=0) + 0.4
    size = upper - lower
    scale = longest / float(size.max())
    width, height = (max(1, round(float(s) * scale)) for s in size)
    return Frame(scale, float(lower[0]), float(lower[1]), width, height)


def ring_width(scale: float) -> float:
    """Return the width in Å of the rings of vacancies at so many pixels per Å."""
    return max(RING_WIDTH, RING_PIXELS / scale)


def draw(scene: Scene, place: Frame) -> tuple[Pixels, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return red, green, blue and opacity (height, width, 4), which balls are seen, and which rings."""
    canvas = _Canvas(place, scene)
    canvas.balls()
    canvas.sticks()
    # rings of vacancies and the lines of the cell cast no shade
    shade = canvas.occlusion()
    canvas.rings()
    canvas.lines()
    picture = canvas.shaded(shade)
    shown = canvas.owner[(canvas.owner >= 0) & (canvas.owner < len(scene.balls))]
    pixels = np.bincount(shown, minlength=len(scene.balls))
    seen = pixels > GLIMPSE * np.pi * (scene.radii * canvas.scale) ** 2
    return picture, seen, canvas.seen_rings()


@cache
def _cap(radius: int) -> tuple[NDArray[np.float32], int]:
    """Return the height of a unit sphere over 2 radius + 1 pixels squared, minus infinity beside it."""
    line = np.arange(-radius, radius + 1, dtype=np.float32) / np.float32(radius + 0.25)
    square = 1.0 - line[:, None] ** 2 - line[None, :] ** 2
    height = np.where(square > 0, np.sqrt(np.maximum(square, 0)), -np.inf)
    return height.astype(np.float32), radius


class _Canvas:
    """Depth in Å and the owner of every pixel; row 0 is at the bottom."""

    def __init__(self, place: Frame, scene: Scene) -> None:
        self.scene = scene
        self.scale = place.scale * FINER
        largest = float(scene.radii.max(initial=0.5))
        # a margin as wide as the largest ball saves every test for the border
        self.margin = int(np.ceil(largest * self.scale)) + 2
        self.height, self.width = place.height * FINER, place.width * FINER
        shape = (self.height + 2 * self.margin, self.width + 2 * self.margin)
        self.depth = np.full(shape, BACKGROUND, dtype=np.float32)
        self.owner = np.full(shape, -1, dtype=np.int32)
        self.corner = np.array([place.left, place.bottom])
        self.centres = scene.balls.astype(np.float32)
        self.radii = scene.radii.astype(np.float32)
        self.near = float(scene.balls[:, 2].max())
        self.range = max(self.near - float(scene.balls[:, 2].min()), FOG_DEPTH)

    def pixel(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return columns and rows of points in Å."""
        return np.asarray((points[..., :2] - self.corner) * self.scale + self.margin)

    def balls(self) -> None:
        """Draw every ball."""
        centres = np.rint(self.pixel(self.scene.balls)).astype(int)
        sizes = np.maximum(1, np.rint(self.scene.radii * self.scale)).astype(int)
        for number, ((x, y), size, z, radius) in enumerate(
            zip(
                centres.tolist(), sizes.tolist(), self.scene.balls[:, 2].tolist(), self.scene.radii.tolist(),
                strict=True,
            )
        ):  # fmt: skip
            cap, r = _cap(size)
            part = slice(max(0, y - r), y + r + 1), slice(max(0, x - r), x + r + 1)
            self._put(part, cap * np.float32(radius) + np.float32(z), number)

    def _put(self, part: tuple[slice, slice], height: Pixels, number: int) -> None:
        """Let *number* own the pixels of *part* where *height* is nearer than what is there."""
        here = self.depth[part]
        nearer = height > here
        np.copyto(here, height, where=nearer)
        np.copyto(self.owner[part], number, where=nearer)

    def sticks(self) -> None:
        """Draw every stick as a cylinder without ends, which lie inside the balls."""
        scene = self.scene
        starts, ends = self.pixel(scene.starts), self.pixel(scene.ends)
        for number in range(len(scene.starts)):
            a, b, r = scene.starts[number], scene.ends[number], float(scene.widths[number])
            along = b - a
            length, flat = float(np.linalg.norm(along)), float(np.hypot(along[0], along[1]))
            if flat < 1e-3:
                continue
            reach = r * self.scale + 1
            low = np.floor(np.minimum(starts[number], ends[number]) - reach).astype(int)
            high = np.ceil(np.maximum(starts[number], ends[number]) + reach).astype(int) + 1
            low = np.maximum(low, 0)
            x = (np.arange(low[0], high[0]) - starts[number, 0]) / self.scale
            y = (np.arange(low[1], high[1]) - starts[number, 1]) / self.scale
            ux, uy = along[0] / flat, along[1] / flat
            s = x[None, :] * ux + y[:, None] * uy
            w = y[:, None] * ux - x[None, :] * uy
            h = np.sqrt(np.maximum(r * r - w * w, 0))
            tau = (s + h * along[2] / length) * length / flat
            depth = a[2] + tau * along[2] / length + h * flat / length
            inside = (np.abs(w) <= r) & (tau >= 0) & (tau <= length)
            part = slice(low[1], high[1]), slice(low[0], high[0])
            shape = self.depth[part].shape
            height = np.where(inside, depth, -np.inf).astype(np.float32)[: shape[0], : shape[1]]
            self._put(part, height, len(scene.balls) + number)

    def rings(self) -> None:
        """Draw a dashed ring around every vacancy, flat towards the camera; what is nearer hides it."""
        scene, width = self.scene, ring_width(self.scale / FINER)
        first = len(scene.balls) + len(scene.starts) + 1
        for number, ((x, y), z, radius) in enumerate(
            zip(self.pixel(scene.rings), scene.rings[:, 2].tolist(), scene.ring_radii.tolist(), strict=True)
        ):
            reach = int(np.ceil((radius + width) * self.scale)) + 1
            columns = np.arange(max(0, round(x) - reach), min(self.depth.shape[1], round(x) + reach + 1))
            rows = np.arange(max(0, round(y) - reach), min(self.depth.shape[0], round(y) + reach + 1))
            right, up = columns[None, :] - x, rows[:, None] - y
            away = np.abs(np.hypot(right, up) / self.scale - radius) / (width / 2)
            turn = (np.arctan2(up, right) / (2 * np.pi) * DASHES) % 1.0
            part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            for owner, thick in ((first + len(scene.rings) + number, 1 + RING_BORDER), (first + number, 1.0)):
                inside = (away <= thick) & (np.abs(turn - 0.5) <= DASH_SHARE / 2)
                height = np.where(inside, z + 1e-3 * (owner < first + len(scene.rings)), -np.inf)
                self._put(part, height.astype(np.float32), owner)

    def seen_rings(self) -> NDArray[np.bool_]:
        """Return which rings show at least a tenth of what is drawn of them."""
        scene = self.scene
        first, many = len(scene.balls) + len(scene.starts) + 1, len(scene.rings)
        owner = self.owner[(self.owner >= first) & (self.owner < first + many)] - first
        width = ring_width(self.scale / FINER)
        whole = DASH_SHARE * 2 * np.pi * scene.ring_radii * width * self.scale**2
        return np.asarray(np.bincount(owner, minlength=many) > 0.1 * whole)

    def lines(self) -> None:
        """Draw the lines of the cell; what is nearer hides them."""
        number = len(self.scene.balls) + len(self.scene.starts)
        for line in self.scene.box:
            ends = self.pixel(line)
            steps = int(np.abs(ends[1] - ends[0]).max()) + 2
            t = np.linspace(0, 1, steps)
            x, y = (np.rint(ends[0, k] + t * (ends[1, k] - ends[0, k])).astype(int) for k in (0, 1))
            z = (line[0, 2] + t * (line[1, 2] - line[0, 2])).astype(np.float32)
            half = int(np.ceil(BOX_PIXELS * FINER / 2))
            for dx in range(-half + 1, half + 1):
                for dy in range(-half + 1, half + 1):
                    row = np.clip(y + dy, 0, self.depth.shape[0] - 1)
                    column = np.clip(x + dx, 0, self.depth.shape[1] - 1)
                    nearer = z > self.depth[row, column]
                    self.depth[row[nearer], column[nearer]] = z[nearer]
                    self.owner[row[nearer], column[nearer]] = number

    def shaded(self, shade: Pixels) -> Pixels:
        """Return the picture with light, outlines, shade in corners and haze, the top row first."""
        picture = np.zeros((self.height // FINER, self.width // FINER, 4), dtype=np.float32)
        linear = self._linear_colours()
        # bands of rows stay in the processor's cache
        for start in range(0, self.height, BAND * FINER):
            stop = min(start + BAND * FINER, self.height)
            band = self._band(slice(self.margin + start, self.margin + stop), shade, linear)
            rows = (stop - start) // FINER
            mean = band.reshape(rows, FINER, self.width // FINER, FINER, 4).mean(axis=(1, 3))
            mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
            picture[start // FINER : start // FINER + rows] = mean
        return np.ascontiguousarray(picture[::-1])

    def _linear_colours(self) -> Pixels:
        """Return the colours of balls, both halves of sticks, box, rings and borders, in linear light."""
        scene = self.scene
        borders = np.tile(np.array(BORDER_COLOUR), (len(scene.rings), 1))
        box = np.array([BOX_COLOUR])
        tones = [scene.colours, scene.start_colours, scene.end_colours, box, scene.ring_colours, borders]
        return np.vstack(tones).astype(np.float32) ** np.float32(GAMMA)

    def _band(self, rows: slice, shade: Pixels, linear: Pixels) -> Pixels:
        """Return the rows *rows* with colours multiplied by their opacity."""
        inner = slice(self.margin, self.margin + self.width)
        owner = self.owner[rows, inner]
        at = np.nonzero(owner >= 0)
        picture = np.zeros((*owner.shape, 4), dtype=np.float32)
        number = owner[at]
        if len(number) == 0:
            return picture
        y, x = at[0] + rows.start, at[1] + self.margin
        depth = self.depth[y, x]
        tone, normal = self._surface(x, y, number, depth)
        flat = number >= len(self.scene.balls) + len(self.scene.starts)
        bright = np.maximum(normal @ LIGHT, 0)
        mirror = np.maximum(2 * bright * normal[:, 2] - LIGHT[2], 0)
        for _ in range(SHARPENINGS):
            mirror *= mirror
        dim = 1 - np.float32(OCCLUSION) * shade[y // FINER, x // FINER]
        lit = (
            linear[tone] * ((AMBIENT + DIFFUSE * bright) * dim)[:, None] + (SPECULAR * mirror * dim)[:, None]
        )
        lit[flat] = linear[tone[flat]]
        edge = self._edge(x, y, depth)
        edge[flat] = 0
        lit *= (1 - np.float32(DARKEST) * edge)[:, None]
        shown = _DISPLAY[np.clip(lit * (len(_DISPLAY) - 1), 0, len(_DISPLAY) - 1).astype(np.int32)]
        haze = (FOG * np.clip((self.near - depth) / self.range, 0, 1))[:, None]
        picture[at[0], at[1], :3] = shown * (1 - haze) + haze
        picture[at[0], at[1], 3] = 1.0
        return picture

    def _edge(self, x: Integers, y: Integers, depth: Pixels) -> Pixels:
        """Return the darkness of the outline, where a neighbouring pixel lies deeper."""
        lowest = depth.copy()
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            np.minimum(lowest, self.depth[y + dy, x + dx], out=lowest)
        step = depth - lowest
        grown = np.float32(FAINTEST) + np.float32(1 - FAINTEST) * np.clip(step / FULL_OUTLINE, 0, 1)
        return np.where(step > OUTLINE, grown, np.float32(0)).astype(np.float32)

    def _surface(
        self, x: Integers, y: Integers, owner: NDArray[np.int32], depth: Pixels
    ) -> tuple[NDArray[np.int64], Pixels]:
        """Return the number of the colour and the unit normal of each pixel."""
        scene, balls, sticks = self.scene, len(self.scene.balls), len(self.scene.starts)
        place = np.empty((len(x), 3), dtype=np.float32)
        place[:, 0] = (x - self.margin) / self.scale + self.corner[0]
        place[:, 1] = (y - self.margin) / self.scale + self.corner[1]
        place[:, 2] = depth
        tone = owner.astype(np.int64)
        normal = np.zeros_like(place)
        normal[:, 2] = 1.0
        of = owner < balls
        number = owner[of]
        normal[of] = (place[of] - self.centres[number]) / self.radii[number][:, None]
        of = (owner >= balls) & (owner < balls + sticks)
        if of.any():
            number = owner[of] - balls
            along = (scene.ends[number] - scene.starts[number]).astype(np.float32)
            away = place[of] - scene.starts[number].astype(np.float32)
            share = (away * along).sum(axis=1) / np.maximum((along * along).sum(axis=1), 1e-9)
            tone[of] = balls + number + np.where(share < 0.5, 0, sticks)
            normal[of] = (away - share[:, None] * along) / scene.widths[number].astype(np.float32)[:, None]
        flat = owner >= balls + sticks
        tone[flat] = owner[flat] + sticks
        # centres are rounded to pixels, so the normals of rims are not quite unit vectors
        normal /= np.sqrt((normal * normal).sum(axis=1, keepdims=True))
        return tone, normal

    def occlusion(self) -> Pixels:
        """Return how much nearer the surroundings are, from 0 to 1, for each pixel of the final size."""
        from scipy.ndimage import uniform_filter  # type: ignore[attr-defined]

        coarse = self.depth[::FINER, ::FINER]
        total = np.zeros_like(coarse)
        angles = np.arange(ANGLES) * (2 * np.pi / ANGLES)
        radii = [max(2, round(r * self.scale / FINER)) for r in (0.8, 1.9, 4.0)]
        for ring, radius in enumerate(radii):
            for angle in angles + ring * 0.2:
                dx, dy = round(radius * np.cos(angle)), round(radius * np.sin(angle))
                rise = np.roll(coarse, (dy, dx), axis=(0, 1))
                rise -= coarse
                # what stands far in front casts no shade of contact
                rise[rise > NO_CONTACT] = 0
                total += np.clip(rise * np.float32(1 / (1 + ring)), 0, 1)
        return np.asarray(uniform_filter(total / np.float32(ANGLES * len(radii)), size=SMOOTH))
