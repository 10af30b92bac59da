"""Put ligands on a surface: which sites they take, what they replace, in which pose, how they pack."""

from __future__ import annotations

from qdsurf.attachment.attaching import attach
from qdsurf.attachment.places import suitable_sites

__all__ = ["attach", "suitable_sites"]
