"""What the verb `slab` reads and prints beside the slab itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from qdsurf.cli.show import as_json, print_table, say

if TYPE_CHECKING:
    from qdsurf.model import Crystal, Surface


def planes_to_fix(text: str) -> int | Literal["inner"]:
    """Return the number of planes to hold from "3", or "inner".

    Raises
    ------
    AskError
        Neither of these.
    """
    from qdsurf.errors import AskError

    if text == "inner":
        return "inner"
    if not text.isdecimal():
        raise AskError(f"{text!r} is no number of planes; such as 3, or inner, is wanted")
    return int(text)


def facts(surface: Surface) -> dict[str, Any]:
    """Return the true facet, what relates the faces, and what the rule of compensation did."""
    result = surface.recipe["result"]
    found: dict[str, Any] = {
        "miller": tuple(result["miller"]),
        "planes": result["planes"],
        "faces": result["faces"],
        "dipole per cell": result["dipole"],
    }
    for key in ("mixed", "molecules", "removed", "added"):
        if result.get(key):
            found[key] = result[key]
    if surface.recipe["fixed"] is not None:
        found["fixed atoms"] = int(surface.atoms.arrays["fixed"].sum())
    return found


def show_terminations(crystal: Crystal, hkl: str, layers: int, json: bool) -> None:
    """Print what a facet can end with and which rules make each ending neutral."""
    from qdsurf.build.facets import facet_terminations

    miller, rows = facet_terminations(crystal, hkl, layers=layers)
    if json:
        as_json({"crystal": crystal.name, "hkl": hkl, "miller": miller, "terminations": rows})
        return
    from rich.table import Table

    say(f"{crystal.name} ({hkl}), true Miller indices {' '.join(map(str, miller))}")
    table = Table("termination", "charge per cell", "faces related by", "compensate (smallest repeat)")
    for row in rows:
        rules = ", ".join(f"{rule} ({_short(matrix)})" for rule, matrix in row.rules.items())
        if row.charge is None:
            rules = f"two different faces: {rules}" if rules else "no slab with equal faces"
        charge = "" if row.charge is None else f"{row.charge:+d}"
        table.add_row(row.formula, charge, row.faces, "not needed" if row.neutral else rules or "none")
    print_table(table)


def _short(matrix: list[list[int]]) -> str:
    """Return a repeat as the option takes it: 2x1, or 1,1,1,-1."""
    (a, b), (c, d) = matrix
    return f"{a},{b},{c},{d}" if b or c else f"{a}x{d}"
