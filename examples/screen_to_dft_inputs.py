"""From a list of molecules to inputs of VASP and CP2K for the best two, and for their binding energies."""

from pathlib import Path

import qdsurf as qs

MOLECULES = """\
CCCCCCCC(=O)O octanoic-acid
OC(=O)c1ccccc1 benzoic-acid
CC(=O)O acetic-acid
SCCC(=O)O MPA
"""
CAMPAIGN = """\
[surface]
crystal = "CsPbBr3-cubic"
hkl = [0, 0, 1]
termination = "CsBr"
layers = 3
repeat = [2, 2]
[ligands]
files = ["mine.smi"]
charge_state = "auto"
[[tiers]]
rank = "stable-passivation"
"""


def main() -> None:
    Path("mine.smi").write_text(MOLECULES)
    Path("mine.toml").write_text(CAMPAIGN)
    rows = qs.screen("mine.toml", output="mine")
    best = [row for row in rows if row["rank"] in (1, 2)]  # one that failed is a row too, without a rank
    print([(row["rank"], row["ligand"], round(row["score"], 2)) for row in best])

    crystal = qs.load_crystal("CsPbBr3-cubic")
    slab = qs.cut_slab(crystal, "001", layers=3, termination="CsBr", repeat=(2, 2), fixed=3)
    for row in best:
        ligand = qs.ligand_from_smiles(row["smiles"], name=row["ligand"], anchor=row["anchor"])
        made = qs.export(qs.attach(slab, {ligand: 1}), "vasp", f"{ligand.name}-vasp")
        print(made.folder, made.files, f"{made.cost.electrons} electrons")
        # not one structure but the whole balanced reaction: a folder for every state, one cell for all slabs
        states = qs.export(slab, "cp2k", f"{ligand.name}-cp2k", purpose="binding", ligand=ligand)
        print(states.folder, *sorted(p.name for p in Path(states.folder).iterdir() if p.is_dir()))
        # after the runs qs.collect(folder) reads the energy that qs.binding_energy would give
        assert {run.status for run in qs.collect(states.folder).runs} == {"not started"}


# workers of a screen import this file: without this line each of them would start the screen again
if __name__ == "__main__":
    main()
