"""Put an export on disk: all of it or nothing, with a README and a manifest of checksums."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from qdsurf.errors import AskError

MANIFEST = "manifest.json"


def put(folder: Path, files: Mapping[str, str], manifest: Mapping[str, Any], *, force: bool) -> Path:
    """Write *files* and their manifest as *folder*, in one step.

    Parameters
    ----------
    folder
        Made new; its parent must exist.
    files
        Text by path relative to the folder.
    manifest
        What the manifest says beside the checksums.
    force
        Replace a folder that an earlier export left; any other folder is never replaced.

    Raises
    ------
    AskError
        The folder exists, or cannot be written; nothing was changed.
    """
    refuse(folder, force)
    whole = with_manifest(files, manifest)
    try:
        with tempfile.TemporaryDirectory(prefix=".qdsurf-", dir=folder.parent) as temporary:
            new = Path(temporary) / "new"
            for name, text in whole.items():
                path = new / PurePosixPath(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
                if name.endswith(".sh"):
                    path.chmod(0o755)
            new.chmod(0o755)
            if folder.exists():
                # the old folder goes with the temporary one, once the new one stands
                os.replace(folder, Path(temporary) / "old")
            os.replace(new, folder)
    except OSError as error:
        raise AskError(f"{str(folder)!r} cannot be written: {error.strerror or error}") from error
    return folder


def with_manifest(files: Mapping[str, str], manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return *files* with ``manifest.json`` added, which holds *manifest* and their checksums."""
    sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(files.items())}
    text = json.dumps({**manifest, "files": sums}, indent=1, default=str, ensure_ascii=False)
    return {**files, MANIFEST: f"{text}\n"}


def refuse(folder: Path, force: bool) -> None:
    """Refuse a *folder* that cannot be written or holds something already."""
    if not folder.parent.is_dir():
        raise AskError(f"the folder {str(folder.parent)!r} does not exist")
    if not os.access(folder.parent, os.W_OK | os.X_OK):
        raise AskError(f"the folder {str(folder.parent)!r} cannot be written to")
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise AskError(f"{str(folder)!r} is no folder")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not force:
        raise AskError(f"{str(folder)!r} is not empty; force=True (--force) replaces an earlier export")
    if read_manifest(folder) is None:
        raise AskError(f"{str(folder)!r} was not written by export and is left as it is")


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of *folder*; None where there is none that export wrote."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not {"export", "purpose", "files"} <= set(found):
        return None
    known = set(found.get("system", ()))
    return (
        found
        if "states" in found or known >= {"order", "fixed", "outer", "symbols", "cell", "extent"}
        else None
    )


def changed(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Return the files of *folder* that are gone or differ from its manifest.

    Names in the manifest that lead out of the folder count as changed and are not opened.
    """
    wrong = []
    for name, known in manifest["files"].items():
        path = folder / PurePosixPath(name)
        inside = not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
        if not (inside and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == known):
            wrong.append(name)
    return wrong
