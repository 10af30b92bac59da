"""How large a ligand is, and how its charge lies, as it stands on a surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError
from qdsurf.ligands.conformers import ligand_mol
from qdsurf.ligands.geometry import Positions

if TYPE_CHECKING:
    from ase import Atoms

    from qdsurf.model.nouns import Ligand

Charges = Literal["mmff94", "gasteiger"]

# Distance in Å of the metal from the binding atoms in Tolman's cone (doi:10.1021/cr60307a002).
TOLMAN = 2.28
# Debye in elementary charges times Å (CODATA 2018).
DEBYE = 0.2081943
_GRID = 0.1


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Measures of one conformer; the anchor axis goes from the binding atoms to the molecule's centre.

    Attributes
    ----------
    length
        Å, height of the farthest atom above the binding atoms along the anchor axis, nucleus to nucleus.
    footprint
        Å², area of the shadow of the van der Waals spheres along the anchor axis.
    cone_angle
        Degrees, full angle of the smallest cone that holds every van der Waals sphere, with its apex on
        the anchor axis 2.28 Å from the binding atoms; None for single atoms, and for ligands that reach
        around the apex (a quaternary ammonium with long arms), which have no such cone.
    dipole
        Debye, component along the anchor axis, positive where the positive end points away from the
        surface. That of an ion is taken about its binding atoms. None where no charge model knows the
        elements.
    charges
        Charge model of the dipole.
    """

    length: float
    footprint: float
    cone_angle: float | None
    dipole: float | None
    charges: str


def ligand_sizes(ligand: Ligand, *, conformer: int = 0, charges: Charges = "mmff94") -> Sizes:
    """Return length, footprint, cone angle and dipole of a ligand; the straight conformer by default.

    Parameters
    ----------
    ligand
        What to measure.
    conformer
        Which of its geometries.
    charges
        Model of the atomic charges of the dipole: "mmff94" or "gasteiger". Both are approximations, good
        for an order: of twelve small molecules MMFF94 gives dipoles 0.2 to 1.1 D too large, Gasteiger
        0.1 to 1.6 D too small (``tests/test_ligands_sizes.py``).

    Raises
    ------
    AskError
        A salt, which is not one thing to measure, or no such conformer or charge model.

    References
    ----------
    Van der Waals radii of Alvarez as in ASE (doi:10.1039/c3dt50599e) for the elements that Bondi
    (doi:10.1021/j100785a001) has not; exact cone angles, doi:10.1002/jcc.23217; MMFF94 charges,
    doi:10.1002/(SICI)1096-987X(199604)17:5/6<490::AID-JCC1>3.0.CO;2-P; Gasteiger and Marsili,
    doi:10.1016/0040-4020(80)80168-2.

    Examples
    --------
    >>> from qdsurf.ligands import load_ligand
    >>> round(ligand_sizes(load_ligand("butylamine")).length, 1)
    5.9
    """
    if ligand.ions:
        raise AskError(f"{ligand.name} is a salt: measure its ions, {', '.join(i.name for i in ligand.ions)}")
    if charges not in ("mmff94", "gasteiger"):
        raise AskError(f"charges is {charges!r}; allowed: 'mmff94', 'gasteiger'")
    # The number of conformers is not asked for the first: that would search for all of them.
    if conformer and not 0 < conformer < len(ligand.conformers):
        raise AskError(f"{ligand.name} has conformers 0 to {len(ligand.conformers) - 1}, not {conformer}")
    atoms = ligand.conformers[conformer]
    anchor = list(ligand.anchors[0].atoms)
    return Sizes(
        length=round(float(atoms.positions[:, 2].max()), 3),
        footprint=round(footprint(atoms), 1),
        cone_angle=_cone(atoms, anchor),
        dipole=_dipole(ligand, atoms, charges),
        charges=charges,
    )


def _cone(atoms: Atoms, anchor: list[int]) -> float | None:
    """Return the cone angle, or None where there is no cone."""
    if len(atoms) == 1:
        return None
    try:
        return round(cone_angle(atoms, anchor), 1)
    except AskError:
        return None


