"""From a plan to a surface: the verbs, one after the other; a refusal goes to the field it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qdsurf.errors import AskError, QdsurfError
from qdsurf.studio.forms import LONGEST_TEXT, MOST_ATOMS, Form, Plan, Problems, filled, read
from qdsurf.studio.values import short

if TYPE_CHECKING:
    from qdsurf.build.vacancies import Vacancy
    from qdsurf.model import Crystal, Ligand, Surface

# Heavy atoms of one ligand, beyond which conformers take longer than anyone waits.
MOST_HEAVY = 80
# Which field a refusal is about, by the words in it; the first that fits.
_SLAB_FIELDS = (
    ("has no termination", "termination"), ("no slab has two equal", "sides"),
    ("formal charges|dipole|compensat", "compensate"), ("vacuum", "vacuum"), ("layers", "layers"),
    ("repeat|supercell", "repeat_a"), ("terminat", "termination"),
)  # fmt: skip
_DOT_FIELDS = (
    ("no one |give one of", "size_by"), ("facets=|energ", "facets"), ("terminat|outermost plane", "cut"),
    ("cap|neutraliz|charge", "neutralize"), ("shape", "shape"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """What a plan made: the surface before ligands were bound, and the whole.

    Attributes
    ----------
    crystal
        The crystal.
    bare
        Slab or dot, with its vacancy.
    surface
        The same with ligands.
    ligands
        Each ligand with its amount.
    """

    crystal: Crystal
    bare: Surface
    surface: Surface
    ligands: tuple[tuple[Ligand, float], ...]


def make(form: Form, *, most_atoms: int = MOST_ATOMS) -> Made:
    """Make what *form* asks for.

    Raises
    ------
    Problems
        Names the fields that make no sense, or with which it cannot be made.

    Examples
    --------
    >>> from qdsurf.studio.forms import LigandRow
    >>> made = make(Form(layers=2, ligands=(LigandRow(text="acetate", amount=2),)))
    >>> made.surface.charge, made.surface.ledger["acetate"]
    (0, 2)
    """
    plan, ligands = _read_all(form)
    crystal, base = cut(plan, most_atoms)
    bare = without(base, plan.vacancy)
    return Made(crystal=crystal, bare=bare, surface=bind(bare, ligands, plan, most_atoms), ligands=ligands)


def cut(plan: Plan, most_atoms: int = MOST_ATOMS) -> tuple[Crystal, Surface]:
    """Return the crystal, and the slab or dot of *plan* without vacancies and ligands.

    Raises
    ------
    Problems
        It cannot be cut, or has more than *most_atoms*.
    """
    from qdsurf.build.dots import carve_dot
    from qdsurf.build.slabs import cut_slab
    from qdsurf.crystals import load_crystal

    crystal = load_crystal(plan.crystal)
    arguments = dict(plan.base)
    if plan.kind == "slab":
        _not_too_many(_least_atoms_of_slab(crystal, arguments), most_atoms, "layers")
        with _about("hkl", _SLAB_FIELDS):
            surface = cut_slab(crystal, arguments.pop("hkl"), **arguments)
        _not_too_many(len(surface.atoms), most_atoms, "layers")
    else:
        _not_too_many(least_atoms_of_dot(crystal, arguments), most_atoms, "size")
        with _about("size", _DOT_FIELDS):
            surface = carve_dot(crystal, **arguments)
        _not_too_many(len(surface.atoms), most_atoms, "size")
    return crystal, surface


def without(surface: Surface, vacancy: Mapping[str, Any] | None) -> Surface:
    """Return *surface* with the *vacancy* of a plan, or as it is.

    Raises
    ------
    Problems
        There is no such ion or kind of site, or the charge would not be what it was.
    """
    if vacancy is None:
        return surface
    from qdsurf.build.defects import remove

    rows = kinds_of_vacancy(surface, vacancy["species"])
    number = vacancy["row"]
    if number > len(rows):
        raise Problems({"vacancy_row": f"there are {len(rows)} kinds of site; choose one of them"})
    words = (("compensat|charge|counter-ion", "vacancy_compensate"), ("face", "vacancy_faces"))
    with _about("vacancy_row", words):
        return remove(
            surface, rows[number - 1].site, compensate=vacancy["compensate"], faces=vacancy["faces"]
        )


def kinds_of_vacancy(surface: Surface, species: str) -> tuple[Vacancy, ...]:
    """Return the kinds of site that *species* has in *surface*, those at the surface first.

    Raises
    ------
    Problems
        There is none.
    """
    from qdsurf.build.vacancies import vacancies

    with _about("vacancy", ()):
        return vacancies(surface, species)


def ligand_of(text: str, anchor: tuple[str, ...] = ()) -> Ligand:
    """Return the ligand of that name on the shelf, or of that SMILES; never one of a file.

    Parameters
    ----------
    anchor
        Names of the groups that bind, for SMILES.

    Raises
    ------
    AskError
        It is neither, is too large, or has no group that binds, or several.

    Examples
    --------
    >>> ligand_of("CCS").anchors[0].name
    'thiol'
    >>> ligand_of("/etc/passwd")
    Traceback (most recent call last):
    qdsurf.errors.AskError: '/etc/passwd' is no ligand of the shelf, nor is it SMILES that can be read
    """
    from qdsurf.ligands.shelf import is_known, load_ligand
    from qdsurf.ligands.smiles import ligand_from_smiles

    asked = short(text, LONGEST_TEXT)
    if is_known(asked):
        return load_ligand(asked)
    check_smiles(asked)
    return ligand_from_smiles(asked, anchor=anchor or None)


def check_smiles(asked: str) -> None:
    """Refuse what is no SMILES, or the SMILES of something too large."""
    from difflib import get_close_matches

    from rdkit import Chem, RDLogger

    from qdsurf.library import list_shelf

    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    mol = Chem.MolFromSmiles(asked)
    if mol is None:
        near = get_close_matches(asked.lower(), list_shelf("ligands"), n=3, cutoff=0.6)
        hint = f"; nearest names: {', '.join(near)}" if near else ""
        raise AskError(f"{asked!r} is no ligand of the shelf, nor is it SMILES that can be read{hint}")
    if mol.GetNumHeavyAtoms() > MOST_HEAVY:
        raise AskError(f"{mol.GetNumHeavyAtoms()} atoms without hydrogen are too many; {MOST_HEAVY} at most")


def _read_all(form: Form) -> tuple[Plan, tuple[tuple[Ligand, float], ...]]:
    """Return the plan and its ligands; what is wrong with either is said at once."""
    problems: dict[str, str] = {}
    plan: Plan | None = None
    try:
        plan = read(form)
    except Problems as error:
        problems |= error.fields
    found: list[Ligand] = []
    for k, row in enumerate(filled(form)):
        try:
            ligand = ligand_of(row.text, row.anchor)
        except QdsurfError as error:
            problems.setdefault(f"ligand {k}", str(error))
            continue
        if any(ligand.name == other.name for other in found):
            problems[f"ligand {k}"] = f"{ligand.name} is there already; put the two amounts together"
        found.append(ligand)
    if problems or plan is None:
        raise Problems(problems)
    return plan, tuple(zip(found, (amount for _, _, amount in plan.ligands), strict=True))


def bind(
    surface: Surface, ligands: tuple[tuple[Ligand, float], ...], plan: Plan, most_atoms: int = MOST_ATOMS
) -> Surface:
    """Return *surface* with *ligands* bound as *plan* says.

    Raises
    ------
    Problems
        They find no room or no site, or would be too many atoms.
    """
    if not ligands:
        return surface
    from qdsurf.attachment import attach

    if plan.shell["unit"] == "count":
        more = sum(amount * len(ligand.bonds) for ligand, amount in ligands)
        _not_too_many(len(surface.atoms) + int(more), most_atoms, "amount 0")
    words = [(re.escape(ligand.name), f"amount {k}") for k, (ligand, _) in enumerate(ligands)]
    with _about("ligands", (("mode|cannot bind", "mode"), *words)):
        made = attach(surface, dict(ligands), **plan.shell)
    _not_too_many(len(made.atoms), most_atoms, "amount 0")
    return made


@contextmanager
def _about(default: str, words: tuple[tuple[str, str], ...]) -> Iterator[None]:
    """Turn a refusal into the problem of the field whose words it has, or of *default*."""
    try:
        yield
    except Problems:
        raise
    except QdsurfError as error:
        message = str(error)
        place = next((name for pattern, name in words if re.search(pattern, message)), default)
        raise Problems({place: message}) from error


def _not_too_many(atoms: float, most: int, place: str) -> None:
    """Refuse more atoms than may be."""
    if atoms > most:
        raise Problems(
            {place: f"{atoms:.0f} atoms are too many for the page, which takes {most}; "
             "smaller numbers work here, and larger ones on the command line"}
        )  # fmt: skip


def _least_atoms_of_slab(crystal: Crystal, arguments: Mapping[str, Any]) -> float:
    """Return the least number of atoms that the slab has: one surface cell of each layer."""
    a, b = arguments["repeat"]
    return float(arguments["layers"] * a * b)


def least_atoms_of_dot(crystal: Crystal, arguments: Mapping[str, Any]) -> float:
    """Return fewer atoms than a dot of that size has: what is far too large is not begun."""
    import numpy as np

    cell = crystal.atoms.cell
    density = len(crystal.atoms) / cell.volume
    if "cells" in arguments:
        lengths = np.atleast_1d(np.array(arguments["cells"], dtype=float)) * cell.volume ** (1 / 3)
    else:
        lengths = np.atleast_1d(np.array(arguments.get("edge", arguments.get("diameter")), dtype=float))
    box = float(np.prod(lengths)) if len(lengths) == 3 else float(lengths[0]) ** 3
    # cells of an octahedron and a tetrahedron are ions along an edge, which lie closer than cells
    share = {"cube": 0.8, "cuboid": 0.8, "octahedron": 0.1, "tetrahedron": 0.02}.get(arguments["shape"], 0.45)
    return float(share * box * density)
