"""The states of the reference reactions: planned by qdsurf, pre-relaxed with a potential, relaxed with CP2K.

``benchmarks/accuracy.py`` is the command; this module does the work. Everything is a small file under
``benchmarks/references``: the queue, the starting geometries, the reactions, and for each finished state the
relaxed structure with its energy and the input that computed it.
"""

from __future__ import annotations

import fcntl
import gc
import hashlib
import json
import os
import re
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.io import read, write
from numpy.typing import NDArray

import qdsurf as qs
from qdsurf.energy.reactions import COMPLEX, plan
from qdsurf.energy.relax import relax
from qdsurf.errors import QdsurfError
from qdsurf.methods import engine_version, make_calculator
from qdsurf.model.nouns import Ligand, Surface

HERE = Path(__file__).parent / "references"
# Not part of the data: made again where it is missing.
CACHE = HERE.parents[1] / "runs" / "accuracy"
REFERENCE = "cp2k-pbe-d3"
POTENTIAL = "sevennet-0"
ENGINE = "cp2k 2023.1"
# Settings of the relaxations that differ from those of the preset. At this threshold of the density matrix
# the energy is within 0.0001 eV of its limit.
# Smoothing takes the noise of the grid out of the forces; energies are those of the preset as it is.
RELAXATION = {"eps_scf": 3.0e-4, "smoothing": "NN50", "cutoff": 280.0}
CLASSES = {
    "acid exchange": "X",
    "ammonium exchange": "A",
    "adsorption on a pair vacancy": "L",
    "adsorption": "L",
    "zwitterion into a pair vacancy": "Z",
    "Z-type addition": "Z",
}
# A relaxation ends when the quasi-Newton model expects less than this, eV, from going on ...
REMAINING = 0.04
# ... and no atom feels more than this, eV/Å: the grid makes a noise of 0.1 on oxygen, and more on some atoms.
LARGEST_FORCE = 0.5
MOST_STEPS = 30
# eV/Å²: curvatures below it are not believed; Å: longest first step of one atom.
SOFTEST, LONGEST = 0.1, 0.15


def queue() -> Iterator[tuple[str, str]]:
    """Yield surface and ligand of each reaction of the set, in order of value."""
    rows = tomllib.loads((HERE / "queue.toml").read_text())
    for one in rows["round"]:
        for surface, ligands in one.items():
            if surface != "name":
                yield from ((surface, ligand) for ligand in ligands)


def molecule_name(atoms: Atoms) -> str:
    """Return a name that isomers do not share: formula and a digest of who is bonded to whom."""
    gaps = atoms.get_all_distances()
    reach = covalent_radii[atoms.numbers]
    bonded = (gaps < 1.25 * (reach[:, None] + reach)) & (gaps > 0)
    seen = sorted(
        (int(z), *sorted(atoms.numbers[row].tolist())) for z, row in zip(atoms.numbers, bonded, strict=True)
    )
    return f"{atoms.get_chemical_formula(mode='hill')}-{hashlib.sha256(repr(seen).encode()).hexdigest()[:4]}"


def bare(atoms: Atoms) -> Atoms:
    """Return elements and positions of *atoms*, and the cell of what is periodic, nothing else."""
    cell = atoms.cell if atoms.pbc.any() else None
    return Atoms(numbers=atoms.numbers, positions=atoms.positions, cell=cell, pbc=atoms.pbc)


def make_plans() -> list[dict[str, Any]]:
    """Write the starting geometries and the reactions of the queue; what is there already stays."""
    settings = tomllib.loads((HERE / "queue.toml").read_text())
    listed = HERE / "reactions.json"
    rows: list[dict[str, Any]] = json.loads(listed.read_text()) if listed.exists() else []
    done = {(row["surface"], row["ligand"]) for row in rows}
    surfaces: dict[str, Surface] = {}
    for name, ligand_name in queue():
        if (name, ligand_name) in done:
            continue
        if name not in surfaces:
            surfaces[name] = _surface(settings["surfaces"][name])
        smiles = settings["smiles"].get(ligand_name)
        try:
            ligand = (
                qs.ligand_from_smiles(smiles, name=ligand_name) if smiles else qs.load_ligand(ligand_name)
            )
            rows.append(_plan_one(name, surfaces[name], ligand, int(settings["poses"])))
            print(f"{name} {ligand_name}: {rows[-1]['equation']}", flush=True)
        except QdsurfError as error:
            print(f"{name} {ligand_name}: {error}", flush=True)
    order = list(queue())
    rows.sort(key=lambda row: order.index((row["surface"], row["ligand"])))
    _write_text(listed, json.dumps(rows, indent=1) + "\n")
    return rows


