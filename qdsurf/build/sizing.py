"""The size of a dot: what may be asked for, and the body that it makes of a shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.shapes import (
    SHAPES,
    Facet,
    Polyhedron,
    normal_and_spacing,
    polyhedron,
    size_dependent_facets,
)
from qdsurf.errors import AskError
from qdsurf.model.nouns import Crystal

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """Crystal, shape and size of a dot as asked for.

    Attributes
    ----------
    crystal
        The crystal.
    shape, cells, edge, diameter
        As for ``carve_dot``.
    """

    crystal: Crystal
    shape: str
    cells: int | tuple[int, int, int] | None
    edge: float | tuple[float, float, float] | None
    diameter: float | None

    def check(self, facets: object, neutralize: object, cap: object) -> None:
        """Refuse what makes no sense."""
        if self.shape not in SHAPES:
            raise AskError(f"no shape {self.shape!r}; there are {', '.join(SHAPES)}")
        sizes = {"cells": self.cells, "edge": self.edge, "diameter": self.diameter}
        given = [name for name, size in sizes.items() if size is not None]
        if len(given) != 1:
            got = ", ".join(given) or "none"
            raise AskError(f"give one of cells, edge and diameter, such as cells=5; got {got}")
        try:
            size = np.atleast_1d(np.asarray(sizes[given[0]], dtype=float))
        except (TypeError, ValueError):
            raise AskError(f"{given[0]} is a number, or three; got {sizes[given[0]]!r}") from None
        if len(size) != (3 if self.shape == "cuboid" and self.diameter is None else 1):
            raise AskError(
                f"a {self.shape} has {3 if self.shape == 'cuboid' else 1} for {given[0]}; got {size}"
            )
        if not (np.isfinite(size).all() and (size > 0).all()):
            raise AskError(f"{given[0]} is positive; got {sizes[given[0]]}")
        wrong = isinstance(self.cells, bool | str) or np.any(size != np.round(size))
        if self.cells is not None and wrong:
            raise AskError(f"cells are whole numbers; got {self.cells!r}")
        if self.shape in ("octahedron", "tetrahedron") and self.cells is not None and size[0] < 2:
            raise AskError(f"an {self.shape} has two or more ions along an edge; got cells={self.cells}")
        if self.shape == "cuboid" and self.diameter is not None:
            raise AskError("a cuboid has no one diameter; give cells or edge")
        if self.edge is not None and self.shape in ("sphere", "wulff"):
            raise AskError(f"a {self.shape} has no one edge; give diameter")
        if facets is not None and self.shape == "sphere":
            raise AskError("a sphere has no facets")
        if neutralize not in ("auto", "remove", "cap", None):
            raise AskError(f"neutralize is 'auto', 'remove', 'cap' or None; got {neutralize!r}")
        if cap is not None and neutralize in ("remove", None):
            raise AskError(f"cap={cap!r} goes with neutralize='cap' or 'auto'; got {neutralize!r}")

    @property
    def length(self) -> float:
        """Lattice constant in Å, pseudo-cubic where there is one."""
        crystal = self.crystal
        if crystal.pseudocubic is None:
            return float(crystal.atoms.cell.lengths()[0])
        return float(
            (np.linalg.norm(np.array(crystal.pseudocubic) @ crystal.atoms.cell.array, axis=1)).mean()
        )

    def radius(self) -> float:
        """Return the radius of a sphere in Å."""
        return float(self.diameter or np.asarray(self.cells).item() * self.length) / 2

    def body(self, facets: Mapping[str | Facet, float] | None) -> Polyhedron:
        """Return the body of the shape, up to its size."""
        if self.shape == "wulff" and not facets:
            if self.diameter is None:
                raise AskError("shape='wulff' without facets depends on size; give diameter")
            facets = size_dependent_facets(self.crystal, self.diameter)
        return polyhedron(self.crystal, self.shape, facets)

    def sized(self, body: Polyhedron) -> Polyhedron:
        """Return *body*, given up to its size, with the size asked for."""
        if self.shape == "cuboid" or (self.shape == "cube" and self.diameter is None):
            return self._box(body)
        if self.diameter is not None:
            volume = np.pi / 6 * self.diameter**3
            return body.scaled(float((volume / body.volume) ** (1 / 3)))
        if self.edge is not None:
            return body.scaled(float(np.asarray(self.edge).item()) / body.edge)
        number = int(np.asarray(self.cells).item())
        if self.shape in ("octahedron", "tetrahedron"):
            return body.scaled((number - 1) * self.length / float(np.sqrt(2)) / body.edge)
        square = body.facets.index((1, 0, 0)) if (1, 0, 0) in body.facets else None
        if square is None:
            raise AskError("cells counts unit cells across {100}, which this shape lacks; give diameter")
        return body.scaled(number * self.length / 2 / float(body.distances[square]))

    def _box(self, body: Polyhedron) -> Polyhedron:
        """Return the box *body* with its three edges."""
        distances = []
        for facet in body.facets:
            axis = int(np.flatnonzero(facet)[0])
            if self.cells is not None:
                count = np.broadcast_to(np.asarray(self.cells), 3)[axis]
                distances.append(count * normal_and_spacing(self.crystal, facet)[1] / 2)
            else:
                distances.append(float(np.broadcast_to(np.asarray(self.edge), 3)[axis]) / 2)
        return body.moved(np.array(distances, dtype=float))
