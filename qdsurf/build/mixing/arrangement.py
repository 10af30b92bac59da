"""Where the ions of a mixture go: at random, quasirandom, or by depth below the surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.mixing.sublattices import Mixture
from qdsurf.errors import AskError, MissingExtra

if TYPE_CHECKING:
    from ase import Atoms

Arrangement = Literal["random", "sqs", "surface-enriched", "surface-depleted"]
ARRANGEMENTS: tuple[Arrangement, ...] = ("random", "sqs", "surface-enriched", "surface-depleted")

# Candidates that the quasirandom search looks at: this many sites in all, within these bounds.
_SQS_SITES, _SQS_LEAST, _SQS_MOST = 2_000_000, 2_000, 20_000
# Sites whose depths in Å agree to this much are equally deep.
_SAME_DEPTH = 0.5
# Neighbours up to this multiple of the shortest distance are in the first shell.
_SHELL = 1.2


def at_random(mixture: Mixture, rng: np.random.Generator) -> NDArray[np.str_]:
    """Return the species of each site of *mixture* in a random order."""
    labels = np.repeat(list(mixture.counts), list(mixture.counts.values()))
    return np.asarray(rng.permutation(labels).astype("U32"))


def by_depth(
    mixture: Mixture,
    depth: NDArray[np.float64],
    face: NDArray[np.int64],
    segregation: float,
    inwards: bool,
    rng: np.random.Generator,
) -> NDArray[np.str_]:
    """Return the species of each site with the guests at the surface, or inside.

    Parameters
    ----------
    depth
        (n,) depth of the sites of the mixture below the surface, in Å or layers.
    face
        (n,) the nearer face; faces are filled alike.
    segregation
        Share of the guests that take the outermost free sites (innermost with *inwards*); the
        others are spread at random.
    """
    new = [s for s in mixture.counts if s not in mixture.present]
    guests = new if 0 < len(new) < len(mixture.counts) else list(mixture.counts)[1:]
    pool = rng.permutation(np.repeat(guests, [mixture.counts[g] for g in guests]))
    # the how-manieth of its depth and face a site is, in random order
    chance = rng.random(len(depth))
    order = np.lexsort((chance, face, depth))
    group = np.flatnonzero(np.diff(np.stack([depth, face])[:, order], axis=1, prepend=np.nan).any(axis=0))
    place = np.empty(len(depth), dtype=int)
    place[order] = np.arange(len(depth)) - np.repeat(group, np.diff([*group, len(depth)]))
    ranked = np.lexsort((chance, place, -depth if inwards else depth))
    bound = round(segregation * len(pool))
    chosen = np.concatenate([ranked[:bound], rng.permutation(ranked[bound:])[: len(pool) - bound]])
    hosts = [s for s in mixture.counts if s not in guests]
    labels = np.empty(len(depth), dtype="U32")
    labels[chosen.astype(int)] = pool
    rest = np.ones(len(depth), dtype=bool)
    rest[chosen.astype(int)] = False
    labels[rest] = rng.permutation(np.repeat(hosts, [mixture.counts[h] for h in hosts]))
    return labels


def depths(
    atoms: Atoms, points: NDArray[np.float64], first: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return how deep every ion lies, and below which face.

    Layers below the nearer of the two faces of a slab; Å below the nearest surface ion of a dot, all
    of whose facets count as one face.

    Parameters
    ----------
    points
        (n, 3) centres of the ions in Å.
    first
        (n,) index of the first atom of every ion.
    """
    if atoms.pbc.any():
        layer = atoms.arrays["layer"][first]
        below, above = layer - layer.min(), layer.max() - layer
        return np.minimum(below, above).astype(float), np.asarray(np.sign(below - above), dtype=np.int64)
    from scipy.spatial import KDTree

    outside = atoms.arrays["role"][first] == "surface"
    distance = KDTree(points[outside]).query(points)[0]
    return np.round(distance / _SAME_DEPTH) * _SAME_DEPTH, np.zeros(len(points), dtype=np.int64)


