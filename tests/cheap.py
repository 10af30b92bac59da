"""A surface, ligands and an evaluation that cost nothing and misbehave on demand: for tests of campaigns.

Workers import this module by its name; what an evaluation does is in the name of the ligand, and where
it notes that it ran is in the recipe of the surface, so that nothing else has to travel.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from qdsurf.model import Anchor, Energy, Ligand, Reaction, Source, Surface


@dataclass(frozen=True)
class Result:
    energy: Energy
    surface: Surface


def plain_slab(notes: Path | None = None, seconds: float = 0.0) -> Surface:
    """Return two ions; every evaluation appends a line to the file *notes* and takes *seconds*."""
    atoms = Atoms("NaCl", positions=[(0, 0, 0), (2.8, 0, 0)], cell=[5.6, 5.6, 20], pbc=(True, True, False))
    atoms.set_array("fragment", np.arange(2))
    atoms.set_array("species", np.array(["Na", "Cl"]))
    atoms.set_array("role", np.array(["core", "core"]))
    atoms.set_array("anchor", np.zeros(2, dtype=bool))
    recipe = {"verb": "test", "notes": str(notes or ""), "seconds": seconds}
    return Surface(name="NaCl", atoms=atoms, charges={"Na": 1, "Cl": -1}, sites=(), recipe=recipe)


def a_ligand(name: str) -> Ligand:
    anchor = Anchor(name="carboxylate", atoms=(0,), smarts="O", takes="anion site")
    water = Atoms("OH2", positions=[(0, 0, 0.12), (0, 0.76, -0.48), (0, -0.76, -0.48)])
    return Ligand(
        name=name, smiles="CC(=O)[O-]", charge=-1, cbc_class="X", anchors=(anchor,), binds="anion site",
        conformers=(water,), bonds=(), free_forms={}, source=Source(text="test"),
    )  # fmt: skip


def renamed(ligand: Ligand, name: str) -> Ligand:
    return replace(ligand, name=name)


def energy_of(name: str) -> float:
    """Return the energy in eV that an evaluation gives the ligand *name*."""
    return -int(hashlib.sha256(name.encode()).hexdigest()[:6], 16) / 2**24


def runs(notes: Path) -> list[str]:
    """Return the ligands that were evaluated, one for each time."""
    return notes.read_text().split() if notes.exists() else []


def evaluate(surface: Surface, ligand: Ligand, method: Any, *, references: Any, **_: Any) -> Result:
    """Return an energy that follows from the name of *ligand*, or do what the name says."""
    notes = Path(surface.recipe.get("notes") or os.environ.get("CHEAP_NOTES") or os.devnull)
    name = ligand.name
    with notes.open("a") as file:  # one write of one line: whole, however many processes write
        file.write(f"{name}\n")
    time.sleep(surface.recipe.get("seconds", 0.0))
    if name.startswith("hangs"):
        time.sleep(3600)
    if name.startswith("grows"):
        bytearray(20_000_000_000)
    if name.startswith("raises") and not os.environ.get("CHEAP_LUCK"):
        raise RuntimeError("no such luck")
    if name.startswith("dies"):
        os._exit(9)
    if name.startswith("once") and runs(notes).count(name) == 1:
        os.kill(os.getpid(), 9)
    if name.startswith("talks"):
        print("said by the engine")
    references["slab"] = -1.0
    value = float("nan") if name.startswith("nan") else energy_of(name)
    reaction = Reaction(name="acid exchange", equation="a + b → c", stoichiometry={"a": -1.0, "c": 1.0})
    energy = Energy(
        value=value, uncertainty=0.1, reaction=reaction, terms={"a": 0.0, "c": value}, method=method.name,
        converged=True, warnings=("fake",),
    )  # fmt: skip
    return Result(energy, surface)


def main() -> None:
    """Run a campaign of cheap pairs: CAMPAIGN OUTPUT NOTES SECONDS LIGAND..."""
    import sys

    import cheap  # by its own name, which workers know, and not as __main__

    from qdsurf.campaign import screen

    campaign, output, notes, seconds, *names = sys.argv[1:]
    rows = screen(
        campaign,
        output=output,
        workers=2,
        surface=cheap.plain_slab(Path(notes), float(seconds)),
        ligands=[cheap.a_ligand(name) for name in names],
        evaluate=cheap.evaluate,
    )
    print(len(rows))


if __name__ == "__main__":
    main()
