"""Ligand shells on dots of real size: time, memory, how many are placed, and the worst contact.

    python benchmarks/shells.py [--sizes 3 6 10] [--largest 20] [--write docs/benchmarks.md] [--case TEXT]
    python benchmarks/shells.py --peer-python PATH [--only-peers] [--write docs/benchmarks.md]

Every case runs in a process of its own, on one core, after the ligands' conformers are known (they are
computed once and cached); the time is that of ``attach`` alone. An overlap is a pair of atoms of different
molecules, or of a molecule and the core, closer than 0.75 of the sum of their van der Waals radii, or two
hydrogens closer than 1.8 Å, counted here by an own search over all atoms.

``--peer-python`` names a Python that has CAT (nlesc-CAT), which needs old versions of much and therefore an
environment of its own (Python 3.11; without the pins it installs but does not import)::

    python3.11 -m venv cat-venv
    cat-venv/bin/pip install "nlesc-CAT==1.1.0" "plams==1.5.1" "pandas<2" "numpy<1.25" "scipy<1.12" \
        "rdkit<2024" "schema==0.7.2" "setuptools<81"

CAT gets 90 s of CPU time for each case, its start and its conformer search among them; what is not finished
by then is told so in the table. CAT builds no core, so it gets the one that qdsurf carves, its X sites marked
as Cl, and both tools put the same ligand on the same sites, in a second table of the same run; CAT does so
with its ligands aligned to the surface, which is its default, and to a sphere, which overlaps less. PerovKit,
QD_Builder and miniCAT are not on PyPI and are not run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import tempfile
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
PEER_COLUMNS = ("tool", *COLUMNS)
PEER_SHELLS = ("acetate on all X", "oleate on all X")
PEER_LIMIT = 90  # s of CPU time for each case: a case that is not finished by then is a result too
PEER_PATIENCE = 12  # times that limit is waited by the clock, for machines on which other work runs
ALIGNMENTS = ("surface", "sphere")  # of CAT's ligands; the first is its default, the second overlaps less
MARKED = "Cl"  # CAT replaces atoms of one element; the dots have no chlorine
MARKS = "shells"
PEER_MARKS = "shells beside peers"


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
        "overlaps": overlapping(bound.atoms), "worst contact": str(contact),
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


def overlapping(dressed: Any) -> int:
    """Return the number of pairs that are too close, by a search that shares nothing with the packing.

    *dressed* has the arrays role, fragment and anchor; bonds of anchors to the core are left out.
    """
    import numpy as np
    from matscipy.neighbours import neighbour_list

    from qdsurf.model.contacts import radii

    atoms = dressed.copy()
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


def peer(case: dict[str, Any], python: str, alignment: str) -> dict[str, Any]:
    """Return the row of CAT, run by *python*, for the one ligand of *case* on all X sites."""
    import ase.io

    import qdsurf as qs

    base = dot(case)
    (name,) = case["ligands"]
    sites = [s.atoms[0] for s in base.sites if s.kind == "anion site" and s.occupied]
    core = base.atoms.copy()
    core.symbols[sites] = MARKED
    row: dict[str, Any] = {
        "tool": f"CAT, {alignment}",
        "dot": f"CsPbBr3 {case['nm']:g} nm",
        "shell": case["shell"],
        "asked": len(sites),
    }
    with tempfile.TemporaryDirectory() as folder:
        task = {"core": f"{folder}/core.xyz", "marked": MARKED, "out": f"{folder}/out.json",
                "smiles": qs.load_ligand(name).smiles, "alignment": alignment}  # fmt: skip
        ase.io.write(task["core"], core, format="xyz")
        script = str(Path(__file__).resolve().with_name("peers_cat.py"))
        command = [python, "-W", "ignore", script, json.dumps(task)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, cwd=folder, timeout=PEER_PATIENCE * PEER_LIMIT,
                env={**os.environ, **ONE_CORE}, preexec_fn=limited,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return row | {"worst contact": f"not finished in {PEER_PATIENCE * PEER_LIMIT} s", "limited": True}
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return row | {"worst contact": f"not finished in {PEER_LIMIT} s of CPU time", "limited": True}
        if done.returncode:
            cause = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            return row | {"worst contact": f"failed with {cause}"}
        made = json.loads(Path(task["out"]).read_text(encoding="utf-8"))
    return row | judged(made) | {"tool": f"CAT {made['version']}, {alignment}"}


def limited() -> None:
    """Let the process use no more than the CPU time that a case may take."""
    resource.setrlimit(resource.RLIMIT_CPU, (PEER_LIMIT, PEER_LIMIT + 5))


def judged(made: dict[str, Any]) -> dict[str, Any]:
    """Return the measured columns of the dot that CAT *made*, contacts judged as for qdsurf's own.

    Both oxygens of a carboxylate count as anchors, as they do for qdsurf.
    """
    import numpy as np
    from ase import Atoms

    from qdsurf.model.contacts import worst_contact

    atoms = Atoms(made["symbols"], made["positions"])
    residue = np.array(made["residue"])
    ligand = residue > 0
    # the numbers of residues start again after 999: a new one begins where the number changes
    fragment = np.where(ligand, np.cumsum(np.diff(residue, prepend=0) != 0), 0)
    atoms.set_array("fragment", fragment)
    atoms.set_array("role", np.where(ligand, "ligand", "core"))
    atoms.set_array("anchor", ligand & (atoms.numbers == 8))
    placed = len(set(fragment[ligand].tolist()))
    return {
        "atoms": len(atoms), "placed": placed,
        "overlaps": overlapping(atoms), "worst contact": str(worst_contact(atoms, {})),
        "time s": round(made["wall"], 2), "CPU s": round(made["cpu"], 2),
        "ms/ligand": round(1000 * made["cpu"] / placed, 2), "memory MB": round(made["memory"]),
    }  # fmt: skip


def beside_peers(python: str, sizes: list[float]) -> tuple[str, int]:
    """Return the table of qdsurf and CAT on the same sites, and how many rows failed."""
    import qdsurf

    where, rows = machine(), []
    for case in cases(sizes, 0.0):
        if case["kind"] != "cube" or case["shell"] not in PEER_SHELLS:
            continue
        rows.append({"tool": f"qdsurf {qdsurf.__version__}"} | alone(case))
        for alignment in ALIGNMENTS:
            rows.append(peer(case, python, alignment))
            print(table(rows[-1:], PEER_COLUMNS).splitlines()[-1], flush=True)
    text = (
        f"Machine: {where}.\n\n{table(rows, PEER_COLUMNS)}\n\n"
        "Each tool puts the same ligand on the same X sites of the same core; conformers are made before "
        f"the clock starts. CAT may use {PEER_LIMIT} s of CPU time for a case, its start among them; it "
        "runs in a Python of its own with the versions it needs, its ligands aligned "
        "to the surface (its default) or to a sphere. PerovKit, QD_Builder and miniCAT are not on PyPI and "
        "were not run."
    )
    return text, sum("time s" not in row and not row.get("limited") for row in rows)


def alone(case: dict[str, Any]) -> dict[str, Any]:
    """Return the row of *case*, run in a process of its own; without times where it failed."""
    command = [sys.executable, __file__, "--one", json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ONE_CORE})
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    cause = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
    return {"dot": f"{case['kind']} {case['nm']:g} nm", "shell": case["shell"], "worst contact": cause}


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


def table(rows: list[dict[str, Any]], columns: tuple[str, ...] = COLUMNS) -> str:
    """Return *rows* as a Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(str(row.get(c, "")) for c in columns) + " |" for row in rows]
    return "\n".join(lines)


