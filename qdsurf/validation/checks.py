"""The verb: read anything, run every check, worst findings first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.errors import AskError
from qdsurf.model.nouns import Surface
from qdsurf.validation.anatomy import take_apart
from qdsurf.validation.cells import check_cell, check_numbers, check_vacuum
from qdsurf.validation.charge import check_charge, count_charges
from qdsurf.validation.contacts import check_contacts, check_duplicates, check_pieces
from qdsurf.validation.coordination import check_coordination
from qdsurf.validation.faces import check_faces
from qdsurf.validation.facets import check_facets
from qdsurf.validation.findings import LEVELS, Finding
from qdsurf.validation.molecules import check_molecules, find_kinds

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, eq=False)
class _Question:
    """Atoms, and what their file or their maker says of their charges."""

    atoms: Atoms
    charges: Mapping[str, int]
    declared: int | None
    electrons: int


def validate(
    structure: str | Path | Atoms | Surface, *, charges: Mapping[str, float] | None = None
) -> tuple[Finding, ...]:
    """Say what is wrong with a structure of any origin: crystal, slab or dot, bare or with ligands.

    Ions, molecules and metals are told apart by distances; no arrays of qdsurf are needed. Looked at are:
    atoms twice in one place, overlaps (over periodic images too), floating pieces, valences and charges of
    molecules, the net formal charge and what would mend it, coordination, vacuum and cell, and of slabs the
    terminations, whether the faces are equal, and the dipole; of dots the facets and the crystal inside.

    Parameters
    ----------
    structure
        Path of a structure file in any format of ASE, an ``Atoms`` object, or a Surface; not changed.
    charges
        Formal charge in elementary charges by element, for ions whose usual charge is another or unknown.

    Returns
    -------
    tuple of Finding
        Errors first, then warnings, then notes. A sound structure has notes only. Where the structure states
        a net charge (``atoms.info["charge"]``) the counted one is compared with it, else with 0.

    Raises
    ------
    AskError
        There is no such file, ASE cannot read it, or *charges* are not whole numbers by element.

    Examples
    --------
    >>> from ase.build import bulk
    >>> [str(f) for f in validate(bulk("PbS", "rocksalt", a=5.93)) if f.code == "charge"]
    ['note charge: neutral: 1 Pb(+2), 1 S(-2)']
    """
    given = _given(charges or {})
    question = _question(structure)
    found = check_numbers(question.atoms)
    if not found:
        found = _checked(question, {**question.charges, **given})
    return tuple(sorted(found, key=lambda f: LEVELS.index(f.level)))


def _checked(question: _Question, known: Mapping[str, int]) -> list[Finding]:
    """Return everything that was found in atoms that have positions and elements."""
    found = check_cell(question.atoms)
    anatomy = take_apart(_bare(question.atoms))
    twice = check_duplicates(anatomy)
    if twice:
        found += twice
        keep = np.setdiff1d(np.arange(len(question.atoms)), twice[0].atoms)
        anatomy = take_apart(_bare(question.atoms[keep]))
    kinds, shared = find_kinds(anatomy)
    count = count_charges(anatomy, kinds, shared, known, question.electrons)
    found += check_charge(anatomy, kinds, count, question.declared)
    found += check_contacts(anatomy)
    found += check_pieces(anatomy)
    found += check_molecules(anatomy, kinds, count.net == (question.declared or 0))
    found += check_coordination(anatomy, count)
    found += check_vacuum(anatomy)
    found += check_faces(anatomy, kinds, count)
    return found + check_facets(anatomy)


def _given(charges: Mapping[str, float]) -> dict[str, int]:
    """Return the charges of the caller, refused where they are not whole numbers by element."""
    from ase.data import atomic_numbers

    for element, charge in charges.items():
        if element not in atomic_numbers:
            raise AskError(
                f"charges={{...}}: {element!r} is no element; molecules are counted from their atoms"
            )
        if int(charge) != charge:
            raise AskError(f"charges={{...}}: the formal charge {charge} of {element} is not a whole number")
    return {element: int(charge) for element, charge in charges.items()}


def _bare(atoms: Atoms) -> Atoms:
    """Return elements, positions and cell alone."""
    from ase import Atoms as AseAtoms

    return AseAtoms(numbers=atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


def _question(structure: str | Path | Atoms | Surface) -> _Question:
    """Return the atoms of *structure* with the charges that are stated with them."""
    if isinstance(structure, Surface):
        return _Question(
            structure.atoms, _elements_only(structure.charges), structure.charge, structure.electrons
        )
    atoms = _read(Path(structure)) if isinstance(structure, (str, Path)) else structure
    stated = atoms.info.get("charge")
    declared = None if not isinstance(stated, (int, float, np.number)) else round(float(stated))
    charges: Any = atoms.info.get("charges")
    try:
        charges = json.loads(charges) if isinstance(charges, str) else charges
    except ValueError:
        charges = None
    electrons = atoms.info.get("electrons", 0)
    return _Question(
        atoms,
        _elements_only(charges) if isinstance(charges, Mapping) else {},
        declared,
        int(electrons) if isinstance(electrons, (int, np.integer)) else 0,
    )


def _elements_only(charges: Mapping[str, Any]) -> dict[str, int]:
    """Return the charges of elements; those of molecules are counted from their atoms."""
    from ase.data import atomic_numbers

    return {k: int(v) for k, v in charges.items() if k in atomic_numbers and isinstance(v, (int, np.integer))}


def _read(path: Path) -> Atoms:
    """Return the last structure of a file."""
    from ase import Atoms as AseAtoms
    from ase.io import read

    if not path.is_file():
        raise AskError(f"no file {str(path)!r}")
    try:
        atoms = read(path, index=-1)
    except Exception as error:  # the readers of ASE raise whatever they meet
        raise AskError(f"ASE cannot read {str(path)!r}: {type(error).__name__}: {error}") from error
    if not isinstance(atoms, AseAtoms):
        raise AskError(f"{str(path)!r} holds no structure")
    return atoms
