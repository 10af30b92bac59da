"""Lists of ligands from files: SMILES, CSV and SDF; what cannot be read becomes an item with its error."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from qdsurf.errors import AskError
from qdsurf.rank.candidates import Item


def read_ligands(path: str | Path) -> list[Item]:
    """Return the ligands of a file.

    Parameters
    ----------
    path
        ``.smi`` or ``.txt``: SMILES and, after a space or tab, a name, one a line, "#" starts a comment.
        ``.csv``: a column ``smiles`` and, if there is one, ``name``. ``.sdf``: one molecule each, charges
        as drawn.

    Raises
    ------
    AskError
        No such file, another ending, no column ``smiles``, or no ligand in it.
    """
    path = Path(path)
    if not path.is_file():
        raise AskError(f"{str(path)!r} is no file")
    readers = {".smi": _smiles, ".smiles": _smiles, ".txt": _smiles, ".csv": _csv, ".sdf": _sdf}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise AskError(f"{path.name}: a list of ligands is read from .smi, .csv or .sdf")
    items = list(reader(path))
    if not items:
        raise AskError(f"{path.name} holds no ligand")
    return items


def _smiles(path: Path) -> Iterator[Item]:
    """Yield the lines of a SMILES file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.split(maxsplit=1)
        if words and not words[0].startswith("#"):
            yield Item(name=words[1].strip() if len(words) > 1 else words[0], smiles=words[0])


def _csv(path: Path) -> Iterator[Item]:
    """Yield the rows of a CSV file."""
    rows = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    columns = {name.strip().lower(): name for name in rows.fieldnames or ()}
    if "smiles" not in columns:
        raise AskError(f"{path.name} has no column 'smiles'; columns: {', '.join(columns) or 'none'}")
    for row in rows:
        smiles = (row[columns["smiles"]] or "").strip()
        name = (row.get(columns.get("name", "")) or "").strip() or smiles
        error = "" if smiles else f"line {rows.line_num} of {path.name} has no SMILES"
        yield Item(name=name or f"line {rows.line_num}", smiles=smiles, error=error)


def _sdf(path: Path) -> Iterator[Item]:
    """Yield the molecules of an SDF file."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        for place, mol in enumerate(Chem.SDMolSupplier(str(path)), start=1):
            if mol is None:
                error = f"molecule {place} of {path.name} cannot be read"
                yield Item(name=f"molecule {place}", smiles="", error=error)
                continue
            name = mol.GetProp("_Name").strip() if mol.HasProp("_Name") else ""
            yield Item(name=name or f"molecule {place}", smiles=Chem.MolToSmiles(mol))
