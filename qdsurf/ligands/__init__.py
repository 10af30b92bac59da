"""Ligands: from the shelf by name, or from a SMILES by rules about which group binds.

Neither RDKit nor ASE is loaded until a ligand is made.
"""

from qdsurf.ligands.free import free_form_atoms
from qdsurf.ligands.groups import GROUPS, Group
from qdsurf.ligands.shelf import load_ligand
from qdsurf.ligands.smiles import ligand_from_smiles

__all__ = ["GROUPS", "Group", "free_form_atoms", "ligand_from_smiles", "load_ligand"]
