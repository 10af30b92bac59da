"""How well each term, and the score, orders measured log K: Spearman's coefficient for each metal.

    python benchmarks/hsab.py [FILE.csv] [--preset affinity] [--electronic gfn2-xtb]

The CSV has the columns metal, ligand (a species, a shelf name or SMILES) and log_k; others, such as
source and status, are carried along. Without a file it takes ``hsab_logk.csv`` beside this script: log K1 in
water from two compilations. Only the order within one metal is compared, so that a constant shared by
all ligands of a metal (its hydrolysis) drops out. A ligand that cannot be ranked is named, not left out in
silence.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

import qdsurf as qs
from qdsurf.errors import UnknownName
from qdsurf.rank.candidates import item_of, shelf_names
from qdsurf.rank.hsab_tables import species_smiles
from qdsurf.rank.ligand_ranking import RankedLigand
from qdsurf.rank.presets import Preset, load_preset

HERE = Path(__file__).resolve().parent


def read(path: Path) -> dict[str, dict[str, float]]:
    """Return log K by metal and ligand; the question is wrong if a row has none."""
    if not path.is_file():
        raise SystemExit(f"{path} is no file")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    missing = {"metal", "ligand", "log_k"} - set(rows[0] if rows else ())
    if missing:
        raise SystemExit(f"{path}: the columns {', '.join(sorted(missing))} are missing")
    table: dict[str, dict[str, float]] = defaultdict(dict)
    for number, row in enumerate(rows, start=2):
        try:
            value = float(row["log_k"] or "")
        except ValueError:
            raise SystemExit(f"{path}, line {number}: log_k is {row['log_k']!r}, no number") from None
        if row["ligand"] in table[row["metal"]]:
            raise SystemExit(f"{path}, line {number}: {row['metal']} and {row['ligand']} are listed twice")
        table[row["metal"]][row["ligand"]] = value
    return table


def spearman(one: list[float], other: list[float]) -> float | None:
    """Return Spearman's rank correlation; None where one side does not vary."""
    from scipy.stats import rankdata

    a, b = rankdata(one), rankdata(other)
    if len(a) < 3 or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def judged(metal: str, names: list[str], preset: Preset, method: str | None) -> list[RankedLigand]:
    """Return the rows of *names* under their names in the file; what fails is printed."""
    shelf = shelf_names()
    items = [replace(item_of(species_smiles().get(name, name), shelf), name=name) for name in names]
    rows = qs.rank_ligands(items, metal, preset=preset, electronic=method)
    for row in rows:
        if row.rank is None:
            print(f"{metal} {row.name}: {row.error}", file=sys.stderr)
    return [row for row in rows if row.rank is not None]


def correlations(
    rows: list[RankedLigand], metal: str, constants: dict[str, float], terms: list[str], method: str | None
) -> dict[str, float | None]:
    """Return Spearman's coefficient of each term, of Pearson's energy and of the score."""
    measured = [constants[row.name] for row in rows]
    results = {name: spearman([row.terms[name].desirability for row in rows], measured) for name in terms}
    # Pearson's energy is no term of the preset: it is asked for on its own, from the tables or computed.
    energies = [(row, qs.hsab(row.smiles, metal, method=method)[0].energy) for row in rows]
    known = [(-energy, constants[row.name]) for row, energy in energies if energy is not None]
    results["charge_transfer"] = spearman([e for e, _ in known], [k for _, k in known])
    results["score"] = spearman([row.score or 0.0 for row in rows], measured)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, default=HERE / "hsab_logk.csv")
    parser.add_argument("--preset", default="affinity")
    parser.add_argument("--electronic", default=None, help="method for Pearson's energy of molecules")
    options = parser.parse_args()
    preset = load_preset(options.preset)
    table = read(options.file)
    terms = [name for name in preset.weights if not preset.rules[name].surface]
    columns = [*terms, "charge_transfer", "score"]
    print(
        f"Spearman's coefficient with log K of {options.file.name}; preset {preset.name}; "
        "- where it says nothing; charge_transfer only over the donors that have one"
    )
    print("metal".ljust(8) + "n".rjust(4) + "".join(name.rjust(18) for name in columns))
    found: dict[str, list[float]] = defaultdict(list)
    failed = 0
    for metal, constants in table.items():
        try:
            rows = judged(metal, list(constants), preset, options.electronic)
        except UnknownName as error:
            print(f"{metal}: {error}", file=sys.stderr)
            failed += len(constants)
            continue
        failed += len(constants) - len(rows)
        results = correlations(rows, metal, constants, terms, options.electronic)
        cells = "".join(("-" if r is None else f"{r:+.2f}").rjust(18) for r in results.values())
        print(metal.ljust(8) + str(len(rows)).rjust(4) + cells)
        for name, result in results.items():
            if result is not None:
                found[name].append(result)
    means = "".join((f"{np.mean(found[name]):+.2f}" if found[name] else "-").rjust(18) for name in columns)
    print("mean".ljust(8) + "".rjust(4) + means)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
