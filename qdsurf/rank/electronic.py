"""Electronegativity, hardness and Fukui functions of a molecule, from three single points.

Pearson's convention for a base: I and A of the neutral molecule, or of the neutral radical that an
anion becomes. So the states have charge +1, 0 and -1, all at one geometry.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import AskError, EvaluationError
from qdsurf.rank.geometry import optimised

if TYPE_CHECKING:
    from rdkit.Chem import Mol

# GFN1- and GFN2-xTB put an electron too high by a constant; the program xtb takes it off both I and A
# (--vipea prints "empirical IP shift (eV): 4.8455"). It moves chi and leaves eta as it is.
_SHIFT = 4.8455


@dataclass(frozen=True, kw_only=True)
class Electronic:
    """Vertical electronic descriptors of one molecule.

    Attributes
    ----------
    ionization, affinity
        I = E(+1) - E(0) and A = E(0) - E(-1) in eV, the empirical shift of the method taken off.
    chi, eta
        (I + A)/2 and (I - A)/2 in eV.
    fukui_minus, fukui_plus
        Condensed Fukui functions of the heavy atoms in the order of the SMILES, from the charges of the
        method: change of the charge when the bound form loses an electron, and when the neutral
        reference gains one. Hydrogen atoms are added to the heavy atom that bears them.
    method
        Method with version and settings.
    """

    ionization: float
    affinity: float
    chi: float
    eta: float
    fukui_minus: tuple[float, ...]
    fukui_plus: tuple[float, ...]
    method: str
    doi: str
    warnings: tuple[str, ...]


def electronic(smiles: str, *, method: str = "gfn2-xtb", cache: Path | None = None) -> Electronic:
    """Compute electronegativity, hardness and Fukui functions of the molecule of *smiles*.

    Parameters
    ----------
    smiles
        Bound form; an anion counts as Pearson's base, by the I and A of its radical.
    method
        Method of the shelf that takes a net charge.
    cache
        Folder for computed values, one JSON file each, named by the hash of molecule, method, settings
        and version. None keeps them in memory only.

    Raises
    ------
    AskError
        The method takes no net charge.
    MissingExtra
        The engine is not installed.
    EvaluationError
        A single point failed.
    """
    from rdkit import Chem

    from qdsurf.ligands.smiles import read_smiles
    from qdsurf.methods import engine_version, load_method

    recipe = load_method(method)
    if not recipe.charged:
        raise AskError(f"{recipe.title} takes no net charge; gfn1-xtb and gfn2-xtb do")
    mol = read_smiles(smiles)
    canonical = Chem.MolToSmiles(mol)
    order = json.loads(mol.GetProp("_smilesAtomOutputOrder"))
    settings = json.dumps(dict(recipe.settings), sort_keys=True)
    label = f"{recipe.title}, {engine_version(recipe)}, MMFF94 geometry"
    key = hashlib.sha256(f"{canonical}|{method}|{settings}|{label}|1".encode()).hexdigest()[:24]
    file = None if cache is None else cache / f"{key}.json"
    if file is not None and file.is_file():
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        kept = {key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()}
        found = Electronic(**kept)
    else:
        found = _compute(canonical, method, label)
        if file is not None:
            _keep(file, found)
    # Computed in the order of the canonical SMILES; handed back in that of the one given.
    back = {int(given): place for place, given in enumerate(order)}
    reorder = [back[index] for index in range(len(order))]
    return replace(
        found,
        fukui_minus=tuple(found.fukui_minus[i] for i in reorder),
        fukui_plus=tuple(found.fukui_plus[i] for i in reorder),
    )


def _keep(file: Path, found: Electronic) -> None:
    """Write *found* so that a reader sees the whole file or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, suffix=".part") as part:
        json.dump(asdict(found), part)
    os.replace(part.name, file)


@lru_cache(maxsize=4096)
def _compute(canonical: str, method: str, label: str) -> Electronic:
    """Run the three single points."""
    from ase import Atoms
    from rdkit import Chem

    from qdsurf.methods import load_method, make_calculator

    recipe = load_method(method)
    mol = Chem.AddHs(Chem.MolFromSmiles(canonical))
    xyz = optimised(mol)
    bare = Atoms(numbers=[atom.GetAtomicNum() for atom in mol.GetAtoms()], positions=xyz)
    bound = Chem.GetFormalCharge(mol)
    energies: dict[int, float] = {}
    charges: dict[int, Sequence[float]] = {}
    for charge in sorted({1, 0, -1, bound, bound + 1}):
        atoms = bare.copy()
        atoms.calc = make_calculator(recipe, charge=charge)
        try:
            energies[charge] = float(atoms.get_potential_energy())
            charges[charge] = [float(q) for q in atoms.get_charges()]
        except Exception as error:
            raise EvaluationError(
                f"{recipe.title} failed for {canonical!r} at charge {charge:+d}: {error}"
            ) from error
    shift = _SHIFT if recipe.extra == "xtb" else 0.0
    ionization = energies[1] - energies[0] - shift
    affinity = energies[0] - energies[-1] - shift
    warnings = ["the geometry is that of MMFF94, not relaxed with the method"]
    if bound < 0:
        warnings.append(f"I and A are those of the neutral radical of the anion (charge {bound:+d})")
    if mol.GetNumHeavyAtoms() > 12:
        warnings.append("hardness falls with the size of any molecule: compare molecules of like size only")
    return Electronic(
        ionization=ionization,
        affinity=affinity,
        chi=(ionization + affinity) / 2,
        eta=(ionization - affinity) / 2,
        fukui_minus=_condense(mol, charges[bound + 1], charges[bound]),
        fukui_plus=_condense(mol, charges[0], charges[-1]),
        method=label,
        doi="10.1021/acs.jctc.8b01176" if method == "gfn2-xtb" else "",
        warnings=tuple(warnings),
    )


def _condense(mol: Mol, fewer: Sequence[float], more: Sequence[float]) -> tuple[float, ...]:
    """Return the difference of two sets of charges, summed into the heavy atoms; it sums to one."""
    values = [one - other for one, other in zip(fewer, more, strict=True)]
    heavy = mol.GetNumHeavyAtoms()
    sums = values[:heavy]
    for atom in mol.GetAtoms():
        if atom.GetIdx() >= heavy:
            sums[atom.GetNeighbors()[0].GetIdx()] += values[atom.GetIdx()]
    return tuple(sums)
