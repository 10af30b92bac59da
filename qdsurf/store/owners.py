"""Who computes a row: a name for each process that no other process of the world shares."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


def _started(pid: int) -> str:
    """Return when *pid* started, in clock ticks since the start of the machine; "" where not known.

    Process numbers are used again; with its starting time a process is the only one.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    # A zombie computes nothing any more.
    return "" if fields[0] in "ZX" else fields[19]


@cache
def _boot() -> str:
    """Return a name for the place that numbers processes: this run of this machine, or a container of it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def owner_of(pid: int | None = None, suffix: str = "") -> str:
    """Return the name of a process of this machine, of this one by default."""
    number = os.getpid() if pid is None else pid
    return f"{socket.gethostname()}/{_boot()}/{number}/{_started(number)}/{suffix}"


def is_gone(owner: str) -> bool:
    """Return whether *owner* was a process of this machine and is no more."""
    parts = owner.split("/")
    if len(parts) != 5:
        return True
    host, boot, pid, started, _ = parts
    if host != socket.gethostname():
        return False
    if boot != _boot():
        return True
    if started:
        return _started(int(pid)) != started
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
