"""Ligand shells on dots of real size: time, memory, how many are placed, and the worst contact.

    python benchmarks/shells.py [--sizes 3 6 10] [--largest 20] [--write docs/benchmarks.md] [--case TEXT]

Every case runs in a process of its own, on one core, after the ligands' conformers are known (they are
computed once and cached); the time is that of ``attach`` alone. An overlap is a pair of atoms of different
molecules, or of a molecule and the core, closer than 0.75 of the sum of their van der Waals radii, or two
hydrogens closer than 1.8 Å, counted here by an own search over all atoms. Peers are run in the same table
where they are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
COLUMNS = (
    "dot", "atoms", "shell", "asked", "placed", "overlaps", "worst contact", "time s", "CPU s", "ms/ligand",
    "memory MB",
)  # fmt: skip
SHELLS: dict[str, dict[str, float]] = {
    "acetate on all X": {"acetate": 1.0},
    "propylammonium on all A": {"propylammonium": 1.0},
    "oleate on all X": {"oleate": 1.0},
    "oleylammonium + oleate, 25 % each": {"oleylammonium": 0.25, "oleate": 0.25},
    "oleylammonium + oleate, 50 % each": {"oleylammonium": 0.5, "oleate": 0.5},
}
PEERS = {"CAT": "CAT", "PerovKit": "perovkit", "QD_Builder": "builder", "miniCAT": "minicat"}


def cases(sizes: list[float], largest: float) -> list[dict[str, Any]]:
    """Return what is run: CsPbBr3 cubes of *sizes* in nm, the native pair on the *largest*, then PbS."""
    found: list[dict[str, Any]] = [
        {"kind": "cube", "nm": nm, "shell": name, "ligands": ligands, "unit": "fraction"}
        for nm in sizes
        for name, ligands in SHELLS.items()
    ]
    if largest:
        name = "oleylammonium + oleate, 50 % each"
        found.append(
            {"kind": "cube", "nm": largest, "shell": name, "ligands": SHELLS[name], "unit": "fraction"}
        )
    found.append(
        {"kind": "PbS", "nm": 3.3, "shell": "oleate 3 nm^-2", "ligands": {"oleate": 3.0}, "unit": "nm^-2"}
    )
    found.append(
        {"kind": "PbS", "nm": 3.3, "shell": "iodide + methylammonium, 40 each",
         "ligands": {"iodide": 40, "methylammonium": 40}, "unit": "count"}
    )  # fmt: skip
    return found


def dot(case: dict[str, Any]) -> Any:
    """Return the bare dot of *case*."""
    import qdsurf as qs

    if case["kind"] == "cube":
        crystal = qs.load_crystal("CsPbBr3-cubic")
        cells = round(10 * case["nm"] / float(crystal.atoms.cell.lengths()[0]))
        return qs.carve_dot(crystal, shape="cube", cells=cells)
    # a lead-rich dot: its excess of Pb2+ is balanced by monovalent anions, for which ligands can come
    return qs.carve_dot(
        qs.load_crystal("PbS"), shape="truncated-octahedron", diameter=10 * case["nm"], cap="Cl"
    )


def run(case: dict[str, Any]) -> dict[str, Any]:
    """Return one row of the table."""
    import qdsurf as qs

    base = dot(case)
    for name in case["ligands"]:
        ligand = qs.load_ligand(name)
        list(ligand.conformers[:1])
    start, cpu = time.perf_counter(), time.process_time()
    try:
        bound = qs.attach(base, case["ligands"], unit=case["unit"], best_effort=False)
        note = ""
    except qs.RunError as error:
        note, bound = str(error), None
    wall, used = time.perf_counter() - start, time.process_time() - cpu
    row: dict[str, Any] = {
        "dot": f"{case['kind'].replace('cube', 'CsPbBr3')} {case['nm']:g} nm",
        "shell": case["shell"], "time s": round(wall, 2), "CPU s": round(used, 2),
        "memory MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip
    if bound is None:
        return row | {"atoms": len(base.atoms), "asked": "", "placed": 0, "worst contact": note}
    placed = sum(bound.ledger[name] - base.ledger[name] for name in case["ligands"])
    contact = bound.contacts()
    return row | {
        "atoms": len(bound.atoms), "asked": asked(base, case), "placed": placed,
        "overlaps": overlapping(bound), "worst contact": str(contact),
        "ms/ligand": round(1000 * used / placed, 2),
    }  # fmt: skip


def asked(base: Any, case: dict[str, Any]) -> int:
    """Return how many ligands *case* asks for, counted here from sites and areas."""
    import qdsurf as qs
    from qdsurf.build.summary import summary

    if case["unit"] == "count":
        return int(sum(case["ligands"].values()))
    if case["unit"] == "nm^-2":
        return round(sum(case["ligands"].values()) * sum(row.area for row in summary(base).facets))
    total = 0
    for name, share in case["ligands"].items():
        takes = qs.load_ligand(name).binds
        total += round(share * sum(s.kind == takes and s.occupied for s in base.sites))
    return total


def overlapping(bound: Any) -> int:
    """Return the number of pairs that are too close, by a search that shares nothing with the packing."""
    import numpy as np
    from matscipy.neighbours import neighbour_list

    from qdsurf.model.contacts import radii

    atoms = bound.atoms.copy()
    atoms.set_cell(np.ptp(atoms.positions, axis=0) + 20.0)
    atoms.center()
    i, j, d = neighbour_list("ijd", atoms, 3.2)
    ligand, fragment, anchor = (atoms.arrays[k] for k in ("role", "fragment", "anchor"))
    ligand = ligand == "ligand"
    keep = (i < j) & (fragment[i] != fragment[j]) & (ligand[i] | ligand[j])
    keep &= ~((anchor[i] & ~ligand[j]) | (anchor[j] & ~ligand[i]))
    i, j, d = i[keep], j[keep], d[keep]
    size = radii(atoms.get_chemical_symbols())
    hydrogen = (atoms.numbers[i] == 1) & (atoms.numbers[j] == 1)
    return int(((d < 0.75 * (size[i] + size[j])) | (hydrogen & (d < 1.8))).sum())


def machine() -> str:
    """Return the processor, its number of cores, and the versions that matter."""
    import numpy
    import scipy

    import qdsurf

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        match = re.search(r"model name\s*:\s*(.+)", info.read_text())
        cpu = match[1].strip() if match else cpu
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{cpu}, {os.cpu_count()} cores of which one is used, load {load:.1f} at the start; Python "
        f"{platform.python_version()}, numpy {numpy.__version__}, scipy {scipy.__version__}, qdsurf "
        f"{qdsurf.__version__}"
    )


def table(rows: list[dict[str, Any]]) -> str:
    """Return *rows* as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(str(row.get(c, "")) for c in COLUMNS) + " |" for row in rows]
    return "\n".join(lines)


