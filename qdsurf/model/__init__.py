"""The nouns, their units and the ion ledger."""

from qdsurf.model.energies import Energy, Method, Reaction
from qdsurf.model.ledger import ELECTRON, Ledger, LedgerEntry
from qdsurf.model.nouns import (
    Anchor,
    CbcClass,
    Crystal,
    Ligand,
    Site,
    Source,
    Surface,
    Takes,
    fragment_species,
)

__all__ = [
    "ELECTRON",
    "Anchor",
    "CbcClass",
    "Crystal",
    "Energy",
    "Ledger",
    "LedgerEntry",
    "Ligand",
    "Method",
    "Reaction",
    "Site",
    "Source",
    "Surface",
    "Takes",
    "fragment_species",
]
