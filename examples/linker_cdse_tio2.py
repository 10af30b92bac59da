"""A linker from a CdSe dot to TiO2: soft end to the dot, hard end to the oxide, and short.

First the ranking of candidates, then one of them in between: one neutral structure of dot, linker and oxide.
"""

import numpy as np

import qdsurf as qs

candidates = [
    "thioglycolate",
    "3-mercaptopropionate",
    "4-mercaptobenzoate",
    "cysteine",
    qs.ligand_from_smiles("[S-]CCCCCCCCCCC(=O)O", anchor="thiolate", name="11-mercaptoundecanoate"),
    "acetate",
    "dodecanethiolate",
]
dot_side = qs.load_surface("CdSe-zincblende-100-Cd-Cl", repeat=(3, 3))
rows = qs.rank_ligands(candidates, dot_side, preset="tio2-linker")
for row in rows:
    far, length = row.far_end or "none", row.terms["length"].value
    print(f"{row.rank} {row.score:.2f} {row.name}: {row.binds_by}, far end {far}, {length:.1f} Å long")
    print("  ", row.reasons[0])

# without a second end nothing holds the oxide, however well the first one binds
assert {row.name for row in rows[-2:]} == {"acetate", "dodecanethiolate"}

# mercaptopropionic acid binds titanium and leaves its proton on an oxide ion beside it: a carboxylate, and
# still neutral
linker = qs.ligand_from_smiles("SCCC(=O)O", anchor="carboxylic acid", name="MPA")
oxide = qs.load_surface("TiO2-anatase-101", layers=2, repeat=(6, 4))
held = qs.transfer_proton(qs.attach(oxide, {linker: 1}, faces="top"))
print(held.ledger)

# the lattices do not match, so the other side is a dot: its thiol takes the place of a chloride, which leaves
# as HCl
dot = qs.carve_dot(qs.load_crystal("CdSe-zincblende"), shape="tetrahedron", cells=3, cap="Cl")
joined = qs.join(held, dot, linker)
print(joined.ledger, joined.contacts())
assert joined.charge == 0

atoms = joined.atoms
sulfur = int(np.flatnonzero(atoms.symbols == "S")[0])
titanium, cadmium = (np.flatnonzero(atoms.symbols == metal) for metal in ("Ti", "Cd"))
span = atoms.get_distances(sulfur, titanium, mic=True).min()
nearest = min(atoms.get_distances(int(k), titanium, mic=True).min() for k in cadmium)
print(f"sulfur is {span:.1f} Å from the nearest titanium, and the nearest cadmium {nearest:.1f} Å")

# a start for a relaxation, not its end: nothing has been relaxed
qs.write_structure(joined, "cdse-linker-tio2.extxyz")
qs.write_structure(joined, "POSCAR")
