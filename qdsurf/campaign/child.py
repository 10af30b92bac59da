"""The process in which work is done: takes calls from its parent, one at a time, and answers.

Run as ``python -m qdsurf.campaign.child MEMORY THREADS``. It ends when its parent does. What the engines
print goes to the file that the parent gave as standard error; the answers have a pipe of their own.
"""

from __future__ import annotations

import os
import pickle
import queue
import resource
import signal
import struct
import sys
import threading
import traceback
from importlib import import_module
from typing import Any, BinaryIO

HEAD = struct.Struct("!Q")
LOG_BYTES = 64_000
_in_child = False


def send(stream: BinaryIO, data: bytes) -> None:
    """Write *data* with its length in front."""
    stream.write(HEAD.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """Return the next message as bytes.

    Raises
    ------
    EOFError
        The other side is gone.
    """

    def exactly(number: int) -> bytes:
        parts: list[bytes] = []
        while number:
            part = stream.read(number)
            if not part:
                raise EOFError
            parts.append(part)
            number -= len(part)
        return b"".join(parts)

    (length,) = HEAD.unpack(exactly(HEAD.size))
    return exactly(length)


def _answer(stream: BinaryIO, good: bool, value: Any) -> None:
    """Send what a call gave, or what it raised."""
    send(stream, pickle.dumps((good, value), protocol=pickle.HIGHEST_PROTOCOL))


def _listen(stream: BinaryIO, calls: queue.Queue[bytes]) -> None:
    """Hand on what the parent sends; without a parent there is nobody to work for."""
    try:
        while True:
            calls.put(receive(stream))
    except (EOFError, OSError):
        os._exit(0)


def in_child() -> bool:
    """Return whether this process is one that works for another."""
    return _in_child


def printed() -> str:
    """Return the end of what was printed since the call began; "" in any other process than a child."""
    if not _in_child:
        return ""
    sys.stdout.flush()
    sys.stderr.flush()
    size = os.fstat(2).st_size
    return os.pread(2, LOG_BYTES, max(0, size - LOG_BYTES)).replace(b"\0", b"").decode(errors="replace")


def main() -> None:
    """Answer calls until the parent is gone."""
    global _in_child
    _in_child = True
    memory, threads = float(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that began
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what engines print does not get between the answers
    calls: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, calls), daemon=True).start()
    if memory > 0:
        resource.setrlimit(resource.RLIMIT_AS, (int(memory * 1e9), resource.RLIM_INFINITY))
    prepared = False
    while True:
        data = calls.get()
        try:
            if not prepared:
                from multiprocessing import spawn

                spawn.prepare(pickle.loads(data))
                # What every task needs is loaded before the clock of the first one starts.
                import_module("qdsurf.campaign.tasks")
                import_module("qdsurf.model")
                import_module("ase.io")
                prepared = True
                _answer(answers, True, None)
                continue
            function, arguments = pickle.loads(data)
            if "torch" in sys.modules:
                sys.modules["torch"].set_num_threads(threads)
            _answer(answers, True, function(*arguments))
        except MemoryError:
            _answer(answers, False, ("MemoryError", f"needs more than the {memory:g} GB it may use", ""))
        except BaseException as error:
            _answer(answers, False, (type(error).__name__, str(error), traceback.format_exc()))
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    main()
