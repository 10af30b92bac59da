"""A neutral CsPbBr3(001) slab with an acetate and an ammonium, written for any code that ASE knows."""

import qdsurf as qs

slab = qs.cut_slab(
    qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=3, termination="CsBr", repeat=(2, 2), vacuum=15.0
)
print(slab.name, slab.ledger)

# an acetate takes the place of a bromide, an ammonium that of a caesium: the charge stays zero
covered = qs.attach(slab, {"acetate": 1, "butylammonium": 1})
print(covered.name, covered.ledger)
print("worst contact:", covered.contacts())

qs.write_structure(covered, "covered.extxyz")  # keeps roles, ledger and recipe
qs.write_structure(covered, "POSCAR.vasp")
