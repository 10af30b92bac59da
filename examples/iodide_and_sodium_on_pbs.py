"""Iodide on PbS(111), sodium on PbS(100): what follows from the ledger, and what was measured.

Halides passivate (111) only, Na+ passivates (100): Chem. Commun. 2024, 60, 1072, doi:10.1039/d3cc04315k.
"""

import qdsurf as qs

crystal = qs.load_crystal("PbS")
neutral = qs.cut_slab(crystal, "100", layers=4, repeat=(3, 3))
polar = qs.cut_slab(crystal, "111", layers=4, termination="Pb", compensate="cap:Cl", repeat=(2, 2))

# The ledger: on (111) iodide takes the place of a chloride. On (100) it would have to replace a sulfide.
print("I- on (111):", qs.attach(polar, {"iodide": 4}).ledger)
try:
    qs.attach(neutral, {"iodide": 1})
except qs.AskError as refused:
    print("I- on (100):", refused)

# Sodium for lead on (100) leaves -1 each; two of them with one sulfide vacancy are neutral.
lead = next(v for v in qs.vacancies(neutral, "Pb") if v.location != "core")
doped = qs.substitute(neutral, lead.sites[:2], "Na", compensate="S")
print("Na+ on (100):", doped.ledger)
assert doped.charge == 0

# What is known of the facets enters the ranking as a term of its own, with its source.
for name, slab in (("(100)", neutral), ("(111)", polar)):
    for row in qs.rank_ligands(["iodide", "sodium"], slab, preset="stable-passivation"):
        known = row.terms["facet"]
        print(name, row.rank, row.name, f"score {row.score:.2f}", f"facet {known.value:+g}", known.note)
