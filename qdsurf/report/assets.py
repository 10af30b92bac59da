"""Style and scripts of pages, from the folder web/ beside this module."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

# In this order: each uses those before it.
SCRIPTS = ("data.js", "table.js", "structure.js", "explorer.js")


@cache
def asset(name: str) -> str:
    """Return the text of a file of web/.

    >>> asset("page.css").startswith(":root")
    True
    """
    return (files("qdsurf.report") / "web" / name).read_text(encoding="utf-8")


def style() -> str:
    """Return the style that all pages share."""
    return asset("page.css")


def script() -> str:
    """Return the script of the report page."""
    return "\n".join(asset(name) for name in SCRIPTS)