def quasirandom(mixture: Mixture, points: NDArray[np.float64], cell: NDArray[np.float64], seed: int) -> tuple[
    NDArray[np.str_], float
]:  # fmt: skip
    """Return the species of each site as a special quasirandom structure, and its objective.

    The pair short-range order of Warren and Cowley, summed over the shells within the cell with
    weights 1/shell, is brought as near to zero as a random search finds (Zunger et al.,
    doi:10.1103/PhysRevLett.65.353; sqsgenerator, doi:10.1016/j.cpc.2023.108664). Of equally good
    structures the first in alphabetical order is taken, so that a seed gives one structure.

    Raises
    ------
    MissingExtra
        sqsgenerator is not installed.
    """
    try:
        from sqsgenerator import optimize
    except ImportError as error:
        raise MissingExtra("a special quasirandom structure", "sqs") from error
    names = [s for s, n in mixture.counts.items() if n]
    # molecules and ions of any kind stand as the first elements
    symbols = ["H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne"][: len(names)]
    if len(names) > 10:
        raise AskError(f"a special quasirandom structure of {len(names)} ions is not offered; 10 at most")
    count = len(points)
    composition: dict[str, Any] = {"sites": list(range(count))}
    composition |= {s: mixture.counts[name] for s, name in zip(symbols, names, strict=True)}
    found: Any = optimize(
        {
            "structure": {
                "lattice": cell.tolist(),
                "coords": (points @ np.linalg.inv(cell) % 1.0).round(9).tolist(),
                "species": ["H"] * count,
            },
            "composition": [composition],
            "iterations": int(np.clip(_SQS_SITES // count, _SQS_LEAST, _SQS_MOST)),
            "thread_config": 1,
            "seed": seed,
            "keep": 1,
        }
    )
    objective, best = min(found, key=lambda item: float(item[0]))
    numbers = min(tuple(result.species) for result in best)
    # atomic numbers 1, 2, 3, ... stand for the names in order
    return np.array([names[z - 1] for z in numbers], dtype="U32"), float(objective)


def short_range_order(
    labels: NDArray[np.str_], points: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_]
) -> Mapping[str, float]:
    """Return the Warren-Cowley parameter of the first shell for every pair of species.

    1 - p / c, where p is the share of the second species among the neighbours of the first and c its
    share in all; 0 is random, negative is ordered, positive is clustered (doi:10.1103/PhysRev.77.669).

    Examples
    --------
    >>> points = np.array([[0.0, 0, 0], [3.0, 0, 0]])
    >>> short_range_order(np.array(["Br", "I"]), points, np.diag([6.0, 20, 20]), np.array([True] * 3))
    {'Br-I': -1.0}
    """
    names = sorted(set(labels.tolist()))
    if len(names) < 2:
        return {}
    i, j = _first_shell(points, cell, pbc)
    one, other = labels[i], labels[j]
    found = {}
    for a in range(len(names)):
        for b in range(a + 1, len(names)):
            around = other[one == names[a]]
            share = float(np.mean(labels == names[b]))
            if len(around):
                found[f"{names[a]}-{names[b]}"] = round(1 - float(np.mean(around == names[b])) / share, 6)
    return found


def _first_shell(
    points: NDArray[np.float64], cell: NDArray[np.float64], pbc: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of neighbours in the first shell, both ways."""
    if not np.any(pbc):
        from scipy.spatial import KDTree

        tree = KDTree(points)
        shortest = float(tree.query(points, k=2)[0][:, 1].min())
        pairs = tree.query_pairs(_SHELL * shortest, output_type="ndarray")
        i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
        return i, j
    from ase import Atoms as AtomsClass
    from matscipy.neighbours import neighbour_list

    box = AtomsClass(numbers=np.ones(len(points), dtype=int), positions=points, cell=cell, pbc=pbc)
    cutoff = 6.0
    while True:
        i, j, d = neighbour_list("ijd", box, cutoff)
        if len(d) and cutoff > _SHELL * d.min():
            near = d < _SHELL * d.min()
            return i[near], j[near]
        cutoff *= 1.5
