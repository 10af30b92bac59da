"""Many ligands at once: a row for each, with its class, anchors and sizes, or why there is none."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import AskError, QdsurfError, UnknownName

if TYPE_CHECKING:
    from qdsurf.ligands.protonation import ChargeState
    from qdsurf.model.nouns import Ligand

COLUMNS = (
    "input", "name", "smiles", "charge", "cbc_class", "binds", "anchors", "denticity", "others", "length_A",
    "footprint_A2", "cone_angle_deg", "dipole_D", "source", "reasons", "status", "cause",
)  # fmt: skip
# Rows that one worker takes at a time.
_CHUNK = 32


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the rows are made: see :func:`describe_ligands`."""

    charge_state: ChargeState
    anchor: str | None
    sizes: bool
    forms: bool
    seed: int


def describe_ligands(
    items: Iterable[str | tuple[str, str]],
    *,
    charge_state: ChargeState = "as written",
    anchor: str | None = "best",
    sizes: bool = True,
    forms: bool = False,
    workers: int = 1,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each ligand, in order; one that cannot be described is a row with its cause.

    Parameters
    ----------
    items
        Names or aliases of the shelf, SMILES, or (SMILES, name).
    charge_state, anchor
        As for :func:`ligand_from_smiles`; entries of the shelf keep their own. "best" takes the first of
        the ranking and lists the others.
    sizes
        Measure the straight conformer. False is thirty times faster.
    forms
        A row for each form of :func:`enumerate_forms` instead of one for each molecule.
    workers
        Processes.
    seed
        Seed of the embedding.

    Yields
    ------
    dict
        Keys are ``COLUMNS``: lengths in Å, area in Å², angle in degrees, dipole in debye (positive: the
        positive end points away from the surface); "status" is "done" or "failed".

    Examples
    --------
    >>> for row in describe_ligands(["oleate", "CCS", "CCC"], sizes=False):
    ...     print(row["name"], row["cbc_class"], row["anchors"], row["status"])
    oleate X carboxylate done
    CCS L thiol done
    CCC None None failed
    """
    settings = Settings(charge_state=charge_state, anchor=anchor, sizes=sizes, forms=forms, seed=seed)
    make = partial(_rows, settings)
    if workers <= 1:
        for item in items:
            yield from make(item)
        return
    with ProcessPoolExecutor(workers) as pool:
        # Bounded, so that a list of millions is not held in memory.
        source = iter(items)
        while batch := list(islice(source, 40 * _CHUNK * workers)):
            for rows in pool.map(make, batch, chunksize=_CHUNK):
                yield from rows


def find_ligand(
    text: str,
    *,
    name: str | None = None,
    charge_state: ChargeState = "as written",
    anchor: str | None = None,
    seed: int = 0,
) -> Ligand:
    """Return the ligand that *text* is: a name or alias of the shelf, a file, or SMILES.

    Raises
    ------
    AskError
        None of these; says why each is not.
    """
    from qdsurf.ligands.files import is_file
    from qdsurf.ligands.shelf import is_known, load_ligand
    from qdsurf.ligands.smiles import ligand_from_smiles

    if name is None and (is_file(text) or is_known(text)):
        return load_ligand(text)
    try:
        return ligand_from_smiles(text, name=name, charge_state=charge_state, anchor=anchor, seed=seed)
    except AskError as error:
        if name is not None or "is not SMILES" not in str(error):
            raise
        try:
            return load_ligand(text)
        except UnknownName as unknown:
            near = f" (nearest: {', '.join(unknown.near)})" if unknown.near else ""
            raise AskError(
                f"{text!r} is no ligand of the shelf{near}, nor is it SMILES, such as CCC(=O)[O-]: RDKit "
                "cannot parse its syntax"
            ) from error


def describe(ligand: Ligand, *, sizes: bool = True) -> dict[str, Any]:
    """Return the row of one ligand; a salt has no sizes of its own."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {
        "name": ligand.name,
        "smiles": ligand.smiles,
        "charge": ligand.charge,
        "cbc_class": ligand.cbc_class,
        "binds": ligand.binds,
        "anchors": " + ".join(anchor.name for anchor in ligand.anchors),
        "denticity": ligand.denticity,
        "others": ", ".join(anchor.name for anchor in ligand.others),
        "source": str(ligand.source),
        "reasons": "; ".join(ligand.reasons),
        "status": "done",
    }
    if sizes and not ligand.ions:
        from qdsurf.ligands.sizes import ligand_sizes

        found = ligand_sizes(ligand)
        row |= {
            "length_A": round(found.length, 2),
            "footprint_A2": found.footprint,
            "cone_angle_deg": found.cone_angle,
            "dipole_D": found.dipole,
        }
    return row


