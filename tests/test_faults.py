"""A program that is killed, missing, out of disk or out of its mind is an error with its cause, no number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import alone
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from cheap import a_ligand, plain_slab

from qdsurf.campaign import screen
from qdsurf.energy.relax import relax, single_point
from qdsurf.errors import EvaluationError, MissingExtra
from qdsurf.methods import load_method

# A program with the files of xtb: what it writes as the force on each atom, and how much of it.
WRITE = """\
n=$(head -1 in.xyz)
{{ echo '$grad'; echo ' cycle = 1 SCF energy = {energy} |dE/dxyz| = 0'; tail -n +3 in.xyz
for i in $(seq {count}); do echo '{force} 0.0 0.0'; done; echo '$end'; }} > gradient
"""
PROGRAMS = {
    "good": WRITE.format(energy="-1.0", count="$n", force="0.0"),
    "slow": WRITE.format(energy="-1.0", count="$n", force="0.05"),
    "nan": WRITE.format(energy="NaN", count="$n", force="0.0"),
    "partial": WRITE.format(energy="-1.0", count="1", force="0.0"),
    "killed": "kill -9 $$\n",
    "crashes": "echo 'something is badly wrong'; exit 3\n",
    "lost": "echo '-1- scf: Self consistent charge iterator did not converge'; exit 1\n",
}
CAUSES = {
    "nan": "gave no number",
    "partial": "is the disk full?",
    "killed": "was killed by SIGKILL",
    "crashes": "ended with status 3; it said last: something is badly wrong",
    "lost": "the SCF did not converge; tried: the settings of the preset, mixing damped to 0.1",
    "missing": "needs what is not here: apt-get install xtb",
}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with one executable for each way to behave."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, text in PROGRAMS.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
    return folder


def water() -> Atoms:
    return molecule("H2O")


@pytest.mark.parametrize("name", [n for n in CAUSES if n != "missing"])
def test_every_way_to_fail_is_an_error_with_its_cause(name: str, programs: Path) -> None:
    method = load_method("xtb-gfn2", program=str(programs / name))
    with pytest.raises(EvaluationError) as caught:
        single_point(water(), method)
    assert CAUSES[name] in str(caught.value)
    assert "H2O" in str(caught.value)


def test_a_program_that_is_not_there_is_known_before_anything_runs() -> None:
    with pytest.raises(MissingExtra, match="apt-get install xtb"):
        single_point(water(), load_method("xtb-gfn2", program="/no/such/xtb"))


def test_a_campaign_goes_on_past_all_of_them(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fault is a failed row with its cause, a step limit an unconverged one, and the rest is done."""
    monkeypatch.setenv("FAKES", str(programs))
    file = tmp_path / "faults.toml"
    file.write_text(
        'title = "faults"\n[surface]\ncrystal = "CsPbBr3-cubic"\nhkl = [0, 0, 1]\n[ligands]\n'
        'names = ["acetate"]\n[method]\nname = "emt"\n[outputs]\nreport = false\nstructures = 0\n'
    )
    ligands = [a_ligand(name) for name in ("missing", *PROGRAMS)]
    found: dict[str, dict[str, Any]] = {
        row["ligand"]: row
        for row in screen(
            file, output=tmp_path / "out", surface=plain_slab(), ligands=ligands, evaluate=alone.evaluate,
            workers=2,
        )
    }  # fmt: skip
    for name, cause in CAUSES.items():
        assert found[name]["status"] == "failed", name
        assert cause in found[name]["cause"]
        assert found[name].get("energy_eV") is None
    assert found["good"]["status"] == "done"
    assert found["good"]["energy_eV"] == pytest.approx(-27.211386, abs=1e-5)
    assert found["slow"]["converged"] is False


def test_a_step_limit_is_no_failure_and_says_so() -> None:
    metal = bulk("Cu", cubic=True)
    metal.rattle(0.1, seed=0)
    stopped = relax(metal, load_method("emt"), steps=1)
    assert stopped.steps == 1
    assert not stopped.converged
    assert stopped.fmax > 0.05


def test_a_full_disk_is_an_error_with_its_cause(tmp_path: Path) -> None:
    """In a process that may write files of one byte only: the input cannot be written."""
    code = (
        "import resource, qdsurf as qs; from ase.build import molecule;"
        "from qdsurf.energy.relax import single_point; from qdsurf.errors import EvaluationError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))\n"
        "try: single_point(molecule('H2O'), qs.load_method('xtb-gfn2', program='true'))\n"
        "except EvaluationError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("GFN2-xTB (xtb program) failed on H2O: [Errno 27]")


@pytest.mark.engine
@pytest.mark.parametrize("name", ["xtb-gfn2", "gpaw-pbe-d3", "cp2k-pbe-d3"])
def test_a_program_killed_under_way_is_an_error_and_the_next_energy_is_right(name: str) -> None:
    settings = {"mode": "lcao", "grid_spacing": 0.25} if name.startswith("gpaw") else {}
    method = load_method(name, **settings)
    names, delay = WATCHED[name]
    system = water()
    system.set_cell([6, 6, 6])
    if name != "xtb-gfn2":
        system.pbc = True
    else:
        system = molecule("C60")  # takes seconds, so that there is something to kill
    killed: list[int] = []
    # Programs of earlier calculators may still be there.
    older = set(descendants(os.getpid()))

    def kill() -> None:
        until = time.monotonic() + 60
        while not killed and time.monotonic() < until:
            for child in set(descendants(os.getpid())) - older:
                if not killed and name_of(child) in names:
                    time.sleep(delay)
                    os.kill(child, signal.SIGKILL)
                    killed.append(child)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(EvaluationError, match=r"SIGKILL|stopped"):
        single_point(system, method)
    killer.join()
    assert killed
    assert single_point(system, method).energy < 0


# What each program is called among processes, and s after its start when it is computing.
WATCHED = {
    "xtb-gfn2": (("xtb",), 0.0),
    "gpaw-pbe-d3": (("gpaw", "python3", "gpaw-python"), 0.1),
    "cp2k-pbe-d3": (("cp2k.psmp",), 3.0),
}


def name_of(pid: int) -> str:
    """Return what a process is called; "" when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def descendants(pid: int) -> list[int]:
    """Return the processes that *pid* started, and those that they did."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
