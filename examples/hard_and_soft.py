"""Hard acids with hard bases, soft with soft: where it orders ligands rightly, and two places where it fails.

Measured log K1 in water (25 C, ionic strength 0 unless said): benchmarks/hsab_logk.csv has the sources.
"""

import qdsurf as qs

HALIDES = ("F-", "Cl-", "Br-", "I-")


def order(acid: str, key: str) -> list[str]:
    """Return the halides from the best to the worst by one number of qs.hsab."""
    rows = qs.hsab(list(HALIDES), acid, method=None)
    ordered = sorted(rows, key=lambda row: getattr(row, key), reverse=key == "match")
    return [row.donor for row in ordered]


# 1. It works: silver(I) is soft, and prefers the soft end of the halides. log K1: 0.4, 3.3, 4.6, 6.6.
silver = order("Ag+", "match")
print("Ag+, by match:", silver)

# 2. It fails: Pearson's energy -(chi_A - chi_B)^2 / 4 (eta_A + eta_B) is ruled by the electronegativity of
#    the bare cation and puts iodide first on every one; zinc wants fluoride: log K1 1.3 for F-, -2.0 for I-.
zinc = order("Zn2+", "energy")
print("Zn2+, by energy:", zinc, "- measured: F- first, I- last")

# 3. It fails: softness says iodide before acetate on lead; charge and two oxygens decide otherwise.
match = {row.donor: row.match for row in qs.hsab(["I-", "acetate"], "Pb2+", method=None)}
print("Pb2+, by match:", match, "- measured: acetate binds more strongly")

# The classes themselves are opinions: every text is kept with its vote.
for row in qs.hsab(["I-"], "Pb2+", method=None):
    print(row.donor, "is", *[str(vote) for vote in row.donor_classes], sep="\n  ")
