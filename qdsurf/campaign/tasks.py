"""One piece of work: evaluate a ligand on a surface, make the row, write it to the store."""

from __future__ import annotations

import logging
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qdsurf.campaign.child import printed
from qdsurf.campaign.ligands import Source
from qdsurf.campaign.limits import Limits
from qdsurf.campaign.rows import extxyz, failed_row, identity, outcome
from qdsurf.errors import AskError, StoreError
from qdsurf.store import Store, to_json
from qdsurf.store.claims import LEASE_SECONDS, MAX_DEATHS
from qdsurf.store.owners import owner_of

if TYPE_CHECKING:
    from qdsurf.model import Crystal, Ligand, Method, Surface

log = logging.getLogger("qdsurf.campaign")
_here = threading.local()


@dataclass(frozen=True)
class Packed:
    """A surface as bytes: packed once, unpacked once in each process, however many tasks carry it."""

    digest: str
    data: bytes

    @classmethod
    def of(cls, surface: Surface) -> Packed:
        """Pack *surface*."""
        data = pickle.dumps(surface, protocol=pickle.HIGHEST_PROTOCOL)
        return cls(sha256(data).hexdigest(), data)

    def __hash__(self) -> int:
        return hash(self.digest)

    def unpack(self) -> Surface:
        """Return the surface."""
        return _unpack(self)


@lru_cache(maxsize=8)
def _unpack(packed: Packed) -> Surface:
    surface: Surface = pickle.loads(packed.data)
    return surface


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is done with every pair of one tier.

    Attributes
    ----------
    preset
        Ranking preset of a tier of descriptors, or "".
    method
        How energies are computed; None for descriptors.
    protocol
        poses, fmax (eV/Å), steps, and what else the evaluation takes.
    evaluate
        "module:function" or a function that takes (surface, ligand, method, poses=, fmax=, steps=,
        references=) and returns an object with ``energy`` and ``surface``; "" for
        ``qdsurf.energy.binding.bind``.
    """

    preset: str = ""
    method: Method | None = None
    protocol: Mapping[str, Any]
    evaluate: str | Callable[..., Any] = ""
    limits: Limits = field(default_factory=Limits)

    @property
    def name(self) -> str:
        """Name of the method, or of the ranking."""
        return self.method.name if self.method else f"ranking {self.preset}"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One ligand on one surface with one method; travels to a worker, so all of it can be pickled.

    Attributes
    ----------
    store
        Path or URL of the store.
    surface_name, site
        Names of the surface and of the choice of sites, for the row.
    guarded
        Whether to work in a process of its own that may die.
    """

    key: str
    store: str
    surface: Packed
    surface_name: str
    site: str
    ligand: Source | Ligand
    step: Step
    guarded: bool = True


def find_lattice(crystal: Crystal, method: Method) -> float:
    """Return the lattice constant in Å that *method* gives *crystal*."""
    from qdsurf.energy.relax import lattice_constant

    return float(lattice_constant(crystal, method))


def find_function(path: str) -> Callable[..., Any]:
    """Return the function that "module:function" names.

    Raises
    ------
    AskError
        There is none.
    """
    module, _, name = path.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise AskError(f'no function {path!r}: "module:function" is wanted ({error})') from error
    return found


def _evaluator(task: Task, ligand: Ligand) -> Callable[..., Any]:
    """Return what evaluates *task*."""
    evaluate = task.step.evaluate
    if evaluate:
        return find_function(evaluate) if isinstance(evaluate, str) else evaluate
    from qdsurf.energy.binding import bind
    from qdsurf.energy.reactions import choose_reaction

    if task.site and choose_reaction(task.surface.unpack(), ligand).endswith("pair vacancy"):
        raise AskError(
            f"{ligand.name} binds at a pair vacancy, which is made where the face has room: "
            f"the choice of sites {task.site!r} says nothing about it"
        )
    return bind


def _ranked(task: Task, ligand: Ligand) -> dict[str, Any]:
    """Return the part of the row that a ranking by descriptors gives."""
    from qdsurf.rank.ligand_ranking import rank_ligands

    (row,) = rank_ligands([ligand], task.surface.unpack(), preset=task.step.preset)
    if row.error:
        raise AskError(row.error)
    return {
        "status": "done",
        "anchor": row.binds_by,
        "score": row.score,
        "descriptors": {name: term.value for name, term in row.terms.items()},
        "desirabilities": {name: term.desirability for name, term in row.terms.items()},
    }


def store_here(where: str) -> Store:
    """Return the connection of this thread to the store; it stays open for the next task."""
    stores: dict[str, Store] = _here.__dict__.setdefault("stores", {})
    if where not in stores:
        stores[where] = Store(where, check=False)
    return stores[where]


