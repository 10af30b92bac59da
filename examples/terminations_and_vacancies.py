"""Two ends of one crystal, what each offers to ligands, and the charge that a missing ion leaves."""

import qdsurf as qs

crystal = qs.load_crystal("CsPbBr3-cubic")

# (001) of CsPbBr3 can end with either of its two planes
for ending in qs.terminations(crystal, "001"):
    slab = qs.cut_slab(crystal, "001", layers=2, termination=ending, repeat=(3, 3))
    kinds = sorted({f"{site.kind} {site.species}" for site in slab.sites})
    print(f"ended by {ending}: {slab.ledger}")
    print("  offers:", ", ".join(kinds))

# every inequivalent vacancy, with the charge that it leaves
slab = qs.cut_slab(crystal, "001", layers=2, termination="CsBr", repeat=(3, 3))
for species in ("Cs", "Pb", "Br"):
    for vacancy in qs.vacancies(slab, species):
        print(vacancy)

# a bromide that goes alone leaves +1: refused, unless something balances it or the charge is meant
bromide = qs.vacancies(slab, "Br", where="surface")[0]
try:
    qs.remove(slab, bromide.site)
except qs.AskError as refused:
    print("refused:", refused)
pair = qs.remove(slab, bromide.site, compensate="Cs")
charged = qs.remove(slab, bromide.site, charge=1)
print(pair.name, pair.ledger)
print(charged.name, charged.ledger)
assert (pair.charge, charged.charge) == (0, 1)
