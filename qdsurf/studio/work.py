"""The pieces of work that the page asks for; each runs in a process of its own and gives plain values.

Each returns ``{"problems": {field: message}}`` where the question was wrong, so that the page can put the
message beside the field.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qdsurf.errors import QdsurfError
from qdsurf.studio import building, chemistry, downloads, panels
from qdsurf.studio.forms import Form, Problems, read

if TYPE_CHECKING:
    from qdsurf.model import Surface

Answer = dict[str, Any]


def answer(task: str, *arguments: Any) -> Answer:
    """Do the piece of work of that name; a refusal becomes an answer too.

    Examples
    --------
    >>> answer("tolerance", "PbS")["problems"]["formula"][:23]
    "'PbS' is no perovskite "
    """
    try:
        return TASKS[task](*arguments)
    except Problems as error:
        return {"problems": error.fields}
    except QdsurfError as error:
        return {"problems": {task: str(error)}}


def build(form: Form, most_atoms: int) -> Answer:
    """Make the structure of *form*, and all that the page shows of it."""
    from qdsurf.studio.drawing import drawing
    from qdsurf.studio.recipes import commands, python_lines

    made = building.make(form, most_atoms=most_atoms)
    surface, plan = made.surface, read(form)
    words, overlap = panels.contact_words(surface)
    return {
        "name": surface.name,
        "atoms": len(surface.atoms),
        "charge": surface.charge,
        "crystal": panels.crystal_words(made.crystal),
        "ledger": panels.ledger_rows(surface),
        "facets": panels.facet_rows(surface),
        "room": panels.room_rows(made.bare),
        "density": panels.density_rows(surface, made.ligands, form.unit),
        "ligands": chemistry.ligand_rows([ligand for ligand, _ in made.ligands]),
        "contact": words,
        "overlap": overlap,
        "findings": panels.findings(surface),
        "python": python_lines(plan),
        "commands": commands(plan),
        "drawing": drawing(surface),
        "surface": _text(surface),
        "bare": _text(made.bare),
        "stem": f"{plan.crystal}-{plan.kind}",
    }


def terminations(crystal: str, hkl: str) -> Answer:
    """Return what a facet can end with, as {formula: words}."""
    from qdsurf.build.facets import facet_terminations
    from qdsurf.crystals import load_crystal

    read(Form(crystal=crystal, hkl=hkl))
    try:
        miller, rows = facet_terminations(load_crystal(crystal), hkl)
    except QdsurfError as error:
        raise Problems({"hkl": str(error)}) from error
    return {
        "miller": " ".join(map(str, miller)),
        "options": {row.formula: _ending(row) for row in rows},
    }


def _ending(row: Any) -> str:
    """Return one termination in words."""
    if row.neutral:
        return f"{row.formula}: neutral"
    state = f"charge {panels.signed(row.charge or 0)} per surface cell"
    if row.charge is None:
        state = "two faces that differ"
    cells = {rule: abs(a[0] * b[1] - a[1] * b[0]) for rule, (a, b) in row.rules.items()}
    ways = ", ".join(f"{rule} in {n} cell{'s' * (n != 1)}" for rule, n in cells.items())
    return f"{row.formula}: {state}" + (f"; compensate by {ways}" if ways else "")


def vacancies(form: Form, most_atoms: int) -> Answer:
    """Return the kinds of site of the species that leaves, as {number: words}."""
    from dataclasses import replace

    plan = read(replace(form, ligands=()))
    if plan.vacancy is None:
        return {"options": {}}
    surface = building.cut(plan, most_atoms)[1]
    rows = building.kinds_of_vacancy(surface, plan.vacancy["species"])
    return {"options": {k: f"{k}. {row.label} ({row.multiplicity} equal)" for k, row in enumerate(rows, 1)}}


def species(crystal: str) -> Answer:
    """Return the ions of a crystal with their charges, as {species: words}, and its formula."""
    from qdsurf.crystals import load_crystal

    read(Form(crystal=crystal))
    found = load_crystal(crystal)
    return {
        "options": {name: f"{name} ({panels.signed(charge)})" for name, charge in found.charges.items()},
        "words": panels.crystal_words(found),
        "formula": crystal.split("-")[0],
    }


def molecule(text: str, drawn: bool) -> Answer:
    """Return what a ligand is, and in which forms it can bind."""
    return chemistry.forms_of_molecule(text, drawn=drawn)


def picture(text: str) -> Answer:
    """Return the molecule of a name or SMILES drawn flat: "mol" for the sketcher, "svg" to look at."""
    from rdkit import Chem
    from rdkit.Chem import rdDepictor
    from rdkit.Chem.Draw import rdMolDraw2D

    mol = Chem.MolFromSmiles(building.ligand_of(text).smiles)
    rdDepictor.Compute2DCoords(mol)
    canvas = rdMolDraw2D.MolDraw2DSVG(260, 90)
    canvas.DrawMolecule(mol)
    canvas.FinishDrawing()
    return {"mol": Chem.MolToMolBlock(mol), "svg": canvas.GetDrawingText()}


def ranking(bare: str, ligands: tuple[tuple[str, tuple[str, ...]], ...], common: bool, preset: str) -> Answer:
    """Return the ligands ranked on the bare surface, with the common ones of the shelf if wanted."""
    from qdsurf.ligands.shelf import load_ligand
    from qdsurf.rank.presets import list_presets
    from qdsurf.studio.values import choice

    mine = [building.ligand_of(text, anchor) for text, anchor in ligands]
    names = {ligand.name for ligand in mine}
    others = [load_ligand(name) for name in chemistry.COMMON if name not in names] if common else []
    if not mine and not others:
        raise Problems({"ranking": "add a ligand to the form, or compare the common ones"})
    question, rows, failed = chemistry.ranking_rows(
        [*mine, *others], _surface(bare), choice(preset, list_presets())
    )
    for row in rows:
        row["mine"] = row["ligand"] in names
    return {"question": question, "rows": rows, "failed": failed}


def tolerance(formula: str) -> Answer:
    """Return the factors of a composition and what they say."""
    try:
        return chemistry.tolerance_facts(formula)
    except QdsurfError as error:
        raise Problems({"formula": str(error)}) from error


def structure(surface: str, kind: str, stem: str) -> Answer:
    """Return the structure as a file."""
    return {"file": downloads.structure_file(_surface(surface), kind, stem)}


def inputs(
    surface: str, bare: str, code: str, purpose: str, stem: str, ligand: tuple[str, tuple[str, ...]] | None
) -> Answer:
    """Return the input of a DFT code as an archive."""
    binding = purpose == "binding"
    bound = None if ligand is None or not binding else building.ligand_of(*ligand)
    made = downloads.input_archive(_surface(bare if binding else surface), code, purpose, stem, bound)
    return {"file": made}


def _text(surface: Surface) -> str:
    """Return *surface* as extended XYZ, which keeps all that qdsurf knows of it."""
    from qdsurf.model.files import write_structure

    with tempfile.TemporaryDirectory(prefix="qdsurf-") as folder:
        return write_structure(surface, Path(folder) / "surface.extxyz").read_text(encoding="utf-8")


def _surface(text: str) -> Surface:
    """Return the surface of `_text`."""
    from qdsurf.model.files import read_surface

    with tempfile.TemporaryDirectory(prefix="qdsurf-") as folder:
        path = Path(folder) / "surface.extxyz"
        path.write_text(text, encoding="utf-8")
        return read_surface(path)


TASKS: dict[str, Callable[..., Answer]] = {
    "build": build,
    "terminations": terminations,
    "vacancies": vacancies,
    "species": species,
    "molecule": molecule,
    "picture": picture,
    "ranking": ranking,
    "tolerance": tolerance,
    "structure": structure,
    "inputs": inputs,
}
