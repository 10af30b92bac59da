"""Keep an executor busy until every piece of a tier is finished, whoever finishes it."""

from __future__ import annotations

import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

from qdsurf.campaign.pieces import Piece, Round
from qdsurf.campaign.rows import failed_row
from qdsurf.campaign.tasks import run_task
from qdsurf.errors import RunError, StoreError
from qdsurf.store import Store

log = logging.getLogger("qdsurf.campaign")

# How often a task whose worker was lost by the engine is handed to it again.
TRIES = 3
POLL_SECONDS = 1.0

# Called with the piece and its status, "done" or "failed".
Report = Callable[[Piece, str], None]


class Driver:
    """Hands out pieces and takes note of what became of them.

    Only so many tasks are out at a time, so that a campaign of any length needs the same memory.
    """

    def __init__(
        self, work: Round, store: Store, executor: Executor, report: Report, *, guarded: bool, window: int
    ) -> None:
        self.work, self.store, self.executor, self.report = work, store, executor, report
        self.guarded, self.window = guarded, window
        self._waiting: deque[Piece] = deque()
        self._out: dict[Future[tuple[str, str]], Piece] = {}
        self._back: queue.SimpleQueue[Future[tuple[str, str]]] = queue.SimpleQueue()
        # Pieces that another driver, or a process that is gone, has claimed.
        self._elsewhere: dict[str, Piece] = {}
        self._tries: dict[str, int] = {}

    def run(self, pieces: Sequence[Piece]) -> None:
        """Return when all *pieces* are done or failed.

        Raises
        ------
        StoreError
            The store cannot be written; what is in it stays good.
        RunError
            The executor broke.
        """
        self._waiting.extend(pieces)
        looked = time.monotonic()
        try:
            while self._waiting or self._out or self._elsewhere:
                self._hand_out()
                with suppress(queue.Empty):
                    self._take(self._back.get(timeout=POLL_SECONDS if self._out else POLL_SECONDS / 5))
                if self._elsewhere and time.monotonic() - looked > POLL_SECONDS:
                    self._look_elsewhere()
                    looked = time.monotonic()
        except BaseException:
            for future in list(self._out):
                future.cancel()
            raise

    def _hand_out(self) -> None:
        """Submit tasks until enough are out."""
        while self._waiting and len(self._out) < self.window:
            piece = self._waiting.popleft()
            task = self.work.task(piece, self.store.where, guarded=self.guarded)
            try:
                future = self.executor.submit(run_task, task)
            except (BrokenProcessPool, RuntimeError) as error:
                self._waiting.appendleft(piece)
                raise self._broken(error) from error
            self._out[future] = piece
            future.add_done_callback(self._back.put)

    def _broken(self, error: BaseException) -> RunError:
        left = len(self._waiting) + len(self._out)
        return RunError(
            f"the executor broke ({error}); {left} pairs are not finished: run again to go on with them"
        )

    def _take(self, future: Future[tuple[str, str]]) -> None:
        """Take note of a task that came back."""
        piece = self._out.pop(future)
        try:
            _, status = future.result()
        except StoreError:
            raise
        except (BrokenProcessPool, CancelledError) as error:
            self._waiting.appendleft(piece)
            raise self._broken(error) from error
        except Exception as error:
            self._lost(piece, error)
            return
        if status in ("done", "failed"):
            self.report(piece, status)
        else:
            self._elsewhere[piece.key] = piece

    def _lost(self, piece: Piece, error: Exception) -> None:
        """Hand out again what the engine lost, or give it up."""
        tries = self._tries[piece.key] = self._tries.get(piece.key, 0) + 1
        status = self.store.status(piece.key)
        if status in ("done", "failed"):
            self.report(piece, status)
        elif tries < TRIES:
            log.warning("%s: %s: %s; handed out again", piece.key[:10], type(error).__name__, error)
            self._waiting.append(piece)
        else:
            task = self.work.task(piece, self.store.where, guarded=self.guarded)
            cause = f"the engine lost it {tries} times: {type(error).__name__}: {error}"
            self.store.put(failed_row(task, cause))
            self.report(piece, "failed")

    def _look_elsewhere(self) -> None:
        """See what became of the pieces that others have claimed."""
        self.store.reap()
        for key, piece in list(self._elsewhere.items()):
            status = self.store.status(key)
            if status == "running":
                continue
            del self._elsewhere[key]
            if status in ("done", "failed"):
                self.report(piece, status)
            else:
                self._waiting.append(piece)


def unfinished(pieces: Sequence[Piece], statuses: dict[str, str]) -> list[Piece]:
    """Return the pieces that are neither done nor failed."""
    return [piece for piece in pieces if statuses.get(piece.key) not in ("done", "failed")]


def call(executor: Executor, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what *function* gives on a worker of *executor*."""
    return executor.submit(function, *arguments).result()
