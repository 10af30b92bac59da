"""The map and the three-dimensional viewer of the page: chemiscope, carried inside the page."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from qdsurf.errors import MissingExtra
from qdsurf.report.palette import ELEMENT_COLOURS

# Where the element colours stand in the script of chemiscope 1.1, which pyproject.toml pins.
_COLOURS = re.compile(r"(defaultColor:\d+,Jmol:\{)([^}]*)(\})")


def script_json(value: object) -> str:
    r"""Return JSON that may stand inside a script element: it cannot close it.

    >>> print(script_json("</script>"))
    "\u003c/script\u003e"
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def has_viewer() -> bool:
    """Return whether the page can carry chemiscope."""
    from importlib.util import find_spec

    return find_spec("chemiscope") is not None


@cache
def bundle() -> str:
    """Return the JavaScript of chemiscope with the colours of qdsurf, safe inside a script element.

    Raises
    ------
    MissingExtra
        chemiscope is not installed, or is a version whose script is another.
    """
    from importlib.util import find_spec

    spec = find_spec("chemiscope")
    if spec is None or spec.origin is None:
        raise MissingExtra("the viewer of the report page", "report")
    # Not a documented place: the version is pinned, and a test reads the file.
    path = Path(spec.origin).parent / "sphinx" / "static" / "chemiscope.min.js"
    if not path.is_file():
        raise MissingExtra("the viewer of the report page", "report")
    script, changed = _COLOURS.subn(_coloured, path.read_text(encoding="utf-8"))
    if changed != 1:
        raise MissingExtra("the viewer of the report page, which is made for chemiscope 1.1,", "report")
    # Inside strings and regular expressions, where these can stand, the backslash changes nothing.
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _coloured(found: re.Match[str]) -> str:
    """Return the table of colours with those of qdsurf in place of Jmol's."""
    table = dict(entry.split(":") for entry in found[2].split(","))
    for element, colour in ELEMENT_COLOURS.items():
        number = str(int(colour[1:], 16))
        table[element] = number
        if len(element) == 2:
            table[element.upper()] = number
    return found[1] + ",".join(f"{name}:{value}" for name, value in table.items()) + found[3]
