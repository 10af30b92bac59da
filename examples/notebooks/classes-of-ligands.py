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
# # L, X and Z on PbS
#
# Which ligand binds which facet? Count charges first. A neutral donor (L: amine, phosphine) sits on top
# of a lead and changes no charge. An anion (X: oleate, iodide) needs a place where an anion of charge
# -1 may be. A metal salt (Z: lead acetate) accepts electrons from a sulfide.

# %%
import matplotlib.pyplot as plt
from IPython.display import Image

import qdsurf as qs

crystal = qs.load_crystal("PbS")
faces = {
    "(100)": qs.cut_slab(crystal, "100", layers=4, repeat=(3, 3)),
    "(111)": qs.load_surface("PbS-111-Pb-Cl", repeat=(2, 2)),
}
for face, slab in faces.items():
    print(face, slab.ledger)

# %% [markdown]
# (100) has as many Pb2+ as S2-. (111) ends with lead, and is neutral only because a chloride sits on
# each of the outer ones: those are the places for X-type ligands.

# %%
for name in ("butylamine", "acetate", "lead-acetate"):
    ligand = qs.load_ligand(name)
    for face, slab in faces.items():
        try:
            print(f"{name} ({ligand.cbc_class}) on {face}: {qs.attach(slab, {ligand: 1}).ledger}")
        except qs.AskError as refused:
            print(f"{name} ({ligand.cbc_class}) on {face}: refused, {refused}")

# %% [markdown]
# ## What it looks like

# %%
amines = qs.attach(faces["(100)"], {"butylamine": 4}, faces="top")
qs.write_picture(amines, "amines.png", width=800)
Image("amines.png", width=480)

# %%
acetates = qs.attach(faces["(111)"], {"acetate": 4})
qs.write_picture(acetates, "acetates.png", width=800)
Image("acetates.png", width=480)

# %% [markdown]
# ## Why small dots like X-type ligands
#
# Small PbS dots are octahedra of (111) facets, so they carry more lead than sulfur, and two monovalent
# anions for each lead in excess. The smaller the dot, the more of them.

# %%
diameters = (20.0, 25.0, 30.0, 40.0, 50.0)
ledgers = [qs.carve_dot(crystal, shape="octahedron", diameter=d, cap="Cl").ledger for d in diameters]
figure, axis = plt.subplots(figsize=(4.8, 3.1))
axis.plot(
    [d / 10 for d in diameters], [ledger["Pb"] / ledger["S"] for ledger in ledgers], "o-", label="Pb / S"
)
axis.plot(
    [d / 10 for d in diameters], [ledger["Cl"] / ledger["Pb"] for ledger in ledgers], "s-", label="X / Pb"
)
axis.set(xlabel="diameter (nm)", ylabel="ratio")
axis.legend(frameon=False)
plt.show()
assert all(2 * (ledger["Pb"] - ledger["S"]) == ledger["Cl"] for ledger in ledgers)
