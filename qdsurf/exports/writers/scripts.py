"""Pieces that the Python scripts for GPAW and PySCF share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def constants(values: Mapping[str, Any]) -> str:
    """Return assignments of plain values, one a line."""
    return "".join(f"{name} = {value!r}\n" for name, value in values.items())


def as_extxyz(atoms: Any) -> str:
    """Return *atoms* as extended XYZ without constraints, which differ between versions of ASE."""
    import io

    from ase.io import write

    text = io.StringIO()
    write(text, atoms, format="extxyz")
    return text.getvalue()
