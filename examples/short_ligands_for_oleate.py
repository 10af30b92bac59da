"""Oleate against short ligands on PbS: how thick each shell is, and what an exchange leaves on the dot."""

import numpy as np

import qdsurf as qs
from qdsurf.model import Surface

core = qs.carve_dot(qs.load_crystal("PbS"), shape="truncated-octahedron", diameter=24.0, cap="Cl")
middle = core.atoms.positions.mean(axis=0)


def thickness(dot: Surface) -> float:
    """Return how far, in Å, the hundred outermost atoms of *dot* are beyond those of the core."""
    reach = [
        np.sort(np.linalg.norm(surface.atoms.positions - middle, axis=1))[-100:].mean()
        for surface in (dot, core)
    ]
    return float(reach[0] - reach[1])


# as it is made: oleate on half of the places of monovalent anions
made = qs.attach(core, {"oleate": 0.5}, unit="fraction")
print("made:", made.ledger, f"shell {thickness(made):.1f} Å")

# as it is used: each oleate replaced by something short; two dots then come closer by twice the difference
for short in ("acetate", "3-mercaptopropionate", "thiocyanate", "iodide"):
    change = qs.exchange(made, {"oleate": short}, amount=1.0)
    used = change.surface
    length = qs.ligand_sizes(qs.load_ligand(short)).length
    print(f"{short}: {length:.1f} Å long, shell {thickness(used):.1f} Å, charge {used.charge:+d}")
    print("  ", change.reaction.equation)
    assert used.charge == 0
    assert thickness(used) < thickness(made)

# which of them is worth an experiment on a film that has to conduct
for row in qs.rank_ligands(
    ["oleate", "acetate", "3-mercaptopropionate", "thiocyanate", "iodide"], "Pb2+", preset="conductive-film"
):
    print(row.rank, row.name, f"{row.score:.2f}", *row.reasons[:1])
