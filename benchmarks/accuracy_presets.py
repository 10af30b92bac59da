"""Write the errors of the table into the presets of the methods: benchmarks/accuracy.py presets."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
from accuracy_corrections import JUDGED, descriptions, fitted, left_out
from accuracy_table import CLASSES, Row, energies, reference_rows

SHELF = Path(__file__).parents[1] / "calculators"
# Preset, and the columns of the table whose mean it is; the same Hamiltonian in another program shares one.
PRESETS: dict[str, tuple[str, ...]] = {
    "sevennet-0": ("sevennet-0",),
    "sevennet-0-gpu": ("sevennet-0",),
    "sevennet-0-d3": ("sevennet-0-d3",),
    "sevennet-l3i5": ("sevennet-l3i5",),
    "sevennet-mf-0": ("sevennet-mf-0",),
    "chgnet": ("chgnet",),
    "diep": ("diep",),
    "committee": ("sevennet-0", "sevennet-l3i5", "sevennet-mf-0", "chgnet"),
    "gfn2-xtb": ("gfn2-xtb",),
    "xtb-gfn2": ("gfn2-xtb",),
    "gfn1-xtb": ("gfn1-xtb",),
    "xtb-gfn1": ("gfn1-xtb",),
}
HEAD = "# By family of reactions, eV: exchange of an anion, of a cation, a donor, a salt or zwitterion."
SHIFTS = "# Taken off by qdsurf.corrected, eV, and the error that ligands or crystals left out then have."
# A mean of fewer reactions is no error of a family.
FEWEST = 4


def measured(columns: tuple[str, ...], rows: list[Row]) -> tuple[int, float, dict[str, float]]:
    """Return number of reactions, mean absolute error and that by family, eV, at the shared geometries."""
    found = [energies(column, rows, "single") for column in columns]
    mine = [row for row in rows if all(row.name in one for one in found)]
    wrong = np.array([abs(np.mean([one[row.name] for one in found]) - row.energy) for row in mine])
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
    found = energies(label, rows, "single")
    mine = [row for row in rows if row.name in found]
    known = descriptions(mine, "a shift for each class")
    assert known is not None
    wrong = np.array([found[row.name] - row.energy for row in mine])
    numbers = fitted(known, wrong)
    after = {fold: np.abs(left_out(mine, found, known, fold)) for fold in ("ligand", "surface")}
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
    for name, columns in PRESETS.items():
        count, mean, families = measured(columns, rows)
        source = (
            f"mean absolute error against PBE-D3 (CP2K, DZVP-MOLOPT-SR-GTH) of {count} reactions of clusters "
            "of CsPbBr3, CsPbI3 and PbS, both at the geometries of docs/accuracy.md, most of which the "
            "reference never relaxed; the reference is itself uncertain by about 0.2 eV"
        )
        if name not in columns:
            whose = columns[0] if len(columns) == 1 else "the mean of its members"
            source = f"that of {whose}: {source}"
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
