"""Ligands: from the shelf, a SMILES, a molecule or a file, by rules about which group binds.

Neither RDKit nor ASE is loaded until a ligand is made.
"""

from qdsurf.ligands.conformers import ligand_mol
from qdsurf.ligands.enumeration import enumerate_forms
from qdsurf.ligands.free import free_form_atoms
from qdsurf.ligands.groups import GROUPS, Group
from qdsurf.ligands.salts import ions_of
from qdsurf.ligands.shelf import load_ligand
from qdsurf.ligands.sizes import Sizes, ligand_sizes
from qdsurf.ligands.smiles import ligand_from_mol, ligand_from_smiles
from qdsurf.ligands.table import describe_ligands, find_ligand

__all__ = [
    "GROUPS",
    "Group",
    "Sizes",
    "describe_ligands",
    "enumerate_forms",
    "find_ligand",
    "free_form_atoms",
    "ions_of",
    "ligand_from_mol",
    "ligand_from_smiles",
    "ligand_mol",
    "ligand_sizes",
    "load_ligand",
]
