"""Inputs of DFT codes that run, and their results read back."""

from __future__ import annotations

from qdsurf.exports.collecting import Collection, Run, collect
from qdsurf.exports.inputs import Exported, export

__all__ = ["Collection", "Exported", "Run", "collect", "export"]
