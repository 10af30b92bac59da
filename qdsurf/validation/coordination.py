"""Ions with fewer or more neighbours than the ions of their kind inside the structure."""

from __future__ import annotations

import numpy as np

from qdsurf.validation.anatomy import Anatomy
from qdsurf.validation.charge import Count
from qdsurf.validation.findings import Finding, Level, where

# The coordination that nine ions of ten do not exceed stands for that of the bulk. Where there are fewer
# ions than this, most of them may lie at the surface, and the best bound one stands for it.
BULK_SHARE = 90
MANY_IONS = 50


def check_coordination(anatomy: Anatomy, count: Count) -> list[Finding]:
    """Return how many ions are under-coordinated, and the ones that hang by a bond or have too many.

    The coordination that counts as full is taken from the structure itself: what the best bound tenth
    of the ions of an element has.
    """
    found: list[Finding] = []
    bonds = anatomy.pairs.counts(anatomy.ionic, len(anatomy.symbols))
    lattice = anatomy.ionic & anatomy.ion[anatomy.pairs.i] & anatomy.ion[anatomy.pairs.j]
    to_ions = anatomy.pairs.counts(lattice, len(anatomy.symbols))
    lacking, hanging, crowded = [], [], []
    for element, charge in count.species.items():
        ions = np.flatnonzero(anatomy.ion & (anatomy.symbols == element))
        held = anatomy.whole.label[ions] == anatomy.main
        share = BULK_SHARE if len(ions) >= MANY_IONS or anatomy.dimensions == 3 else 100
        full = int(np.percentile(bonds[ions], share, method="higher"))
        fewer = ions[bonds[ions] < full]
        if len(fewer):
            least = int(bonds[fewer].min())
            have = f"{least} to {full - 1}" if least < full - 1 else str(least)
            lacking.append(f"{len(fewer)} of {len(ions)} {element} have {have} of {full}")
        if full > 2:
            # a monovalent anion may end on one cation (a halide cap); anything else would come off
            enough = 1 if charge == -1 else 2
            hanging += ions[held & (bonds[ions] < enough)].tolist()
        crowded += ions[to_ions[ions] > full + 2].tolist()
    if lacking and anatomy.dimensions < 3:
        text = f"under-coordinated ions: {'; '.join(lacking)}"
        found.append(Finding(level="note", code="coordination", message=text))
    level: Level = "warning"
    for code, atoms, said in (
        ("hanging", hanging, "held by one bond or none: remove them, or complete their surroundings"),
        (
            "over-coordinated",
            crowded,
            "with three neighbours more than others of their kind: is an ion in a wrong place?",
        ),
    ):
        if atoms:
            elements = ", ".join(sorted(set(anatomy.symbols[atoms].tolist())))
            text = f"{len(atoms)} ions of {elements} {said} ({where(atoms)})"
            found.append(Finding(level=level, code=code, message=text, atoms=tuple(atoms)))
    return found
