"""A plan on disk: structures to be run anywhere, and the energies read back.

Each state is a numbered folder with ``structure.extxyz``; ``plan.json`` holds the reaction, its
coefficients, charges and fixed atoms. Whatever code has run in a folder, ASE reads its output.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.energy.evaluating import BindingResult, assembled, state_numbers
from qdsurf.energy.poses import Lowest, pose_row, settled
from qdsurf.energy.reactions import Plan, State
from qdsurf.energy.relax import Relaxed
from qdsurf.energy.states import pieces
from qdsurf.errors import AskError, EvaluationError
from qdsurf.methods import load_method
from qdsurf.model.energies import Method, Reaction
from qdsurf.model.files import read_surface, write_structure, write_whole
from qdsurf.model.nouns import Surface

if TYPE_CHECKING:
    from ase import Atoms

PLAN = "plan.json"
STRUCTURE = "structure.extxyz"
# Å within which cells, and atoms that are held, are where the plan has them.
SAME_PLACE = 0.05
# Of several outputs the first of these is believed; then the others by name.
_FIRST = ("result.extxyz", "result.traj", "vasprun.xml", "OUTCAR")


@dataclass(frozen=True, kw_only=True, eq=False)
class PieceRun:
    """What came back from one folder of a plan.

    Attributes
    ----------
    folder, state, pose
        Which one; poses count from 1, 0 for states without.
    output
        The file that was read, "" where there is none.
    result
        Energy in eV of all atoms, and the last geometry; None where there is none.
    cause
        Why there is none, or "".
    """

    folder: Path
    state: str
    pose: int
    output: str = ""
    result: Relaxed | None = None
    cause: str = ""


def write_plan(
    plan: Plan,
    folder: str | Path,
    method: Method,
    *,
    fmax: float = 0.05,
    steps: int = 150,
    force: bool = False,
) -> Path:
    """Write the structures of *plan* as numbered folders, with plan.json and a README; nothing is run.

    Parameters
    ----------
    method
        Whose class error and warnings go with the energies that come back; it need not run here.
    fmax, steps
        Force threshold in eV/Å that the runs are to reach, and most steps.
    force
        Whether to write into a folder that holds a plan already.

    Raises
    ------
    AskError
        The folder holds something and *force* is false.
    """
    root = Path(folder)
    if root.exists() and any(root.iterdir()) and not force:
        raise AskError(f"{str(root)!r} is not empty; name another folder, or use --force")
    root.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for number, (name, pose, state, surface) in enumerate(pieces(plan), start=1):
        where = f"{number:02d}-{name.replace(' ', '-')}" + (f"-pose-{pose}" if pose else "")
        (root / where).mkdir(exist_ok=True)
        if surface is not None:
            write_structure(surface, root / where / STRUCTURE)
        else:
            write_whole(root / where / STRUCTURE, partial(_write, state.atoms))
        rows.append(_described(where, name, pose, state))
    whole = {
        "plan": 1,
        "reaction": asdict(plan.reaction) | {"stoichiometry": dict(plan.reaction.stoichiometry)},
        "product": plan.product,
        "method": asdict(method),
        "fmax": fmax,
        "steps": steps,
        "states": rows,
        "seeds": list(plan.seeds),
        "labels": list(plan.labels),
        "lowest_free": plan.lowest_free,
        "warnings": list(plan.warnings),
    }
    text = json.dumps(whole, indent=1, ensure_ascii=False, default=str) + "\n"
    write_whole(root / "README.md", lambda part: part.write_text(_readme(plan, rows, fmax), encoding="utf-8"))
    return write_whole(root / PLAN, lambda part: part.write_text(text, encoding="utf-8"))


def _write(atoms: Atoms, path: Path) -> None:
    from ase.io import write

    bare = atoms.copy()
    bare.set_constraint()
    write(path, bare, format="extxyz")


def _described(where: str, name: str, pose: int, state: State) -> dict[str, Any]:
    """Return what plan.json says of one folder."""
    fixed = [] if state.fixed is None else np.flatnonzero(state.fixed).tolist()
    return {
        "folder": where, "state": name, "pose": pose, "kind": state.kind, "charge": state.charge,
        "per_formula": state.per_formula, "formula": state.atoms.get_chemical_formula(),
        "periodic": state.atoms.pbc.tolist(), "fixed": fixed,
    }  # fmt: skip


def _readme(plan: Plan, rows: list[dict[str, Any]], fmax: float) -> str:
    """Return what to do with the folders."""
    coefficients = plan.reaction.stoichiometry
    table = [
        f"| {r['folder']} | {coefficients.get(r['state'], 0):+g} | {r['charge']:+d} | {r['kind']} "
        f"| {len(r['fixed'])} | {r['per_formula']} |"
        for r in rows
    ]
    return "\n".join(
        [
            f"# {plan.reaction.name}",
            "",
            plan.reaction.equation,
            "",
            "| folder | coefficient | charge | kind | atoms held | formula units |",
            "| --- | --- | --- | --- | --- | --- |",
            *table,
            "",
            f"Relax every structure to {fmax:g} eV/Å with one code and one set of settings: slabs and",
            "molecules in their cell, with the atoms held that plan.json lists (counted from 0), crystals",
            "(bulk) with their volume. Leave the output in the folder, in any format that ASE reads, or",
            "write result.extxyz. Then:",
            "",
            "    qdsurf collect .",
            "",
        ]
    )


def read_plan(folder: str | Path) -> tuple[Plan, Method, dict[str, Any]]:
    """Return the plan that was written to *folder*, its method, and plan.json.

    Raises
    ------
    AskError
        There is no plan, or a structure of it is gone.
    """
    from ase.io import read

    root = Path(folder)
    try:
        whole: dict[str, Any] = json.loads((root / PLAN).read_text(encoding="utf-8"))
        rows = whole["states"]
    except (OSError, ValueError, KeyError) as error:
        raise AskError(f"{str(root)!r} holds no {PLAN} that qdsurf wrote: {error}") from error
    states: dict[str, State] = {}
    posed: dict[str, list[Surface]] = {}
    for row in rows:
        path = root / row["folder"] / STRUCTURE
        if not path.is_file():
            raise AskError(f"{str(path)!r} is gone")
        if row["pose"]:
            posed.setdefault(row["state"], []).append(read_surface(path))
            atoms: Any = posed[row["state"]][-1].atoms
        else:
            atoms = read(path, format="extxyz")
        fixed = np.zeros(len(atoms), dtype=bool)
        fixed[row["fixed"]] = True
        state = State(atoms=atoms, charge=row["charge"], fixed=fixed, kind=row["kind"],
                      per_formula=row["per_formula"])  # fmt: skip
        states.setdefault(row["state"], state)
    product = whole["product"]
    plan = Plan(
        reaction=Reaction(**whole["reaction"]), states=states, poses=tuple(posed.pop(product)),
        seeds=tuple(whole["seeds"]), labels=tuple(whole["labels"]), lowest_free=whole["lowest_free"],
        warnings=tuple(whole["warnings"]), product=product,
        others={name: tuple(surfaces) for name, surfaces in posed.items()},
    )  # fmt: skip
    # What the caller said of the method, such as an added dispersion, is not on the shelf.
    said: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in whole["method"].items()}
    return plan, replace(load_method(said["name"]), **said), whole


def read_runs(folder: str | Path) -> tuple[PieceRun, ...]:
    """Return what came back in each folder of the plan in *folder*.

    Raises
    ------
    AskError
        There is no plan.
    """
    root = Path(folder)
    plan, _, whole = read_plan(root)
    given = {(name, pose): state for name, pose, state, _ in pieces(plan)}
    return tuple(
        _run(root / row["folder"], row, given[row["state"], row["pose"]], float(whole["fmax"]))
        for row in whole["states"]
    )


def _run(folder: Path, row: Mapping[str, Any], state: State, fmax: float) -> PieceRun:
    """Return what came back in one folder."""
    from ase.io import read

    about = {"folder": folder, "state": row["state"], "pose": row["pose"]}
    names = [p.name for p in sorted(folder.iterdir()) if p.is_file() and p.name != STRUCTURE]
    cause = "no output yet"
    for name in sorted(names, key=lambda n: (_FIRST.index(n) if n in _FIRST else len(_FIRST), n)):
        try:
            atoms: Any = read(folder / name, index=-1)
            if atoms.calc is None:
                continue  # an input
            energy = float(atoms.get_potential_energy())
        except Exception as error:  # ASE's readers raise whatever their formats run into
            # scripts and logs are no structures; what is named like a result should be one
            cause = f"{name}: {error}" if name in _FIRST else cause
            continue
        if not math.isfinite(energy):
            cause = f"{name}: the energy is {energy}"
            continue
        order = _order(state.atoms, atoms)
        if order is None:
            cause = f"{name} holds {atoms.get_chemical_formula()}, not {row['formula']}"
            continue
        return PieceRun(**about, output=name, result=_relaxed(atoms, energy, order, state, fmax))
    return PieceRun(**about, cause=cause)


def _order(planned: Atoms, atoms: Atoms) -> NDArray[np.int64] | None:
    """Return where in *atoms* each planned atom is; codes group elements. None where they are other atoms."""
    if sorted(planned.numbers) != sorted(atoms.numbers):
        return None
    if (planned.numbers == atoms.numbers).all():
        return np.arange(len(atoms), dtype=np.int64)
    blocks = list(dict.fromkeys(atoms.numbers.tolist()))
    grouped = np.array(sorted(range(len(planned)), key=lambda i: blocks.index(int(planned.numbers[i]))))
    if (planned.numbers[grouped] != atoms.numbers).any():
        return None
    order = np.empty(len(atoms), dtype=np.int64)
    order[grouped] = np.arange(len(atoms))
    return order


def _relaxed(read: Atoms, energy: float, order: NDArray[np.int64], state: State, fmax: float) -> Relaxed:
    """Return what was read as a relaxation: the arrays of the plan, the positions of the output."""
    try:
        forces = read.get_forces(apply_constraint=False)[order]
        free = np.ones(len(order), dtype=bool) if state.fixed is None else ~state.fixed
        reached = float(np.linalg.norm(forces[free], axis=1).max(initial=0.0))
        said: tuple[str, ...] = ()
    except Exception:  # no forces in this output
        reached, said = math.nan, ("no forces in the output: whether it is relaxed is not known",)
    final = state.atoms.copy()
    if state.kind == "bulk":
        final.set_cell(read.cell)
    final.positions = read.positions[order]
    return Relaxed(
        atoms=final, energy=energy, fmax=reached, steps=0, converged=reached <= fmax,
        warnings=(*said, *_other_conditions(read, final, state)),
    )  # fmt: skip


def _other_conditions(read: Atoms, final: Atoms, state: State) -> list[str]:
    """Return in what a slab or dot was not computed as planned: such energies do not compare."""
    from ase.geometry import find_mic

    planned, periodic = state.atoms, state.atoms.pbc
    found: list[str] = []
    if state.kind != "slab":
        return found
    if read.cell.any() and not np.allclose(read.cell[periodic], planned.cell[periodic], atol=SAME_PLACE):
        found.append("its cell is not that of the plan: states of different cells do not compare")
    if state.fixed is None or not state.fixed.any():
        return found
    if periodic.any():
        moved, _ = find_mic((final.positions - planned.positions)[state.fixed], planned.cell, periodic)
        far = np.linalg.norm(moved - np.median(moved, axis=0), axis=1)
    else:  # codes turn what is not periodic
        held = [a.positions[state.fixed] for a in (final, planned)]
        here, there = (np.linalg.norm(p - p.mean(axis=0), axis=1) for p in held)
        far = np.abs(here - there)
    if far.max() > SAME_PLACE:
        found.append(f"atoms that the plan holds moved by up to {far.max():.2f} Å: hold them in every state")
    return found


def combine_runs(folder: str | Path, runs: tuple[PieceRun, ...]) -> BindingResult:
    """Return the energy of the plan in *folder* from what came back; the same as ``bind`` gives.

    Raises
    ------
    EvaluationError
        A state has no energy yet; names each with its cause.
    """
    plan, method, whole = read_plan(folder)
    found: dict[str, dict[str, Any]] = {}
    missing = [f"{r.state}: {r.cause}" for r in runs if r.result is None and not r.pose]
    for run in runs:
        if run.result is not None and not run.pose:
            found[run.state] = state_numbers(run.result, plan.states[run.state].per_formula)
    lowest: dict[str, Lowest] = {}
    for name, starts in plan.posed.items():
        mine = [r for r in runs if r.state == name and r.pose]
        rows = [pose_row(plan, name, n) | ({"cause": r.cause} if r.cause else {}) for n, r in enumerate(mine)]
        done = [(n, r.result) for n, r in enumerate(mine) if r.result is not None]
        if not done:
            missing.append(f"{name}: {mine[0].cause if mine else 'no pose'}")
            continue
        late = [f"pose {n + 1} of {name} has no energy: {r.cause}" for n, r in enumerate(mine) if r.cause]
        lowest[name] = settled(starts, done, rows, late)
        found[name] = state_numbers(lowest[name].relaxed, 1)
    if missing:
        raise EvaluationError(f"no energy of the reaction without that of: {'; '.join(missing)}")
    energy = assembled(plan, method, found, lowest, float(whole["fmax"]), int(whole["steps"]))
    note = f"computed elsewhere; the class error is that of {method.title}, another functional has its own"
    energy = replace(
        energy, warnings=(*energy.warnings, note), provenance={**energy.provenance, "elsewhere": True}
    )
    best = lowest[plan.product]
    return BindingResult(energy=energy, surface=replace(best.start, atoms=best.relaxed.atoms))
