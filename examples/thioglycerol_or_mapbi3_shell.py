"""Two skins for one PbS dot, as in solar cells of mixed dots: thioglycerol, or a shell towards MAPbI3.

The pair is from Nat. Commun. 2017, 8, 1325: electrons leave through dots with the perovskite skin, holes
through dots with thioglycerol. Here both are built on one core, and compared by what a model can say before
any energy.
"""

import numpy as np

import qdsurf as qs

core = qs.carve_dot(
    qs.load_crystal("PbS"), shape="truncated-octahedron", diameter=24.0, termination={"111": "Pb"}, cap="I"
)
print("core:", core.ledger)

skins = {
    # a thiolate for half of the iodides
    "thioglycerol": {"thioglycerol": core.ledger["I"] // 2},
    # methylammonium iodide and lead iodide on top of the iodide that is there
    "towards MAPbI3": {"methylammonium-iodide": 12, "lead-iodide": 6},
}
for name, amounts in skins.items():
    dot = qs.attach(core, amounts, seed=1)
    radius = np.linalg.norm(core.atoms.positions - core.atoms.positions.mean(axis=0), axis=1).max()
    outer = np.linalg.norm(dot.atoms.positions - core.atoms.positions.mean(axis=0), axis=1).max()
    print(f"{name}: {dot.ledger}")
    print(f"   charge {dot.charge:+d}, worst contact {dot.contacts()}, skin {outer - radius:.1f} Å")
    assert dot.charge == 0
    qs.write_structure(dot, f"{name.replace(' ', '-')}.extxyz")

# what each does to bands and transport, as far as descriptors know: terms with sources, no energies
for preset in ("n-type", "p-type", "conductive-film"):
    rows = qs.rank_ligands(["thioglycerol", "iodide", "oleate"], "Pb2+", preset=preset)
    print(preset, [(row.name, round(row.score, 2)) for row in rows])