def _surface(settings: Mapping[str, Any]) -> Surface:
    """Return the dot, or the slab where there is a facet, that the queue describes."""
    how = dict(settings)
    crystal = qs.load_crystal(how.pop("crystal"))
    if "facet" not in how:
        return qs.carve_dot(crystal, **how)
    return qs.cut_slab(crystal, tuple(how.pop("facet")), repeat=tuple(how.pop("repeat")), **how)


def _plan_one(name: str, surface: Surface, ligand: Ligand, poses: int) -> dict[str, Any]:
    """Write the starting geometries of one reaction and return its row."""
    made = plan(surface, ligand, poses=poses)
    names = {}
    for key, state in made.states.items():
        frames = [bare(state.atoms)]
        if key == COMPLEX:
            names[key] = f"{name}+{ligand.name}"
            frames = [bare(pose.atoms) for pose in made.poses]
        elif key.startswith("surface"):
            names[key] = name if key == "surface" else f"{name}-vacancy"
        elif state.kind == "bulk":
            names[key] = f"{state.atoms.get_chemical_formula(mode='metal')}-bulk"
        else:
            names[key] = molecule_name(state.atoms)
        path = HERE / "starts" / f"{names[key]}.xyz"
        if not path.exists():
            for frame in frames:
                frame.info = {"kind": state.kind, "charge": state.charge, "formula_units": state.per_formula}
            write(path, frames, format="extxyz")
    return {
        "surface": name,
        "ligand": ligand.name,
        "class": CLASSES[made.reaction.name],
        "reaction": made.reaction.name,
        "equation": made.reaction.equation,
        "stoichiometry": {names[key]: value for key, value in made.reaction.stoichiometry.items()},
    }


def _write_text(path: Path, text: str) -> None:
    """Write *text* under a temporary name, then rename."""
    temporary = path.with_suffix(".part")
    temporary.write_text(text)
    os.replace(temporary, path)


def states_in_order(rows: list[dict[str, Any]]) -> list[str]:
    """Return the names of the states in the order of the queue; crystals last of each reaction."""
    names: dict[str, None] = {}
    for row in rows:
        for name in sorted(row["stoichiometry"], key=lambda n: (n.endswith("-bulk"), "+" in n)):
            names[name] = None
    return list(names)


