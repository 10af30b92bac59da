"""Time to classify and measure a list of random molecules, on one process and on two.

Prints a table: molecules, processes, what was done, seconds, milliseconds a molecule, how many were
refused (one in ten is made to be) and how many were classified otherwise than they were made.

    python benchmarks/ligands.py [COUNT]
"""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path

from qdsurf.ligands import describe_ligands, load_ligand

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from molecules import Known, random_molecules


def measure(known: list[Known], *, sizes: bool, workers: int) -> None:
    """Describe *known* and print one line of the table."""
    start = time.perf_counter()
    rows = list(describe_ligands([one.smiles for one in known], anchor=None, sizes=sizes, workers=workers))
    seconds = time.perf_counter() - start
    refused = sum(row["status"] == "failed" for row in rows)
    wrong = sum(
        bool(one.refused) != (row["status"] == "failed")
        or (not one.refused and (one.charge, one.cbc_class, one.anchor)
            != (row["charge"], row["cbc_class"], row["anchors"]))
        for one, row in zip(known, rows, strict=True)
    )  # fmt: skip
    print(
        f"{len(known):>9} {workers:>9} {'class and sizes' if sizes else 'class only':>15} {seconds:>8.1f} "
        f"{1000 * seconds / len(known):>6.1f} {refused:>8} {wrong:>6}"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{platform.machine()}, Python {platform.python_version()}")
    known = random_molecules(count, seed=1)
    print(
        f"{'molecules':>9} {'processes':>9} {'what':>15} {'seconds':>8} {'ms':>6} {'refused':>8} {'wrong':>6}"
    )
    measure(known, sizes=False, workers=1)
    measure(known, sizes=False, workers=2)
    measure(known, sizes=True, workers=2)
    print(f"\n{'conformers of':>26} {'first':>8} {'eight':>8}   seconds")
    for name in ("oleate", "oleylammonium", "trioctylphosphine-oxide", "didodecyldimethylammonium"):
        ligand = load_ligand(name)
        start = time.perf_counter()
        ligand.conformers[0]
        first = time.perf_counter() - start
        len(ligand.conformers)
        print(f"{name:>26} {first:>8.2f} {time.perf_counter() - start:>8.2f}")


if __name__ == "__main__":
    main()
