"""Even choices: each point chosen is a farthest one, ties go to the least crowded, at a cost of n log n."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import KDTree

import qdsurf as qs
from qdsurf.build.spreading import Around, Farthest, spread
from qdsurf.model.periodic import nearest_image

CELL = np.array([[30.0, 0.0, 0.0], [9.0, 26.0, 0.0], [0.0, 0.0, 20.0]])


def lattice(edge: int) -> np.ndarray:
    """Return the sites of a square face, *edge* times *edge*, 4 Å apart."""
    x, y = np.meshgrid(np.arange(edge), np.arange(edge), indexing="ij")
    return np.column_stack([x.ravel(), y.ravel(), np.zeros(edge * edge)]) * 4.0


def drawn(around: Around, count: int) -> list[int]:
    farthest = Farthest(around)
    chosen = []
    for _ in range(count):
        best = farthest.best()
        assert best is not None
        chosen.append(best)
        farthest.drop(best)
        farthest.take(around.points[best])
    return chosen


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_point_is_a_farthest_one_at_its_turn(periodic: bool, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 1, (300, 3)) @ CELL
    pbc = np.array([periodic, periodic, False])
    chosen = drawn(Around(points, CELL, pbc), 60)
    gap = np.full(300, np.inf)
    for number in chosen:
        left = np.setdiff1d(np.arange(300), chosen[: chosen.index(number)])
        assert gap[number] >= gap[left].max() - 1e-3
        away = np.linalg.norm(nearest_image(points - points[number], CELL, pbc), axis=1)
        gap = np.minimum(gap, away)
    assert len(set(chosen)) == 60


def test_ties_of_a_lattice_leave_no_holes() -> None:
    # half of a square lattice: the farthest points are many, and a bad order of them leaves holes
    points = lattice(24)
    chosen = points[drawn(Around(points), len(points) // 2)]
    nearest = KDTree(chosen).query(points)[0]
    assert nearest.max() <= 4.0 + 1e-6
    six = KDTree(chosen).query(chosen, k=5)[0][:, 1:].mean()
    assert six > 5.2  # a chequered board has 5.66, one taken in any order 4.9 and less


def test_the_cost_is_n_log_n(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    real = Around.gaps
    monkeypatch.setattr(
        Around,
        "gaps",
        lambda self, numbers, place: (looked.append(len(numbers)), real(self, numbers, place))[1],
    )
    cost = []
    for edge in (20, 80):
        looked.clear()
        points = lattice(edge)
        drawn(Around(points), len(points) // 2)
        cost.append(sum(looked))
    # 16 times the points: a quadratic choice looks at 256 times as many distances, n log n at 16 to 30
    assert cost[1] < 32 * cost[0]


def test_spread_keeps_away_from_what_is_taken_and_follows_its_seed() -> None:
    points = lattice(12)
    near = spread(points, np.arange(144), 1, [0], seed=0)
    assert near == [143]
    first = spread(points, np.arange(144), 20, [], seed=0)
    assert (
        first
        == spread(points, np.arange(144), 20, [], seed=0)
        != spread(points, np.arange(144), 20, [], seed=1)
    )
    assert spread(points, np.array([5, 7]), 4, [], seed=0) == [5, 7]


def test_a_shell_takes_sites_as_far_apart_as_the_lattice_allows() -> None:
    dot = qs.carve_dot(qs.load_crystal("CsPbBr3-cubic"), shape="cube", cells=6)
    sites = [s for s in dot.sites if s.kind == "anion site"]
    bound = qs.attach(dot, {"iodide": len(sites) // 8})
    taken = np.array([s.position for s in bound.sites if s.species == "iodide"])
    gap = KDTree(taken).query(taken, k=2)[0][:, 1]
    # greedy choice is at least half as good as the best one; one site in eight has 2 * 4.15 Å and more
    assert gap.min() > 8.0
