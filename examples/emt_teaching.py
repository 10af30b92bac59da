"""What the teaching method can do: ammonia on platinum, in seconds, with no extra installed.

EMT knows Al, Cu, Ag, Au, Ni, Pd, Pt, H, C, N and O. Its numbers for molecules are not chemistry;
it shows how a binding energy is put together. For lead it refuses, and says which methods can.
"""

import qdsurf as qs

slab = qs.cut_slab(qs.load_crystal("Pt"), (1, 1, 1), layers=3, repeat=(3, 3))
ammonia = qs.ligand_from_smiles("N", name="ammonia")
energy = qs.binding_energy(slab, ammonia, qs.load_method("emt"), poses=1)

print(energy.reaction.equation)
for state, value in energy.terms.items():
    print(f"{energy.reaction.stoichiometry[state]:+g} x {state}: {value:.3f} eV")
for (
    warning
) in energy.warnings:  # always read these: methylamine, for one, is torn apart by EMT, and they say so
    print("warning:", warning)
print(f"sum: {energy.value:+.3f} eV per ligand (negative binds), with {energy.method}")

perovskite = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, termination="CsBr")
try:
    qs.binding_energy(perovskite, qs.load_ligand("acetate"), qs.load_method("emt"))
except qs.AskError as refused:
    print("refused:", refused)
