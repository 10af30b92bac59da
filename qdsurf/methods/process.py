"""Run a program for one energy: its end, whatever it is, becomes a result or an error with its cause."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from qdsurf.errors import EvaluationError

# Lines of its output that an error repeats.
LAST_LINES = 8


def tied(command: Sequence[str]) -> list[str]:
    """Return *command* so that it dies with the process that starts it, where the system can do that.

    A worker that is stopped for its time would otherwise leave its program running.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else list(command)


def environment(threads: int = 1) -> dict[str, str]:
    """Return the environment of a program that takes *threads* cores."""
    count = str(threads)
    return {**os.environ, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OMP_STACKSIZE": "1G"}


def why(code: int, said: str) -> str:
    """Return how a program ended, from its exit status and the last lines that it *said*.

    >>> why(-9, "cycle 3")
    'was killed by SIGKILL; it said last: cycle 3'
    """
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()][-LAST_LINES:]
    end = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return f"{end}; it said last: {' | '.join(lines) or 'nothing'}"


def run_program(
    command: Sequence[str], folder: Path, *, threads: int = 1, seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run *command* in *folder* and return how it ended, with all that it said.

    Raises
    ------
    EvaluationError
        It cannot be started, was killed, or took longer than *seconds*.
    """
    if shutil.which(command[0]) is None:
        raise EvaluationError(f"{command[0]} cannot be started: there is no such program")
    try:
        done = subprocess.run(
            tied(command),
            cwd=folder,
            env=environment(threads),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EvaluationError(f"{command[0]} took longer than {seconds:g} s") from error
    except OSError as error:
        raise EvaluationError(f"{command[0]} cannot be started: {error}") from error
    if done.returncode < 0:
        raise EvaluationError(f"{command[0]} {why(done.returncode, done.stdout)}")
    return done
