# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Hard and soft, and where it fails
#
# Hard acids prefer hard bases, soft acids soft ones. How well does this order what is measured? We take
# the four halides on two metal ions, and compare with their stability constants in water.

# %%
import matplotlib.pyplot as plt

import qdsurf as qs

# log K1 in water, 25 C (Ag+ and I-: 18 C): NIST Critical Stability Constants 46, as carried in
# minteq.v4.dat of PHREEQC; all of them, with sources, are in benchmarks/hsab_logk.csv
measured = {
    "Ag+": {"F-": 0.40, "Cl-": 3.31, "Br-": 4.60, "I-": 6.60},
    "Zn2+": {"F-": 1.30, "Cl-": 0.40, "Br-": -0.07, "I-": -2.0427},
}
found = {
    acid: {row.donor: row for row in qs.hsab(list(values), acid, method=None)}
    for acid, values in measured.items()
}
for acid, rows in found.items():
    print(acid, {donor: round(row.match, 2) for donor, row in rows.items()})

# %% [markdown]
# `match` is softness times softness: high where like meets like. Pearson's energy of the charge
# transfer is the other number, lower is better: -(χA - χB)² / (4 (ηA + ηB)).

# %%
figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.3), sharey=True)
for axis, key, label in zip(
    axes, ("match", "energy"), ("match", "energy of charge transfer (eV)"), strict=True
):
    for acid, rows in found.items():
        points = sorted((getattr(row, key), measured[acid][donor], donor) for donor, row in rows.items())
        axis.plot([p[0] for p in points], [p[1] for p in points], "o-", label=acid)
        for x, y, donor in points:
            axis.annotate(donor, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8)
    axis.set(xlabel=label)
axes[0].set(ylabel="measured log K1")
axes[0].legend(frameon=False)
plt.show()

# %% [markdown]
# Left: for silver, which is soft, the line rises, as it should. Zinc is borderline in every text, so its
# match is the same for all and says nothing; what it prefers is decided by charge and size.
#
# Right: lower energy should mean a higher constant, a falling line. For silver it falls. For zinc it
# rises: the electronegativity of a bare cation is so large that the energy follows the base alone, and
# puts iodide first on every metal, while zinc in water wants fluoride.

# %%
best = {acid: min(rows.values(), key=lambda row: row.energy).donor for acid, rows in found.items()}
print("first by energy:", best)
print("first by measurement:", {acid: max(values, key=values.get) for acid, values in measured.items()})
assert best == {"Ag+": "I-", "Zn2+": "I-"}

# %% [markdown]
# ## On lead, for perovskites and PbS
#
# Softness alone would put iodide before acetate. Measured, acetate binds lead more strongly: it has a
# second oxygen, and in most texts lead is borderline. So qdsurf ranks ligands by several terms, shows
# each, and says how much each helped.

# %%
for row in qs.rank_ligands(["acetate", "iodide", "thiocyanate"], "Pb2+", preset="affinity"):
    print(row.rank, row.name, f"{row.score:.2f}")
    for reason in row.reasons[:2]:
        print("   ", reason)
