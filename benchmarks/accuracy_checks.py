"""How far the references can be trusted: reactions repeated at the same geometries with other settings.

Each variant is a file ``benchmarks/references/checks/<variant>.json`` with the energy of each state, eV.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from accuracy_table import Row, finished, geometry, reference_rows
from reference_states import HERE, REFERENCE, bare

import qdsurf as qs
from qdsurf.energy.relax import single_point
from qdsurf.errors import QdsurfError

# Electrons outside the cores of the potentials GTH-PBE of Debian's CP2K, which the names of the bases end in.
VALENCE = {"H": 1, "C": 4, "N": 5, "O": 6, "F": 7, "S": 6, "Br": 7, "I": 7, "Cs": 9, "Pb": 4}
# Variant: method of the shelf and the settings that differ from its preset.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "TZV2P-MOLOPT basis": (
        REFERENCE,
        {"basis": {symbol: f"TZV2P-MOLOPT-PBE-GTH-q{n}" for symbol, n in VALENCE.items()}},
    ),
    "empty space of 5 Å instead of 3.5": (REFERENCE, {"padding": 5.0}),
    "grid of 450 Ry instead of 300": (REFERENCE, {"cutoff": 450.0, "relative_cutoff": 60.0}),
    "without D3": (REFERENCE, {"dispersion": ""}),
    "PySCF, def2-SVP, all electrons but the cores of Cs and Pb": ("pyscf-pbe-d3", {}),
    "PySCF, def2-TZVP": ("pyscf-pbe-d3", {"basis": "def2-tzvp"}),
}
# One reaction of each class, by surface and ligand.
REPEATED = ("CsPbBr3 acetate", "CsPbBr3 methylamine", "CsPbBr3 lead-bromide", "CsPbBr3 methylammonium")


def path_of(variant: str, folder: Path = HERE) -> Path:
    """Return the file of *variant*."""
    return (
        folder
        / "checks"
        / f"{''.join(c if c.isascii() and c.isalnum() else '-' for c in variant).lower()}.json"
    )


def make_checks(deadline: float, only: str = "", variants: str = "") -> None:
    """Compute what is missing until *deadline*; each state is written at once. PySCF has no crystals."""
    states = finished()
    rows = {row.name: row for row in reference_rows()}
    (HERE / "checks").mkdir(exist_ok=True)
    for reaction in [name for name in REPEATED if name in rows and only in name]:
        for variant, (label, settings) in VARIANTS.items():
            if variants not in variant:
                continue
            path = path_of(variant)
            known: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
            for name in rows[reaction].stoichiometry:
                unable = label != REFERENCE and name.endswith("-bulk")
                if unable or known.get(name, {}).get("geometry") == geometry(states[name]):
                    continue
                if time.time() > deadline:
                    return
                began = time.time()
                atoms = bare(states[name])
                try:
                    energy = single_point(atoms, qs.load_method(label, **settings)).energy
                except QdsurfError as error:
                    print(f"{variant}: {name}: {error}", flush=True)
                    continue
                known[name] = {"energy": energy, "geometry": geometry(states[name])}
                print(f"{variant}: {name} {energy:.4f} eV, {time.time() - began:.0f} s", flush=True)
                part = path.with_suffix(".part")
                part.write_text(json.dumps(known, indent=1) + "\n")
                os.replace(part, path)


def check_lines(rows: list[Row], folder: Path = HERE) -> list[str]:
    """Return the lines of the table of repeated reactions."""
    lines = []
    states = finished(folder)
    for row in rows:
        if row.name not in REPEATED:
            continue
        for variant in VARIANTS:
            path = path_of(variant, folder)
            known = json.loads(path.read_text()) if path.exists() else {}
            if all(known.get(n, {}).get("geometry") == geometry(states[n]) for n in row.stoichiometry):
                energy = sum(value * known[name]["energy"] for name, value in row.stoichiometry.items())
                change = energy - row.energy
                values = f"{row.energy:+.3f} | {energy:+.3f} | {change:+.3f}"
                lines.append(f"| {row.group} | {row.name} | {variant} | {values} |")
    return lines
