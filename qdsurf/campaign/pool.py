"""Run tasks in worker processes that may die."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from qdsurf.campaign.tasks import Task, run_task, start_worker

log = logging.getLogger("qdsurf.campaign")

REBUILDS = 3

# Called with the task and its status: "done", "failed", or "lost" where its worker died.
Report = Callable[[Task, str], None]


@contextmanager
def process_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of *workers* fresh processes; on an error or Ctrl-C they are stopped at once."""
    # Spawned, because a forked copy of a process that has used torch can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker)
    try:
        yield pool
    except BaseException:
        # shutdown() only waits; a relaxation can take an hour, so the processes are ended. The
        # store stays whole: each row is one transaction.
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=5)
        raise
    pool.shutdown()


def run_on(executor: Executor, tasks: Sequence[Task], report: Report) -> list[Task]:
    """Run *tasks* on *executor*; return those whose worker died before they were finished."""
    waiting: dict[Future[tuple[str, str]], Task] = {}
    lost: list[Task] = []
    for task in tasks:
        try:
            waiting[executor.submit(run_task, task)] = task
        except BrokenProcessPool:
            lost.append(task)
    try:
        for future in as_completed(waiting):
            try:
                _, status = future.result()
            except BrokenProcessPool:
                lost.append(waiting[future])
            else:
                report(waiting[future], status)
    except BaseException:
        for future in waiting:
            future.cancel()
        raise
    return lost


def run_all(tasks: Sequence[Task], workers: int, report: Report) -> None:
    """Run *tasks* in processes, however often a worker dies.

    When a worker dies, the pool is useless and nobody knows which task did it. The unfinished ones
    are submitted to a new pool; after three of those each runs in a process of its own, so that
    only the task that kills its worker is given up.
    """
    unfinished = list(tasks)
    for attempt in range(1 + REBUILDS):
        if not unfinished:
            return
        if attempt:
            log.warning("a worker died; %d tasks go to a new pool (%d)", len(unfinished), attempt)
        with process_pool(min(workers, len(unfinished))) as pool:
            unfinished = run_on(pool, unfinished, report)
    for task in unfinished:
        log.warning("%s runs in a process of its own", task.ligand.name)
        with process_pool(1) as pool:
            if run_on(pool, [task], report):
                report(task, "lost")
