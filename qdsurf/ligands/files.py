"""A ligand from a file with coordinates: SDF and MOL with bonds, XYZ with the charge given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qdsurf.errors import AskError
from qdsurf.ligands.smiles import Anchors, ligand_from_mol
from qdsurf.model.nouns import Ligand

if TYPE_CHECKING:
    from rdkit.Chem import Mol

ENDINGS = (".sdf", ".mol", ".xyz")


def is_file(name: str | Path) -> bool:
    """Whether *name* is the path of a file that is read here, rather than a name of the shelf."""
    return isinstance(name, Path) or str(name).lower().endswith(ENDINGS)


def ligand_from_file(
    path: str | Path, *, charge: int | None, anchor: Anchors, conformers: int, seed: int
) -> Ligand:
    """Return the ligand of a file; its geometries come first, in the file's atom order.

    Raises
    ------
    AskError
        The file cannot be read, or *charge* is missing or contradicts the file.
    """
    from rdkit import Chem

    where = Path(path)
    if not where.is_file():
        raise AskError(f"there is no file {str(path)!r}")
    ending = where.suffix.lower()
    if ending not in ENDINGS:
        raise AskError(f"{str(path)!r}: a ligand is read from {', '.join(ENDINGS)}, not from {ending!r}")
    mol = _from_xyz(where, charge) if ending == ".xyz" else _from_sdf(where)
    found = Chem.GetFormalCharge(mol)
    if charge is not None and charge != found:
        raise AskError(f"{str(path)!r} has charge {found:+d} by its formal charges, not {charge:+d}")
    return ligand_from_mol(
        mol, name=where.stem, anchor=anchor, conformers=conformers, seed=seed, source=f"file {where.name}"
    )


def _from_sdf(path: Path) -> Mol:
    """Return the molecule of an SDF or MOL file; further records of the same molecule are conformers."""
    from rdkit import Chem, rdBase

    try:
        with rdBase.BlockLogs():
            records = list(Chem.SDMolSupplier(str(path), removeHs=False))
    except OSError:  # how RDKit says that a file is empty
        records = []
    if not records or records[0] is None:
        raise AskError(f"{str(path)!r} holds no molecule that RDKit can read")
    first, *rest = records
    for other in rest:
        if other is None or Chem.MolToSmiles(other) != Chem.MolToSmiles(first):
            raise AskError(f"{str(path)!r} holds different molecules; give one to a file")
        match = other.GetSubstructMatch(first)
        if len(match) == first.GetNumAtoms():
            first.AddConformer(Chem.RenumberAtoms(other, list(match)).GetConformer(), assignId=True)
    return first


def _from_xyz(path: Path, charge: int | None) -> Mol:
    """Return the molecule of an XYZ file; its bonds follow from distances and the charge."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdDetermineBonds

    if charge is None:
        raise AskError(f"{str(path)!r}: an XYZ file does not hold the charge; give charge=")
    with rdBase.BlockLogs():
        mol = Chem.MolFromXYZFile(str(path))
        if mol is None:
            raise AskError(f"{str(path)!r} is no XYZ file that RDKit can read")
        try:
            if mol.GetNumAtoms() == 1:
                mol.GetAtomWithIdx(0).SetFormalCharge(charge)
                mol.GetAtomWithIdx(0).SetNoImplicit(True)
                Chem.SanitizeMol(mol)
            else:
                rdDetermineBonds.DetermineBonds(mol, charge=charge)
        except (ValueError, RuntimeError) as error:
            cause = str(error).splitlines()[0]
            raise AskError(
                f"{str(path)!r}: no bonds fit the positions with charge {charge:+d} ({cause}); "
                "another charge, or an SDF file, which holds the bonds, would work"
            ) from error
    return mol
