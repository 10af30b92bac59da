"""Screen the ligands of a campaign: open its store, run its tiers, rank, write."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.campaign.child import in_child
from qdsurf.campaign.files import load_campaign
from qdsurf.campaign.ranking import rank
from qdsurf.campaign.sections import Campaign
from qdsurf.campaign.tasks import close_stores
from qdsurf.campaign.tiers import Progress, Run, run_tiers
from qdsurf.errors import AskError
from qdsurf.store import Store
from qdsurf.store.table import is_url

if TYPE_CHECKING:
    from qdsurf.model import Ligand, Surface

log = logging.getLogger("qdsurf.campaign")

__all__ = ["Progress", "folder_of", "screen"]


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


def screen(
    campaign: Campaign | str | Path,
    *,
    output: str | Path | None = None,
    executor: Executor | None = None,
    engine: str | None = None,
    workers: int | None = None,
    store: str | None = None,
    retry: bool = False,
    cause: str = "",
    progress: Callable[[Progress], None] | None = None,
    surface: Surface | None = None,
    ligands: Sequence[Ligand] | None = None,
    evaluate: Callable[..., Any] | None = None,
) -> list[dict[str, Any]]:
    """Evaluate every pair of *campaign* and return the ranked rows.

    Run again with the same output folder, it computes only what is not finished: a finished campaign
    does nothing, one changed by a ligand computes that ligand. Every row is in the store as soon as it
    is known, and is written by the process that computed it. Several runs may share a store; each pair
    is computed once.

    Parameters
    ----------
    campaign
        A campaign, or the path of its file.
    output
        Folder for table.csv, table.json, report.html, structures/, store.sqlite and log.txt;
        ``runs/<name of the file>`` by default.
    executor
        Any ``concurrent.futures.Executor``; runs the pairs in place of *engine*. Its workers must see the
        store. It is not shut down.
    engine
        "local", "dask", "parsl" or "slurm" in place of that of the campaign.
    workers
        Processes, or batch jobs at a time; by default as many as there are cores, at most 2 (each
        loads its own copy of the method).
    store
        URL of a PostgreSQL database in place of the file in the folder.
    retry
        Whether pairs that failed in an earlier run are tried again.
    cause
        With *retry*, only those whose cause contains this.
    progress
        Called with a Progress after every pair.
    surface
        Used in place of the surfaces that the campaign describes.
    ligands
        Used in place of the ligands of the campaign.
    evaluate
        Used in place of ``qdsurf.energy.binding.bind``; a function of a module that workers can import.

    Raises
    ------
    AskError
        The campaign asks for something that cannot be; nothing was computed.
    StoreError
        The store cannot be written any more (a full disk, a lost server); what is in it stays good.
    RunError
        The executor broke; run again to go on.
    """
    from qdsurf.campaign.outputs import write_outputs

    if in_child():
        raise AskError(
            "screen() was called again while a worker read your script; put the call under "
            "if __name__ == '__main__':"
        )
    if not isinstance(campaign, Campaign):
        campaign = load_campaign(campaign)
    folder = folder_of(campaign, output)
    run = Run(
        campaign=campaign,
        store=Store(store or campaign.outputs.store or folder / "store.sqlite"),
        folder=folder,
        executor=executor,
        workers=workers or campaign.engine.workers or min(os.cpu_count() or 1, 2),
        engine=engine or campaign.engine.kind,
        options=campaign.engine.options,
        progress=progress,
        surface=surface,
        evaluate=evaluate,
        given=ligands,
    )
    folder.mkdir(parents=True, exist_ok=True)
    with run.store, _logging_to(folder / "log.txt"):
        try:
            _refuse_shared_disk(run)
            _remember(run)
            if retry:
                log.info("%d failed pairs are tried again", run.store.retry(campaign.name, cause))
            with run.stack:
                rows = rank(run_tiers(run))
            write_outputs(rows, run.store, folder, campaign)
        except KeyboardInterrupt:
            log.warning("stopped; the finished rows are in %s", run.store.name)
            raise
        finally:
            close_stores()
    return rows


def folder_of(campaign: Campaign, output: str | Path | None) -> Path:
    """Return the folder of a campaign: *output*, or runs/ and the name of its file."""
    return Path(output) if output is not None else Path("runs") / campaign.name


def _refuse_shared_disk(run: Run) -> None:
    """Refuse a store file on a network disk where several hosts may write it."""
    from qdsurf.store.sqlite import shared_disk

    if is_url(run.store.where) or not (kind := shared_disk(Path(run.store.where))):
        return
    if run.engine == "local" and run.executor is None:
        log.warning("the store lies on %s; run this campaign from one host only", kind)
        return
    raise AskError(
        f"the store {run.store.name} lies on a network disk ({kind}), which several hosts cannot write "
        "safely; give a PostgreSQL URL, or an output folder on a local disk and the local engine"
    )


def _remember(run: Run) -> None:
    """Keep the campaign file in the store, for status, resume and retry."""
    path = run.campaign.path
    if path is not None and path.is_file():
        run.store.set_note(f"file {run.campaign.name}", str(path.absolute()))
        run.store.set_note(f"text {run.campaign.name}", path.read_text(encoding="utf-8"))
    run.store.set_note(f"tiers {run.campaign.name}", str(len(run.campaign.all_tiers)))
