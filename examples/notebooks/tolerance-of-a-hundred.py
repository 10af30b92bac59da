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
# # Tolerance factors of a hundred compositions
#
# Can five cations on A, five on B and four halides form a perovskite ABX3? Radii answer in a moment, and
# are wrong often enough that it pays to look at how often.

# %%
import matplotlib.pyplot as plt

import qdsurf as qs

formulas = [
    f"{a}{b}{x}3"
    for a in ("K", "Rb", "Cs", "MA", "FA")
    for b in ("Pb", "Sn", "Ge", "Ca", "Zn")
    for x in ("F", "Cl", "Br", "I")
]
rows = qs.tolerance(formulas, radii="shannon + travis + kieslich")
print(len(rows), "compositions, for example:")
print(rows[8].formula, f"t = {rows[8].t:.3f}, mu = {rows[8].mu:.3f}, tau = {rows[8].tau:.2f}")

# %% [markdown]
# ## The plane of t and mu
#
# Goldschmidt's t asks whether A fits between the octahedra, mu whether B fits into one. The colour is
# the probability that goes with tau, a newer factor. Circles are perovskites at some temperature, by
# experiment.

# %%
figure, axis = plt.subplots(figsize=(6.2, 4.2))
points = axis.scatter(
    [row.t for row in rows],
    [row.mu for row in rows],
    c=[row.p_perovskite for row in rows],
    cmap="cividis",
    s=26,
)
for row in rows:
    if any(seen.perovskite for seen in row.observed):
        axis.scatter(row.t, row.mu, s=150, facecolors="none", edgecolors="C3")
        axis.annotate(row.formula, (row.t, row.mu), xytext=(7, 4), textcoords="offset points", fontsize=7)
axis.axvspan(0.813, 1.107, color="0.92", zorder=0)
axis.axhline(0.442, color="0.5", lw=0.8, ls="--")
axis.set(xlabel="tolerance factor t", ylabel="octahedral factor mu")
figure.colorbar(points, label="probability of a perovskite, from tau")
plt.show()

# %% [markdown]
# ## How often is each rule right?
#
# Measured on 576 compounds (Bartel 2019, doi:10.1126/sciadv.aav0693), and on the chlorides, bromides
# and iodides among them, where always saying "no" is right for 0.79.

# %%
for verdict in rows[0].verdicts:
    rule = verdict.rule
    print(
        f"{rule.name:11} right for {rule.accuracy.share:.2f}; for Cl, Br, I {rule.accuracy.halide_share:.2f}"
    )

# %% [markdown]
# ## Where experiment says otherwise
#
# CsPbI3 is the example to remember: its black perovskite is known, tau says no, and the yellow phase
# that t does not expect is the stable one at room temperature.

# %%
for row in rows:
    for contradiction in row.contradictions:
        print(f"{row.formula}: {contradiction}")
by_formula = {row.formula: row for row in rows}
assert by_formula["CsPbI3"].tau > 4.18 > by_formula["CsPbBr3"].tau
