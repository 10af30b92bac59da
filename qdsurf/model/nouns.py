"""The nouns of qdsurf: frozen values that the verbs take and return.

Units everywhere: Å, eV, elementary charge, degrees; densities in nm^-2.

Every atom of a Surface belongs to one *fragment*, an ion or a molecule, and every fragment has a
*species* with one formal charge. These are per-atom arrays of the ASE object, so they survive
copying, slicing and writing to extended XYZ:

``fragment``  int   number of the ion or molecule that the atom belongs to
``species``   str   name of that ion or molecule: "Cs", "Pb", "methylammonium", "oleate"
``role``      str   "core", "surface" (under-coordinated or outermost) or "ligand"
``anchor``    bool  true for the atoms of a ligand that bind the surface
``layer``     int   atomic plane counted from the bottom of a slab from 0; -1 for ligands and dots
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import ChargeError
from qdsurf.model.ledger import ELECTRON, Ledger

if TYPE_CHECKING:
    from ase import Atoms

    from qdsurf.model.contacts import Contact

CbcClass = Literal["L", "X", "Z"]
Takes = Literal["anion site", "cation site", "pair", "on a cation", "on an anion"]
Status = Literal["measured", "computed", "verified", "unverified"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a fact comes from.

    Attributes
    ----------
    text
        Citation in words.
    doi
        DOI, or "" when there is none.
    licence
        Terms under which the fact is carried here.
    status
        "measured", "computed", "verified" (read in the text named) or "unverified" (recalled).
    note
        What to know before using it.
    """

    text: str
    doi: str = ""
    licence: str = "facts, not protected"
    status: Status = "unverified"
    note: str = ""

    def __str__(self) -> str:
        """Return the citation with its DOI and its status."""
        doi = f", doi:{self.doi}" if self.doi else ""
        return f"{self.text}{doi} [{self.status}]"


@dataclass(frozen=True, kw_only=True, eq=False)
class Crystal:
    """A bulk crystal with formal charges.

    Attributes
    ----------
    atoms
        Conventional cell, periodic, with the arrays ``fragment`` and ``species``.
    charges
        Formal charge by species, in elementary charges. The cell is neutral.
    space_group
        Hermann-Mauguin symbol of the average structure.
    temperature
        Kelvin at which the cell was measured; None where unknown or computed.
    pseudocubic
        Rows: the pseudo-cubic axes in units of the conventional cell vectors; None where the
        conventional cell is the natural one. Facets of tilted perovskites are named in these.
    recipe
        The verb that made it, its arguments and what came out; empty for crystals as found.
    """

    name: str
    atoms: Atoms
    charges: Mapping[str, int]
    space_group: str
    source: Source
    temperature: float | None = None
    pseudocubic: tuple[tuple[float, ...], ...] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        """Ions of one conventional cell."""
        return Ledger.count(fragment_species(self.atoms).values(), self.charges)


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """A group of a molecule that can bind a surface.

    Attributes
    ----------
    name
        Chemical name of the group: "carboxylate", "ammonium", "amine", "thiolate", ...
    atoms
        Indices, in the ligand's conformers, of the atoms that bind.
    smarts
        Pattern that found it.
    takes
        Which site the group takes.
    """

    name: str
    atoms: tuple[int, ...]
    smarts: str
    takes: Takes

    @property
    def denticity(self) -> int:
        """Number of atoms that can bind."""
        return len(self.atoms)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ligand:
    """An ion or molecule in the form in which it binds.

    Attributes
    ----------
    smiles
        Canonical SMILES of the bound form.
    charge
        Formal charge of the bound form, in elementary charges.
    cbc_class
        Covalent bond classification: "L" (donates two electrons), "X" (one) or "Z" (none).
    anchors
        The chosen binding groups: one; two for a zwitterion that takes an anion and a cation site, the
        anion first; several of one kind for a ligand that takes as many sites of that kind.
    binds
        Which site the ligand takes.
    conformers
        Geometries in Å, hydrogens included, all with the same atom order; the binding atoms at the
        origin, the molecule along +z, the straight one first. Computed when first looked at.
    bonds
        (i, j, order) for every covalent bond.
    free_forms
        Desorbed forms by name, as SMILES: "acid", "amine", "salt", "neutral", ...
    reasons
        Why this class, charge and anchor were chosen.
    others
        Groups that could bind as well and were left free, the best first.
    ions
        The ions of a salt, cations first, each placed for itself in this proportion; empty for one
        molecule.
    """

    name: str
    smiles: str
    charge: int
    cbc_class: CbcClass
    anchors: tuple[Anchor, ...]
    binds: Takes
    conformers: Sequence[Atoms]
    bonds: tuple[tuple[int, int, float], ...]
    free_forms: Mapping[str, str]
    source: Source
    family: str = ""
    reasons: tuple[str, ...] = ()
    others: tuple[Anchor, ...] = ()
    ions: tuple[Ligand, ...] = ()

    @property
    def denticity(self) -> int:
        """Number of atoms that can bind."""
        return sum(anchor.denticity for anchor in self.anchors)

    @property
    def atoms(self) -> Atoms:
        """A copy of the first conformer."""
        return self.conformers[0].copy()  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True, eq=False)