def write(path: Path, text: str) -> None:
    """Put *text* into the section "Shells" of *path*, between its two marks."""
    first, last = "<!-- shells: made by benchmarks/shells.py -->", "<!-- end of shells -->"
    block = f"{first}\n{text}\n{last}"
    old = path.read_text(encoding="utf-8") if path.is_file() else "# Benchmarks\n"
    if first in old:
        new = re.sub(re.escape(first) + ".*?" + re.escape(last), lambda _: block, old, flags=re.S)
    else:
        new = f"{old.rstrip()}\n\n## Shells\n\n{block}\n"
    path.write_text(new, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=float, default=[3.0, 6.0, 10.0], help="edges in nm")
    parser.add_argument("--largest", type=float, default=20.0, help="edge in nm of one more cube; 0: none")
    parser.add_argument("--case", default="", help="only shells whose name holds this text")
    parser.add_argument("--write", type=Path, default=None, help="Markdown file whose section is replaced")
    parser.add_argument("--one", default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(run(json.loads(options.one))))
        return 0
    where = machine()
    rows, failed = [], 0
    for case in cases(options.sizes, options.largest):
        if options.case.lower() not in f"{case['kind']} {case['shell']}".lower():
            continue
        command = [sys.executable, __file__, "--one", json.dumps(case)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ONE_CORE})
        if done.returncode:
            failed += 1
            cause = done.stderr.strip().splitlines()[-1]
            rows.append(
                {"dot": f"{case['kind']} {case['nm']:g} nm", "shell": case["shell"], "worst contact": cause}
            )
        else:
            rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    missing = [name for name, module in PEERS.items() if importlib.util.find_spec(module) is None]
    text = (
        f"Machine: {where}.\n\n{table(rows)}\n\nPeers not installed here, so not run: {', '.join(missing)}."
    )
    print(f"\n{text}")
    if options.write is not None:
        write(options.write, text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
