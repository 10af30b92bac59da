"""A linker from a CdSe dot to TiO2: soft end to the dot, hard end to the oxide, and short.

Each side is built on its own; qdsurf does not join two crystals in one cell.
"""

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

# the same molecule on both sides: by its thiolate in the place of a chloride, by its acid on titanium
soft = qs.ligand_from_smiles("[S-]CCC(=O)O", anchor="thiolate", name="MPA by sulfur")
hard = qs.ligand_from_smiles("SCCC(=O)O", anchor="carboxylic acid", name="MPA by its acid")
oxide = qs.load_surface("TiO2-anatase-101", repeat=(2, 3))
for surface, ligand in ((dot_side, soft), (oxide, hard)):
    bound = qs.attach(surface, {ligand: 1})
    print(bound.name, bound.ledger, bound.contacts())
