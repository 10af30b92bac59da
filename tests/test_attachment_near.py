"""Near pairs of molecules in motion: the list that is kept up to date is the one that a full look gives."""

from __future__ import annotations

import numpy as np
import pytest

from qdsurf.attachment.near import NearPairs
from qdsurf.attachment.pairs import Kinds

CELL = np.array([[14.0, 0.0, 0.0], [4.0, 13.0, 0.0], [0.0, 0.0, 40.0]])


def crowd(rng: np.random.Generator) -> tuple[np.ndarray, Kinds]:
    """Return twelve chains of five atoms above a floor of forty atoms that stays."""
    starts = rng.uniform((0, 0, 3), (14, 13, 9), (12, 3))
    chains = (starts[:, None] + 1.3 * np.arange(5)[None, :, None] * rng.normal(0, 0.6, (12, 1, 3))).reshape(
        -1, 3
    )
    floor = rng.uniform((0, 0, 0), (14, 13, 2), (40, 3))
    hydrogen = np.arange(100) % 5 == 4
    return np.concatenate([chains, floor]), Kinds(
        np.concatenate([np.repeat(np.arange(12), 5), np.full(40, -1)]),
        np.where(hydrogen, 1.1, 1.7),
        hydrogen,
        np.concatenate([np.tile([2, 0, 0, 0, 0], 12), np.tile([1, -1], 20)]),
    )


def listed(pairs, positions: np.ndarray, kinds: Kinds) -> dict[tuple[int, int, float], int]:  # type: ignore[no-untyped-def]
    """Return the pairs that are too close now, each by its atoms and distance, and how often it is listed."""
    gap = np.linalg.norm(pairs.vectors(positions), axis=1)
    close = gap < kinds.allowed(pairs.i, pairs.j)
    found: dict[tuple[int, int, float], int] = {}
    for a, b, d in zip(pairs.i[close], pairs.j[close], gap[close], strict=True):
        key = (min(int(a), int(b)), max(int(a), int(b)), round(float(d), 6))
        found[key] = found.get(key, 0) + 1
    return found


def by_hand(positions: np.ndarray, kinds: Kinds, periodic: tuple[bool, bool]) -> set[tuple[int, int, float]]:
    """Return the pairs that are too close, over all images within two cells."""
    found = set()
    size = len(positions)
    shifts = [
        m * CELL[0] + n * CELL[1]
        for m in (range(-2, 3) if periodic[0] else [0])
        for n in (range(-2, 3) if periodic[1] else [0])
    ]
    i, j = (x.ravel() for x in np.meshgrid(np.arange(size), np.arange(size), indexing="ij"))
    allowed = kinds.allowed(i, j)
    for shift in shifts:
        gap = np.linalg.norm(positions[i] - positions[j] - shift, axis=1)
        same = kinds.molecule[i] == kinds.molecule[j]
        keep = (gap < allowed) & (~same | ((kinds.molecule[i] >= 0) & (np.abs(shift).max() > 0)))
        keep &= (kinds.molecule[i] >= 0) | (kinds.molecule[j] >= 0)
        found |= {
            (min(int(a), int(b)), max(int(a), int(b)), round(float(d), 6))
            for a, b, d in zip(i[keep], j[keep], gap[keep], strict=True)
        }
    return found


@pytest.mark.parametrize("periodic", [(False, False), (True, True), (True, False)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pairs_kept_up_to_date_are_those_of_a_full_look(periodic: tuple[bool, bool], seed: int) -> None:
    rng = np.random.default_rng(seed)
    positions, kinds = crowd(rng)
    near = NearPairs(positions, kinds, CELL, periodic, 1.04, 0.7)
    for turn in range(12):
        found = listed(near.pairs, positions, kinds)
        assert set(found) == by_hand(positions, kinds, periodic), (turn, seed)
        # an atom that meets its own image does so on both sides; all else is listed once
        assert all(number == 1 or a == b for (a, b, _), number in found.items())
        step = np.where(rng.random(12) < 0.4, 0.5, 0.05)[:, None, None] * rng.normal(0, 1, (12, 1, 3))
        positions = positions.copy()
        positions[:60] += np.broadcast_to(step, (12, 5, 3)).reshape(-1, 3)
        near.update(positions)
