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
# # Why a cut cube is charged
#
# Cut a cube out of CsPbBr3 and count its ions: the charges do not sum to zero, for any size. Here we
# count, see the rule behind it, and take out what is too much.

# %%
import matplotlib.pyplot as plt
from IPython.display import Image

import qdsurf as qs

crystal = qs.load_crystal("CsPbBr3-cubic")
cut = qs.carve_dot(crystal, cells=4, termination="CsBr", neutralize=None)
print(cut.ledger)

# %% [markdown]
# `neutralize=None` gives the bare cut. Left to itself, `carve_dot` gives a neutral dot: it takes caesium
# from the corners first, then from the edges, where it is held by the fewest bromides.

# %%
dot = qs.carve_dot(crystal, cells=4, termination="CsBr")
print(dot.ledger)
empty = [site.location for site in dot.sites if site.kind == "cation site" and not site.occupied]
print({location: empty.count(location) for location in ("corner", "edge", "face")})

# %% [markdown]
# ## The charge grows with the edge
#
# A cube of n cells that ends with CsBr has (n + 1)³ caesium, n³ lead and 3n²(n + 1) bromide, which leaves
# 3n + 1 charges. One that ends with PbBr2 has n³ caesium, (n + 1)³ lead and 3n(n + 1)² bromide, which
# leaves 3n + 2. The charge vanishes at no size; the charge per volume does, which is why the crystal is
# neutral and the dot is not.

# %%
sizes = range(2, 9)
charges = {
    ending: [qs.carve_dot(crystal, cells=n, termination=ending, neutralize=None).charge for n in sizes]
    for ending in ("CsBr", "PbBr2")
}
assert charges["CsBr"] == [3 * n + 1 for n in sizes]
assert charges["PbBr2"] == [3 * n + 2 for n in sizes]

figure, axis = plt.subplots(figsize=(5, 3.2))
for ending, values in charges.items():
    axis.plot(sizes, values, "o-", label=f"ended by {ending}")
axis.axhline(0, color="0.6")
axis.set(xlabel="cells along the edge", ylabel="net formal charge of the cut (e)")
axis.legend(frameon=False)
plt.show()

# %% [markdown]
# ## What it looks like
#
# The corners and some places on the edges of the neutral dot are empty.

# %%
qs.write_picture(dot, "dot.png", width=800)
Image("dot.png", width=420)

# %% [markdown]
# Ligands do not change the charge: an ammonium takes the place of a caesium, a carboxylate that of a
# bromide.

# %%
covered = qs.attach(dot, {"methylammonium": 0.2, "formate": 0.2}, unit="fraction")
print(covered.ledger)
print(covered.contacts())
assert covered.charge == 0
