"""Try a method for real, on water, in a process of its own that may not take longer than it should."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Literal

from qdsurf.errors import QdsurfError
from qdsurf.library import read_entry
from qdsurf.methods import engine_version, lacks, load_method

# s; a trial takes seconds on a free machine, loading a network included.
LIMIT = 300.0
Status = Literal["works", "lacks", "fails", "not tried"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How the trial of one method went.

    Attributes
    ----------
    name, engine
        Method, and program or package with its version.
    status
        "works": it gave energy and forces of water; "lacks": something is not installed; "fails": it is
        installed and gave none; "not tried".
    seconds
        Wall time of the trial with the start of the engine; 0 where none ran.
    lacks
        Command that installs what it lacks, or the setting that it wants.
    cause
        Why it fails.
    """

    name: str
    engine: str
    status: Status
    seconds: float = 0.0
    lacks: str = ""
    cause: str = ""


def try_method(name: str, *, limit: float = LIMIT, run: bool = True) -> Trial:
    """Return whether the method *name* of the shelf works here.

    Parameters
    ----------
    limit
        s; a trial that takes longer fails.
    run
        Whether to run it; else it is only looked whether all of it is there.

    Raises
    ------
    UnknownName
        No such method.

    Examples
    --------
    >>> try_method("emt").status
    'works'
    """
    method = load_method(name)
    engine, missing = engine_version(method), lacks(method)
    if missing:
        return Trial(name=method.name, engine=engine, status="lacks", lacks=missing)
    if not run:
        return Trial(name=method.name, engine=engine, status="not tried")
    start = time.monotonic()
    cause = _cause(method.name, limit)
    seconds = round(time.monotonic() - start, 1)
    if cause:
        return Trial(name=method.name, engine=engine, status="fails", seconds=seconds, cause=cause)
    return Trial(name=method.name, engine=engine, status="works", seconds=seconds)


def _cause(name: str, limit: float) -> str:
    """Run the trial of *name* in a new process and return why it failed; "" where it did not."""
    command = [sys.executable, "-m", "qdsurf.energy.trial", name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {limit:g} s"
    if done.returncode < 0:
        return f"was killed by signal {-done.returncode}"
    try:
        answer: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return (done.stderr.strip().splitlines() or ["ended without an answer"])[-1]
    return answer["cause"]


def _water(name: str) -> str:
    """Compute water with the method *name* and return what is wrong; "" where nothing is."""
    from ase import Atoms

    from qdsurf.energy.relax import single_point

    water = Atoms("OH2", positions=[(0, 0, 0.119), (0, 0.763, -0.477), (0, -0.763, -0.477)])
    # Settings of the preset that make the trial short; the energy is not kept.
    quick = read_entry("calculators", name).get("trial", {})
    try:
        single_point(water, load_method(name, **quick))
    except QdsurfError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def as_row(trial: Trial) -> dict[str, object]:
    """Return *trial* with what the preset says, for tables and JSON."""
    method = load_method(trial.name)
    return {
        **asdict(trial),
        "title": method.title,
        "good_for": method.good_for,
        "bad_for": method.bad_for,
        "warnings": list(method.warnings),
        "export": method.export,
    }


if __name__ == "__main__":
    print(json.dumps({"cause": _water(sys.argv[1])}))
