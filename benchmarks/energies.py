"""What a binding energy costs with the default method, and what qdsurf adds to the bare calculator.

    python benchmarks/energies.py --write

binds ligands one after the other to a 2x2 slab of CsPbBr3 with three octahedral layers (68 atoms), notes
every geometry whose forces were asked for, and then asks the bare ASE calculator for the forces of the same
geometries. The overhead is counted in CPU time of one thread, so that other work on the machine matters
little. A campaign of the same ligands with two workers follows, for the wall time of a ligand on two cores.
With --write the table of docs/methods.md is replaced.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "methods.md"
BEGIN, END = "<!-- from benchmarks/energies.py -->", "<!-- end of benchmarks/energies.py -->"
LIGANDS = ("acetate", "methylammonium", "formate", "trimethylphosphine-oxide")
CAMPAIGN = """\
title = "energies"
[surface]
crystal = "CsPbBr3-cubic"
hkl = [0, 0, 1]
termination = "CsBr"
layers = 3
repeat = [2, 2]
[ligands]
names = [{names}]
[method]
name = "{method}"
lattice = "experimental"
[protocol]
poses = {poses}
steps = {steps}
[outputs]
report = false
structures = 0
"""


class Recorder:
    """Calculators that note the geometries they compute, in place of those that qdsurf makes."""

    def __init__(self) -> None:
        self.geometries: list[Any] = []

    def make(self, method: Any, *, charge: int = 0) -> Any:
        from qdsurf.methods import make_calculator

        made = make_calculator(method, charge=charge)
        plain = made.calculate

        def noted(atoms: Any = None, *arguments: Any, **named: Any) -> None:
            self.geometries.append(atoms.copy())
            plain(atoms, *arguments, **named)

        made.calculate = noted
        return made


def bound(
    names: tuple[str, ...], method: Any, poses: int, steps: int
) -> tuple[list[dict[str, Any]], Recorder]:
    """Bind each ligand with shared references and return time and number of force calls of each."""
    import qdsurf as qs
    from qdsurf.energy import relax as room

    recorder = Recorder()
    crystal = qs.load_crystal("CsPbBr3-cubic")
    slab = qs.cut_slab(crystal, (0, 0, 1), layers=3, termination="CsBr", repeat=(2, 2))
    references: dict[str, Any] = {}
    kept, room.make_calculator = room.make_calculator, recorder.make
    rows = []
    try:
        for name in names:
            calls, known, cpu = len(recorder.geometries), len(references), time.process_time()
            ligand = qs.load_ligand(name)
            energy = qs.binding_energy(slab, ligand, method, poses=poses, steps=steps, references=references)
            rows.append(
                {
                    "ligand": name,
                    "cpu": time.process_time() - cpu,
                    "calls": len(recorder.geometries) - calls,
                    "references": len(references) - known,
                    "value": energy.value,
                }
            )
            print(rows[-1], file=sys.stderr, flush=True)
    finally:
        room.make_calculator = kept
    return rows, recorder


def warm_up(calculator: Any) -> None:
    """Compute a few geometries, so that torch has compiled what it will."""
    from ase.build import bulk
    from ase.calculators.calculator import all_changes

    for number in range(4):
        atoms = bulk("CsBr", "cesiumchloride", a=4.3, cubic=True).repeat((2, 2, 2))
        atoms.rattle(0.05, seed=number)
        calculator.calculate(atoms, ["energy", "forces"], all_changes)


def replayed(recorder: Recorder, rows: list[dict[str, Any]], method: Any) -> list[float]:
    """Return the CPU time of the bare calculator for the geometries of each ligand."""
    from ase.calculators.calculator import all_changes

    from qdsurf.methods import making

    # The network that is loaded already: what torch compiles at the first calls is counted for neither.
    calculator = making._made(method, method.settings, {})
    times, at = [], 0
    for row in rows:
        cpu = time.process_time()
        for geometry in recorder.geometries[at : at + row["calls"]]:
            calculator.calculate(geometry, ["energy", "forces"], all_changes)
        times.append(time.process_time() - cpu)
        at += row["calls"]
    return times


def campaign(names: tuple[str, ...], method: str, poses: int, steps: int, folder: Path) -> float:
    """Return the wall time in s of a campaign of *names* with two workers."""
    from qdsurf.campaign import screen

    file = folder / "energies.toml"
    quoted = ", ".join(f'"{name}"' for name in names)
    file.write_text(CAMPAIGN.format(names=quoted, method=method, poses=poses, steps=steps))
    start = time.perf_counter()
    rows = screen(file, output=folder / "out", workers=2)
    if failed := [f"{row['ligand']}: {row['cause']}" for row in rows if row["status"] != "done"]:
        raise SystemExit("\n".join(failed))
    return time.perf_counter() - start


def report(rows: list[dict[str, Any]], bare: list[float], wall: float | None, loaded: int, about: str) -> str:
    """Return the table."""
    lines = [
        "| ligand | force calls | new references | CPU s, qdsurf | CPU s, bare calculator | overhead |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row, plain in zip(rows, bare, strict=True):
        lines.append(
            f"| {row['ligand']} | {row['calls']} | {row['references']} | {row['cpu']:.1f} | {plain:.1f} "
            f"| {100 * (row['cpu'] / plain - 1):+.1f} % |"
        )
    whole, plain = sum(row["cpu"] for row in rows), sum(bare)
    calls = sum(row["calls"] for row in rows)
    lines.append(f"| all | {calls} | | {whole:.1f} | {plain:.1f} | {100 * (whole / plain - 1):+.1f} % |")
    lines += ["", f"{about} The network was loaded {loaded} time{'s' * (loaded != 1)}."]
    if wall is not None:
        lines.append(
            f"A campaign of these ligands with two workers took {wall / len(rows):.0f} s of wall time for "
            f"each, references and loading two networks included, at a load of {os.getloadavg()[0]:.1f}."
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print; see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ligands", nargs="*", default=list(LIGANDS))
    parser.add_argument("--poses", type=int, default=2)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--no-campaign", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    import torch

    import qdsurf as qs
    from qdsurf.methods import making

    torch.set_num_threads(1)
    method = qs.load_method("sevennet-0-d3")
    names = tuple(given.ligands)
    making._loaded.cache_clear()
    warm_up(making.make_calculator(method))  # loading and compiling are counted apart
    rows, recorder = bound(names, method, given.poses, given.steps)
    loaded = making._loaded.cache_info().misses
    bare = replayed(recorder, rows, method)
    load, wall = os.getloadavg()[0], None
    if not given.no_campaign:
        with tempfile.TemporaryDirectory() as folder:
            wall = campaign(names, method.name, given.poses, given.steps, Path(folder))
    about = (
        f"{method.title}, 68 atoms and the ligand, {given.poses} pose{'s' * (given.poses != 1)}, at most "
        f"{given.steps} steps; {datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, one "
        f"thread, load {load:.1f} while measured."
    )
    text = report(rows, bare, wall, loaded, about)
    print(text)
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        part = PAGE.with_suffix(".part")
        pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
        part.write_text(
            re.sub(pattern, lambda _: f"{BEGIN}\n\n{text}\n\n{END}", page, flags=re.S), encoding="utf-8"
        )
        os.replace(part, PAGE)


if __name__ == "__main__":
    main()
