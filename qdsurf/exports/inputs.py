"""Write the input of a DFT code for a structure, or for every state of a reaction."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from qdsurf.errors import AskError
from qdsurf.exports.calculation import DOS_DENSER, FLAT_VACUUM, PURPOSES, Calculation, load_calculation
from qdsurf.exports.codes import Code, Written, check, find_code
from qdsurf.exports.cost import Cost, estimate
from qdsurf.exports.folder import put, refuse
from qdsurf.exports.pages import readme, run_script, slurm_script
from qdsurf.exports.system import System, described, prepare
from qdsurf.model.nouns import Crystal, Ligand, Surface


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes
    ----------
    folder
        Where.
    code, purpose
        For what.
    files
        Paths in it, sorted.
    cost
        Of the largest calculation; None for structure files.
    notes
        What to know before running it: needs, cores, spin-orbit coupling, memory.
    """

    folder: Path
    code: str
    purpose: str
    files: tuple[str, ...]
    cost: Cost | None
    notes: tuple[str, ...]


def export(
    surface: Surface | Crystal,
    code: str,
    folder: str | Path,
    *,
    purpose: str = "relax",
    preset: str = "pbe-d3",
    ligand: Ligand | None = None,
    reaction: str = "auto",
    poses: int = 1,
    fixed_layers: int | None = None,
    force: bool = False,
    **overrides: Any,
) -> Exported:
    """Write the input of *code* for *surface* as a new *folder*, ready to run.

    Parameters
    ----------
    surface
        Slab, dot or crystal. Fixed atoms are those of its array ``fixed`` or of ASE's FixAtoms.
    code
        Key of ``qdsurf.exports.codes.CODES``: "vasp", "espresso", "cp2k", "gpaw", ..., or the name of a
        structure file: "cif", "extxyz", "pdb", "sdf", "xsf".
    folder
        Made new; its parent must exist.
    purpose
        "relax", "static", "dos", "workfunction", or "binding" for all states of the reaction by which
        *ligand* binds *surface*, as numbered folders.
    preset
        Entry of the shelf ``calculators/exports``.
    ligand, reaction, poses
        What binds, by which reaction, in how many starting poses; for "binding" only.
    fixed_layers
        Fix that many atomic planes from the bottom instead.
    force
        Replace the folder of an earlier export.
    **overrides
        Fields of `qdsurf.exports.calculation.Calculation`, such as functional, dispersion,
        kpoint_spacing (1/Å), cutoff (eV), vacuum (Å), unpaired, dipole, spin_orbit, charged_cell, potentials.

    Raises
    ------
    AskError
        The code cannot do it, a setting is wrong, or the folder cannot be written; nothing was written.
    MissingExtra
        The input of VASP needs pymatgen.

    Examples
    --------
    >>> import tempfile, qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, termination="CsBr")
    >>> with tempfile.TemporaryDirectory() as where:
    ...     export(slab, "cp2k", where + "/slab").files
    ('README.md', 'cp2k.inp', 'job.slurm', 'manifest.json', 'run.sh')
    """
    key, _ = find_code(code)
    if purpose not in PURPOSES:
        raise AskError(f"no purpose {purpose!r}; purposes: {', '.join(PURPOSES)}")
    if not isinstance(surface, (Surface, Crystal)):
        raise AskError(f"a Surface or a Crystal is exported, not a {type(surface).__name__}")
    target = Path(folder)
    refuse(target, force)
    calculation = load_calculation(preset, key, **overrides)
    if purpose == "workfunction" and "vacuum" not in overrides:
        calculation = replace(calculation, vacuum=max(calculation.vacuum, FLAT_VACUUM))
    arguments = {"code": key, "purpose": purpose, "preset": preset, "fixed_layers": fixed_layers, **overrides}
    if purpose == "binding":
        from qdsurf.exports.binding import export_binding

        if ligand is None:
            raise AskError("purpose='binding' needs ligand=")
        if not isinstance(surface, Surface):
            raise AskError("purpose='binding' needs a Surface, not a crystal")
        if fixed_layers is not None:
            raise AskError(
                "purpose='binding' fixes what lies below the two topmost planes; fixed_layers is not for it"
            )
        return export_binding(
            surface, key, target, calculation, ligand, reaction=reaction, poses=poses, force=force,
            arguments=arguments,
        )  # fmt: skip
    if ligand is not None:
        raise AskError(f"ligand= is for purpose='binding'; attach it first for purpose={purpose!r}")
    system = prepare(
        surface.name, surface.atoms, for_purpose(calculation, purpose),
        charge=surface.charge if isinstance(surface, Surface) else 0, fixed_layers=fixed_layers,
    )  # fmt: skip
    recipe = {"verb": "export", **arguments, "from": dict(surface.recipe) or surface.name}
    files, manifest, cost, notes = one(key, system, calculation, purpose, recipe, surface)
    put(target, files, manifest, force=force)
    return Exported(
        folder=target,
        code=key,
        purpose=purpose,
        files=tuple(sorted([*files, "manifest.json"])),
        cost=cost,
        notes=notes,
    )


def for_purpose(calculation: Calculation, purpose: str) -> Calculation:
    """Return *calculation* with the denser k-points that a density of states needs."""
    if purpose != "dos":
        return calculation
    return replace(calculation, kpoint_spacing=calculation.kpoint_spacing * DOS_DENSER)


def one(
    key: str,
    system: System,
    calculation: Calculation,
    purpose: str,
    recipe: Mapping[str, Any],
    surface: Surface | Crystal | None,
) -> tuple[dict[str, str], dict[str, Any], Cost | None, tuple[str, ...]]:
    """Return files, manifest, cost and notes of one folder."""
    from qdsurf import __version__

    code = find_code(key)[1]
    calculation = for_purpose(calculation, purpose)
    check(code, system, calculation, purpose)
    written = write(key, code, system, calculation, purpose, surface)
    runs = bool(code.purposes)
    cost = estimate(system, calculation, written) if runs else None
    files = dict(written.files)
    files["README.md"] = readme(code, system, calculation, purpose, written, cost, recipe)
    if runs:
        files |= {"run.sh": run_script(written, code), "job.slurm": slurm_script(system.name, code)}
    ordered = system.sorted_by_element() if key == "vasp" else system
    manifest = {
        "export": key,
        "qdsurf": __version__,
        "purpose": purpose,
        "expect": written.expect,
        "system": described(ordered),
        "calculation": asdict(calculation),
        "cost": None if cost is None else asdict(cost),
        "recipe": recipe,
    }
    return files, manifest, cost, (*written.notes, *(cost.warnings if cost else ()))


def write(
    key: str,
    code: Code,
    system: System,
    calculation: Calculation,
    purpose: str,
    surface: Surface | Crystal | None,
) -> Written:
    """Call the writer of *code*."""
    writer = importlib.import_module(f"qdsurf.exports.writers.{code.writer}")
    if code.writer == "structures":
        made: Written = writer.write(system, key, surface)
    elif key == "lammps":
        made = writer.write(system, surface)
    else:
        made = writer.write(system, calculation, purpose)
    return made