def close_stores() -> None:
    """Close the connections of this thread."""
    for store in _here.__dict__.pop("stores", {}).values():
        store.close()


@contextmanager
def _spoken(lines: list[str]) -> Iterator[None]:
    """Collect what this thread logs."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == threading.get_ident() and len(lines) < 1000:
                lines.append(self.format(record))

    handler, root = Collector(logging.INFO), logging.getLogger("qdsurf")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = root.level
    root.addHandler(handler)
    if not root.isEnabledFor(logging.INFO):
        root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def work(task: Task) -> str:
    """Evaluate *task*, write its row to the store, and return its status.

    Whatever goes wrong with one pair becomes a row with the cause; the campaign goes on.
    """
    began = time.perf_counter()
    # The worker writes its own row, so that nothing finished is lost if the main process dies.
    store = store_here(task.store)
    structure: str | None = None
    lines: list[str] = []
    ligand: Ligand | None = None
    with _spoken(lines):
        try:
            ligand = task.ligand.load() if isinstance(task.ligand, Source) else task.ligand
            if task.step.preset:
                found = _ranked(task, ligand)
            else:
                evaluate = _evaluator(task, ligand)
                result = evaluate(
                    task.surface.unpack(),
                    ligand,
                    task.step.method,
                    references=store.references,
                    **task.step.protocol,
                )
                found = outcome(task, result)
                structure = extxyz(result.surface)
            row = {**identity(task, ligand), **found}
            row["seconds"] = round(time.perf_counter() - began, 3)
            to_json(row)  # raises here, where it is recorded, if a number is not finite
        except StoreError:
            raise
        except MemoryError:
            structure = None
            allowed = task.step.limits.memory
            why = f"more than the {allowed:g} GB it may use" if allowed else "more memory than there is"
            row = failed_row(task, f"MemoryError: needs {why}", time.perf_counter() - began)
        except Exception as error:
            lines.append(traceback.format_exc())
            structure = None
            row = failed_row(task, f"{type(error).__name__}: {error}", time.perf_counter() - began)
            if ligand is not None:
                row |= {k: v for k, v in identity(task, ligand).items() if row.get(k) is None}
    store.put(row, structure, "\n".join([*lines, printed()]).strip() or None)
    return str(row["status"])


def run_task(task: Task) -> tuple[str, str]:
    """Do *task* if nobody else has claimed it; return its key and status.

    The status is "done", "failed", or "busy" where somebody else is at it.
    """
    return task.key, _guarded(task) if task.guarded else _plain(task)


@contextmanager
def _renewing(where: str, owner: str) -> Iterator[None]:
    """Keep the claims of *owner* alive from another thread."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(LEASE_SECONDS / 4):
            with Store(where, check=False) as store:
                store.renew(owner)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()


def _plain(task: Task) -> str:
    """Work in this process."""
    owner = owner_of(suffix=str(threading.get_ident()))
    store = store_here(task.store)
    claim = store.claim(task.key, owner)
    if claim != "mine":
        return claim
    try:
        with _renewing(task.store, owner):
            return work(task)
    except BaseException:
        store.release(owner)
        raise


def _guarded(task: Task) -> str:
    """Work in a process that may die; try again where it did, until that is no accident any more."""
    from qdsurf.campaign.guard import ChildDied, ChildError, TimeLimit, child_here, is_stopping

    store = store_here(task.store)
    while True:
        began = time.perf_counter()
        child = child_here(task.step.limits)
        owner = owner_of(child.pid)
        claim = store.claim(task.key, owner)
        if claim != "mine":
            return claim
        said, trace = "", ""
        try:
            return str(child.call(work, task, beat=lambda name=owner: store.renew(name)))  # type: ignore[misc]
        except TimeLimit as error:
            cause, said = f"TimeLimit: {error}", child.said()
        except ChildDied as error:
            if is_stopping():
                store.release(owner)
                raise
            said = child.said()
            store.release(owner, died=True)
            if (status := store.status(task.key)) in ("done", "failed"):
                return status  # it died after it had written its row
            times = store.deaths(task.key)
            if times < MAX_DEATHS:
                log.warning("%s: %s; tried again", task.ligand.name, error)
                continue
            cause = f"{error} ({times} times)"
        except ChildError as error:
            if str(error).startswith("StoreError"):
                store.release(owner)
                raise StoreError(str(error).removeprefix("StoreError: ")) from None
            cause, said, trace = str(error), child.said(), error.trace
        store.put(
            failed_row(task, cause, time.perf_counter() - began), log=f"{said}\n{trace}".strip() or None
        )
        return "failed"
