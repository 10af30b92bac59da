"""Run the tiers of a campaign one after the other: plan, compute what is not finished, choose."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qdsurf
from qdsurf.campaign.choosing import choose
from qdsurf.campaign.driver import Driver, call, unfinished
from qdsurf.campaign.engines import open_engine
from qdsurf.campaign.ligands import Source
from qdsurf.campaign.limits import Limits
from qdsurf.campaign.pieces import Piece, Round, ligands_of, pieces_of, steps_of
from qdsurf.campaign.sections import Campaign, TierSection
from qdsurf.campaign.surfaces import base_of, surfaces_of
from qdsurf.campaign.tasks import find_lattice
from qdsurf.errors import AskError
from qdsurf.methods import engine_version
from qdsurf.store import Store, content_key

if TYPE_CHECKING:
    from qdsurf.model import Crystal, Ligand, Method, Surface

log = logging.getLogger("qdsurf.campaign")

# How often the log says how far a tier is.
LOG_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a tier is; given to the progress callback after every pair, and once before.

    Attributes
    ----------
    done
        Finished pairs so far, those of earlier runs and those that failed included.
    failed
        How many of these failed.
    total
        Pairs of the tier.
    name
        The ligand that has just finished; "" in the first call.
    tier
        Name of the tier, "" where there is one only.
    rate
        Pairs finished per second in this run; 0 before the first.
    left
        Estimate of the seconds that are left; None before the first.
    """

    done: int
    failed: int
    total: int
    name: str = ""
    tier: str = ""
    rate: float = 0.0
    left: float | None = None


@dataclass(kw_only=True)
class Run:
    """What a run of a campaign needs at hand."""

    campaign: Campaign
    store: Store
    folder: Path
    executor: Executor | None
    workers: int
    engine: str
    options: Mapping[str, Any]
    progress: Callable[[Progress], None] | None
    surface: Surface | None
    evaluate: Callable[..., Any] | None
    given: Sequence[Ligand] | None
    stack: ExitStack = field(default_factory=ExitStack)
    opened: dict[tuple[str, Limits | None], Executor] = field(default_factory=dict)


def executor_of(run: Run, limits: Limits, *, here: bool = False) -> Executor:
    """Return the executor that was handed in, or that of the engine, opened once for the same limits.

    With *here* that of the local engine: one number is no batch job.
    """
    if run.executor is not None:
        return run.executor
    kind = "local" if here else run.engine
    # The processes of the local engine take their limits from the task.
    name = (kind, None if kind == "local" else limits)
    if name not in run.opened:
        run.opened[name] = run.stack.enter_context(
            open_engine(
                kind,
                workers=run.workers,
                limits=limits,
                folder=run.folder,
                options=run.options if kind == run.engine else {},
            )
        )
    return run.opened[name]


def run_tiers(run: Run) -> list[dict[str, Any]]:
    """Run all tiers and return a row for each pair: that of the last tier that it reached."""
    campaign = run.campaign
    ligands: Sequence[Source | Ligand] = run.given if run.given is not None else ligands_of(campaign)
    tiers = campaign.all_tiers
    rows: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    chosen: set[tuple[str, str, str]] | None = None
    for number, section in enumerate(tiers):
        work = _plan_tier(run, number, section, ligands, chosen)
        label = section.name or (f"tier {number + 1}" if len(tiers) > 1 else "")
        _run_tier(run, work, label)
        found = list(run.store.stream(campaign=campaign.name, tier=number))
        # The last tier is ranked as it is: there is nothing to go on to.
        fate = choose(found, section, label) if number + 1 < len(tiers) else {}
        for row in found:
            if row["status"] == "done" and fate.get(row["key"]):
                row["dropped"] = fate[row["key"]]
        chosen = {(r["surface"], r["site"], r["ligand"]) for r in found if not fate.get(r["key"])}
        # A ranking knows no modes: its row makes way for those of the energies.
        ranked = number > 0 and tiers[number - 1].rank is not None
        for pair in {(r["surface"], r["site"], r["ligand"]) for r in found if ranked}:
            rows.pop((*pair, "auto"), None)
        rows |= {(r["surface"], r["site"], r["ligand"], r["mode"]): r for r in found}
        if fate:
            log.info("%s: %d of %d ligands on a surface go on", label, len(chosen), len(found))
    return list(rows.values())


