"""Screen the ligands of a campaign: plan, run what is not finished, rank, write."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qdsurf
from qdsurf.campaign.files import Campaign, load_campaign
from qdsurf.campaign.pool import process_pool, run_all, run_on
from qdsurf.campaign.ranking import rank
from qdsurf.campaign.tasks import Task, failed_row, find_lattice, task_key
from qdsurf.methods import engine_version, load_method
from qdsurf.store import Store, content_key

if TYPE_CHECKING:
    from qdsurf.model import Crystal, Ligand, Method, Surface

log = logging.getLogger("qdsurf.campaign")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a campaign is; given to the progress callback after every ligand, and once before.

    Attributes
    ----------
    done
        Finished ligands so far, those of earlier runs and those that failed included.
    failed
        How many of these failed.
    total
        Ligands of the campaign.
    name
        The ligand that has just finished; "" in the first call.
    """

    done: int
    failed: int
    total: int
    name: str = ""


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Append the messages of qdsurf to the file *path*."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("qdsurf")
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()


def _lattice(crystal: Crystal, method: Method, store: Store, executor: Executor | None) -> float:
    """Return the lattice constant in Å of *method*, from the store or found in a worker."""
    key = content_key(
        {
            "state": "lattice constant",
            "crystal": [
                crystal.name,
                crystal.atoms.get_chemical_formula(),
                crystal.atoms.cell.array.round(6),
            ],
            "method": [method.name, method.calculator, method.settings],
            "versions": [qdsurf.__version__, engine_version(method)],
        }
    )
    known = store.get_reference(key)
    if known is None:
        # In a worker, so that the process that waits does not load an engine.
        if executor is not None:
            known = executor.submit(find_lattice, crystal, method).result()
        else:
            with process_pool(1) as pool:
                known = pool.submit(find_lattice, crystal, method).result()
        store.put_reference(key, known)
    log.info("lattice constant of %s with %s: %.4f Å", crystal.name, method.name, known)
    return float(known)


def _surface(campaign: Campaign, method: Method, store: Store, executor: Executor | None) -> Surface:
    """Cut the slab of *campaign*."""
    from qdsurf.build.slabs import cut_slab
    from qdsurf.crystals import load_crystal

    asked = campaign.surface
    crystal = load_crystal(asked.crystal)
    own = campaign.method.lattice == "method"
    return cut_slab(
        crystal,
        asked.hkl,
        layers=asked.layers,
        termination=asked.termination,
        repeat=asked.repeat,
        vacuum=asked.vacuum,
        lattice_constant=_lattice(crystal, method, store, executor) if own else None,
    )


def _plan(
    campaign: Campaign, surface: Surface, ligands: Mapping[str, Ligand], method: Method, store: Store
) -> list[Task]:
    """Return one task for each ligand."""
    protocol = campaign.protocol.model_dump()
    return [
        Task(
            key=task_key(surface, ligand, method, protocol),
            store=str(store.path),
            surface=surface,
            ligand=ligand,
            method=method,
            protocol=protocol,
        )
        for ligand in ligands.values()
    ]


def screen(
    campaign: Campaign | str | Path,
    *,
    output: str | Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    surface: Surface | None = None,
    evaluate: Callable[..., Any] | None = None,
) -> list[dict[str, Any]]:
    """Evaluate every ligand of *campaign* and return the ranked rows.

    Run again with the same output folder, it computes only what is not finished; ligands that
    failed are tried again. Every row is in the store as soon as it is known. Worker processes
    import the script that called: keep the call under ``if __name__ == "__main__":``.

    Parameters
    ----------
    campaign
        A campaign, or the path of its file.
    output
        Folder for table.csv, table.json, report.html, structures/, store.sqlite and log.txt;
        ``runs/<name of the file>`` by default.
    executor
        Runs the tasks in place of processes started here; it must see the file of the store.
    workers
        Number of processes; by default as many as there are cores, at most 2 (each loads its own
        copy of the engine).
    progress
        Called with a Progress after every ligand.
    surface
        Used in place of the slab that the campaign describes.
    evaluate
        Used in place of ``qdsurf.energy.binding.bind``.
    """
    from qdsurf.campaign.outputs import write_outputs

    if not isinstance(campaign, Campaign):
        campaign = load_campaign(campaign)
    method = load_method(campaign.method.name)
    ligands = campaign.load_ligands()
    folder = Path(output) if output is not None else Path("runs") / (campaign.path or Path("campaign")).stem
    with Store(folder / "store.sqlite") as store, _logging_to(folder / "log.txt"):
        log.info("campaign %s: %d ligands, method %s", campaign.path or "", len(ligands), method.name)
        if surface is None:
            surface = _surface(campaign, method, store, executor)
        tasks = _plan(campaign, surface, ligands, method, store)
        if evaluate is not None:
            tasks = [Task(**{**vars(task), "evaluate": evaluate}) for task in tasks]
        _run(tasks, store, executor, workers, progress)
        rows = rank([row for task in tasks if (row := store.get(task.key))])
        write_outputs(rows, store, folder, title=campaign.title or folder.name)
    return rows


def _run(
    tasks: list[Task],
    store: Store,
    executor: Executor | None,
    workers: int | None,
    progress: Callable[[Progress], None] | None,
) -> None:
    """Run the tasks that the store does not have, and tell *progress*."""
    finished = {task.key for task in tasks if (store.get(task.key) or {}).get("status") == "done"}
    count = {"done": len(finished), "failed": 0}

    def tell(name: str = "") -> None:
        if progress is not None:
            progress(Progress(**count, total=len(tasks), name=name))

    def report(task: Task, status: str) -> None:
        row = store.get(task.key) or {}
        if status == "lost" and row.get("status") != "done":
            store.put(failed_row(task, "the worker process died, perhaps for want of memory"))
            row = store.get(task.key) or {}
        status = "done" if row.get("status") == "done" else "failed"
        count["done"] += 1
        count["failed"] += status == "failed"
        log.info("%s: %s %s", task.ligand.name, status, row.get("cause") or row.get("energy_eV"))
        tell(task.ligand.name)

    log.info("%d of %d ligands are finished already", len(finished), len(tasks))
    tell()
    todo = [task for task in tasks if task.key not in finished]
    try:
        if executor is None:
            run_all(todo, workers or min(os.cpu_count() or 1, 2), report)
        else:
            for task in run_on(executor, todo, report):
                report(task, "lost")
    except KeyboardInterrupt:
        log.warning("stopped; the finished rows are in %s", store.path)
        raise
