"""What the verb `alloy` reads and prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdsurf.model import Crystal, Surface


def structure(text: str) -> Any:
    """Return the slab or dot of a file that qdsurf wrote, else the crystal of that name or file."""
    from qdsurf.crystals import load_crystal
    from qdsurf.errors import AskError
    from qdsurf.model.files import read_surface

    if Path(text).suffix in (".extxyz", ".xyz") and Path(text).is_file():
        try:
            return read_surface(text)
        except AskError:
            # no slab or dot of ours: a crystal, or refused as one
            return load_crystal(text)
    return load_crystal(text)


def mixture(texts: list[str]) -> dict[str, dict[str, float]]:
    """Return {"A": {"Cs": 0.5, "FA": 0.5}} from ["A=Cs:0.5,FA:0.5"]."""
    from qdsurf.cli.app import number, pair
    from qdsurf.errors import AskError

    mix: dict[str, dict[str, float]] = {}
    for text in texts:
        name, listed = pair(text, "A=Cs:0.5,FA:0.5")
        if name in mix:
            raise AskError(f"the sublattice {name!r} is given twice")
        mix[name] = {}
        for part in listed.split(","):
            ion, colon, fraction = part.partition(":")
            if not colon or ion in mix[name]:
                raise AskError(f"{text!r}: fractions by ion, each once, such as A=Cs:0.5,FA:0.5 are wanted")
            mix[name][ion] = number(fraction)
    return mix


def write(made: Crystal | Surface, path: Path) -> None:
    """Write a crystal, slab or dot in the format that the ending of *path* names."""
    from qdsurf.crystals.files import write_crystal
    from qdsurf.model import Crystal
    from qdsurf.model.files import write_structure

    if isinstance(made, Crystal):
        write_crystal(made, path)
    else:
        write_structure(made, path)


def facts(made: Crystal | Surface, *, plain: bool) -> dict[str, Any]:
    """Return what came out: lines for people, or *plain* values for machines."""
    recipe, result = made.recipe, made.recipe["result"]
    found: dict[str, Any] = {
        "name": made.name,
        "atoms": len(made.atoms),
        "charge": made.ledger.charge,
        "ledger": str(made.ledger),
    }
    if plain:
        return {**found, "cell lengths": made.atoms.cell.lengths().tolist(), "asked": recipe["mix"], **result}
    found |= {
        "asked": {name: _composition(f) for name, f in recipe["mix"].items()},
        "achieved": {name: _composition(f) for name, f in result["fractions"].items()},
        "counts": {name: _composition(c) for name, c in result["counts"].items()},
        "exact": "yes" if result["exact"] else "no: the nearest possible; a larger repeat comes closer",
    }
    if "vacancies" in result:
        found["left out"] = _composition(result["vacancies"])
    if "cell" in result:
        found["cell"] = _cell(result["cell"])
        found["lengths"] = " ".join(f"{x:.4f}" for x in made.atoms.cell.lengths()) + " Å"
    found["order"] = {k: _composition(v) for k, v in result["short-range order"].items()}
    if "net dipole" in result:
        found["net dipole"] = " ".join(f"{x:.3f}" for x in result["net dipole"]) + " D (molecular cations)"
    return found


def _composition(fractions: Mapping[str, float]) -> str:
    """Return "Cs 0.5 FA 0.5"."""
    return " ".join(f"{ion} {fraction:g}" for ion, fraction in fractions.items())


def _cell(cell: Mapping[str, Any]) -> str:
    """Return the rule for the cell with its end members."""
    ends = [f"{e['crystal']} {e['weight']:g} [{e['status']}]" for e in cell.get("end members", [])]
    doi = f", doi:{cell['doi']}" if "doi" in cell else ""
    return f"{cell['rule']}{doi}{': ' if ends else ''}{', '.join(ends)}"
