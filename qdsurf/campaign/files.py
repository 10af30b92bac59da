"""Read a campaign file: every mistake is found before anything is computed."""

from __future__ import annotations

import json
import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from qdsurf.campaign.sections import Campaign
from qdsurf.errors import AskError, BadEntry, UnknownName
from qdsurf.library import read_entry
from qdsurf.ligands.protonation import check_state

_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_HEADER = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_ARRAY = re.compile(r"^\s*\[\[\s*([^\[\]]+?)\s*\]\]\s*(?:#.*)?$")


def _parts(dotted: str) -> tuple[str, ...]:
    """Split a dotted TOML key."""
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def line_of(text: str, keys: tuple[str, ...]) -> int:
    r"""Return the line, from 1, of the deepest of nested *keys* that TOML *text* writes out.

    >>> line_of("[a]\nb = 1\n", ("a", "b"))
    2
    >>> line_of("[[a]]\nb = 1\n[[a]]\nb = 2\n", ("a", "1", "b"))
    4
    """
    best, section = (0, 1), tuple[str, ...]()
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if array := _ARRAY.match(line):
            parts = _parts(array[1])
            seen[parts] = seen.get(parts, -1) + 1
            section = here = (*parts, str(seen[parts]))
        elif header := _HEADER.match(line):
            parts = _parts(header[1])
            # [tiers.limits] belongs to the last [[tiers]]
            owner = next((parts[:n] for n in range(len(parts) - 1, 0, -1) if parts[:n] in seen), None)
            inner = () if owner is None else (*owner, str(seen[owner]), *parts[len(owner) :])
            section = here = inner or parts
        elif key := _KEY.match(line):
            here = section + _parts(key[1])
        else:
            continue
        if here == keys[: len(here)] and len(here) > best[0]:
            best = (len(here), number)
    return best[1]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a field holds, one or several of it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one))), None)


def _known_keys(keys: tuple[str, ...]) -> list[str]:
    """Return the keys that a campaign file may have beside the last of *keys*."""
    model: type[BaseModel] = Campaign
    for key in keys[:-1]:
        field = model.model_fields.get(key)
        inner = None if field is None else _model_in(field.annotation)
        model = inner or model
    return [name for name in model.model_fields if not (model is Campaign and name == "path")]


def _explain(error: ValidationError, text: str, path: Path) -> str:
    """Return what the first finding of pydantic means for *path*: line, key and nearest key."""
    # Misspelt keys first: they are the cause of a key that seems missing.
    first = min(error.errors(), key=lambda finding: finding["type"] != "extra_forbidden")
    places = tuple(str(part) for part in first["loc"])
    where = f"{path}, line {line_of(text, places)}"
    # Numbers are places in a list: they help to find the line and do not belong to the name.
    keys = tuple(part for part in places if not part.isdigit())
    name = ".".join(keys)
    if first["type"] == "extra_forbidden":
        known = _known_keys(keys)
        near = get_close_matches(keys[-1], known, n=1, cutoff=0.5)
        hint = f"nearest: {near[0]!r}" if near else f"known: {', '.join(known)}"
        return f"{where}: no key {name!r}; {hint}"
    if first["type"] == "missing":
        return f"{where}: the key {name!r} is missing"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{where}: {'' if message.startswith('the key') or not name else name + ': '}{message}"
    return f"{where}: {name!r}: {message}, not {first['input']!r}"


def load_campaign(path: str | Path) -> Campaign:
    """Read the campaign file *path*.

    Raises
    ------
    BadEntry
        The file is not TOML, or a key is misspelt, missing or of the wrong type; the message names
        file, line, key and the nearest key that exists.
    UnknownName
        A crystal, surface, ligand, method or ranking that is on no shelf.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AskError(f"cannot read the campaign file {path}: {error}") from error
    return parse_campaign(text, path)


def parse_campaign(text: str, path: Path) -> Campaign:
    """Return the campaign of TOML *text*, whose file names are relative to the folder of *path*."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadEntry(
            f"{path}: not valid TOML: {error}; text stands in quotes, "
            "Miller indices are a list such as [0, 0, 1]"
        ) from error
    if "path" in content:
        raise BadEntry(f"{path}, line {line_of(text, ('path',))}: no key 'path'")
    try:
        # By way of JSON, because strict validation of Python values takes no list for a tuple.
        campaign = Campaign.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise BadEntry(_explain(error, text, path)) from error
    names = (*campaign.ligands.names, *campaign.ligands.smiles)
    where = f"{path}, line {line_of(text, ('ligands', 'names'))}"
    if not names and not campaign.ligands.files:
        raise BadEntry(f"{where}: 'ligands' has neither names nor smiles nor files")
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise BadEntry(f"{where}: named twice: {', '.join(doubled)}")
    try:
        check_state(campaign.ligands.charge_state)
    except AskError as error:
        where = f"{path}, line {line_of(text, ('ligands', 'charge_state'))}"
        raise BadEntry(f"{where}: {error}") from error
    campaign = campaign.model_copy(update={"path": path})
    try:
        _check_names(campaign)
    except UnknownName as error:
        error.args = (f"{path}{_line_with(error.name, text)}: {error}",)
        raise
    return campaign


def _line_with(name: str, text: str) -> str:
    """Return ", line 3" for the first line that quotes *name*; "" where none does."""
    quoted = f'"{name}"', f"'{name}'"
    lines = enumerate(text.splitlines(), start=1)
    return next((f", line {number}" for number, line in lines if any(q in line for q in quoted)), "")


def _check_names(campaign: Campaign) -> None:
    """Refuse names that are on no shelf, and files that are not there."""
    from qdsurf.rank.presets import load_preset

    for surface in campaign.all_surfaces:
        if surface.crystal is not None:
            read_entry("bulk", surface.crystal)
        if surface.shelf is not None:
            read_entry("surfaces", surface.shelf)
    for tier in campaign.all_tiers:
        if tier.method is not None:
            read_entry("calculators", tier.method)
        if tier.rank is not None:
            load_preset(tier.rank)
    for name in campaign.ligands.names:
        read_entry("ligands", name)
    for file in (*campaign.ligands.files, *(s.file for s in campaign.all_surfaces if s.file)):
        if not campaign.beside(file).is_file():
            raise AskError(f"{campaign.path}: there is no file {str(campaign.beside(file))!r}")


def campaign_schema() -> dict[str, Any]:
    """Return the JSON schema of campaign files, for editors."""
    schema = Campaign.model_json_schema()
    schema["properties"].pop("path", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "qdsurf campaign"}
