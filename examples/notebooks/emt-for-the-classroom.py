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
# # How a binding energy is put together
#
# Effective medium theory (EMT) runs in milliseconds with nothing to install. It knows a few metals, and
# H, C, N and O crudely: the numbers below are no chemistry, but every step is the one that a good
# method takes.

# %%
import matplotlib.pyplot as plt

import qdsurf as qs

emt = qs.load_method("emt")
slab = qs.cut_slab(qs.load_crystal("Pt"), "111", layers=3, repeat=(3, 3))
ammonia = qs.ligand_from_smiles("N", name="ammonia")
energy = qs.binding_energy(slab, ammonia, emt, poses=1)
print(energy.reaction.equation)

# %% [markdown]
# An energy alone means nothing; the difference between both sides of a balanced reaction does. Here are
# the states with their coefficients. They sum to the result; negative means that the ligand binds.

# %%
total = 0.0
for state, value in energy.terms.items():
    coefficient = energy.reaction.stoichiometry[state]
    total += coefficient * value
    print(f"{coefficient:+g} x {state:20} {value:8.3f} eV")
print(f"   {total:+.3f} eV per ligand, uncertainty {energy.uncertainty:.1f} eV")
assert abs(total - energy.value) < 1e-6

# %% [markdown]
# The uncertainty is larger than the number: nobody has measured the error of EMT for this reaction, and the
# preset says so instead of guessing. With such a method every comparison is a tie.
#
# ## Does the answer depend on the model?
#
# Before a number is believed, it has to stand still when the model grows. Thickness first:

# %%
platinum, thickness = qs.load_crystal("Pt"), (1, 2, 3, 4, 5)
slabs = [qs.cut_slab(platinum, "111", layers=layers, repeat=(2, 2)) for layers in thickness]
values = [qs.binding_energy(slab, ammonia, emt, poses=1).value for slab in slabs]

figure, axis = plt.subplots(figsize=(4.8, 3.0))
axis.plot(thickness, values, "o-")
axis.set(xlabel="layers of the slab", ylabel="binding energy (eV)", xticks=thickness)
plt.show()

# %% [markdown]
# ## Read the warnings
#
# A relaxation can end somewhere else than it was meant to. EMT tears methylamine apart on the metal:
# the number below is that of its pieces, and only the warnings tell.

# %%
torn = qs.binding_energy(slabs[2], qs.load_ligand("methylamine"), emt, poses=1)
print(f"{torn.value:+.2f} eV, converged: {torn.converged}")
print(*torn.warnings, sep="\n")
assert any("broken bonds" in warning for warning in torn.warnings)
assert not any("broken bonds" in warning for warning in energy.warnings)

# %% [markdown]
# ## What the method refuses
#
# Asked for lead, EMT would have to invent something. It says which methods can instead.

# %%
perovskite = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=2, termination="CsBr")
try:
    qs.binding_energy(perovskite, qs.load_ligand("acetate"), emt)
except qs.AskError as refused:
    print(refused)
