"""Processes in which the work of the page is done, with limits of time and memory, and few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qdsurf.campaign.guard import Child, ChildDied, ChildError, TimeLimit
from qdsurf.campaign.limits import Limits
from qdsurf.studio.work import answer

SECONDS = 60.0
# Address space of one process, in GB: numerical libraries reserve more than they use.
MEMORY = 6.0
PROCESSES = 2
MOST_WAITING = 8


@dataclass
class Ticket:
    """What one tab has under way: at most one piece of work, which it may break off."""

    child: Child | None = None
    stopped: bool = field(default=False)

    def stop(self) -> None:
        """Break off the work."""
        self.stopped = True
        if self.child is not None:
            self.child.kill()


class Workshop:
    """A few processes that do pieces of work for any number of tabs.

    Parameters
    ----------
    seconds
        Wall time of one piece, after which its process is ended.
    memory
        Address space of one process in GB.
    processes
        How many pieces are done at a time; more wait.
    function
        What is called in the process with the name of the task and its arguments.
    """

    def __init__(
        self,
        *,
        seconds: float = SECONDS,
        memory: float = MEMORY,
        processes: int = PROCESSES,
        function: Callable[..., dict[str, Any]] = answer,
    ) -> None:
        self._limits = Limits(threads=1, memory=memory, seconds=seconds)
        self._function = function
        self._free = threading.Semaphore(processes)
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._busy: set[Child] = set()
        self._waiting = 0
        self._closed = False

    def warm(self) -> None:
        """Start one process, so that the first piece of work does not wait for it."""
        self.run("tolerance", "CsPbBr3")

    def run(self, task: str, *arguments: Any, ticket: Ticket | None = None) -> dict[str, Any]:
        """Return the answer of *task*; what went wrong is an answer with "problems" too.

        Blocks until it is done, at most the time that one piece may take and the wait for its turn.
        """
        ticket = ticket or Ticket()
        with self._lock:
            if self._waiting >= MOST_WAITING or self._closed:
                return _problem(task, "too much is asked for at once; wait a moment and try again")
            self._waiting += 1
        try:
            with self._free:
                return self._in_turn(task, arguments, ticket)
        finally:
            with self._lock:
                self._waiting -= 1

    def _in_turn(self, task: str, arguments: tuple[Any, ...], ticket: Ticket) -> dict[str, Any]:
        """Do the work now, in an idle process or a new one."""
        child = None if ticket.stopped else self._take()
        if child is None:
            return _problem(task, "stopped")
        ticket.child = child
        try:
            found: dict[str, Any] = child.call(self._function, task, *arguments)
            return found
        except TimeLimit:
            return _problem(
                task,
                f"this takes longer than the {self._limits.seconds:g} s that the page allows; "
                "ask for less, or use the command line, which has no limit",
            )
        except ChildDied as error:
            return _problem(task, "stopped" if ticket.stopped else f"the work broke off: {error}")
        except ChildError as error:
            return _problem(task, f"this failed, which is a fault of qdsurf: {error}")
        finally:
            ticket.child = None
            self._give_back(child)

    def _take(self) -> Child | None:
        """Return an idle process that is alive, or a new one; None once all is closed."""
        with self._lock:
            child = None
            if self._closed:
                return None
            while self._idle and child is None:
                found = self._idle.pop()
                if found.alive:
                    child = found
                else:
                    found.close()
            child = child or Child(self._limits)
            self._busy.add(child)
            return child

    def _give_back(self, child: Child) -> None:
        """Keep the process for the next piece of work, if it is alive."""
        with self._lock:
            self._busy.discard(child)
            if child.alive and not self._closed:
                self._idle.append(child)
                return
        child.close()

    def close(self) -> None:
        """End all processes, with what they have under way."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for child in self._busy:
                child.kill()
        for child in idle:
            child.close()


def _problem(task: str, text: str) -> dict[str, Any]:
    return {"problems": {task: text}}
