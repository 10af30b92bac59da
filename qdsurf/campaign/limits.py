"""What one piece of work may use."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one piece of work may use.

    Attributes
    ----------
    threads
        Threads of the numerical libraries.
    memory
        Address space in GB (1e9 bytes) beyond which the system gives no more; None for no limit. Of a
        machine-learned potential, which maps its libraries, this is several GB more than what it uses.
    seconds
        Wall time after which the process is ended; None for no limit.
    gpus
        Graphics cards that a batch job asks for.
    """

    threads: int = 1
    memory: float | None = None
    seconds: float | None = None
    gpus: int = 0


def set_threads(threads: int) -> dict[str, str]:
    """Return the environment in which numerical libraries use so many threads."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}
