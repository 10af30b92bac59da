"""Rows and structures of a campaign that never ran, for tests of the page: every kind of row, any number."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import qdsurf as qs
from qdsurf.build.defects import pair_vacancy
from qdsurf.campaign.ranking import rank
from qdsurf.campaign.rows import extxyz

EVIL = "--></script><script>alert('x')</script><b>"
METHOD = {
    "method": "emt", "cite": ["10.1021/acs.jctc.4c00190"], "surface": "CsPbBr3-cubic(001)-CsBr", "site": None,
    "mode": "auto", "warnings": ["mind <this>"],
}  # fmt: skip
# class, place, anchor, reaction, head of the SMILES
KINDS = (
    ("X", "anion site", "carboxylate", "acid exchange", "C(=O)[O-]"),
    ("X", "cation site", "primary ammonium", "ammonium exchange", "C[NH3+]"),
    ("L", "on a cation", "amine", "adsorption on a pair vacancy", "CN"),
)


@cache
def structures() -> dict[str, str]:
    """Return one structure for each kind, as text by the name of the anchor; the amine's has a vacancy."""
    slab = qs.cut_slab(
        qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=1, termination="CsBr", repeat=(2, 2)
    )
    vacancy = pair_vacancy(slab, face="top")
    return {
        "carboxylate": extxyz(qs.attach(slab, {"acetate": 1})),
        "primary ammonium": extxyz(qs.attach(slab, {"methylammonium": 1})),
        "amine": extxyz(qs.attach(vacancy, {"methylamine": 1})),
    }


def row_of(place: int, rng: random.Random) -> dict[str, Any]:
    """Return the row number *place*: about one in twenty failed, as many did not converge."""
    cbc, binds, anchor, reaction, head = KINDS[place % len(KINDS)]
    value, failed = round(rng.gauss(-1.0, 0.6), 6), rng.random() < 0.05
    return {
        **METHOD, "key": f"k{place}", "ligand": f"ligand {place}", "smiles": "C" * (place % 9 + 1) + head,
        "cbc_class": cbc, "binds": binds, "anchor": anchor, "reaction": None if failed else reaction,
        "equation": None if failed else "surface + L -> surface-L", "seconds": 1.5,
        "energy_eV": None if failed else value, "uncertainty_eV": None if failed else 0.1,
        "converged": None if failed else rng.random() > 0.05, "status": "failed" if failed else "done",
        "cause": "PlacementError: no <room>" if failed else None,
        "worst_contact": None if failed else f"Pb-C {rng.uniform(2.5, 3.5):.2f} Å (0.80 of the radii)",
        "terms": {} if failed else {"surface": -10.0, "surface with ligand": value - 10.0},
        "stoichiometry": {} if failed else {"surface": -1.0, "surface with ligand": 1.0},
    }  # fmt: skip


def campaign(many: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return *many* ranked rows, the worst named one among them, and their structures by key."""
    rng = random.Random(0)
    rows = [row_of(place, rng) for place in range(many)]
    rows[0] = {**rows[0], "ligand": EVIL, "energy_eV": -5.0, "converged": True, "status": "done"}
    known = structures()
    return rank(rows), {row["key"]: known[row["anchor"]] for row in rows if row["status"] == "done"}
