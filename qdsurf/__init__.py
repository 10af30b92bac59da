"""Surface chemistry of quantum dots: surfaces, ligands, charges, energies whose reactions are stated.

>>> import qdsurf as qs
>>> crystal = qs.load_crystal("CsPbBr3-cubic")
>>> qs.cut_slab(crystal, (0, 0, 1), layers=2, termination="CsBr").charge
0

Names are loaded when they are first used, so that ``import qdsurf`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "AskError": "qdsurf.errors",
    "QdsurfError": "qdsurf.errors",
    "RunError": "qdsurf.errors",
    "load_crystal": "qdsurf.crystals",
    "load_ligand": "qdsurf.ligands",
    "ligand_from_smiles": "qdsurf.ligands",
    "ligand_from_mol": "qdsurf.ligands",
    "ligand_sizes": "qdsurf.ligands",
    "enumerate_forms": "qdsurf.ligands",
    "describe_ligands": "qdsurf.ligands",
    "load_method": "qdsurf.methods",
    "load_surface": "qdsurf.build.surfaces",
    "list_shelf": "qdsurf.library",
    "alloy": "qdsurf.build.mixing",
    "orient_cations": "qdsurf.build.mixing.cations",
    "write_crystal": "qdsurf.crystals.files",
    "cut_slab": "qdsurf.build.slabs",
    "carve_dot": "qdsurf.build.dots",
    "summary": "qdsurf.build.summary",
    "terminations": "qdsurf.build.slabs",
    "remove": "qdsurf.build.defects",
    "pair_vacancy": "qdsurf.build.defects",
    "add_adatoms": "qdsurf.build.adatoms",
    "antisites": "qdsurf.build.substitution",
    "substitute": "qdsurf.build.substitution",
    "random_vacancies": "qdsurf.build.vacancies",
    "vacancy_groups": "qdsurf.build.vacancy_groups",
    "vacancies": "qdsurf.build.vacancies",
    "attach": "qdsurf.attachment",
    "join": "qdsurf.attachment.joining",
    "transfer_proton": "qdsurf.attachment.protons",
    "binding_modes": "qdsurf.attachment",
    "detach": "qdsurf.attachment",
    "exchange": "qdsurf.attachment",
    "binding_energy": "qdsurf.energy.binding",
    "corrected": "qdsurf.energy.combining",
    "exchange_energy": "qdsurf.energy.exchanges",
    "vacancy_energy": "qdsurf.energy.vacancy",
    "relax_crystal": "qdsurf.energy.bulk",
    "coverage_curve": "qdsurf.energy.coverage",
    "export": "qdsurf.exports",
    "collect": "qdsurf.exports",
    "load_campaign": "qdsurf.campaign",
    "screen": "qdsurf.campaign",
    "validate": "qdsurf.validation",
    "write_picture": "qdsurf.report.picture",
    "write_report": "qdsurf.report",
    "enumerate_compositions": "qdsurf.rank.enumeration",
    "screen_formulas": "qdsurf.rank.compositions",
    "tolerance": "qdsurf.rank.compositions",
    "hsab": "qdsurf.rank.hsab",
    "rank_ligands": "qdsurf.rank.ligand_ranking",
    "tolerance_arrays": "qdsurf.rank.factors",
    "read_surface": "qdsurf.model.files",
    "write_structure": "qdsurf.model.files",
}

if TYPE_CHECKING:
    from qdsurf.attachment import attach, binding_modes, detach, exchange
    from qdsurf.attachment.joining import join
    from qdsurf.attachment.protons import transfer_proton
    from qdsurf.build.adatoms import add_adatoms
    from qdsurf.build.defects import pair_vacancy, remove
    from qdsurf.build.dots import carve_dot
    from qdsurf.build.mixing import alloy
    from qdsurf.build.mixing.cations import orient_cations
    from qdsurf.build.slabs import cut_slab, terminations
    from qdsurf.build.substitution import antisites, substitute
    from qdsurf.build.summary import summary
    from qdsurf.build.surfaces import load_surface
    from qdsurf.build.vacancies import random_vacancies, vacancies
    from qdsurf.build.vacancy_groups import vacancy_groups
    from qdsurf.campaign import load_campaign, screen
    from qdsurf.crystals import load_crystal
    from qdsurf.crystals.files import write_crystal
    from qdsurf.energy.binding import binding_energy
    from qdsurf.energy.bulk import relax_crystal
    from qdsurf.energy.combining import corrected
    from qdsurf.energy.coverage import coverage_curve
    from qdsurf.energy.exchanges import exchange_energy
    from qdsurf.energy.vacancy import vacancy_energy
    from qdsurf.errors import AskError, QdsurfError, RunError
    from qdsurf.exports import collect, export
    from qdsurf.library import list_shelf
    from qdsurf.ligands import (
        describe_ligands,
        enumerate_forms,
        ligand_from_mol,
        ligand_from_smiles,
        ligand_sizes,
        load_ligand,
    )
    from qdsurf.methods import load_method
    from qdsurf.model.files import read_surface, write_structure
    from qdsurf.rank.compositions import screen_formulas, tolerance
    from qdsurf.rank.enumeration import enumerate_compositions
    from qdsurf.rank.factors import tolerance_arrays
    from qdsurf.rank.hsab import hsab
    from qdsurf.rank.ligand_ranking import rank_ligands
    from qdsurf.report import write_report
    from qdsurf.report.picture import write_picture
    from qdsurf.validation import validate

__all__ = [
    "AskError",
    "QdsurfError",
    "RunError",
    "__version__",
    "add_adatoms",
    "alloy",
    "antisites",
    "attach",
    "binding_energy",
    "binding_modes",
    "carve_dot",
    "collect",
    "corrected",
    "coverage_curve",
    "cut_slab",
    "describe_ligands",
    "detach",
    "enumerate_compositions",
    "enumerate_forms",
    "exchange",
    "exchange_energy",
    "export",
    "hsab",
    "join",
    "ligand_from_mol",
    "ligand_from_smiles",
    "ligand_sizes",
    "list_shelf",
    "load_campaign",
    "load_crystal",
    "load_ligand",
    "load_method",
    "load_surface",
    "orient_cations",
    "pair_vacancy",
    "random_vacancies",
    "rank_ligands",
    "read_surface",
    "relax_crystal",
    "remove",
    "screen",
    "screen_formulas",
    "substitute",
    "summary",
    "terminations",
    "tolerance",
    "tolerance_arrays",
    "transfer_proton",
    "vacancies",
    "vacancy_energy",
    "vacancy_groups",
    "validate",
    "write_crystal",
    "write_picture",
    "write_report",
    "write_structure",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'qdsurf' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
