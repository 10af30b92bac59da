"""Put ligands on a surface: which sites they take, what they replace, in which pose, how they pack."""

from __future__ import annotations

from qdsurf.attachment.attaching import attach
from qdsurf.attachment.exchanging import Change, detach, exchange
from qdsurf.attachment.modes import BindingMode, Refused, binding_modes
from qdsurf.attachment.places import suitable_sites

__all__ = [
    "BindingMode",
    "Change",
    "Refused",
    "attach",
    "binding_modes",
    "detach",
    "exchange",
    "suitable_sites",
]