def footprint(atoms: Atoms) -> float:
    """Return the area in Å² of the shadow of the van der Waals spheres on the xy plane.

    >>> from ase import Atoms
    >>> round(footprint(Atoms("I")) / (3.14159 * 1.98**2), 2)
    1.0
    """
    radii = _radii(atoms)
    low = (atoms.positions[:, :2] - radii[:, None]).min(axis=0)
    high = (atoms.positions[:, :2] + radii[:, None]).max(axis=0)
    x = np.arange(low[0], high[0] + _GRID, _GRID) + _GRID / 2
    y = np.arange(low[1], high[1] + _GRID, _GRID) + _GRID / 2
    covered = np.zeros((len(x), len(y)), dtype=bool)
    for (center_x, center_y), radius in zip(atoms.positions[:, :2], radii, strict=True):
        covered |= (x[:, None] - center_x) ** 2 + (y[None] - center_y) ** 2 < radius**2
    return float(covered.sum()) * _GRID**2


def cone_angle(atoms: Atoms, anchor: list[int], distance: float = TOLMAN) -> float:
    """Return the full angle in degrees of the smallest cone around *atoms*, to 0.1 degree.

    Parameters
    ----------
    atoms
        With the molecule along +z from its binding atoms.
    anchor
        The binding atoms; the apex lies below their centre, *distance* from them.
    distance
        Å from the apex to the binding atoms.

    Raises
    ------
    AskError
        An atom that does not bind reaches the apex.
    """
    binding = atoms.positions[anchor]
    center = binding.mean(axis=0)
    spread = float(((binding - center) ** 2).sum(axis=1).mean())
    apex = center - np.array([0, 0, np.sqrt(max(distance**2 - spread, 0.25))])
    arm = atoms.positions - apex
    length = np.linalg.norm(arm, axis=1)
    radii = _radii(atoms)
    if (radii >= length).any():
        raise AskError(f"an atom reaches the apex of the cone, {distance} Å below the binding atoms")
    half = np.arcsin(radii / length)
    towards = arm / length[:, None]
    best, axis = 10.0, np.array([0.0, 0, 1])
    # A grid over the whole sphere, then ever smaller ones around the best direction.
    for reach in (np.pi, 0.15, 0.03, 0.006, 0.0012):
        axes = _around(axis, reach)
        widest = (np.arccos(np.clip(axes @ towards.T, -1, 1)) + half).max(axis=1)
        if widest.min() < best:
            best, axis = float(widest.min()), axes[int(np.argmin(widest))]
    return float(np.degrees(2 * best))


def _around(axis: Positions, reach: float) -> Positions:
    """Return unit vectors that fill the cap of half angle *reach* around *axis*."""
    steps = np.arange(1200) + 0.5
    height = 1 - steps / 1200 * (1 - np.cos(reach))
    turn = np.pi * (1 + 5**0.5) * steps
    ring = np.sqrt(1 - height**2)
    local = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(helper, axis)
    first /= np.linalg.norm(first)
    points: Positions = local @ np.array([first, np.cross(axis, first), axis])
    return points


def _radii(atoms: Atoms) -> NDArray[np.float64]:
    """Return the van der Waals radii in Å."""
    from ase.data import vdw_radii
    from ase.data.vdw_alvarez import vdw_radii as alvarez

    own = vdw_radii[atoms.numbers]
    radii: NDArray[np.float64] = np.where(np.isnan(own), alvarez[atoms.numbers], own)
    return radii


def _dipole(ligand: Ligand, atoms: Atoms, charges: Charges) -> float | None:
    """Return the dipole along z about the binding atoms, in debye."""
    found = atomic_charges(ligand, charges)
    return None if found is None else round(float(found @ atoms.positions[:, 2]) / DEBYE, 3)


def atomic_charges(ligand: Ligand, model: Charges) -> NDArray[np.float64] | None:
    """Return (n_atoms,) atomic charges in e by *model*, or None where it lacks an element."""
    from rdkit import rdBase
    from rdkit.Chem import rdForceFieldHelpers, rdPartialCharges

    mol = ligand_mol(ligand)
    with rdBase.BlockLogs():
        if model == "gasteiger":
            rdPartialCharges.ComputeGasteigerCharges(mol)
            values = [float(atom.GetProp("_GasteigerCharge")) for atom in mol.GetAtoms()]
        elif mol.GetNumAtoms() == 1:
            values = [float(mol.GetAtomWithIdx(0).GetFormalCharge())]
        elif rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            field = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
            values = [float(field.GetMMFFPartialCharge(i)) for i in range(mol.GetNumAtoms())]
        else:
            return None
    return np.array(values) if np.isfinite(values).all() else None