def settings_digest() -> str:
    """Return a digest of the settings, and of the version, on which the energies of the references depend."""
    method = qs.load_method(REFERENCE)
    kept = {k: v for k, v in method.settings.items() if k not in ("program", "threads", "eps_scf")}
    text = json.dumps([kept, ENGINE], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def hessian(atoms: Atoms, calculator: Any, step: float = 0.02) -> NDArray[np.float64]:
    """Return (3n, 3n) second derivatives in eV/Å² by central differences of the forces."""
    work = atoms.copy()
    work.calc = calculator
    columns = []
    for i in range(len(work)):
        for axis in range(3):
            work.positions[i, axis] += step
            plus = work.get_forces().ravel()
            work.positions[i, axis] -= 2 * step
            minus = work.get_forces().ravel()
            work.positions[i, axis] += step
            columns.append((minus - plus) / (2 * step))
    matrix = np.array(columns)
    return (matrix + matrix.T) / 2


def pre_relaxed(frames: list[Atoms], *, surface: bool) -> tuple[Atoms, NDArray[np.float64]]:
    """Return the lowest of *frames* relaxed with the potential, and its second derivatives."""
    method = qs.load_method(POTENTIAL)
    if surface:
        # An ideal octahedron is a saddle point.
        frames = [frame.copy() for frame in frames for _ in range(2)]
        for seed, frame in enumerate(frames):
            frame.rattle(0.15, seed=seed)
    rough = [relax(frame, method, fmax=0.1, steps=50) for frame in frames]
    best = relax(min(rough, key=lambda done: done.energy).atoms, method, fmax=0.05, steps=120).atoms
    if not best.pbc.any():
        best.positions = best.positions @ compact_rotation(best.positions)
    return best, hessian(best, make_calculator(method))


def compact_rotation(positions: NDArray[np.float64], tries: int = 400) -> NDArray[np.float64]:
    """Return the rotation, of *tries*, after which the atoms fit into the smallest cube.

    CP2K's free boundaries want a cube, and its cost is that of the volume.
    """
    random = np.random.default_rng(0)
    turns = [np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in range(tries)]
    # A reflection would give the mirror image.
    proper = [np.eye(3), *(turn * np.sign(np.linalg.det(turn)) for turn in turns)]
    return min(proper, key=lambda turn: float(np.ptp(positions @ turn, axis=0).max()))


def quasi_newton(
    atoms: Atoms, calculator: Any, model: NDArray[np.float64], deadline: float, say: Any = print
) -> dict[str, Any] | None:
    """Relax *atoms* in place with BFGS that starts from *model*; None when the time is over.

    The second derivatives of a cheap potential are close enough to those of DFT to save most steps.
    """
    atoms.calc = calculator
    trust, before = LONGEST, None
    for steps in range(MOST_STEPS + 1):
        if time.time() > deadline:
            return None
        began = time.time()
        energy, forces = atoms.get_potential_energy(), internal(atoms, atoms.get_forces().ravel())
        if before is not None:
            model = _updated(model, before, atoms.positions.ravel(), forces)
            if energy > before[2] + 0.003:
                trust = max(trust / 2, 0.02)
        values, vectors = np.linalg.eigh(model)
        values = np.maximum(np.abs(values), SOFTEST)
        along = vectors.T @ forces
        remaining = expected_lowering(model, forces)
        fmax = float(np.linalg.norm(forces.reshape(-1, 3), axis=1).max())
        say(
            f"   {steps:2d} {energy:.4f} eV fmax {fmax:.3f} remaining {remaining:.4f}"
            f" {time.time() - began:.0f} s"
        )
        converged = remaining < REMAINING and fmax < LARGEST_FORCE
        if converged or steps == MOST_STEPS:
            break
        move = (vectors @ (along / values)).reshape(-1, 3)
        longest = np.linalg.norm(move, axis=1).max()
        before = (atoms.positions.ravel().copy(), forces, energy)
        atoms.positions += move * min(1.0, trust / longest)
    return {"energy": energy, "fmax": fmax, "remaining": remaining, "steps": steps, "converged": converged}


def internal(atoms: Atoms, forces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return *forces* (3n,) without what would move or turn the whole: that is noise of the grid."""
    arm = atoms.positions - atoms.positions.mean(axis=0)
    rigid = [np.tile(axis, (len(atoms), 1)).ravel() for axis in np.eye(3)]
    rigid += [np.cross(axis, arm).ravel() for axis in np.eye(3)]
    basis, sizes, _ = np.linalg.svd(np.array(rigid).T, full_matrices=False)
    basis = basis[:, sizes > 1e-6 * sizes[0]]
    return np.asarray(forces - basis @ (basis.T @ forces))


def expected_lowering(model: NDArray[np.float64], forces: NDArray[np.float64]) -> float:
    """Return by how much, eV, a relaxation should lower the energy: one half of f H⁻¹ f."""
    values, vectors = np.linalg.eigh(model)
    return float(0.5 * ((vectors.T @ forces) ** 2 / np.maximum(np.abs(values), SOFTEST)).sum())


def _updated(model: Any, before: Any, position: Any, forces: Any) -> Any:
    """Return *model* after a BFGS update with one more geometry."""
    s, y = position - before[0], before[1] - forces
    if y @ s < 1e-6:
        return model
    hs = model @ s
    return model + np.outer(y, y) / (y @ s) - np.outer(hs, hs) / (s @ hs)


def _with_coordinates(text: str, atoms: Atoms) -> str:
    """Return the input *text* with the atoms moved as *atoms* are, keeping the middle of the box."""
    found = re.search(r"&COORD\n(.*?)&END COORD", re.sub(r"^ +", "", text, flags=re.M), re.S)
    assert found is not None
    first = np.array([[float(x) for x in line.split()[1:4]] for line in found[1].strip().splitlines()])
    shift = first.mean(axis=0) - atoms.positions.mean(axis=0)
    lines = "".join(
        f"{s} {p[0]:.8f} {p[1]:.8f} {p[2]:.8f}\n"
        for s, p in zip(atoms.symbols, atoms.positions + shift, strict=True)
    )
    plain = re.sub(r"^ +", "", text, flags=re.M)
    # Whoever redoes it starts from free atoms: orbitals are no small file.
    plain = re.sub(r"^WFN_RESTART_FILE_NAME .*\n", "", plain, flags=re.M)
    plain = plain.replace("SCF_GUESS RESTART", "SCF_GUESS ATOMIC")
    return plain.replace(found[1], lines)


def _crystal(frame: Atoms, calculator: Any) -> tuple[Atoms, dict[str, Any]]:
    """Return a cubic crystal of two atoms at its own lattice constant, and its energy."""
    scales, energies = np.linspace(0.98, 1.02, 3), []
    for scale in scales:
        work = frame.copy()
        work.set_cell(frame.cell * scale, scale_atoms=True)
        work.calc = calculator
        energies.append(work.get_potential_energy())
        print(f"   scale {scale:.3f} {energies[-1]:.4f} eV", flush=True)
    a, b, c = np.polyfit(scales, energies, 2)
    lowest = -b / (2 * a)
    work = frame.copy()
    work.set_cell(frame.cell * lowest, scale_atoms=True)
    energy = float(c - b**2 / (4 * a))
    inside = bool(scales[0] < lowest < scales[-1])
    return work, {"energy": energy, "fmax": 0.0, "remaining": 0.0, "steps": len(scales), "converged": inside}


def prepared(name: str) -> tuple[Atoms, NDArray[np.float64]]:
    """Return a state relaxed with the potential, and its second derivatives; kept for the next time."""
    path = CACHE / f"{name}.npz"
    frames: list[Atoms] = read(HERE / "starts" / f"{name}.xyz", ":")
    if path.exists():
        kept = np.load(path)
        known = bare(frames[0])
        known.positions = kept["positions"]
        return known, kept["model"]
    free = [bare(frame) for frame in frames]
    surface = frames[0].info["kind"] == "slab" and "+" not in name
    atoms, model = pre_relaxed(free, surface=surface)
    CACHE.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(part, positions=atoms.positions, model=model)
    os.replace(part, path)
    return atoms, model


def prepare() -> None:
    """Pre-relax every state that is not finished, in the order of the queue."""
    for name in states_in_order(json.loads((HERE / "reactions.json").read_text())):
        bulk = name.endswith("-bulk")
        if not (bulk or (HERE / "states" / f"{name}.xyz").exists() or (CACHE / f"{name}.npz").exists()):
            began = time.time()
            prepared(name)
            print(f"{name}: pre-relaxed in {time.time() - began:.0f} s", flush=True)


def relax_state(name: str, deadline: float, *, quick: bool = False) -> bool:
    """Relax one state with CP2K and write it; return whether it was finished before *deadline*.

    With *quick* the geometry stays that of the potential, and the relaxation is one number: by how much the
    second derivatives of the potential expect the forces of CP2K to lower the energy.
    """
    frames: list[Atoms] = read(HERE / "starts" / f"{name}.xyz", ":")
    info: Mapping[str, Any] = frames[0].info
    print(f"{name}: {frames[0].get_chemical_formula()}, {len(frames)} starts", flush=True)
    began = time.time()
    bulk = info["kind"] == "bulk"
    settings = {} if bulk else {"eps_scf": RELAXATION["eps_scf"]} if quick else RELAXATION
    method = qs.load_method(REFERENCE, **settings)
    calculator = make_calculator(method)
    if bulk:
        atoms, result = _crystal(bare(frames[0]), calculator)
    elif quick:
        atoms, model = prepared(name)
        atoms.calc = calculator
        energy = float(atoms.get_potential_energy())
        forces = internal(atoms, atoms.get_forces().ravel())
        remaining = expected_lowering(model, forces)
        fmax = float(np.linalg.norm(forces.reshape(-1, 3), axis=1).max())
        done = remaining < REMAINING and fmax < LARGEST_FORCE
        result = {"energy": energy, "fmax": fmax, "remaining": remaining, "steps": 0, "converged": done}
        print(f"   {energy:.4f} eV fmax {fmax:.3f} remaining {remaining:.4f}", flush=True)
    else:
        atoms, model = prepared(name)
        print(f"   pre-relaxed in {time.time() - began:.0f} s", flush=True)
        found = quasi_newton(atoms, calculator, model, deadline, lambda text: print(text, flush=True))
        if found is None:
            return False
        result = found
    result["relaxation_energy"] = result["energy"]
    if not (bulk or quick):
        # The folder of the orbitals lives as long as the first calculator.
        orbitals = getattr(calculator, "_engine", calculator).wave_function
        preset = qs.load_method(REFERENCE, guess=orbitals, eps_scf=RELAXATION["eps_scf"])
        single = make_calculator(preset)
        boxed = bare(atoms)
        boxed.calc = single
        result["energy"] = float(boxed.get_potential_energy())
        print(f"   energy {result['energy']:.4f} eV", flush=True)
        calculator = single
    text = getattr(calculator, "_engine", calculator).input
    del calculator
    final = bare(atoms)
    final.info = {
        **{k: v for k, v in info.items() if k in ("kind", "charge", "formula_units")},
        **result,
        "seconds": round(time.time() - began),
        "settings": settings_digest(),
        "engine": engine_version(method).split(",")[0],
    }
    if info["kind"] != "bulk":
        text = _with_coordinates(text, final)
    _write_text(HERE / "inputs" / f"{name}.inp", text + "\n")
    part = HERE / "states" / f"{name}.part"
    write(part, final, format="extxyz")
    os.replace(part, part.with_suffix(".xyz"))
    print(
        f"   {'done' if result['converged'] else 'NOT CONVERGED'} in {time.time() - began:.0f} s", flush=True
    )
    return True


def make_references(deadline: float, *, quick: bool = False, only: str = "") -> None:
    """Relax what is not there yet, in the order of the queue, until *deadline* (seconds since the epoch).

    A run without *quick* relaxes what a quick one has only begun. Several may run side by side. With *only*
    the names of the states contain it.
    """
    rows = json.loads((HERE / "reactions.json").read_text())
    names = [name for name in states_in_order(rows) if only in name]
    if not quick:
        names.sort(key=lambda name: -_worth(name, rows))
    for name in names:
        if time.time() > deadline:
            break
        with claimed(name) as mine:
            path = HERE / "states" / f"{name}.xyz"
            if not mine or (path.exists() and (quick or read(path).info["converged"])):
                continue
            try:
                relax_state(name, deadline, quick=quick)
            except QdsurfError as error:
                print(f"{name}: {error}", flush=True)
            # Calculators sit in cycles; their programs end only with them.
            gc.collect()


def _worth(name: str, rows: list[dict[str, Any]]) -> float:
    """Return what relaxing a state may change in all reactions together, eV; infinite for a new state."""
    path = HERE / "states" / f"{name}.xyz"
    if not path.exists():
        return float("inf")
    info = read(path).info
    uses = sum(abs(row["stoichiometry"].get(name, 0)) for row in rows)
    return 0.0 if info["converged"] else float(info["remaining"] / info["formula_units"] * uses)


@contextmanager
def claimed(name: str) -> Iterator[bool]:
    """Yield whether no other process works at the state *name*; a dead one holds nothing."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.claim", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