def _plan_tier(
    run: Run,
    number: int,
    section: TierSection,
    ligands: Sequence[Source | Ligand],
    chosen: set[tuple[str, str, str]] | None,
) -> Round:
    """Return the pieces of a tier and make them its plan in the store."""
    campaign, store = run.campaign, run.store
    steps = steps_of(campaign, section, run.evaluate)
    method = steps[0].method if section.lattice == "method" else None
    if run.surface is not None:
        bases = [base_of(run.surface)]
    else:
        own = None if method is None else partial(_lattice, run, method, steps[0].limits)
        bases = list(surfaces_of(campaign, own))
    names = [(base.name, base.site) for base in bases]
    if len(set(names)) < len(names):
        raise AskError("two surfaces of the campaign have the same name; give them names of their own")
    numbers = (
        (b, m, n)
        for b, base in enumerate(bases)
        for m in range(len(steps))
        for n, ligand in enumerate(ligands)
        if chosen is None or (base.name, base.site, ligand.name) in chosen
    )
    work = Round(
        tier=number,
        section=section,
        bases=bases,
        steps=steps,
        ligands=ligands,
        pieces=pieces_of(bases, steps, ligands, numbers),
    )
    store.set_plan(campaign.name, number, work.entries())
    return work


def _run_tier(run: Run, work: Round, label: str) -> None:
    """Run the pieces that the store does not have, and tell how far it is."""
    store = run.store
    store.reap()
    statuses = store.statuses(run.campaign.name, work.tier)
    todo = unfinished(work.pieces, statuses)
    count = {"done": len(work.pieces) - len(todo), "failed": list(statuses.values()).count("failed")}
    first, began = count["done"], time.monotonic()
    last = began

    def tell(name: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        rate = (count["done"] - first) / max(now - began, 1e-9)
        left = (len(work.pieces) - count["done"]) / rate if rate else None
        event = Progress(
            **count, total=len(work.pieces), name=name, tier=label, rate=rate if name else 0.0, left=left
        )
        if run.progress is not None:
            run.progress(event)
        if name and now - last > LOG_SECONDS:
            last = now
            log.info(
                "%d of %d done, %d failed, %.3g per minute, about %.0f s left",
                event.done, event.total, event.failed, 60 * rate, left or 0.0,
            )  # fmt: skip

    def report(piece: Piece, status: str) -> None:
        count["done"] += 1
        count["failed"] += status == "failed"
        name = work.ligands[piece.ligand].name
        if status == "failed" or len(work.pieces) <= 1000:
            row = store.get(piece.key) or {}
            number = row.get("score") if row.get("energy_eV") is None else row["energy_eV"]
            outcome = row.get("cause") or number
            log.info("%s: %s %s", name, status, outcome)
        tell(name)

    log.info(
        "campaign %s%s: %d pairs with %s, %d of them finished already",
        run.campaign.name, f", {label}" if label else "", len(work.pieces), work.steps[0].name, first,
    )  # fmt: skip
    tell()
    if not todo:
        return
    limits = work.steps[0].limits
    guarded = run.executor is None or limits.memory is not None or limits.seconds is not None
    if guarded:
        _check_pickle(work, run.engine)
    executor = executor_of(run, limits)
    Driver(work, store, executor, report, guarded=guarded, window=_window(run)).run(todo)


def _window(run: Run) -> int:
    """Return how many tasks may be out at a time: enough to keep everybody busy."""
    if run.executor is not None:
        return 256
    # Of the engine slurm each is a batch job.
    return run.workers if run.engine == "slurm" else max(4 * run.workers, 16)


def _check_pickle(work: Round, engine: str) -> None:
    """Refuse an evaluation that cannot travel to another process."""
    try:
        pickle.dumps(work.steps)
        if engine != "local" and any(
            getattr(step.evaluate, "__module__", "") == "__main__" for step in work.steps
        ):
            raise pickle.PicklingError("workers do not run the script that defines it")
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise AskError(
            f"workers cannot be given this evaluation ({error}); a function of a module would do"
        ) from error


def _lattice(run: Run, method: Method, limits: Limits, crystal: Crystal) -> float:
    """Return the lattice constant in Å of *method*, from the store or found by a worker."""
    key = content_key(
        {
            "state": "lattice constant",
            "crystal": [
                crystal.name,
                crystal.atoms.get_chemical_formula(),
                crystal.atoms.cell.array.round(6),
            ],
            "method": method.identity,
            "versions": [qdsurf.__version__, engine_version(method)],
        }
    )
    known = run.store.get_reference(key)
    if known is None:
        # By a worker, so that the process that waits does not load a method.
        executor = executor_of(run, limits, here=True)
        if run.executor is None:
            known = call(executor, _in_child, limits, crystal, method)
        else:
            known = call(executor, find_lattice, crystal, method)
        run.store.put_reference(key, known)
    log.info("lattice constant of %s with %s: %.4f Å", crystal.name, method.name, known)
    return float(known)


def _in_child(limits: Limits, crystal: Crystal, method: Method) -> float:
    """Find a lattice constant in a process of its own."""
    from qdsurf.campaign.guard import child_here

    return float(child_here(limits).call(find_lattice, crystal, method))
