"""Work that goes wrong in the ways in which work can, for processes that must outlive it."""

from __future__ import annotations

import os
import time
from typing import Any


def act(task: str, *arguments: Any) -> dict[str, Any]:
    """Do what *task* says."""
    if task == "sleep":
        time.sleep(600)
    elif task == "die":
        os._exit(3)
    elif task == "raise":
        raise ZeroDivisionError("one over nothing")
    elif task == "swallow":
        return {"size": len(bytearray(int(1e11)))}
    return {"task": task, "pid": os.getpid()}