class Site:
    """A place at a surface where something can bind or be exchanged.

    Attributes
    ----------
    position
        (3,) in Å: of the ion there, or where the binding atom would go.
    normal
        (3,) outward unit vector.
    kind
        "anion site" or "cation site" (an ion of the lattice, present or missing), "on a cation"
        or "on an anion" (above one under-coordinated ion), "bridge" or "hollow" (a missing ion
        with two, or three and more, neighbours).
    species
        Ion of the lattice at that position; for "on a cation" and "on an anion" the ion below.
    facet
        Miller indices, or None where no single facet can be named.
    location
        "face", "edge" or "corner"; "core" for an ion inside, as the defect verbs list it.
    layer
        Atomic plane counted from the bottom of a slab, -1 for dots.
    coordination
        Number of counter-ions bound by the ion of the site.
    atoms
        Indices of the ion at the site; empty for a vacant one.
    neighbours
        Indices of the atoms that what binds here is bound to.
    """

    position: NDArray[np.float64]
    normal: NDArray[np.float64]
    kind: str
    species: str
    facet: tuple[int, int, int] | None
    location: str
    layer: int
    coordination: int
    atoms: tuple[int, ...]
    neighbours: tuple[int, ...]

    @property
    def occupied(self) -> bool:
        """Whether an ion of the lattice is there."""
        return bool(self.atoms)


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """A slab (periodic in the plane) or a dot (not periodic), bare or with ligands.

    Attributes
    ----------
    atoms
        Positions in Å with the per-atom arrays named in this module's first lines.
    charges
        Formal charge by species, in elementary charges.
    sites
        Places to bind, on both faces of a slab.
    recipe
        The verb, its arguments and the recipe of what it was made from.
    target_charge
        The charge asked for; the ledger must agree or the Surface cannot be made.
    electrons
        Electrons beyond those of the formal charges (an iodide in place of a sulfide leaves one).
    """

    name: str
    atoms: Atoms
    charges: Mapping[str, int]
    sites: tuple[Site, ...]
    recipe: Mapping[str, Any]
    target_charge: int = 0
    electrons: int = 0
    bonds: tuple[tuple[int, int, float], ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse a structure whose ledger does not give the charge asked for."""
        if self.charge != self.target_charge:
            raise ChargeError(
                f"{self.name}: the ledger gives charge {self.charge:+d}, asked for "
                f"{self.target_charge:+d} ({self.ledger})"
            )

    @cached_property
    def ledger(self) -> Ledger:
        """Ions and molecules with their formal charges."""
        names = list(fragment_species(self.atoms).values()) + [ELECTRON] * self.electrons
        return Ledger.count(names, {**self.charges, ELECTRON: -1})

    @property
    def charge(self) -> int:
        """Net formal charge from the ledger, in elementary charges."""
        return self.ledger.charge

    def __eq__(self, other: object) -> bool:
        """Return whether *other* is the same surface: positions within 1e-6 Å, all else exactly."""
        if not isinstance(other, Surface):
            return NotImplemented
        return _plain_surface(self) == _plain_surface(other) and bool(
            np.allclose(self.atoms.positions, other.atoms.positions, rtol=0, atol=1e-6)
            and np.allclose(self.atoms.cell.array, other.atoms.cell.array, rtol=0, atol=1e-6)
        )

    def __hash__(self) -> int:
        """Return a hash that equal surfaces share."""
        return hash((self.name, len(self.atoms)))

    def contacts(self) -> Contact | None:
        """Return the worst contact between different molecules, or a molecule and the core.

        Bonds of anchor atoms to the surface do not count. None where there are no ligands.
        """
        from qdsurf.model.contacts import worst_contact

        return worst_contact(self.atoms, self.charges)


def fragment_species(atoms: Atoms) -> dict[int, str]:
    """Return the species of each fragment of *atoms*, by fragment number."""
    return dict(zip(atoms.arrays["fragment"].tolist(), atoms.arrays["species"].tolist(), strict=True))


def _plain_surface(surface: Surface) -> tuple[Any, ...]:
    """Return what two equal surfaces have in common exactly."""
    arrays = surface.atoms.arrays
    sites = [
        (s.kind, s.species, s.facet, s.location, s.layer, s.coordination, s.atoms, s.neighbours)
        for s in surface.sites
    ]
    places = [(s.position.tolist(), s.normal.tolist()) for s in surface.sites]
    return (
        surface.name,
        surface.target_charge,
        surface.electrons,
        sorted(surface.charges.items()),
        [(i, j, float(o)) for i, j, o in surface.bonds],
        json.dumps(dict(surface.recipe), default=str, sort_keys=True),
        surface.atoms.pbc.tolist(),
        arrays["numbers"].tolist(),
        *(arrays[name].tolist() for name in ("fragment", "species", "role", "anchor", "layer")),
        sites,
        places,
    )
