"""L, X and Z on PbS: which class of ligand binds which facet follows from counting charges.

(100) is neutral: its lead and sulfur stay where they are, and neutral ligands bind on top of them. (111) ends
with lead alone and is neutral only with one monovalent anion for each lead outside: a place for X-type
ligands.
"""

import qdsurf as qs

crystal = qs.load_crystal("PbS")
faces = {
    "(100)": qs.cut_slab(crystal, "100", layers=4, repeat=(3, 3)),
    "(111) with chloride": qs.load_surface("PbS-111-Pb-Cl", repeat=(2, 2)),
}
# an amine gives two electrons (L), a carboxylate or halide one (X), a lead salt takes two (Z)
for name in ("oleylamine", "oleate", "iodide", "lead-acetate"):
    ligand = qs.load_ligand(name)
    for face, slab in faces.items():
        try:
            bound = qs.attach(slab, {ligand: 1})
            print(f"{name} ({ligand.cbc_class}) on {face}: {bound.ledger}")
            assert bound.charge == 0
        except qs.AskError as refused:
            print(f"{name} ({ligand.cbc_class}) on {face}: no, {refused}")

# A dot shows both: octahedra cut at their corners, (111) with iodide, small (100) faces between them.
dot = qs.carve_dot(crystal, shape="truncated-octahedron", diameter=24.0, cap="I")
print(dot.name, dot.ledger)
assert 2 * (dot.ledger["Pb"] - dot.ledger["S"]) == dot.ledger["I"]
