"""Read a campaign file: every mistake is found before anything is computed."""

from __future__ import annotations

import json
import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from qdsurf.errors import AskError, BadEntry
from qdsurf.library import read_entry

if TYPE_CHECKING:
    from qdsurf.model import Ligand


class _Section(BaseModel):
    """Part of a campaign file: unknown keys, text for numbers and infinities are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class SurfaceSection(_Section):
    """The slab: a crystal of the shelf, Miller indices, termination; vacuum in Å."""

    crystal: str
    hkl: tuple[int, int, int]
    termination: str | None = None
    layers: PositiveInt = 3
    repeat: tuple[PositiveInt, PositiveInt] = (1, 1)
    vacuum: PositiveFloat = 15.0


class LigandSection(_Section):
    """Names of the shelf, and SMILES of bound forms by name."""

    names: tuple[str, ...] = ()
    smiles: dict[str, str] = Field(default_factory=dict)


class MethodSection(_Section):
    """A method of the shelf and whose lattice constant the slab has."""

    name: str
    lattice: Literal["method", "experimental"] = "method"


class ProtocolSection(_Section):
    """Starting poses per ligand, force threshold in eV/Å and step limit."""

    poses: PositiveInt = 2
    fmax: PositiveFloat = 0.05
    steps: PositiveInt = 150


class Campaign(_Section):
    """A screening: one surface, several ligands, one method, one protocol.

    Attributes
    ----------
    path
        The file that it was read from, or None; gives the default output folder its name.
    """

    title: str = ""
    surface: SurfaceSection
    ligands: LigandSection
    method: MethodSection
    protocol: ProtocolSection = ProtocolSection()
    path: Path | None = Field(default=None, exclude=True)

    @property
    def ligand_names(self) -> tuple[str, ...]:
        """Names of all ligands, those of the shelf first."""
        return (*self.ligands.names, *self.ligands.smiles)

    def load_ligands(self) -> dict[str, Ligand]:
        """Return the ligands by name; an unknown or unbindable one raises an AskError."""
        from qdsurf.ligands import ligand_from_smiles, load_ligand

        found = {name: load_ligand(name) for name in self.ligands.names}
        for name, smiles in self.ligands.smiles.items():
            try:
                found[name] = ligand_from_smiles(smiles, name=name)
            except AskError as error:
                raise type(error)(f"ligand {name!r}: {error}") from error
        return found


_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_HEADER = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")


def _parts(dotted: str) -> tuple[str, ...]:
    """Split a dotted TOML key."""
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def line_of(text: str, keys: tuple[str, ...]) -> int:
    r"""Return the line, from 1, of the deepest of nested *keys* that TOML *text* writes out.

    >>> line_of("[a]\nb = 1\n", ("a", "b"))
    2
    """
    best, section = (0, 1), tuple[str, ...]()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = here = _parts(header[1])
        elif key := _KEY.match(line):
            here = section + _parts(key[1])
        else:
            continue
        if here == keys[: len(here)] and len(here) > best[0]:
            best = (len(here), number)
    return best[1]


def _known_keys(keys: tuple[str, ...]) -> list[str]:
    """Return the keys that a campaign file may have beside the last of *keys*."""
    model: Any = Campaign
    for key in keys[:-1]:
        model = model.model_fields[key].annotation
    return [name for name in model.model_fields if not (model is Campaign and name == "path")]


def _explain(error: ValidationError, text: str, path: Path) -> str:
    """Return what the first finding of pydantic means for *path*: line, key and nearest key."""
    # Misspelt keys first: they are the cause of a key that seems missing.
    first = min(error.errors(), key=lambda finding: finding["type"] != "extra_forbidden")
    # Section and key are enough to find the line; what follows are places inside a value.
    keys = tuple(str(part) for part in first["loc"])[:2]
    name, where = ".".join(keys), f"{path}, line {line_of(text, keys)}"
    if first["type"] == "extra_forbidden":
        known = _known_keys(keys)
        near = get_close_matches(keys[-1], known, n=1, cutoff=0.5)
        hint = f"nearest: {near[0]!r}" if near else f"known: {', '.join(known)}"
        return f"{where}: no key {name!r}; {hint}"
    if first["type"] == "missing":
        return f"{where}: the key {name!r} is missing"
    return f"{where}: {name!r}: {first['msg']}, not {first['input']!r}"


def load_campaign(path: str | Path) -> Campaign:
    """Read the campaign file *path*.

    Raises
    ------
    BadEntry
        The file is not TOML, or a key is misspelt, missing or of the wrong type; the message names
        file, line, key and the nearest key that exists.
    UnknownName
        A crystal, ligand or method that is on no shelf.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AskError(f"cannot read the campaign file {path}: {error}") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadEntry(f"{path}: not valid TOML: {error}") from error
    if "path" in content:
        raise BadEntry(f"{path}, line {line_of(text, ('path',))}: no key 'path'")
    try:
        # By way of JSON, because strict validation of Python values takes no list for a tuple.
        campaign = Campaign.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise BadEntry(_explain(error, text, path)) from error
    names = campaign.ligand_names
    where = f"{path}, line {line_of(text, ('ligands', 'names'))}"
    if not names:
        raise BadEntry(f"{where}: 'ligands' has neither names nor smiles")
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise BadEntry(f"{where}: named twice: {', '.join(doubled)}")
    read_entry("bulk", campaign.surface.crystal)
    read_entry("calculators", campaign.method.name)
    for name in campaign.ligands.names:
        read_entry("ligands", name)
    return campaign.model_copy(update={"path": path})
