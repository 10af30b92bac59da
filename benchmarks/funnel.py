"""A funnel over thousands of real molecules: descriptors for all, energies of the best.

    pip download --no-deps chemicals
    python benchmarks/funnel.py chemicals-*.whl --molecules 10000 --keep 200 10

takes the first molecules of the table of PubChem compounds in the package `chemicals` (MIT; up to 25 heavy
atoms, one molecule each, any chemistry), and runs them on a CsBr-terminated platelet of CsPbBr3, which is
finite, since GFN2-xTB does no slabs: a score from descriptors, then an energy by a machine-learned potential
of the best, then one by GFN2-xTB of the best of each class. Its table goes into docs/campaigns.md by hand,
with what `--keep` was.
"""

from __future__ import annotations

import argparse
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

TABLE = "chemicals/Identifiers/chemical identifiers pubchem large.tsv"
TEXT = """\
title = "{molecules} molecules on a CsPbBr3 platelet"
[surface]
crystal = "CsPbBr3-cubic"
shape = "cuboid"
cells = [2, 2, 1]
[ligands]
files = ["molecules.smi"]
charge_state = "auto"
[[tiers]]
name = "descriptors"
rank = "stable-passivation"
limits = {{ seconds = 60 }}
keep = {keep[0]}
[[tiers]]
name = "fast"
method = "sevennet-0"
protocol = {{ poses = 1, steps = 40, fmax = 0.2 }}
limits = {{ seconds = 1800 }}
keep = {keep[1]}
[[tiers]]
name = "good"
method = "gfn2-xtb"
protocol = {{ poses = 1, steps = 200, fmax = 0.1 }}
limits = {{ seconds = 7200 }}
"""


def molecules(wheel: Path) -> Iterator[tuple[str, str]]:
    """Yield SMILES and name of the single molecules of the table with at most 25 heavy atoms."""
    from rdkit import Chem, rdBase

    with zipfile.ZipFile(wheel) as archive, archive.open(TABLE) as file:
        for line in TextIOWrapper(file, encoding="utf-8"):
            fields = line.rstrip("\n").split("\t")
            smiles, name = fields[4], fields[7].replace(" ", "-")
            if "." in smiles:
                continue
            with rdBase.BlockLogs():
                mol = Chem.MolFromSmiles(smiles)
            if mol is not None and mol.GetNumHeavyAtoms() <= 25:
                yield smiles, name


def main() -> None:
    """Run the funnel and print what each tier let through and how long it took."""
    from qdsurf.campaign import Progress, screen, status

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--molecules", type=int, default=10000)
    parser.add_argument("--keep", type=int, nargs=2, default=(200, 10))
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/funnel"))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    source = molecules(given.wheel)
    lines = [f"{smiles} {name}" for _, (smiles, name) in zip(range(given.molecules), source, strict=False)]
    (given.output / "molecules.smi").write_text("\n".join(lines) + "\n", encoding="utf-8")
    file = given.output / "funnel.toml"
    file.write_text(TEXT.format(molecules=given.molecules, keep=given.keep))
    began: dict[str, float] = {}
    ended: dict[str, float] = {}

    def note(event: Progress) -> None:
        began.setdefault(event.tier, time.monotonic())
        ended[event.tier] = time.monotonic()

    rows = screen(file, output=given.output, workers=2, progress=note)
    print("| tier | pairs | failed | time |\n| --- | --- | --- | --- |")
    for name, tier in zip(began, status(given.output).tiers, strict=True):
        minutes = (ended[name] - began[name]) / 60
        print(f"| {name} | {sum(tier.values())} | {tier['failed']} | {minutes:.1f} min |")
    for row in rows:
        if row["rank"] is not None:
            print(f"{row['group']}: {row['rank']} {row['ligand']} {row['energy_eV']:+.2f} eV")
    causes = Counter(str(row["cause"]).split(":")[0] for row in rows if row["status"] == "failed")
    print("failed:", dict(causes))


if __name__ == "__main__":
    main()
