"""The map and the three-dimensional viewer of the page: chemiscope, carried inside the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import MissingExtra

if TYPE_CHECKING:
    from ase import Atoms


def script_json(value: object) -> str:
    r"""Return JSON that may stand inside a script element: it cannot close it.

    >>> print(script_json("</script>"))
    "\u003c/script\u003e"
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def bundle() -> str:
    """Return the JavaScript of chemiscope, safe inside a script element.

    Raises
    ------
    MissingExtra
        chemiscope is not installed, or is a version without the file.
    """
    try:
        import chemiscope
    except ImportError as error:
        raise MissingExtra("the report page", "report") from error
    # Not a documented place: the version is pinned, and a test reads the file.
    path = Path(chemiscope.__file__).parent / "sphinx" / "static" / "chemiscope.min.js"
    if not path.is_file():
        raise MissingExtra("the report page", "report")
    # Inside strings and regular expressions, where these can stand, the backslash changes nothing.
    script = path.read_text(encoding="utf-8")
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def dataset(
    rows: Sequence[Mapping[str, Any]], structures: Mapping[str, Atoms], title: str
) -> dict[str, Any] | None:
    """Return what chemiscope shows: rows with an energy and a structure, or None if there are none.

    The map has the place in the table against the energy in eV, with a symbol for each class.
    """
    shown = [
        (place, row)
        for place, row in enumerate(rows, start=1)
        if row["ligand"] in structures and row.get("energy_eV") is not None
    ]
    if not shown:
        return None
    try:
        create_input = import_module("chemiscope").create_input
    except ImportError as error:
        raise MissingExtra("the report page", "report") from error
    picked = [row for _, row in shown]
    values: dict[str, tuple[list[Any], str]] = {
        "place in the table": ([place for place, _ in shown], ""),
        "energy": ([row["energy_eV"] for row in picked], "eV"),
        "uncertainty": ([row.get("uncertainty_eV") or 0.0 for row in picked], "eV"),
        "ligand": ([str(row["ligand"]) for row in picked], ""),
        "class": ([str(row.get("group") or "") for row in picked], ""),
        "reaction": ([str(row.get("reaction") or "") for row in picked], ""),
    }
    created: dict[str, Any] = create_input(
        structures=[_bare(structures[row["ligand"]]) for row in picked],
        properties={
            name: {"target": "structure", "values": column, **({"units": unit} if unit else {})}
            for name, (column, unit) in values.items()
        },
        metadata={"name": title},
        settings={
            "map": {
                "x": {"property": "place in the table"},
                "y": {"property": "energy"},
                "color": {"property": "energy"},
                "symbol": "class",
                "palette": "viridis",
                "size": {"factor": 75},
            },
            "structure": [{"unitCell": True, "bonds": True, "spaceFilling": False}],
        },
    )
    return created


def _bare(atoms: Atoms) -> Atoms:
    """Return only what is drawn, with positions to 1e-4 Å: a smaller page."""
    from ase import Atoms as AseAtoms

    return AseAtoms(numbers=atoms.numbers, positions=atoms.positions.round(4), cell=atoms.cell, pbc=atoms.pbc)
