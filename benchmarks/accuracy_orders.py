"""Published orders of ligands (S056 to S061), each attempt stated whatever it says.

    python benchmarks/accuracy_orders.py [--methods sevennet-0 chgnet]

The published values are those of a review (J. Mater. Chem. A 2025, 13, 29688, doi:10.1039/d5ta03996g), whose
sites and reference states are unknown here. Long chains stand cut: oleate as butanoate, oleylammonium as
butylammonium, oleic acid as butanoic acid.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from reference_states import HERE

import qdsurf as qs
from qdsurf.errors import QdsurfError

PATH = HERE / "orders.json"
SMILES = {
    "butanoate": "CCCC(=O)[O-]",
    "butylammonium": "CCCC[NH3+]",
    "butanoic acid": "CCCC(=O)O",
    "phenylalaninate": "N[C@@H](Cc1ccccc1)C(=O)[O-]",
    "methanethiolate": "C[S-]",
}
# Ids, what is said to bind more strongly and less, and by how much (eV; None where only the order is said).
ORDERS: tuple[tuple[str, str, str, float | None, str], ...] = (
    ("S056, S057", "glycinate", "butanoate", 0.12, "glycinate above oleate on a perovskite dot"),
    ("S059, S058", "butylammonium", "glycinium", 0.13, "oleylammonium above the ammonium of glycine"),
    (
        "S060, S061",
        "triphenylphosphine",
        "butanoic acid",
        2.13,
        "triphenylphosphine above oleic acid, FAPbI3",
    ),
    ("–", "phenylalaninate", "butanoate", None, "phenylalanine above oleate on a perovskite dot"),
    ("–", "2,2-iminodibenzoate", "butanoate", None, "2,2'-iminodibenzoate above oleate on a perovskite dot"),
    ("S105", "methanethiolate", "iodide", None, "thiolate above iodide on lead, PbS"),
)
POSES, FORCE, STEPS = 2, 0.05, 150
# What each attempt binds to, for orders on perovskites and on lead sulfide.
PBS = "Pb19S6I26"
SURFACES: dict[str, dict[str, Any]] = {
    "CsPbBr3-cubic": {"crystal": "CsPbBr3-cubic", "shape": "cube", "cells": 1},
    "CsPbI3-cubic": {"crystal": "CsPbI3-cubic", "shape": "cube", "cells": 1},
    PBS: {"crystal": "PbS", "shape": "octahedron", "edge": 7.0, "cap": "I"},
}
# The ligand of the surface itself: its exchange for itself is zero.
ITSELF = {PBS: "iodide"}


def attempt(ligand: str, crystal: str, label: str) -> dict[str, Any]:
    """Return the energy of one ligand on the cluster *crystal*, or why there is none."""
    if ITSELF.get(crystal) == ligand:
        return {"energy": 0.0, "uncertainty": 0.0, "converged": True, "reaction": "none: it is there already"}
    how = dict(SURFACES[crystal])
    surface = qs.carve_dot(qs.load_crystal(how.pop("crystal")), **how)
    smiles = SMILES.get(ligand)
    made = qs.ligand_from_smiles(smiles, name=ligand) if smiles else qs.load_ligand(ligand)
    try:
        found = qs.binding_energy(surface, made, qs.load_method(label), poses=POSES, fmax=FORCE, steps=STEPS)
    except QdsurfError as error:
        return {"cause": str(error).splitlines()[0]}
    return {
        "energy": round(float(found.value), 3),
        "uncertainty": round(float(found.uncertainty), 3),
        "converged": bool(found.converged),
        "reaction": found.reaction.equation,
    }


def make_orders(labels: list[str], crystals: list[str]) -> None:
    """Compute what is missing; each energy is written at once."""
    known: dict[str, Any] = json.loads(PATH.read_text()) if PATH.exists() else {}
    for label in labels:
        for crystal in crystals:
            on_sulfide = crystal == PBS
            orders = [order for order in ORDERS if ("PbS" in order[4]) == on_sulfide]
            for ligand in dict.fromkeys(name for order in orders for name in order[1:3]):
                key = f"{label} | {crystal} | {ligand}"
                if key not in known:
                    known[key] = attempt(ligand, crystal, label)
                    print(key, known[key], flush=True)
                    part = PATH.with_suffix(".part")
                    part.write_text(json.dumps(known, indent=1) + "\n")
                    os.replace(part, PATH)


def verdict(strong: dict[str, Any], weak: dict[str, Any]) -> str:
    """Return what an attempt says of an order: negative energies bind."""
    if "energy" not in strong or "energy" not in weak:
        return "failed"
    if not (strong["converged"] and weak["converged"]):
        return "not converged"
    gap = weak["energy"] - strong["energy"]
    if abs(gap) <= max(strong["uncertainty"], weak["uncertainty"]):
        return "tied"
    return "reproduced" if gap > 0 else "contradicted"


def order_lines(folder: Path = HERE) -> list[str]:
    """Return the lines of the table of attempts."""
    path = folder / "orders.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    lines = []
    for ids, strong, weak, gap, what in ORDERS:
        for start in sorted({key.rsplit(" | ", 1)[0] for key in known}):
            pair = known.get(f"{start} | {strong}"), known.get(f"{start} | {weak}")
            if pair[0] and pair[1]:
                values = [f"{p['energy']:+.2f}" if "energy" in p else "–" for p in pair]
                label, crystal = start.split(" | ")
                size = "–" if gap is None else f"{gap:.2f}"
                lines.append(
                    f"| {ids} | {what} | {size} | {crystal} | {label} | {strong} {values[0]} "
                    f"| {weak} {values[1]} | {verdict(*pair)} |"
                )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["sevennet-0", "chgnet", "gfn2-xtb"])
    parser.add_argument("--crystals", nargs="+", default=["CsPbBr3-cubic", PBS], choices=SURFACES)
    asked = parser.parse_args()
    make_orders(asked.methods, asked.crystals)


if __name__ == "__main__":
    main()
