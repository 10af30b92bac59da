"""Overhead of campaigns: a hundred thousand pairs whose evaluation costs nothing.

    python benchmarks/campaign.py 100000 --write

runs a campaign of that many pairs with two workers, and then measures what a second run costs that finds
everything done, and a status query. With --write the table of docs/campaigns.md is replaced.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

TEXT = """\
title = "benchmark"
[surface]
crystal = "CsPbBr3-cubic"
hkl = [0, 0, 1]
[ligands]
names = ["acetate"]
[method]
name = "emt"
[outputs]
report = false
structures = 0
"""


def resident() -> float:
    """Return the memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def campaign(folder: Path, pairs: int) -> dict[str, float]:
    """Run the campaign once and return times in seconds and memory in MB."""
    import cheap

    from qdsurf.campaign import screen

    file = folder / "benchmark.toml"
    file.write_text(TEXT)
    shared = cheap.a_ligand("shared")
    ligands = [cheap.renamed(shared, f"ligand-{number}") for number in range(pairs)]
    memory: dict[str, float] = {}
    marks: dict[str, float] = {"began": time.perf_counter()}

    def note(event: object) -> None:
        done, total = event.done, event.total  # type: ignore[attr-defined]
        if not getattr(event, "name", ""):
            marks["planned"] = time.perf_counter()
        for share in (0.1, 0.5, 1.0):
            if done >= share * total and str(share) not in memory:
                memory[str(share)] = resident()
                marks[str(share)] = time.perf_counter()

    rows = screen(
        file, output=folder / "out", surface=cheap.plain_slab(), ligands=ligands, evaluate=cheap.evaluate,
        workers=2, progress=note,
    )  # fmt: skip
    done = time.perf_counter()
    assert len(rows) == pairs, len(rows)
    assert all(row["status"] == "done" for row in rows)
    return {
        "plan": marks["planned"] - marks["began"],
        "run": marks.get("1.0", done) - marks["planned"],
        "write": done - marks.get("1.0", marks["planned"]),
        **{f"memory {share}": value for share, value in memory.items()},
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def status_seconds(folder: Path) -> float:
    """Return how long a status query takes, while nothing runs."""
    from qdsurf.campaign import status

    began = time.perf_counter()
    assert status(folder / "out").finished
    return time.perf_counter() - began


def in_own_process(folder: Path, pairs: int) -> tuple[dict[str, float], list[float]]:
    """Run :func:`campaign` in a fresh process, and ask for the status every ten seconds meanwhile."""
    from qdsurf.campaign import status

    asked: list[float] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(10):
            began = time.perf_counter()
            try:
                status(folder / "out")
            except Exception:  # not planned yet
                continue
            asked.append(time.perf_counter() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    done = subprocess.run(
        [sys.executable, __file__, str(pairs), "--folder", str(folder)],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    over.set()
    thread.join()
    return json.loads(done.stdout.splitlines()[-1]), asked


def table(
    pairs: int, first: dict[str, float], again: dict[str, float], asked: list[float], size: float
) -> str:
    """Return the table of the document."""
    rows = [
        ("wall time per pair, two workers", f"{1e3 * first['run'] / pairs:.2f} ms", "5 ms"),
        ("time of a worker per pair", f"{2e3 * first['run'] / pairs:.2f} ms", ""),
        ("pairs per second", f"{pairs / first['run']:.0f}", ""),
        ("making the plan", f"{first['plan']:.1f} s", ""),
        ("finding in a second run that all is done", f"{again['plan']:.1f} s", "5 s"),
        ("status query, the slowest, while it ran", f"{max(asked):.2f} s" if asked else "-", "1 s"),
        ("memory of the driver after a tenth, half, all of the pairs",
         ", ".join(f"{first[f'memory {s}']:.0f}" for s in ("0.1", "0.5", "1.0")) + " MB", "flat"),
        ("ranking and writing the tables", f"{first['write']:.1f} s", ""),
        ("memory of the driver at most, with all rows for the tables", f"{first['peak']:.0f} MB", ""),
        ("size of the store", f"{size:.0f} MB", ""),
    ]  # fmt: skip
    head = f"| {pairs} pairs that cost nothing | measured | wanted |\n| --- | --- | --- |\n"
    return head + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(text: str) -> None:
    """Replace the table of the document."""
    path = ROOT / "docs" / "campaigns.md"
    marks = r"(<!-- benchmark -->\n).*?(<!-- end -->)"
    before = path.read_text(encoding="utf-8")
    after = re.sub(marks, lambda m: f"{m[1]}{text}\n{m[2]}", before, flags=re.S)
    assert after != before or text in before, "docs/campaigns.md has no place for the table"
    path.write_text(after, encoding="utf-8")


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=int, nargs="?", default=2000)
    parser.add_argument("--write", action="store_true", help="replace the table of docs/campaigns.md")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder is not None:
        print(json.dumps(campaign(given.folder, given.pairs)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, asked = in_own_process(folder, given.pairs)
        again, _ = in_own_process(folder, given.pairs)
        asked.append(status_seconds(folder))
        size = sum(path.stat().st_size for path in (folder / "out").glob("store.sqlite*")) / 1e6
    made = table(given.pairs, first, again, asked, size)
    print(made)
    if given.write:
        load = os.getloadavg()[1]
        write(
            f"{made}\n\nMeasured on {time.strftime('%Y-%m-%d')} on {os.cpu_count()} cores shared with others"
            f" (load {load:.0f}), Python {platform.python_version()}, by `python benchmarks/campaign.py "
            f"{given.pairs} --write`."
        )


if __name__ == "__main__":
    main()
