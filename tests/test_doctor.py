"""The doctor tries methods for real and tells what works, what is missing and what fails apart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qdsurf.energy.trial import try_method
from qdsurf.library import list_shelf

ROOT = Path(__file__).resolve().parents[1]
# A calculator that starts and then misbehaves, as a preset of a private library.
PRESET = (ROOT / "calculators" / "emt.toml").read_text()


def private(tmp_path: Path, name: str, calculator: str, settings: str = "") -> None:
    shelf = tmp_path / "calculators"
    shelf.mkdir(exist_ok=True)
    text = PRESET.replace("ase.calculators.emt:EMT", calculator)
    (shelf / f"{name}.toml").write_text(text.replace("[settings]\n", f"[settings]\n{settings}"))


def doctor(*arguments: str) -> tuple[int, dict[str, dict[str, object]]]:
    done = subprocess.run(
        [sys.executable, "-m", "qdsurf", "doctor", "--json", *arguments], capture_output=True, text=True
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def test_every_method_of_the_shelf_is_named_with_what_it_lacks() -> None:
    code, found = doctor("--no-run")
    assert code == 0
    assert set(found) == set(list_shelf("calculators"))
    assert found["emt"]["status"] == "not tried"
    for row in found.values():
        assert row["warnings"]
        assert (row["status"] == "lacks") == bool(row["lacks"])
    # No weights come with qdsurf, so these want something of the user's wherever this runs.
    for name in ("mace", "orb", "mattersim", "nequip"):
        assert found[name]["status"] == "lacks"


def test_a_trial_that_works_and_a_name_that_does_not() -> None:
    code, found = doctor("emt")
    assert code == 0
    assert found["emt"]["status"] == "works"
    assert found["emt"]["seconds"] > 0
    assert doctor("emtt") == (2, {})


def test_what_is_installed_but_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private(tmp_path, "hangs", "subprocess:run", 'args = ["sleep", "60"]\n')
    private(tmp_path, "absent", "qdsurf.methods.xtb_program:XTB", 'program = "no-such-program"\n')
    monkeypatch.setenv("QDSURF_LIBRARY", str(tmp_path))
    absent = try_method("absent")
    assert absent.status == "fails"
    assert "no-such-program cannot be started" in absent.cause
    hangs = try_method("hangs", limit=1.0)
    assert hangs.cause == "took longer than 1 s"
    code, found = doctor("absent")
    assert code == 1
    assert found["absent"]["status"] == "fails"


@pytest.mark.engine
@pytest.mark.parametrize("name", ["xtb-gfn2", "gfn-ff", "gpaw-pbe-d3", "sevennet-0", "cp2k-pbe-d3"])
def test_the_engines_of_ci_work(name: str) -> None:
    trial = try_method(name)
    assert trial.status == "works", trial.cause or trial.lacks
    assert any(character.isdigit() for character in trial.engine)
