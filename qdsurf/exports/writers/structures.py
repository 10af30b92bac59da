"""Structure files: CIF, extended XYZ, PDB, SDF, XSF."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from qdsurf.errors import AskError
from qdsurf.exports.codes import Written
from qdsurf.exports.system import System
from qdsurf.model.nouns import Crystal, Surface

if TYPE_CHECKING:
    from ase import Atoms


def write(system: System, code: str, surface: Surface | Crystal | None) -> Written:
    """Return the structure file of *code*."""
    lost = []
    text = molfile(system, surface) if code == "sdf" else _by_ase(system, code, surface)
    if code in ("cif", "pdb", "xsf") and system.charge:
        lost.append(f"{code.upper()} holds no net charge: {system.charge:+d}, see manifest.json")
    if code in ("cif", "pdb", "sdf", "xsf") and system.fixed.any():
        lost.append(f"{code.upper()} holds no fixed atoms: {int(system.fixed.sum())}, see manifest.json")
    return Written(files={f"structure.{code}": text}, notes=tuple(lost))


def _by_ase(system: System, code: str, surface: Surface | Crystal | None) -> str:
    """Return the text that ASE writes."""
    from ase.io import write as write_by_ase

    if code == "extxyz":
        return extended(system, surface)
    binary = io.BytesIO()
    text = io.StringIO()
    kind = {"cif": "cif", "pdb": "proteindatabank", "xsf": "xsf"}[code]
    atoms = system.atoms.copy()
    if code == "cif":
        atoms.pbc = True
        write_by_ase(binary, atoms, format=kind, wrap=False)
        return binary.getvalue().decode()
    if code == "pdb" and len(atoms) > 99999:
        raise AskError(f"PDB numbers at most 99999 atoms; {system.name} has {len(atoms)}")
    if code == "xsf" and system.kind != "dot":
        atoms.pbc = True
    write_by_ase(text, atoms, format=kind)
    return text.getvalue()


def extended(system: System, surface: Surface | Crystal | None) -> str:
    """Return extended XYZ: with roles, ledger, recipe and sites where there is a Surface."""
    from qdsurf.model.files import described, extxyz_text

    if isinstance(surface, Surface):
        atoms = described(surface)
    else:
        atoms = system.atoms.copy()
        atoms.info = {"name": system.name, "charge": system.charge}
    atoms.set_constraint()
    if system.fixed.any():
        atoms.set_array("fixed", system.fixed)
    return extxyz_text(atoms)


def molfile(system: System, surface: Surface | Crystal | None) -> str:
    """Return an SDF record (V3000 from 1000 atoms on) with the bonds and formal charges of the ligands."""
    from rdkit import Chem
    from rdkit.Geometry import Point3D

    molecule = Chem.RWMol()
    conformer = Chem.Conformer(len(system.atoms))
    charges = formal_charges(system.atoms, surface)
    for i, (symbol, place) in enumerate(
        zip(system.atoms.get_chemical_symbols(), system.atoms.positions, strict=True)
    ):
        atom = Chem.Atom(symbol)
        atom.SetFormalCharge(charges[i])
        atom.SetNoImplicit(True)
        molecule.AddAtom(atom)
        conformer.SetAtomPosition(i, Point3D(*(float(x) for x in place)))
    orders: dict[float, Any] = {
        1.0: Chem.BondType.SINGLE,
        2.0: Chem.BondType.DOUBLE,
        3.0: Chem.BondType.TRIPLE,
    }
    for i, j, order in getattr(surface, "bonds", ()):
        molecule.AddBond(i, j, orders.get(order, Chem.BondType.AROMATIC))
    molecule.AddConformer(conformer)
    made = molecule.GetMol()
    made.SetProp("_Name", system.name)
    # Ions of a lattice have no valence that a sanitizer would accept.
    text: str = Chem.MolToMolBlock(made, kekulize=False, forceV3000=len(system.atoms) > 999)
    return f"{text}>  <charge>\n{system.charge}\n\n$$$$\n"


def formal_charges(atoms: Atoms, surface: Surface | Crystal | None) -> list[int]:
    """Return the formal charge of each atom: ions from the ledger, atoms of molecules from their bonds.

    The formal charge of an atom of a molecule is its sum of bond orders less its normal valence; where
    these do not sum to the charge of the molecule, the whole charge is put on its anchor, or first atom.
    """
    if surface is None:
        return [0] * len(atoms)
    from qdsurf.exports.writers.connectivity import molecule_charges

    return molecule_charges(surface)
