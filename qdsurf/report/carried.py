"""What the page carries beside its text: rows, structures and settings, packed."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from qdsurf.report.figure import class_colours
from qdsurf.report.palette import ELEMENT_COLOURS, rgb
from qdsurf.report.properties import LOG_P, MASS, contact, properties
from qdsurf.report.table import COLUMNS

if TYPE_CHECKING:
    from ase import Atoms

log = logging.getLogger("qdsurf.report")

Row = Mapping[str, Any]

# Structures in a page: a bound for the time in which a browser opens it.
MOST_STRUCTURES, MOST_BYTES = 2000, 16_000_000
# Pictures in a page without chemiscope; each takes about a second to draw.
MOST_PICTURES, PICTURE_WIDTH = 12, 700
# Rows with an energy on the map: chemiscope draws this many in seconds.
MOST_POINTS = 30_000
FEW_POINTS = 100
# Share of white in the colours of ions inside.
PALE = 0.45


def packed(text: str) -> str:
    """Return *text* compressed, as ASCII; the same text gives the same bytes."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), mtime=0)).decode("ascii")


def structure_text(structure: Atoms | str) -> str:
    """Return extended XYZ of *structure*, which may be such text already."""
    if isinstance(structure, str):
        return structure
    from qdsurf.model.files import extxyz_text

    bare = structure.copy()
    bare.calc = None
    return extxyz_text(bare)


def best_first(rows: Sequence[Row]) -> list[int]:
    """Return the numbers of *rows*, the first of every class before the second of any.

    >>> best_first([{"rank": 1, "group": "L"}, {"rank": 2, "group": "L"}, {"rank": 1, "group": "X"}, {}])
    [0, 2, 1, 3]
    """
    seen: dict[object, int] = {}
    places = []
    for index, row in enumerate(rows):
        group = row.get("group")
        seen[group] = seen.get(group, 0) + 1
        places.append((row.get("rank") is None, seen[group], index))
    return [index for *_, index in sorted(places)]


def choose_structures(rows: Sequence[Row], structures: Mapping[str, Atoms | str]) -> dict[int, str]:
    """Return the structures, as text by number of the row, that the page carries: the best of each class.

    *structures* has them by key of the row or by ligand.
    """
    chosen: dict[int, str] = {}
    size = 0
    for index in best_first(rows):
        row = rows[index]
        found = structures.get(str(row.get("key"))) or structures.get(str(row["ligand"]))
        if found is None or row.get("status") == "failed":
            continue
        text = structure_text(found)
        size += len(text) // 2  # about what it takes when it is packed
        if len(chosen) >= MOST_STRUCTURES or size > MOST_BYTES:
            break
        chosen[index] = text
    return dict(sorted(chosen.items()))


def elements(texts: Mapping[int, str]) -> list[str]:
    """Return the elements of *texts*, those of the palette first, in its order."""
    found = {line.split(maxsplit=1)[0] for text in texts.values() for line in text.splitlines()[2:] if line}
    known = [element for element in ELEMENT_COLOURS if element in found]
    return known + sorted(e for e in found - set(known) if e.isalpha() and len(e) <= 2)


def data(rows: Sequence[Row], texts: Mapping[int, str], pictures: Mapping[int, str]) -> str:
    """Return the packed rows and settings that the script of the page reads."""
    names = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
    table = [[_plain(row.get(name)) for name in names] + [contact(row)[1]] for row in rows]
    scored = not any(row.get("energy_eV") is not None for row in rows)
    value = "score" if scored else "energy_eV"
    mapped = [k for k, row in enumerate(rows) if row.get(value) is not None][:MOST_POINTS]
    found = properties(rows)
    content = {
        "columns": [*names, "contact_share"],
        "rows": table,
        "settings": {
            "columns": _columns(rows),
            "csv": list(COLUMNS),
            "colours": class_colours(rows),
            "properties": found,
            "mapped": mapped,
            "map": _map("score" if scored else "binding energy", len(mapped), found),
            "pictures": dict(pictures),
            "radii": _radii(elements(texts)),
            "pale": {name: colour_of(name, pale=True) for name in elements(texts)},
            "views": _views(),
        },
    }
    return packed(json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _plain(value: object) -> object:
    """Return *value* as JSON can hold it; a number that is none becomes nothing."""
    if isinstance(value, float) and value - value != 0:
        return None
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _columns(rows: Sequence[Row]) -> list[str]:
    """Return the columns of the table of the page: those that say something."""

    def several(name: str) -> bool:
        return len({str(row.get(name) or "") for row in rows}) > 1

    asked = {
        "surface": several("surface") or several("site"),
        "score": any(row.get("score") is not None for row in rows),
    }
    order = ("rank", "ligand", "group", "surface", "anchor", "energy_eV", "score", "reaction", "contact",
             "method", "note")  # fmt: skip
    return [name for name in order if asked.get(name, True)]


def _map(value: str, points: int, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the map shows at first: few points as in the table, many by what the ligands are."""
    many = points > FEW_POINTS and {MASS, LOG_P} <= known.keys()
    return {
        "x": {"property": MASS if many else "place in the table"},
        "y": {"property": value},
        "color": {"property": LOG_P if many else value},
        "symbol": "class",
        "palette": "viridis",
        "size": {"factor": 75 if points <= FEW_POINTS else 40 if points <= 1000 else 20},
    }


def _radii(names: Sequence[str]) -> dict[str, float]:
    """Return the radius in Å that ions are drawn with, as in pictures."""
    from qdsurf.report.scene import OPEN, ion_radius

    return {name: round(OPEN * ion_radius(name), 3) for name in names}


def _views() -> dict[str, list[float]]:
    """Return the directions towards the camera, as in pictures."""
    from qdsurf.report.scene import DOT_VIEW, SLAB_VIEW

    return {"slab": list(SLAB_VIEW), "dot": list(DOT_VIEW)}


def colour_of(element: str, *, pale: bool = False) -> str:
    """Return the colour of *element* for a style sheet; a pale one is nearly half white.

    >>> colour_of("Cs"), colour_of("Cs", pale=True)
    ('#7fb8ff', '#b9d8ff')
    """
    white = PALE if pale else 0.0
    return "#" + "".join(f"{round(255 * (part + (1 - part) * white)):02x}" for part in rgb(element))


def pictures(texts: Mapping[int, str]) -> dict[int, str]:
    """Return pictures of the first structures, as URLs that hold them; none without matplotlib."""
    from ase.io import read

    from qdsurf.errors import MissingExtra
    from qdsurf.report.picture import write_picture

    drawn: dict[int, str] = {}
    with TemporaryDirectory() as folder:
        for index, text in list(texts.items())[:MOST_PICTURES]:
            atoms: Any = read(io.StringIO(text), format="extxyz")
            try:
                path = write_picture(atoms, Path(folder) / "one.png", width=PICTURE_WIDTH)
            except MissingExtra as error:
                log.warning("no pictures in the page: %s", error)
                break
            drawn[index] = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    return drawn
