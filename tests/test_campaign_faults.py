"""Whatever dies, fills up or hangs: afterwards every pair is done once, or recorded as failed."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cheap
import pytest
from cheap import a_ligand, energy_of, evaluate, plain_slab, runs

from qdsurf.campaign import load_campaign, screen, status
from qdsurf.errors import AskError, RunError, StoreError
from qdsurf.store import Store
from qdsurf.store.owners import owner_of

TEXT = """\
title = "faults"
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
NAMES = [f"ligand-{number}" for number in range(20)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "faults.toml"
    path.write_text(TEXT)
    return path


def run(file: Path, names: list[str], seconds: float = 0.0, **settings: Any) -> dict[str, dict[str, Any]]:
    """Run a campaign beside *file* with two workers and return its rows by ligand."""
    rows = screen(
        file,
        output=file.parent / "out",
        surface=plain_slab(file.parent / "notes", seconds),
        ligands=[a_ligand(name) for name in names],
        evaluate=evaluate,
        workers=2,
        **settings,
    )
    return {row["ligand"]: row for row in rows}


def begin(file: Path, names: list[str], seconds: float, **settings: Any) -> subprocess.Popen[str]:
    """Start the same campaign in a process of its own."""
    folder = file.parent
    return subprocess.Popen(
        [sys.executable, cheap.__file__, file, folder / "out", folder / "notes", str(seconds), *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.05)


def finished(folder: Path) -> dict[str, str]:
    """Return when each finished row was written, read as any other program would."""
    with sqlite3.connect(folder / "out" / "store.sqlite") as store:
        return dict(store.execute("select key, created from results where status='done'"))


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")  # of every thread
    return [int(p) for task in tasks for p in task.read_text().split()]


def test_pairs_that_raise_or_give_no_number_are_rows_with_their_cause_and_log(file: Path) -> None:
    rows = run(file, ["raises", "nan", "talks"])
    assert {name: row["status"] for name, row in rows.items()} == {
        "raises": "failed",
        "nan": "failed",
        "talks": "done",
    }
    assert rows["raises"]["cause"] == "RuntimeError: no such luck"
    assert rows["nan"]["cause"] == "ValueError: the energy is nan"
    with Store(file.parent / "out" / "store.sqlite") as store:
        assert "Traceback" in (store.log(rows["raises"]["key"]) or "")
        assert "said by the engine" in (store.log(rows["talks"]["key"]) or "")


def test_pairs_that_hang_or_grow_are_stopped_and_the_others_go_on(file: Path) -> None:
    file.write_text(TEXT + "[limits]\nseconds = 4\nmemory = 6\n")
    rows = run(file, ["hangs", "grows", *NAMES[:6]])
    assert rows["hangs"]["cause"] == "TimeLimit: took longer than the 4 s it may take"
    assert rows["grows"]["cause"] == "MemoryError: needs more than the 6 GB it may use"
    assert all(rows[name]["energy_eV"] == energy_of(name) for name in NAMES[:6])
    assert Counter(runs(file.parent / "notes")) == Counter(["hangs", "grows", *NAMES[:6]])


def test_a_worker_killed_once_costs_one_repetition_and_nothing_else(file: Path) -> None:
    rows = run(file, ["once", *NAMES])
    assert {row["status"] for row in rows.values()} == {"done"}
    assert Counter(runs(file.parent / "notes")) == Counter(["once", "once", *NAMES])


def test_a_driver_killed_leaves_no_process_and_the_next_one_goes_on(file: Path) -> None:
    folder = file.parent
    first = begin(file, NAMES, 0.3)
    wait_for(lambda: len(runs(folder / "notes")) >= 6)
    workers = children_of(first.pid)
    assert workers
    before = finished(folder)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_for(lambda: not [pid for pid in workers if Path(f"/proc/{pid}/exe").exists()], 10)
    acknowledged = finished(folder)
    assert before.items() <= acknowledged.items()
    assert acknowledged
    assert not status(folder / "out").finished
    rows = run(file, NAMES, 0.3)
    assert {row["status"] for row in rows.values()} == {"done"}
    after = finished(folder)
    assert acknowledged.items() <= after.items(), "a finished row was lost or computed again"
    assert status(folder / "out").finished
    # What was being computed when the driver died, at most one for each worker, ran twice.
    assert len(NAMES) <= len(runs(folder / "notes")) <= len(NAMES) + 2
    count = len(runs(folder / "notes"))
    assert run(file, NAMES, 0.3) == rows
    assert len(runs(folder / "notes")) == count, "a finished campaign does nothing"
    run(file, [*NAMES, "one more"], 0.3)
    assert runs(folder / "notes")[count:] == ["one", "more"]


def test_ctrl_c_ends_at_once_and_counts_nothing_as_a_death(file: Path) -> None:
    folder = file.parent

    def heeds_ctrl_c() -> None:
        # a test run in the background of a script inherits that the signal is ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    first = begin(file, ["hangs", *NAMES], 0.1, preexec_fn=heeds_ctrl_c)
    wait_for(lambda: len(runs(folder / "notes")) >= 6)
    workers = children_of(first.pid)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=30)
    assert first.returncode != 0
    assert "KeyboardInterrupt" in said
    wait_for(lambda: not [pid for pid in workers if Path(f"/proc/{pid}/exe").exists()], 10)
    with sqlite3.connect(folder / "out" / "store.sqlite") as store:
        assert store.execute("select max(deaths) from results").fetchone() == (0,)
    rows = run(file, NAMES)
    assert {row["status"] for row in rows.values()} == {"done"}
    assert Counter(runs(folder / "notes")).most_common(1)[0][1] <= 2


def test_two_drivers_on_one_store_compute_every_pair_once(file: Path) -> None:
    drivers = [begin(file, NAMES, 0.1), begin(file, NAMES[::-1], 0.1)]
    said = [driver.communicate(timeout=120) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], said
    assert Counter(runs(file.parent / "notes")) == Counter(NAMES)
    assert [out.strip() for out, _ in said] == ["20", "20"]


def test_a_full_disk_stops_the_campaign_and_loses_nothing(file: Path) -> None:
    names = [f"ligand-{number}" for number in range(60)]

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    full = begin(file, names, 0.0, preexec_fn=little_room)
    _, said = full.communicate(timeout=120)
    assert full.returncode != 0
    assert "StoreError" in said
    before = finished(file.parent)
    assert 0 < len(before) < len(names)
    rows = run(file, names)
    assert {row["status"] for row in rows.values()} == {"done"}
    assert len(rows) == len(names)
    assert before.items() <= finished(file.parent).items()


def test_a_broken_pool_of_the_caller_is_an_error_and_the_next_run_goes_on(file: Path) -> None:
    with ProcessPoolExecutor(1) as pool, pytest.raises(RunError, match="run again to go on"):
        run(file, ["dies", "ligand-1"], executor=pool)
    rows = run(file, ["ligand-1", "ligand-2"])
    assert {row["status"] for row in rows.values()} == {"done"}


def test_a_claim_lasts_as_long_as_its_owner(tmp_path: Path) -> None:
    piece = {"key": "k1", "ligand": "a", "surface": "s", "method": "m", "site": ""}
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with Store(tmp_path / "s.sqlite") as store:
        store.set_plan("c", 0, [piece])
        assert store.claim("k1", owner_of(sleeper.pid)) == "mine"
        assert store.claim("k1", owner_of()) == "busy"
        assert store.reap() == 0
        sleeper.kill()
        sleeper.wait()
        assert store.reap() == 1
        elsewhere = "another-host/boot/1/2/"
        assert store.claim("k1", elsewhere) == "mine"
        assert store.reap() == 0, "nothing is known of processes of another host"
        with sqlite3.connect(store.where) as plain:
            plain.execute("update results set lease=1")
        assert store.claim("k1", owner_of()) == "mine", "a claim that was not renewed is void"
        store.put({"key": "k1", "ligand": "a", "status": "done"})
        store.put({"key": "k1", "ligand": "a", "status": "failed", "cause": "late"})
        assert store.claim("k1", elsewhere) == "done", "a failure never replaces a result"


@pytest.mark.parametrize("content", [b"no database\n" * 500, b"SQLite format 3\0" + b"\xab" * 5000])
def test_a_foreign_or_damaged_store_stops_the_campaign_before_it_begins(file: Path, content: bytes) -> None:
    store = file.parent / "out" / "store.sqlite"
    store.parent.mkdir()
    store.write_bytes(content)
    with pytest.raises(AskError, match="store"):
        run(file, NAMES)
    assert store.read_bytes() == content
    assert not runs(file.parent / "notes")


def test_a_store_that_fails_under_way_is_a_store_error(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        with sqlite3.connect(store.where) as plain:
            plain.execute("drop table results")
        with pytest.raises(StoreError, match="no such table"):
            store.rows()


def test_a_function_that_cannot_travel_is_refused_before_anything_runs(file: Path) -> None:
    with pytest.raises(AskError, match="a function of a module would do"):
        screen(
            load_campaign(file),
            output=file.parent / "out",
            surface=plain_slab(),
            ligands=[a_ligand("x")],
            evaluate=lambda *_, **__: None,
        )


@pytest.mark.parametrize(
    ("evaluation", "guard", "said"),
    [
        ("evaluate", "if True:", "done"),
        ("mine", "if __name__ == '__main__':", "done"),
        ("mine", "if True:", "under if __name__ == '__main__'"),
    ],
)
def test_a_script_without_a_guard_does_not_run_itself_in_its_workers(
    file: Path, tmp_path: Path, evaluation: str, guard: str, said: str
) -> None:
    """A method of the shelf needs no guard; a function of the script itself does, and the rows say so."""
    script = tmp_path / "script.py"
    script.write_text(
        "from cheap import a_ligand, evaluate, plain_slab\n"
        "from qdsurf.campaign import screen\n"
        "def mine(*given, **also):\n    return evaluate(*given, **also)\n"
        f"{guard}\n"
        "    print('began')\n"
        f"    rows = screen({str(file)!r}, output={str(tmp_path / 'out')!r}, workers=1,"
        f" surface=plain_slab(), ligands=[a_ligand('one')], evaluate={evaluation})\n"
        "    print(*{str(row['status']) + ' ' + str(row['cause']) for row in rows})\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert done.returncode == 0, done.stderr
    began, told = done.stdout.splitlines()
    assert began == "began"
    assert said in told
