"""Methods: read a preset, ask what it can do and what it lacks, and make its ASE calculator.

A Method is a recipe; nothing is imported until a calculator is made. Importing this room loads
neither ase nor torch.
"""

from __future__ import annotations

from qdsurf.methods.checking import check_system
from qdsurf.methods.making import engine_version, is_gamma_only, lacks, make_calculator
from qdsurf.methods.presets import load_method

__all__ = ["check_system", "engine_version", "is_gamma_only", "lacks", "load_method", "make_calculator"]
