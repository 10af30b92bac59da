"""The server of the builder: on this machine only, with a policy that lets nothing out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qdsurf.errors import AskError, MissingExtra
from qdsurf.studio.forms import MOST_ATOMS
from qdsurf.studio.workshop import SECONDS, Workshop

HOST = "127.0.0.1"
# Names under which a browser on this machine, or at the other end of an ssh tunnel, reaches the server.
NAMES = ("127.0.0.1", "localhost", "::1")
ASSETS = Path(__file__).parent / "assets"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# The page loads, sends and shows nothing but what this server gives.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host}; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)


class Gate:
    """Answers only to names of this machine, and tells the browser to load from nowhere else.

    A page of another site that points a name of its own at 127.0.0.1, or opens a socket here, is refused.
    """

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        if not allowed(headers.get("host", ""), headers.get("origin")):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 403, "headers": []})
                await send({"type": "http.response.body", "body": b"this server answers this machine only"})
            else:
                await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = POLICY.format(host=headers["host"])
                message["headers"] = [
                    *message.get("headers", []),
                    (b"content-security-policy", policy.encode("latin-1")),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        await self.app(scope, receive, guarded)


def allowed(host: str, origin: str | None) -> bool:
    """Return whether a request for *host* from a page of *origin* is answered.

    >>> allowed("127.0.0.1:8123", None), allowed("localhost:1", "http://localhost:1")
    (True, True)
    >>> allowed("evil.example:8123", None), allowed("127.0.0.1:8123", "https://evil.example")
    (False, False)
    """
    if "/" in host or urlsplit(f"//{host}").hostname not in NAMES:
        return False
    return origin is None or origin == f"http://{host}"


def free_port(port: int | None) -> int:
    """Return *port* if it is free, or any free one.

    Raises
    ------
    AskError
        The port is taken, or is none.
    """
    if port is not None and not 1 <= port <= 65535:
        raise AskError(f"{port} is no port; a number from 1024 to 65535 is wanted")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port or 0))
        except OSError as error:
            raise AskError(
                f"port {port} cannot be used ({error.strerror}); another one, or none for any free one, works"
            ) from error
        found: int = probe.getsockname()[1]
    return found


def serve(
    *,
    port: int | None = None,
    browser: bool = True,
    seconds: float = SECONDS,
    most_atoms: int = MOST_ATOMS,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve the builder until Ctrl-C.

    Parameters
    ----------
    port
        Port on 127.0.0.1; None takes a free one.
    browser
        Whether to open the page in the browser of this machine.
    seconds
        Wall time that one piece of work may take.
    most_atoms
        Atoms that a structure may have.
    ready
        Called with the address once the server answers.

    Raises
    ------
    AskError
        The port is taken.
    MissingExtra
        NiceGUI is not installed.
    """
    try:
        from nicegui import app, ui
    except ImportError as error:
        raise MissingExtra("the builder in the browser", "app") from error
    from qdsurf.studio.pages import make_pages

    chosen = free_port(port)
    workshop = Workshop(seconds=seconds)
    app.add_middleware(Gate)
    app.add_static_files("/studio", ASSETS, max_cache_age=3600)
    app.on_startup(lambda: ready(f"http://{HOST}:{chosen}/"))
    app.on_shutdown(workshop.close)
    make_pages(workshop, most_atoms)
    threading.Thread(target=workshop.warm, daemon=True).start()
    try:
        ui.run(
            host=HOST, port=chosen, show=browser, reload=False, title="qdsurf builder", tailwind=False,
            favicon=ASSETS / "favicon.svg", show_welcome_message=False, reconnect_timeout=30.0,
            timeout_graceful_shutdown=2, access_log=False,
        )  # fmt: skip
    except KeyboardInterrupt:
        pass
    finally:
        workshop.close()
