"""Real servers for tests, started in a folder and stopped again: PostgreSQL, and Slurm on one host.

Where a part is missing the test is skipped with the reason, and fails in CI, which installs all of them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest


def need(*, programs: tuple[str, ...] = (), modules: tuple[str, ...] = (), root: bool = False) -> None:
    """Skip the test, or let it fail in CI, where something that it needs is missing."""
    lacks = [name for name in programs if shutil.which(name) is None]
    lacks += [name for name in modules if find_spec(name) is None]
    if root and os.geteuid() != 0:
        lacks.append("root")
    if lacks:
        said = f"needs {', '.join(lacks)}"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _postgres_folder() -> Path:
    """Return where the programs of the server are; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if found:
        return found[-1]
    where = shutil.which("initdb")
    if where is None:
        need(programs=("initdb",))
    return Path(str(where)).parent


class Postgres:
    """A server of its own in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.programs, self.data, self.port = _postgres_folder(), folder / "data", free_port()
        self.url = f"postgresql://tester@127.0.0.1:{self.port}/qdsurf"
        folder.mkdir(parents=True, exist_ok=True)
        # The server refuses to run as root; its user must reach the folder.
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        self._call("initdb", "-D", self.data, "-U", "tester", "-A", "trust", "--no-sync")
        self.start()
        self._call("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "tester", "qdsurf")

    def _call(self, program: str, *arguments: object) -> str:
        done = subprocess.run(
            [*self._as, str(self.programs / program), *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        # The log in a file: a server that holds the pipe of its starter would never let it end.
        self._call("pg_ctl", "-D", self.data, "-l", self.data / "log", "-w", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._call("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def sql(self, text: str) -> str:
        return self._call(
            "psql", "-h", "127.0.0.1", "-p", self.port, "-U", "tester", "-d", "qdsurf", "-Atc", text
        )


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Give a running server."""
    need(modules=("psycopg", "sqlalchemy"))
    server = Postgres(folder)
    try:
        yield server
    finally:
        server.stop("immediate")


_CONFIGURATION = """\
ClusterName=qdsurf
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=slurm
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation={folder}/controller
SlurmctldPidFile={folder}/controller/slurmctld.pid
SlurmctldLogFile={folder}/controller/slurmctld.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/controller/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SlurmctldTimeout=10
SlurmdTimeout=10
KillWait=2
NodeName=n0 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=4000 State=UNKNOWN
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=60 State=UP OverSubscribe=NO
"""


class Slurm:
    """A real Slurm with two nodes on this host; needs root, and neither systemd nor control groups."""

    def __init__(self, folder: Path) -> None:
        need(programs=("slurmctld", "slurmd", "sbatch", "sinfo", "munged", "munge", "runuser"), root=True)
        self.folder = folder
        self._own_munge = False
        controller = folder / "controller"
        controller.mkdir(parents=True)
        for node in ("n0", "n1"):
            (folder / f"spool-{node}").mkdir()
        # The controller becomes the user slurm, who has to reach its folder.
        user = pwd.getpwnam("slurm")
        os.chown(controller, user.pw_uid, user.pw_gid)
        for parent in (folder, *folder.parents):
            if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o055)
        self.configuration = folder / "slurm.conf"
        self.configuration.write_text(
            _CONFIGURATION.format(
                host=socket.gethostname().split(".")[0],
                folder=folder,
                ports=[free_port() for _ in range(3)],
            )
        )
        self.environment = {**os.environ, "SLURM_CONF": str(self.configuration)}

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self) -> None:
        """Start munge, the controller and the nodes, and wait until both nodes are idle."""
        if subprocess.run(["munge", "-n"], capture_output=True).returncode:
            munge = pwd.getpwnam("munge")
            Path("/run/munge").mkdir(exist_ok=True)
            os.chown("/run/munge", munge.pw_uid, munge.pw_gid)
            Path("/run/munge").chmod(0o755)
            self._run("runuser", "-u", "munge", "--", "/usr/sbin/munged", "--force")
            self._own_munge = True
        self._run("slurmctld", "-f", str(self.configuration))
        for node in ("n0", "n1"):
            self.start_node(node)
        until = time.monotonic() + 30
        while self._idle() < 2:
            assert time.monotonic() < until, self._run("sinfo", "-N")
            time.sleep(0.25)

    def _idle(self) -> int:
        done = subprocess.run(
            ["sinfo", "-h", "-t", "idle", "-o", "%D"], capture_output=True, text=True, env=self.environment
        )
        return int(done.stdout.strip() or 0) if done.returncode == 0 else 0

    def start_node(self, node: str) -> None:
        self._run("slurmd", "-f", str(self.configuration), "-N", node)

    def kill_node(self, node: str) -> int:
        """Kill a node with everything that runs on it, as if the power had failed; return how many jobs."""
        pid, steps = int((self.folder / f"slurmd-{node}.pid").read_text()), self._steps(node)
        for one in [pid, *steps]:
            for process in [*_descendants(one), one]:
                with suppress(ProcessLookupError):
                    os.kill(process, 9)
        return len(steps)

    def _steps(self, node: str) -> list[int]:
        """Return the processes that manage the jobs of *node*."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                spool = (path.parent / "cwd").resolve()
            except OSError:
                continue
            if text.startswith("slurmstepd") and self._node_of(int(path.parent.name), spool) == node:
                found.append(int(path.parent.name))
        return found

    def _node_of(self, pid: int, spool: Path) -> str:
        """Return the node of a slurmstepd: its open files lie in the spool of the node."""
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = os.readlink(link)
            except OSError:
                continue
            for node in ("n0", "n1"):
                if f"spool-{node}" in target or f"slurmd-{node}" in target:
                    return node
        return spool.name.removeprefix("spool-") if spool.parent == self.folder else ""

    def stop(self) -> None:
        """End what this started, by its process numbers."""
        subprocess.run(["scancel", "-u", "root"], capture_output=True, env=self.environment)
        time.sleep(1)
        pids = [*self.folder.glob("slurmd-*.pid"), self.folder / "controller" / "slurmctld.pid"]
        for path in pids:
            if path.exists():
                with suppress(ProcessLookupError, ValueError):
                    os.kill(int(path.read_text()), 15)
        if self._own_munge:
            os.kill(int(Path("/run/munge/munged.pid").read_text()), 15)


def _descendants(pid: int) -> list[int]:
    """Return the processes that *pid* started, and they in turn."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(one) for one in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [*_descendants(child), child]
    return found


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """Give a running Slurm."""
    cluster = Slurm(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
