"""Why a cut cube is charged, and what makes it neutral: CsPbBr3 ended by CsBr or by PbBr2."""

import qdsurf as qs

crystal = qs.load_crystal("CsPbBr3-cubic")

for termination in ("CsBr", "PbBr2"):
    for cells in (3, 7):
        cut = qs.carve_dot(crystal, cells=cells, termination=termination, neutralize=None)
        dot = qs.carve_dot(crystal, cells=cells, termination=termination)
        print(f"{cells} cells, ended by {termination}: {cut.charge:+d} as cut")
        print(f"  cut:     {cut.ledger}")
        print(f"  neutral: {dot.ledger}")

# Ended by CsBr the excess is on monovalent surface ions: Cs leaves the corners first, then the edges.
dot = qs.carve_dot(crystal, cells=7, termination="CsBr")
empty = [site for site in dot.sites if site.kind == "cation site" and not site.occupied]
print("empty Cs places:", {where: sum(s.location == where for s in empty) for where in ("corner", "edge")})

qs.write_structure(dot, "cspbbr3-4nm.extxyz")
