"""Engines: each gives a ``concurrent.futures.Executor``; nothing of qdsurf knows more of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from qdsurf.campaign.limits import Limits
from qdsurf.errors import AskError, MissingExtra, UnknownName


@contextmanager
def _local(workers: int, limits: Limits, folder: Path, options: Mapping[str, Any]) -> Iterator[Executor]:
    """Threads of this process; each keeps a process of its own that does the work and may die."""
    from qdsurf.campaign.guard import close_children, start_children, stop_children

    if options:
        raise AskError(f"the local engine takes no options, given: {', '.join(options)}")
    start_children()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="qdsurf")
    try:
        yield pool
    except BaseException:
        # A relaxation can take an hour: on an error or Ctrl-C the processes are ended.
        pool.shutdown(wait=False, cancel_futures=True)
        stop_children()
        raise
    pool.shutdown()
    close_children()


@contextmanager
def _dask(workers: int, limits: Limits, folder: Path, options: Mapping[str, Any]) -> Iterator[Executor]:
    """Dask: a cluster that runs already (address), one of batch jobs (slurm), or one on this host."""
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingExtra("the engine dask", "dask") from error
    settings = dict(options)
    address, batch = settings.pop("address", None), settings.pop("slurm", None)
    with ExitStack() as stack:
        if address is not None:
            client = stack.enter_context(Client(address))
        elif batch is not None:
            try:
                from dask_jobqueue import SLURMCluster
            except ImportError as error:
                raise MissingExtra("batch jobs of the engine dask", "dask") from error
            wanted = {
                "cores": 1,
                "processes": 1,
                "memory": "4GB",
                "python": sys.executable,
                "log_directory": str(folder / "jobs"),
                "job_script_prologue": _environment(),
                **batch,
            }
            cluster = stack.enter_context(SLURMCluster(**wanted))
            cluster.scale(jobs=workers)
            client = stack.enter_context(Client(cluster))
        else:
            chosen = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None, **settings}
            client = stack.enter_context(Client(stack.enter_context(LocalCluster(**chosen))))
        yield stack.enter_context(client.get_executor(pure=False, retries=2))


@contextmanager
def _parsl(workers: int, limits: Limits, folder: Path, options: Mapping[str, Any]) -> Iterator[Executor]:
    """Parsl: a configuration of your own ("module:name"), batch jobs (slurm), or workers on this host."""
    try:
        import parsl
        from parsl.concurrent import ParslPoolExecutor
        from parsl.config import Config
        from parsl.executors import HighThroughputExecutor
        from parsl.providers import LocalProvider, SlurmProvider
    except ImportError as error:
        raise MissingExtra("the engine parsl", "parsl") from error
    # Parsl starts its own programs by name.
    beside = str(Path(sys.executable).parent)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join((beside, os.environ.get("PATH", "")))
    settings = dict(options)
    if "config" in settings:
        from qdsurf.campaign.tasks import find_function

        found = find_function(settings["config"])
        config = found() if callable(found) else found
        config = config() if callable(config) else config
    else:
        prologue = "\n".join(_environment())
        if (batch := settings.pop("slurm", None)) is not None:
            # One worker for each job, unless cores_per_node says otherwise.
            provider = SlurmProvider(
                **{
                    "init_blocks": workers,
                    "max_blocks": workers,
                    "nodes_per_block": 1,
                    "walltime": "01:00:00",
                    "exclusive": False,
                    "worker_init": prologue,
                    **batch,
                }
            )
            mine = {"max_workers_per_node": 1, "address": None, **settings}
        else:
            provider = LocalProvider(init_blocks=1, max_blocks=1, worker_init=prologue)
            mine = {"max_workers_per_node": workers, "address": "127.0.0.1", **settings}
        engine = HighThroughputExecutor(
            label="qdsurf", provider=provider, cores_per_worker=1e-6, **{k: v for k, v in mine.items() if v}
        )
        config = Config(
            executors=[engine], run_dir=str(folder / "parsl"), retries=2, usage_tracking=0, strategy="none"
        )
    # Not left by clear() alone, after which its processes would stay.
    with ParslPoolExecutor(config=config) as pool:
        try:
            yield pool
        finally:
            parsl.clear()


@contextmanager
def _slurm(workers: int, limits: Limits, folder: Path, options: Mapping[str, Any]) -> Iterator[Executor]:
    """Executorlib: one batch job for each pair, for pairs that take hours.

    The driver hands out as many at a time as there are workers.
    """
    try:
        from executorlib import SlurmClusterExecutor
    except ImportError as error:
        raise MissingExtra("the engine slurm", "slurm") from error
    settings = dict(options)
    resources: dict[str, Any] = {"cores": 1, "threads_per_core": limits.threads}
    if limits.seconds is not None:
        resources["run_time_max"] = int(limits.seconds) + 120  # room for starting and for the last row
    if limits.memory is not None:
        resources["memory_max"] = max(1, round(limits.memory))
    if limits.gpus:
        resources["gpus_per_core"] = limits.gpus
    resources |= settings.pop("resources", {})
    cache = folder / "jobs"
    cache.mkdir(parents=True, exist_ok=True)
    with SlurmClusterExecutor(
        cache_directory=str(cache.absolute()), resource_dict=resources, **settings
    ) as pool:
        yield pool


@contextmanager
def _same_modules() -> Iterator[None]:
    """Let every process that is started find the modules that this one finds."""
    inside = tuple(Path(p).resolve() for p in (sys.prefix, sys.base_prefix))
    mine = [str(Path(p).resolve()) for p in sys.path if Path(p).is_dir()]
    mine = [p for p in mine if not any(Path(p).is_relative_to(where) for where in inside)]
    before = os.environ.get("PYTHONPATH")
    known = before.split(os.pathsep) if before else []
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*mine, *known]))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = before


def _environment() -> list[str]:
    """Return shell lines that give batch jobs the programs and libraries of this process."""
    lines = [f'export PATH="{Path(sys.executable).parent}:$PATH"']
    for name in ("PYTHONPATH", "QDSURF_LIBRARY"):
        if value := os.environ.get(name):
            lines.append(f'export {name}="{value}"')
    return lines


_ENGINES: dict[str, Callable[..., Any]] = {
    "local": _local,
    "dask": _dask,
    "parsl": _parsl,
    "slurm": _slurm,
}


@contextmanager
def open_engine(
    kind: str,
    *,
    workers: int,
    limits: Limits,
    folder: Path,
    options: Mapping[str, Any] | None = None,
) -> Iterator[Executor]:
    """Give the executor of an engine.

    Parameters
    ----------
    kind
        "local", "dask", "parsl" or "slurm".
    workers
        Processes, or batch jobs at a time.
    limits
        What a pair may use, for engines that ask a queue for it.
    folder
        Where the engine keeps its own files.
    options
        Of the engine itself; see docs/campaigns.md.

    Raises
    ------
    UnknownName
        No such engine.
    MissingExtra
        Its package is not installed.
    """
    if kind not in _ENGINES:
        raise UnknownName("engine", kind, _ENGINES)
    with _same_modules(), _ENGINES[kind](workers, limits, folder, dict(options or {})) as executor:
        yield executor
