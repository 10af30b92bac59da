"""Write the errors of the table into the presets of the methods: benchmarks/accuracy.py presets."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from accuracy_corrections import JUDGED, descriptions, fitted, left_out
from accuracy_table import CLASSES, Row, errors_of_use, finished, reference_rows

SHELF = Path(__file__).parents[1] / "calculators"
# Preset and column of the table; the same energy by another program or on another machine shares one.
PRESETS = {
    "sevennet-0": "sevennet-0",
    "sevennet-0-gpu": "sevennet-0",
    "sevennet-0-d3": "sevennet-0-d3",
    "sevennet-l3i5": "sevennet-l3i5",
    "sevennet-mf-0": "sevennet-mf-0",
    "chgnet": "chgnet",
    "diep": "diep",
    "committee": "committee",
    "gfn2-xtb": "gfn2-xtb",
    "xtb-gfn2": "gfn2-xtb",
    "gfn1-xtb": "gfn1-xtb",
    "xtb-gfn1": "gfn1-xtb",
}
HEAD = "# By family of reactions, eV: exchange of an anion, of a cation, a donor, a salt or zwitterion."
SHIFTS = "# Taken off by qdsurf.corrected, eV, and the error that ligands or crystals left out then have."
# A mean of fewer reactions is no error of a family.
FEWEST = 4


def measured(column: str, rows: list[Row]) -> tuple[int, float, dict[str, float]]:
    """Return number of reactions, mean absolute error and that by family, eV, as a user meets them."""
    errors = errors_of_use(column, rows)
    mine = [row for row in rows if row.name in errors]
    wrong = np.array([abs(errors[row.name]) for row in mine])
    families = {}
    for family in CLASSES:
        inside = np.array([row.group == family for row in mine])
        if inside.sum() >= FEWEST:
            families[family] = round(float(wrong[inside].mean()), 2)
    return len(mine), round(float(wrong.mean()), 2), families


def corrections(label: str, rows: list[Row]) -> dict[str, dict[str, float]]:
    """Return by family the shift that takes the mean error off, eV, and the error of ligands left out.

    Only families in which it helps ligands left out, and crystals left out.
    """
    found = errors_of_use(label, rows)
    mine = [row for row in rows if row.name in found]
    known = descriptions(mine, "a shift for each class")
    assert known is not None
    wrong = np.array([found[row.name] for row in mine])
    numbers = fitted(known, wrong)
    after = {fold: np.abs(left_out(mine, wrong, known, fold)) for fold in ("ligand", "surface")}
    result = {}
    for family, number in zip(sorted({row.group for row in mine}), numbers, strict=True):
        inside = np.array([row.group == family for row in mine])
        before = float(np.abs(wrong[inside]).mean())
        errors = [float(one[inside].mean()) for one in after.values()]
        if inside.sum() >= FEWEST and max(errors) < before:
            result[family] = {"shift": round(-float(number), 2), "error": round(max(errors), 2)}
    return result


def _correction_lines(name: str, rows: list[Row]) -> str:
    """Return the table of corrections of the preset *name*; "" for those that have none."""
    if name not in JUDGED:
        return ""
    lines = [
        f"{family} = {{ shift = {found['shift']:g}, error = {found['error']:g} }}\n"
        for family, found in corrections(name, rows).items()
    ]
    return f"\n{SHIFTS}\n[corrections]\n{''.join(lines)}" if lines else ""


def write_presets() -> None:
    """Put the errors of the table into the files of the shelf."""
    rows = reference_rows()
    states = finished()
    used = {name for row in rows for name in row.stoichiometry}
    relaxed = sum(bool(states[name].info["converged"]) for name in used)
    for name, column in PRESETS.items():
        count, mean, families = measured(column, rows)
        source = (
            f"mean absolute error against PBE-D3 (CP2K, DZVP-MOLOPT-SR-GTH) of {count} reactions on CsPbBr3, "
            f"CsPbI3 and PbS, clusters for the most part, each at its own geometry (docs/accuracy.md; "
            f"the reference relaxed {relaxed} of {len(used)} states); the reference is itself uncertain by "
            "about 0.2 eV"
        )
        if name != column:
            source = f"that of {column}: {source}"
        path = SHELF / f"{name}.toml"
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"^class_error = .*$", f"class_error = {mean:g}", text, flags=re.M)
        text = re.sub(r"^class_error_source = .*$", f'class_error_source = "{source}"', text, flags=re.M)
        text = re.sub(r"\n# By family of reactions.*?\n\[class_errors\]\n(?:\w = .*\n)*", "", text)
        lines = "".join(f"{family} = {value:g}\n" for family, value in families.items())
        text = re.sub(r"\n# Taken off by.*?\n\[corrections\]\n(?:\w = .*\n)*", "", text)
        text += f"\n{HEAD}\n[class_errors]\n{lines}{_correction_lines(name, rows)}"
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
