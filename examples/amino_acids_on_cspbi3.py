"""Amino acids on CsPbI3: a zwitterion fills the place of a caesium and of an iodide at once.

Two molecules, one pose, few steps, so that it runs in a minute or two: the energies are not converged and
say so. A result needs poses=2 or more, steps=250 and layers=3. Needs a potential: pip install 'qdsurf[mlp]'.
"""

import qdsurf as qs

method = qs.load_method("sevennet-0-d3")
slab = qs.cut_slab(qs.load_crystal("CsPbI3-cubic"), "001", layers=2, termination="CsI", repeat=(2, 2))
references: dict[object, float] = {}  # states that the molecules share are computed once

found = {}
for name in ("glycine", "alanine"):
    ligand = qs.load_ligand(name)
    energy = qs.binding_energy(slab, ligand, method, poses=1, steps=15, fmax=0.2, references=references)
    found[name] = energy
    print(f"{name} ({ligand.smiles}, {ligand.binds}): {energy.value:+.2f} ± {energy.uncertainty:.2f} eV")
    print("  ", energy.reaction.equation)
    print("  ", "converged" if energy.converged else "not converged: a look at the numbers, not a result")

# the zwitterion goes into a vacancy pair that costs nothing here: strongly negative is expected, ties are too
gap = abs(found["glycine"].value - found["alanine"].value)
tied = gap < max(energy.uncertainty for energy in found.values())
print(f"they differ by {gap:.2f} eV:", "a tie" if tied else "more than the uncertainty")
assert all(energy.value < 0 for energy in found.values())
