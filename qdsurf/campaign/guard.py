"""Call functions in a process of their own, which may hang, grow, crash or be killed.

Whoever runs the tasks (a thread of the driver, a worker of Dask or Parsl, a batch job) keeps one such
process and starts a new one when it is gone. So one bad pair never takes a pool with it, whatever the
engine is, and limits work everywhere alike.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import spawn
from typing import Any

from qdsurf.campaign.child import receive, send
from qdsurf.campaign.limits import Limits, set_threads
from qdsurf.errors import RunError

_LOG_BYTES = 64_000
BEAT_SECONDS = 60.0
START_SECONDS = 600.0
_here = threading.local()
_all: set[Child] = set()
# Set while the work of this process is being broken off: no new child is started.
_stopping = threading.Event()


class ChildDied(RunError):
    """The process that did the work is gone; ``owner`` is the number that it had."""

    def __init__(self, message: str, pid: int) -> None:
        super().__init__(message)
        self.pid = pid


class Stopped(RunError):
    """The work is being broken off."""


class TimeLimit(RunError):
    """The work took longer than it may."""

    def __init__(self, message: str, pid: int) -> None:
        super().__init__(message)
        self.pid = pid


class ChildError(RunError):
    """The function raised; carries the name, the message and the traceback of what it raised."""

    def __init__(self, name: str, message: str, trace: str) -> None:
        super().__init__(f"{name}: {message}")
        self.trace = trace


class Child:
    """A process that does what it is told, within limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 lives as long as the child
        # The file name, not -m: the package need not be on the path of a bare interpreter.
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; sys.path[:] = eval(sys.argv.pop()); "
                "from qdsurf.campaign.child import main; main()",
                str(limits.memory or 0.0),
                str(limits.threads),
                repr(sys.path),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=set_threads(limits.threads),
        )
        self.pid = self._process.pid
        _all.add(self)
        preparation = spawn.get_preparation_data("qdsurf child")
        del preparation["authkey"]  # a secret of multiprocessing, which is not used
        # The script that began is read by the child when a call needs it: it may have no guard.
        main = {name: preparation.pop(name) for name in list(preparation) if name.startswith("init_main")}
        self._main = {**preparation, **main} if main else None
        self._tell(pickle.dumps(preparation))
        self._ready = False

    def _tell(self, message: bytes) -> None:
        assert self._process.stdin is not None
        try:
            send(self._process.stdin, message)  # type: ignore[arg-type]
        except (BrokenPipeError, ConnectionResetError, OSError) as error:
            raise ChildDied(self._why(), self.pid) from error

    def _why(self) -> str:
        """Return how the process ended."""
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
            return "the worker process stopped answering"
        if code < 0:
            name = signal.Signals(-code).name
            perhaps = ", perhaps for want of memory" if name == "SIGKILL" else ""
            return f"the worker process died of {name}{perhaps}"
        return f"the worker process ended with code {code}"

    def call(
        self, function: Callable[..., Any], *arguments: Any, beat: Callable[[], None] | None = None
    ) -> Any:
        """Return what *function* gives in the child; *beat* is called every minute meanwhile.

        Raises
        ------
        ChildDied
            The process died.
        TimeLimit
            It took longer than it may; the process was ended.
        ChildError
            The function raised.
        """
        if self._process.poll() is not None:
            raise ChildDied(self._why(), self.pid)
        # Without Python's buffer in between: the child writes by the same descriptor.
        os.lseek(self._said.fileno(), 0, os.SEEK_SET)
        os.ftruncate(self._said.fileno(), 0)
        if not self._ready:
            # Starting takes seconds, and is not the fault of the work.
            self._answer(START_SECONDS, None)
            self._ready = True
        message = pickle.dumps((function, arguments), protocol=pickle.HIGHEST_PROTOCOL)
        if self._main is not None and b"__main__" in message:
            self._tell(pickle.dumps((spawn.prepare, (self._main,))))
            self._answer(START_SECONDS, None)
            self._main = None
        self._tell(message)
        return self._answer(self.limits.seconds, beat)

    def _answer(self, seconds: float | None, beat: Callable[[], None] | None) -> Any:
        """Return the next answer, or raise what it says."""
        stream = self._process.stdout
        assert stream is not None
        until = None if seconds is None else time.monotonic() + seconds
        poll = select.poll()
        poll.register(stream, select.POLLIN | select.POLLHUP)
        while True:
            left = BEAT_SECONDS if until is None else until - time.monotonic()
            if left <= 0:
                self.kill()
                raise TimeLimit(f"took longer than the {seconds:g} s it may take", self.pid)
            if poll.poll(min(left, BEAT_SECONDS) * 1000):
                break
            if beat is not None:
                beat()
        try:
            good, value = pickle.loads(receive(stream))  # type: ignore[arg-type]
        except EOFError:
            raise ChildDied(self._why(), self.pid) from None
        if not good:
            raise ChildError(*value)
        return value

    def said(self) -> str:
        """Return the end of what the process printed since the last call began."""
        size = os.fstat(self._said.fileno()).st_size
        data = os.pread(self._said.fileno(), _LOG_BYTES, max(0, size - _LOG_BYTES))
        return data.replace(b"\0", b"").decode(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once; the store stays whole, each row is one transaction."""
        with contextlib.suppress(OSError):
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)

    def close(self) -> None:
        """End the process and close its pipes."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        _all.discard(self)


def child_here(limits: Limits) -> Child:
    """Return the child of this thread, a new one where there is none or it has other limits."""
    if _stopping.is_set():
        raise Stopped("the campaign was stopped")
    child: Child | None = getattr(_here, "child", None)
    if child is not None and (not child.alive or child.limits != limits):
        child.close()
        child = None
    if child is None:
        child = _here.child = Child(limits)
    return child


def start_children() -> None:
    """Allow children again after :func:`stop_children`."""
    _stopping.clear()


def stop_children() -> None:
    """End all children, and let nobody start a new one."""
    _stopping.set()
    close_children()


def is_stopping() -> bool:
    """Return whether the work is being broken off."""
    return _stopping.is_set()


def close_children() -> None:
    """End all children of this process."""
    for child in list(_all):
        child.close()


atexit.register(close_children)