def write(path: Path, marks: str, text: str) -> None:
    """Put *text* between the two *marks* of *path*; where there are none, into a new section at the end."""
    first, last = f"<!-- {marks}: made by benchmarks/shells.py -->", f"<!-- end of {marks} -->"
    block = f"{first}\n{text}\n{last}"
    old = path.read_text(encoding="utf-8") if path.is_file() else "# Benchmarks\n"
    if first in old:
        new = re.sub(re.escape(first) + ".*?" + re.escape(last), lambda _: block, old, flags=re.S)
    else:
        new = f"{old.rstrip()}\n\n## {marks.capitalize()}\n\n{block}\n"
    path.write_text(new, encoding="utf-8")


def own(options: argparse.Namespace) -> tuple[str, int]:
    """Return the table of qdsurf's own cases, and how many failed."""
    where, rows = machine(), []
    for case in cases(options.sizes, options.largest):
        if options.case.lower() not in f"{case['kind']} {case['shell']}".lower():
            continue
        rows.append(alone(case))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    return f"Machine: {where}.\n\n{table(rows)}", sum("time s" not in row for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=float, default=[3.0, 6.0, 10.0], help="edges in nm")
    parser.add_argument("--largest", type=float, default=20.0, help="edge in nm of one more cube; 0: none")
    parser.add_argument("--case", default="", help="only shells whose name holds this text")
    parser.add_argument("--write", type=Path, default=None, help="Markdown file whose tables are replaced")
    parser.add_argument("--peer-python", default="", help="Python that has CAT: adds the table beside it")
    parser.add_argument("--only-peers", action="store_true", help="leave out the table of qdsurf alone")
    parser.add_argument("--one", default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(run(json.loads(options.one))))
        return 0
    if options.only_peers and not options.peer_python:
        parser.error("--only-peers needs --peer-python, the path of a Python that has CAT")
    if options.peer_python and not Path(options.peer_python).is_file():
        parser.error(f"--peer-python: there is no file {options.peer_python}")
    python = os.path.abspath(
        options.peer_python
    )  # not resolved: a link is what makes it the Python of a venv
    failures = 0
    tables = [] if options.only_peers else [(MARKS, lambda: own(options))]
    if options.peer_python:
        tables.append((PEER_MARKS, lambda: beside_peers(python, options.sizes)))
    for marks, make in tables:
        text, failed = make()
        failures += failed
        print(f"\n{text}")
        if options.write is not None:
            write(options.write, marks, text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
