"""Cut slabs with a chosen facet, termination and thickness out of a crystal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import BulkBonds, bulk_bonds, with_cap
from qdsurf.build.compensation import Compensation, Rule, continued, read_rule
from qdsurf.build.cuts import POLAR, Cut, find_cuts, listed, matching
from qdsurf.build.faces import Flip
from qdsurf.build.layout import Layout, assemble, capped, hold, lay_out, loose, spans
from qdsurf.build.planes import Stack, parse_hkl, stack
from qdsurf.build.repeats import supercell
from qdsurf.build.sites import find_sites, set_roles
from qdsurf.errors import AskError, ChargeError
from qdsurf.model.arguments import check_whole
from qdsurf.model.nouns import Crystal, Surface

if TYPE_CHECKING:
    pass

# More ions than this are refused rather than left to fill the memory.
MOST_IONS = 500_000

Repeat = tuple[int, int] | Sequence[Sequence[int]]


def cut_slab(
    crystal: Crystal,
    hkl: tuple[int, int, int] | str,
    *,
    layers: int,
    termination: str | None = None,
    repeat: Repeat = (1, 1),
    vacuum: float = 15.0,
    symmetric: bool = True,
    charge: int = 0,
    compensate: str | None = None,
    fixed: int | Literal["inner"] | None = None,
    max_dipole: float = POLAR,
    lattice_constant: float | None = None,
) -> Surface:
    """Return a slab of *crystal* with the facet *hkl* on both sides.

    Parameters
    ----------
    crystal
        Crystal with formal charges, as from ``load_crystal``; not changed.
    hkl
        Miller indices, (0, 0, 1) or "001", without a common divisor. For crystals with pseudo-cubic
        axes (tilted perovskites) they are pseudo-cubic, and the true ones are in
        ``recipe["result"]["miller"]``; four-index hexagonal ones are accepted.
    layers
        Repeat units of the bulk along the normal. A symmetric slab whose facet needs it has one more
        plane to close it: CsPbBr3 (001) with the termination CsBr and ``layers=3`` is Cs4Pb3Br10
        with three octahedra between its faces, and with the termination PbBr2 it is Cs3Pb4Br11.
    termination
        Formula of the outermost planes, elements in any order; None takes the first neutral one.
        ``terminations`` lists them.
    repeat
        Surface cells along the two in-plane vectors, or a 2 x 2 matrix of integers whose rows are the
        new vectors, [[1, 1], [1, -1]]. Rows are exchanged where the cell would become left-handed.
    vacuum
        Total empty height in Å between the slab and its image above; the cell is as high as
        the slab (between the outermost nuclei) and the vacuum together.
    symmetric
        Whether both faces are equal: an operation of the crystal exchanges them, and
        ``recipe["result"]["faces"]`` names it. When false the slab has whole repeat units only.
    charge
        Net charge the slab is meant to have, in elementary charges; another one is refused.
    compensate
        How a charged or polar slab is made neutral and free of a dipole; does nothing where nothing
        needs it. "half": leave out half of the ions of the outermost planes. "vacancies": leave out as many
        ions of the outermost planes as carry the excess, those of low charge first. "cap:Cl" (any
        monovalent ion; "cap" takes the crystal's own): put ions where the crystal would go on.
        The ions lie far from each other, and those of one face are the images of those of the other.
    fixed
        Number of innermost atomic planes, or "inner" for those with fully coordinated ions only:
        marked in the array ``fixed`` and held by an ASE constraint.
    max_dipole
        Largest formal dipole along the normal that is accepted, in e Å per surface cell.
    lattice_constant
        Length in Å that the cell vector a shall have; the crystal is scaled isotropically
        (a method's own lattice constant). Molecular cations keep their size.

    Raises
    ------
    AskError
        Miller indices, layers, repeat, vacuum, lattice constant or termination make no sense.
    ChargeError
        The slab has another charge than asked for, or a formal dipole; gives the number.

    Notes
    -----
    Formal charges sit at the ions and at the centres of molecules; the dipoles of molecules are no
    formal charge, and their orientations need not be related by the operation that exchanges the
    faces (``recipe["result"]["molecules"]`` says so). Polar faces: P. W. Tasker, J. Phys. C 1979, 12,
    4977, doi:10.1088/0022-3719/12/22/036.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> slab = cut_slab(load_crystal("CsPbBr3-cubic"), "001", layers=3, termination="CsBr")
    >>> slab.name, slab.charge, slab.atoms.get_chemical_formula()
    ('CsPbBr3-cubic(001)-CsBr', 0, 'Br10Cs4Pb3')
    >>> lead_rich = cut_slab(load_crystal("PbS"), "111", layers=2, termination="Pb", compensate="cap:Cl")
    >>> lead_rich.atoms.get_chemical_formula(), lead_rich.recipe["result"]["faces"]
    ('Cl2Pb3S2', 'inversion')
    """
    facet = parse_hkl(hkl)
    check_whole("charge", charge)
    _check(layers, vacuum, lattice_constant, max_dipole)
    matrix = supercell(repeat)
    rule = read_rule(compensate, crystal)
    scale = 1.0 if lattice_constant is None else lattice_constant / float(crystal.atoms.cell.lengths()[0])
    planes = stack(crystal, facet, scale=scale)
    name = f"{crystal.name}({''.join(map(str, facet))})"
    _check_size(name, planes, layers, matrix)
    bonds = bulk_bonds(crystal.atoms, crystal.charges, scale=scale)
    work = _Work(name, crystal, planes, matrix, rule, charge, symmetric, max_dipole, bonds)
    made = work.first(
        matching(name, crystal, planes, find_cuts(crystal, planes, layers, symmetric), termination)
    )
    recipe: dict[str, Any] = {
        "verb": "cut_slab",
        "crystal": dict(crystal.recipe) or crystal.name,
        "hkl": facet,
        "layers": layers,
        "termination": made.cut.formula,
        "repeat": tuple(repeat) if np.ndim(repeat) == 1 else matrix.tolist(),
        "vacuum": vacuum,
        "symmetric": symmetric,
        "charge": charge,
        "compensate": None if rule is None else str(rule),
        "fixed": fixed,
        "max_dipole": max_dipole,
        "lattice_constant": lattice_constant,
        "result": made.result(),
    }
    return made.surface(recipe)


def terminations(crystal: Crystal, hkl: tuple[int, int, int] | str) -> list[str]:
    """Return the formulas of the planes that can end a slab, those of neutral slabs first.

    Raises
    ------
    AskError
        The Miller indices make no sense.

    Examples
    --------
    >>> from qdsurf.crystals import load_crystal
    >>> terminations(load_crystal("CsPbBr3-cubic"), (0, 0, 1))
    ['CsBr', 'PbBr2']
    """
    planes = stack(crystal, parse_hkl(hkl))
    return listed(planes, find_cuts(crystal, planes, 2, True))


def _check(layers: int, vacuum: float, lattice_constant: float | None, max_dipole: float) -> None:
    """Refuse arguments that make no sense."""
    check_whole("layers", layers)
    if layers < 1:
        raise AskError(f"a slab has one layer or more; got layers={layers}")
    if not 0 <= vacuum < np.inf:
        raise AskError(f"vacuum is a height of 0 Å or more; got {vacuum}")
    if lattice_constant is not None and not 0 < lattice_constant < np.inf:
        raise AskError(f"lattice_constant is a positive length in Å; got {lattice_constant}")
    if not max_dipole >= 0:
        raise AskError(f"max_dipole is 0 e Å per surface cell or more; got {max_dipole}")


def _check_size(name: str, planes: Stack, layers: int, matrix: NDArray[np.int_]) -> None:
    """Refuse a slab that would fill the memory."""
    per_layer = sum(len(plane.ions) for plane in planes.planes) / planes.units
    number = round(layers * per_layer * abs(float(np.linalg.det(matrix))))
    if number > MOST_IONS:
        raise AskError(
            f"{name}: about {number:,} ions, more than {MOST_IONS:,}; take fewer layers or a smaller repeat"
        )


@dataclass(frozen=True)
class _Made:
    """The ions of a slab that is neutral as asked, and how it came about."""

    name: str
    crystal: Crystal
    planes: Stack
    repeat: NDArray[np.int_]
    cut: Cut
    rule: Rule | None
    layout: Layout
    flip: Flip | None
    bonds: BulkBonds
    dipole: float = 0.0

    @property
    def charges(self) -> dict[str, int]:
        """Formal charge by species, that of a cap among them."""
        cap = {} if self.rule is None or not self.rule.cap else {self.rule.cap: self.rule.charge}
        return {**self.crystal.charges, **cap}

    def surface(self, recipe: dict[str, Any]) -> Surface:
        """Return the slab with its sites, as the *recipe* asks for it."""
        atoms = assemble(self.layout, recipe["vacuum"])
        atoms.info["bulk_bonds"] = self.bonds
        set_roles(atoms, self.charges)
        if recipe["fixed"] is not None:
            hold(atoms, recipe["fixed"], self.name)
        return Surface(
            name=self.name,
            atoms=atoms,
            charges=self.charges,
            sites=find_sites(atoms, self.charges, facet=recipe["hkl"]),
            recipe=recipe,
            target_charge=recipe["charge"],
        )

    def result(self) -> dict[str, Any]:
        """Return what the recipe led to."""
        found: dict[str, Any] = {
            "miller": self.planes.miller,
            "faces": "not related by symmetry" if self.flip is None else self.flip.name,
            "planes": len(np.unique(self.layout.layer)),
            "dipole": round(self.dipole, 4) + 0.0,
        }
        if self.flip is not None and self.cut.mixed:
            found["mixed"] = "the operation relates the sites; ions of one charge are mixed on them"
        if self.flip is not None and not self.flip.molecules:
            molecules = sorted({i.species for i in self.layout.kinds if len(i.symbols) > 1})
            found["molecules"] = f"orientations of {', '.join(molecules)} are not related, only their centres"
        if self.rule is not None:
            before = Counter(lay_out(self.cut.planes, self.planes, self.repeat).species().tolist())
            after = Counter(self.layout.species().tolist())
            found["removed"], found["added"] = dict(before - after), dict(after - before)
        return found


@dataclass(frozen=True)
class _Work:
    """The question of one slab, asked of several cuts."""

    name: str
    crystal: Crystal
    planes: Stack
    repeat: NDArray[np.int_]
    rule: Rule | None
    charge: int
    symmetric: bool
    max_dipole: float
    bonds: BulkBonds

    def first(self, cuts: list[Cut]) -> _Made:
        """Return the slab of the first of *cuts* that can have the charge asked for without a dipole."""
        refused: list[AskError] = []
        for cut in cuts:
            try:
                return self.made(cut)
            except AskError as error:
                refused.append(error)
        raise refused[0]

    def made(self, cut: Cut) -> _Made:
        """Return the slab of *cut*, compensated where it must be."""
        cells = round(float(np.linalg.det(self.repeat)))
        name = f"{self.name}-{cut.formula}"
        needed = cut.charge * cells != self.charge or abs(cut.dipole) > self.max_dipole
        rule = self.rule if needed else None
        if rule is None:
            layout, flip = lay_out(cut.planes, self.planes, self.repeat), (*cut.flips, None)[0]
        else:
            layout, flip = Compensation(
                name=name,
                crystal=self.crystal,
                stack=self.planes,
                cut=cut,
                repeat=self.repeat,
                rule=rule,
                charge=self.charge,
                symmetric=self.symmetric,
                max_dipole=self.max_dipole,
            ).layout()
            name = f"{name}-{rule.cap}" if rule.cap else f"{name}-{rule.name}"
        bonds = self.bonds
        if rule is not None and rule.cap:
            bonds = with_cap(bonds, rule.cap, continued(cut, rule, self.crystal))
            if rule.cap not in self.crystal.charges:
                layout = capped(layout, rule.cap, bonds)
        made = _Made(name, self.crystal, self.planes, self.repeat, cut, rule, layout, flip, bonds)
        charges = layout.charges(made.charges)
        net = int(charges.sum())
        if net != self.charge:
            raise ChargeError(self._charged(name, cut, net))
        middle = (float(layout.height.min()) + float(layout.height.max())) / 2
        dipole = float(charges @ (layout.height - middle)) / cells
        if abs(dipole) > self.max_dipole:
            raise ChargeError(self._polar(name, dipole))
        smallest = lay_out(cut.planes, self.planes, np.eye(2, dtype=int)) if rule is None else layout
        if alone := loose(smallest, bonds, made.charges, firmly=rule is not None):
            raise AskError(
                f"{name}: {len(alone)} ions ({', '.join(sorted(set(alone)))}) are bound to nothing; take "
                f"another termination or more layers"
            )
        if not spans(smallest, bonds):
            raise AskError(
                f"{name}: so thin it is no slab but rods or pieces that no bond joins; take more layers, "
                f"another termination or another rule"
            )
        return replace(made, dipole=dipole)

    def _charged(self, name: str, cut: Cut, net: int) -> str:
        """Return the message for a slab of the wrong charge."""
        return (
            f"{name}: the formal charges sum to {net:+d} in this cell ({cut.charge:+d} per surface cell "
            f"before any compensation), asked for {self.charge:+d}; a charged facet needs compensation: "
            f"another termination, or compensate='half', 'vacancies' or 'cap:Cl' with a repeat that allows it"
        )

    def _polar(self, name: str, dipole: float) -> str:
        """Return the message for a polar slab."""
        return (
            f"{name}: polar; the formal charges have a dipole of {dipole:+.2f} e Å per surface cell along "
            f"the normal. It needs compensation: take another facet or termination, equal faces "
            f"(symmetric=True), compensate='vacancies', or accept it (max_dipole={abs(dipole):.2f})"
        )
