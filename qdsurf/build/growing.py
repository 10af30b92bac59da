"""A surface while ions are added to it: bond lengths, contacts, and what holds an ion at a place."""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import ANY, BulkBonds, attract, stored_bonds
from qdsurf.build.continuation import continued
from qdsurf.build.ions import Ions, shifts_within, wrapped
from qdsurf.crystals.charges import KNOWN_CHARGES
from qdsurf.errors import AskError, ChargeError
from qdsurf.model.contacts import SMALLEST_RATIO, radius
from qdsurf.model.nouns import Surface

Vectors = NDArray[np.float64]

# Effective ionic radii in Å for coordination 6, Shannon 1976 (doi:10.1107/S0567739476001551, measured):
# their sums are the bond lengths of pairs that the bulk does not have.
IONIC_RADII = {
    "Li": 0.76, "Na": 1.02, "K": 1.38, "Rb": 1.52, "Cs": 1.67, "Pb": 1.19, "Cd": 0.95, "Zn": 0.74,
    "Mn": 0.83, "Yb": 0.868, "In": 0.80, "F": 1.33, "Cl": 1.81, "Br": 1.96, "I": 2.20, "O": 1.40, "S": 1.84,
    "Se": 1.98, "Te": 2.21, "Ti": 0.605, "Hg": 1.02, "Ag": 1.15, "Bi": 1.03, "Ga": 0.62, "Al": 0.535,
    "Mg": 0.72, "Ca": 1.00, "Sr": 1.18, "Ba": 1.35,
}  # fmt: skip
# A bond may be this much shorter or longer than its length in the bulk.
SHORT, LONG = 0.9, 1.15
# Sums of ionic radii are too long for covalent pairs: Pb-I is 3.39 Å by radii and 3.14 Å in CsPbI3.
SHORT_SUM = 0.85


class Growing:
    """Ions of a surface and those added to it so far."""

    def __init__(self, ions: Ions, bonds: BulkBonds, charges: dict[str, int]) -> None:
        """Start with the atoms of a surface."""
        from scipy.spatial import KDTree

        atoms = ions.surface.atoms
        size = {f: len(m) for f, m in ions.around.members.items()}
        self.ions, self.bonds, self.charges = ions, bonds, charges
        self.bulk = stored_bonds(atoms)
        self.lattice = continued(ions)
        self.elements = atoms.get_chemical_symbols()
        self.names = atoms.arrays["species"].tolist()
        self.whole = [size[f] == 1 for f in atoms.arrays["fragment"].tolist()]
        self.points: list[Vectors] = list(atoms.positions.copy())
        self.bare = len(atoms)
        # the longest bond, or two of the largest radii
        self.reach = max([*(d for d, _ in bonds.values()), 3.5]) * LONG
        self._shifts = shifts_within(atoms, self.reach)
        inner = wrapped(atoms, atoms.positions)
        self._tree = KDTree((inner[None] + self._shifts[:, None]).reshape(-1, 3))

    @property
    def added(self) -> list[tuple[str, Vectors]]:
        """Species and positions of the ions added."""
        return list(zip(self.names[self.bare :], self.points[self.bare :], strict=True))

    def put(self, name: str, place: Vectors) -> None:
        """Add one ion."""
        self.points.append(place)
        self.names.append(name)
        self.elements.append(name)
        self.whole.append(True)

    def take_back(self, length: int) -> None:
        """Keep the first *length* atoms."""
        del self.points[length:], self.names[length:], self.elements[length:], self.whole[length:]

    def near(self, place: Vectors) -> list[tuple[int, float]]:
        """Return the atoms within reach of *place*, images included, with their distances in Å."""
        place = wrapped(self.ions.surface.atoms, place)
        hits = self._tree.query_ball_point(place, self.reach)
        found = [(h % self.bare, float(np.linalg.norm(self._tree.data[h] - place))) for h in sorted(hits)]
        for k in range(self.bare, len(self.points)):
            far = np.linalg.norm(self._wide + self.points[k] - place, axis=1)
            found += [(k, float(d)) for d in far[far < self.reach]]
        return found

    @cached_property
    def _wide(self) -> Vectors:
        """Vectors to the images of an added ion, which need not lie in the cell."""
        return shifts_within(self.ions.surface.atoms, 3 * self.reach)


def fits(body: Growing, name: str, place: Vectors) -> tuple[int, float, str]:
    """Return how many counter-ions hold an ion at *place*, and its worst contact: 1 is just allowed."""
    held, worst, words = 0, np.inf, "nothing is near"
    for k, d in body.near(place):
        other = body.names[k]
        bond = body.bonds.get(f"{name}-{other}")
        if bond and body.whole[k]:
            held += d < LONG * bond[0]
            own = f"{name}-{other}" in body.bulk
            share = d / ((SHORT if own else SHORT_SUM) * bond[0])
        else:
            share = d / (SMALLEST_RATIO * (radius(name) + radius(body.elements[k])))
        if share < worst:
            worst, words = share, f"{name}-{body.elements[k]} {d:.2f} Å"
    return held, worst, words


def ions_of_unit(surface: Surface, unit: str) -> tuple[list[str], dict[str, int]]:
    """Return the ions of *unit*, cations of high charge first, and the charges of all species."""
    from ase.data import atomic_numbers

    found = re.findall(r"([A-Z][a-z]?)(\d*)", unit)
    if not found or "".join(a + b for a, b in found) != unit:
        raise AskError(f"{unit!r} is no formula of ions, such as PbBr2; molecules are attached with attach()")
    charges = dict(surface.charges)
    parts: list[str] = []
    for element, number in found:
        if element not in atomic_numbers:
            raise AskError(f"{unit!r}: {element} is no element")
        known = charges.get(element, KNOWN_CHARGES.get(element))
        if known is None:
            raise ChargeError(f"{unit!r}: no formal charge is known for {element}")
        charges[element] = known
        parts += [element] * int(number or 1)
    parts.sort(key=lambda s: (-charges[s], s))
    return parts, charges


def bonds_with(bonds: BulkBonds, parts: list[str], charges: dict[str, int], species: list[str]) -> BulkBonds:
    """Return *bonds* with those of the ions of a unit; foreign ones lack nothing with one bond."""
    result = dict(bonds)
    everything = sorted({*species, *parts})
    for one in sorted(set(parts)):
        for other in everything:
            if f"{one}-{other}" in result or not attract(charges[one], charges[other]):
                continue
            if one not in IONIC_RADII or other not in IONIC_RADII:
                continue
            length = IONIC_RADII[one] + IONIC_RADII[other]
            result[f"{one}-{other}"] = (length, 1 if one not in species else 0)
            result.setdefault(f"{other}-{one}", (length, 1 if other not in species else 0))
    for one in sorted(set(parts)):
        lengths = [d for pair, (d, _) in result.items() if pair.split("-", 1)[0] == one]
        if not lengths:
            raise AskError(f"no bond length is known for {one} at {', '.join(sorted(set(species)))}")
        result.setdefault(f"{one}-{ANY}", (min(lengths), 1))
    return result
