"""The same campaign on real servers and clusters: the same table each time, and nothing lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cheap import a_ligand, energy_of, evaluate, plain_slab, runs
from services import Postgres, Slurm, need, postgres, slurm

from qdsurf.campaign import screen, status
from qdsurf.errors import AskError
from qdsurf.store import Store

# All that uses Slurm is in this file: `make engines` runs the tests of a file one after the other.
pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[1]

TEXT = """\
title = "clusters"
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
HERE = '[engine.options]\naddress = "127.0.0.1"\n'
NAMES = [f"ligand-{number}" for number in range(198)] + ["raises", "nan"]


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that other users may enter, which servers run as."""
    with tempfile.TemporaryDirectory(prefix="qdsurf-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def server(place: Path) -> Iterator[Postgres]:
    with postgres(place / "postgres") as running:
        yield running


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    with tempfile.TemporaryDirectory(prefix="qdsurf-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with slurm(Path(folder) / "slurm") as running, pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", str(running.configuration))
            yield running


def campaign(place: Path, more: str = "") -> Path:
    path = place / "clusters.toml"
    path.write_text(TEXT + more)
    return path


def run(file: Path, names: list[str] = NAMES, seconds: float = 0.0, **settings: Any) -> list[dict[str, Any]]:
    return screen(
        file,
        output=file.parent / "out",
        surface=plain_slab(file.parent / "notes", seconds),
        ligands=[a_ligand(name) for name in names],
        evaluate=evaluate,
        **settings,
    )


def check(rows: list[dict[str, Any]]) -> None:
    """Compare a table with what it has to be, times apart."""
    ranked = sorted((energy_of(name), name) for name in NAMES[:-2])
    table = [(row["energy_eV"], row["ligand"]) for row in rows if row["status"] == "done"]
    assert table == ranked
    assert {row["ligand"]: row["cause"] for row in rows if row["status"] == "failed"} == {
        "raises": "RuntimeError: no such luck",
        "nan": "ValueError: the energy is nan",
    }


@pytest.mark.parametrize(
    ("engine", "module"), [("local", "sqlite3"), ("dask", "distributed"), ("parsl", "parsl")]
)
def test_every_engine_gives_the_same_table(place: Path, engine: str, module: str) -> None:
    need(modules=(module,))
    check(run(campaign(place), engine=engine, workers=2))
    assert Counter(runs(place / "notes")) == Counter(NAMES)


@pytest.mark.parametrize(("engine", "module"), [("dask", "distributed"), ("parsl", "parsl")])
def test_a_worker_of_a_cluster_that_is_killed_loses_nothing(place: Path, engine: str, module: str) -> None:
    need(modules=(module,))
    victims: list[int] = []

    def kill_one(_: object) -> None:
        done = runs(place / "notes")
        if len(done) > 30 and not victims:
            victims.append(worker_of(place))
            os.kill(victims[0], signal.SIGKILL)

    check(run(campaign(place), seconds=0.02, engine=engine, workers=2, progress=kill_one))
    assert victims
    assert set(runs(place / "notes")) == set(NAMES)
    assert len(runs(place / "notes")) <= len(NAMES) + 2, "only what was under way may run twice"


def worker_of(place: Path) -> int:
    """Return the process that started the process that has claimed a pair: a worker of the engine."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for claim in status(place / "out").running:
            pid = int(claim["owner"].split("/")[2])
            try:
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent > 1 and parent != os.getpid():
                return parent
    raise AssertionError("no pair was under way")


def test_postgresql_gives_the_same_table_and_a_second_run_does_nothing(place: Path, server: Postgres) -> None:
    check(run(campaign(place), store=server.url, workers=2))
    assert Counter(runs(place / "notes")) == Counter(NAMES)
    check(run(campaign(place), store=server.url, workers=2))
    assert len(runs(place / "notes")) == len(NAMES)
    found = status(server.url)
    assert found.finished
    assert found.tiers[0]["done"] == 198
    assert server.sql("select count(*), max(attempts) from results") == "200|1\n"
    assert not (place / "out" / "store.sqlite").exists()


def test_a_lost_database_connection_is_sought_again(place: Path, server: Postgres) -> None:
    """Connections are cut twice, and the server is killed and started again while pairs are computed."""

    def disturb() -> None:
        for _ in range(2):
            time.sleep(1.0)
            server.sql(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
                "and usename='tester'"
            )
        time.sleep(1.0)
        server.stop("immediate")
        time.sleep(1.0)
        server.start()

    trouble = threading.Thread(target=disturb)

    def begin(_: object) -> None:
        if len(runs(place / "notes")) > 10 and trouble.ident is None:
            trouble.start()

    check(run(campaign(place), seconds=0.08, store=server.url, workers=2, progress=begin))
    trouble.join()
    assert Counter(runs(place / "notes")) == Counter(NAMES)