def _rows(settings: Settings, item: str | tuple[str, str]) -> list[dict[str, Any]]:
    """Return the rows of one item; whatever goes wrong with it becomes its row."""
    text, name = (item, None) if isinstance(item, str) else item
    try:
        found = _ligands(settings, text, name)
        return [{**describe(ligand, sizes=settings.sizes), "input": text} for ligand in found]
    except Exception as error:
        cause = str(error) if isinstance(error, QdsurfError) else f"{type(error).__name__}: {error}"
        blank = dict.fromkeys(COLUMNS)
        return [{**blank, "input": text, "name": name or text, "status": "failed", "cause": cause}]


def _ligands(settings: Settings, text: str, name: str | None) -> Sequence[Ligand]:
    """Return the ligand of one item, or all its forms."""
    if settings.forms:
        from qdsurf.ligands.enumeration import enumerate_forms

        smiles = text if name else find_ligand(text, anchor="best").smiles
        return enumerate_forms(smiles, name=name or text, seed=settings.seed)
    return [
        find_ligand(
            text, name=name, charge_state=settings.charge_state, anchor=settings.anchor, seed=settings.seed
        )
    ]


def read_list(path: Path) -> Iterator[str | tuple[str, str]]:
    """Yield the items of a list: one SMILES or name a line with an optional name, or a CSV with a header.

    Parameters
    ----------
    path
        A ``.csv`` with a column "smiles" and perhaps "name", an ``.sdf``, or any other text file: SMILES,
        white space, name. Empty lines and those that begin with ``#`` are passed over.

    Raises
    ------
    AskError
        No such file, or a CSV without a column "smiles".
    """
    if not path.is_file():
        raise AskError(f"there is no file {str(path)!r}")
    if path.suffix.lower() == ".sdf":
        yield from _from_sdf(path)
        return
    with path.open(encoding="utf-8-sig", newline="") as lines:
        if path.suffix.lower() == ".csv":
            yield from _from_csv(csv.DictReader(lines), path)
            return
        for line in lines:
            smiles, _, name = line.strip().replace("\t", " ", 1).partition(" ")
            if smiles and not smiles.startswith("#"):
                yield (smiles, name.strip()) if name.strip() else smiles


def _from_csv(rows: csv.DictReader[str], path: Path) -> Iterator[str | tuple[str, str]]:
    """Yield the items of a CSV."""
    columns = {str(column).strip().lower(): column for column in rows.fieldnames or ()}
    if "smiles" not in columns:
        raise AskError(f"{str(path)!r} has no column 'smiles'; it has: {', '.join(columns) or 'none'}")
    for row in rows:
        smiles = (row[columns["smiles"]] or "").strip()
        name = (row[columns["name"]] or "").strip() if "name" in columns else ""
        yield (smiles, name) if name else smiles


def _from_sdf(path: Path) -> Iterator[str | tuple[str, str]]:
    """Yield the molecules of an SDF as SMILES with their titles; one that cannot be read as an empty one."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        for number, mol in enumerate(Chem.SDMolSupplier(str(path)), start=1):
            title = mol.GetProp("_Name") if mol is not None and mol.HasProp("_Name") else ""
            yield ("" if mol is None else Chem.MolToSmiles(mol)), title or f"{path.name}:{number}"
