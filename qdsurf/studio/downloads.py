"""Files that the page gives: structures by format, inputs of DFT codes as one archive.

Names of files come from the crystal of the shelf and from here, never from what a person typed.
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qdsurf.errors import AskError
from qdsurf.studio.values import choice

if TYPE_CHECKING:
    from qdsurf.model import Ligand, Surface

# What a person reads, and the file that is written: its ending, or its name, is the format.
FORMATS = {
    "extxyz": ("extended XYZ: with charges, sites and recipe", ".extxyz"),
    "poscar": ("POSCAR of VASP", "POSCAR"),
    "cif": ("CIF", ".cif"),
    "xyz": ("plain XYZ, elements and positions", ".xyz"),
    "pdb": ("PDB, with the bonds of molecules", ".pdb"),
    "sdf": ("SDF, with the bonds of molecules", ".sdf"),
    "xsf": ("XSF of XCrySDen", ".xsf"),
    "lammps": ("LAMMPS data, with the bonds of molecules", ".lmp"),
    "gen": ("gen of DFTB+", ".gen"),
    "aims": ("geometry.in of FHI-aims", "geometry.in"),
    "json": ("JSON of ASE", ".json"),
    "png": ("picture, PNG", ".png"),
    "svg": ("picture, SVG", ".svg"),
    "pdf": ("picture, PDF", ".pdf"),
}
PICTURES = ("png", "svg", "pdf")
PURPOSES = {
    "relax": "relax the structure",
    "static": "one energy",
    "dos": "density of states",
    "workfunction": "work function",
    "binding": "binding energy: all states",
}
# The archives are the same bytes for the same content; years before 1980 cannot be written.
_THEN = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file for the browser.

    Attributes
    ----------
    name
        Of the file.
    content
        Its bytes.
    notes
        What to know before using it.
    """

    name: str
    content: bytes
    notes: tuple[str, ...] = ()


def structure_file(surface: Surface, kind: str, stem: str) -> Download:
    """Return *surface* as a file of the format *kind*, a key of ``FORMATS``.

    Raises
    ------
    AskError
        No such format, or one that cannot hold the structure.

    Examples
    --------
    >>> import qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), "001", layers=1)
    >>> structure_file(slab, "cif", "CsPbBr3-slab").name
    'CsPbBr3-slab.cif'
    """
    from qdsurf.model.files import write_structure

    ending = FORMATS[choice(kind, FORMATS)][1]
    name = f"{plain(stem)}{ending}" if ending.startswith(".") else ending
    with tempfile.TemporaryDirectory(prefix="qdsurf-") as folder:
        path = Path(folder) / name
        if kind in PICTURES:
            from qdsurf.report.picture import write_picture

            write_picture(surface, path)
        elif kind == "xyz":
            from ase.io import write

            write(path, surface.atoms, format="xyz")
        else:
            write_structure(surface, path)
        return Download(name=name, content=path.read_bytes())


def input_archive(
    surface: Surface, code: str, purpose: str, stem: str, ligand: Ligand | None = None
) -> Download:
    """Return the input of a DFT code as an archive (.zip) of one folder.

    Parameters
    ----------
    surface
        Of the purpose "binding" the surface without the ligand.
    code, purpose, ligand
        As for ``export``.

    Raises
    ------
    AskError
        The code cannot do it; says what can.
    """
    from qdsurf.exports import export
    from qdsurf.exports.codes import CODES

    key = choice(code, CODES)
    what = choice(purpose, PURPOSES)
    if what == "binding" and ligand is None:
        raise AskError("a binding energy needs a ligand: add one, build, and come back")
    name = f"{plain(stem)}-{key}-{what}"
    with tempfile.TemporaryDirectory(prefix="qdsurf-") as folder:
        made = export(surface, key, Path(folder) / name, purpose=what, ligand=ligand)
        return Download(name=f"{name}.zip", content=_zipped(made.folder, name), notes=made.notes)


def plain(stem: str) -> str:
    """Return *stem* with nothing but letters, digits, dots and dashes.

    >>> plain("../a b"), plain("")
    ('a-b', 'structure')
    """
    return re.sub(r"[^A-Za-z0-9.]+", "-", stem).strip(".-")[:60] or "structure"


def _zipped(folder: Path, name: str) -> bytes:
    """Return the files of *folder* as an archive in which they lie in the folder *name*."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}", _THEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.suffix == ".sh" else 0o644) << 16
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