def test_two_drivers_share_a_database(place: Path, server: Postgres) -> None:
    file = campaign(place, f'store = "{server.url}"\n')
    import cheap

    command = [sys.executable, cheap.__file__, file, place / "out", place / "notes", "0.03", *NAMES[:60]]
    drivers = [subprocess.Popen(command) for _ in range(2)]
    assert [driver.wait(timeout=120) for driver in drivers] == [0, 0]
    assert Counter(runs(place / "notes")) == Counter(NAMES[:60])


def test_a_database_that_is_not_there_or_not_ours_is_refused(place: Path, server: Postgres) -> None:
    server.sql("create table notes(id integer)")
    with pytest.raises(AskError, match="cannot open the store"):
        Store(server.url)
    with pytest.raises(AskError, match="cannot open the store") as caught:
        Store("postgresql://me:secret@127.0.0.1:1/nothing")
    assert "secret" not in str(caught.value)


def batch(engine: str) -> str:
    """Return the section of a campaign that runs *engine* in batch jobs."""
    if engine == "slurm":
        return '[engine]\nkind = "slurm"\nworkers = 4\n[engine.options.resources]\npartition = "debug"\n'
    options = {
        "dask": 'queue = "debug"\nwalltime = "00:10:00"\nmemory = "500MB"\njob_cpu = 1\njob_mem = "100MB"\n'
        'interface = "lo"\njob_extra_directives = ["--no-requeue"]\n',
        "parsl": 'partition = "debug"\nwalltime = "00:10:00"\ncores_per_node = 1\n',
    }[engine]
    return f'[engine]\nkind = "{engine}"\nworkers = 2\n[engine.options.slurm]\n{options}'


@pytest.mark.parametrize(("engine", "module"), [("dask", "dask_jobqueue"), ("parsl", "parsl")])
def test_batch_jobs_give_the_same_table(place: Path, cluster: Slurm, engine: str, module: str) -> None:
    need(modules=(module,))
    more = batch(engine)
    if engine == "parsl":
        more = more.replace(
            "[engine.options.slurm]", '[engine.options]\naddress = "127.0.0.1"\n[engine.options.slurm]'
        )
    check(run(campaign(place, more)))
    assert Counter(runs(place / "notes")) == Counter(NAMES)


def test_one_batch_job_for_each_pair(place: Path, cluster: Slurm) -> None:
    need(modules=("executorlib",))
    rows = run(campaign(place, batch("slurm")), NAMES[:5])
    assert [row["status"] for row in rows] == ["done"] * 5
    assert Counter(runs(place / "notes")) == Counter(NAMES[:5])


def test_the_example_of_slurm_runs_on_slurm(place: Path, cluster: Slurm) -> None:
    """The file as it stands, its engine and limits, with a ranking in the place of the potential."""
    need(modules=("executorlib",))
    text = (ROOT / "examples" / "screen" / "slurm.toml").read_text(encoding="utf-8")
    text, partitions = re.subn(r'partition = "\w+"', 'partition = "debug"', text)
    method = text[text.index("[method]") : text.index("[limits]")]
    text = text.replace(method, '[[tiers]]\nrank = "stable-passivation"\n')
    # the nodes of the test have one core, and its partition lets jobs run for an hour
    text, limits = re.subn(r"threads = 4\nseconds = 7200", "threads = 1\nseconds = 300", text)
    assert partitions == limits == 1
    (place / "slurm.toml").write_text(text)
    rows = screen(place / "slurm.toml", output=place / "out")
    assert len(rows) == 7
    assert {row["status"] for row in rows} == {"done"}


def test_a_node_that_dies_under_way_loses_nothing(place: Path, cluster: Slurm) -> None:
    need(modules=("dask_jobqueue",))
    killed: list[int] = []

    def kill(_: object) -> None:
        if len(runs(place / "notes")) > 30 and not killed:
            killed.append(cluster.kill_node("n1"))

    more = batch("dask").replace("job_cpu = 1", "job_cpu = 3")  # a node each
    try:
        check(run(campaign(place, more), seconds=0.05, progress=kill))
    finally:
        cluster.start_node("n1")
    assert killed == [1], "a job was on the node that died"
    assert set(runs(place / "notes")) == set(NAMES)
    assert len(runs(place / "notes")) <= len(NAMES) + 4
