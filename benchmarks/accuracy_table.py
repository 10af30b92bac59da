"""Every method beside the references: energies of the states, errors of the reactions, the table in words.

``evaluate`` needs the engines and writes ``benchmarks/references/methods/*.json``; all the rest reads files,
so that the page follows from the data wherever it is made.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read
from numpy.typing import NDArray
from reference_states import HERE, REFERENCE, bare, settings_digest, states_in_order

import qdsurf as qs
from qdsurf.energy.relax import equilibrium_scale, gamma_repeat, relax, single_point
from qdsurf.errors import QdsurfError
from qdsurf.methods import lacks
from qdsurf.model.energies import Method

METHODS = (
    "sevennet-0", "sevennet-0-d3", "sevennet-l3i5", "sevennet-l3i5-d3", "sevennet-mf-0", "chgnet",
    "chgnet-d3", "diep", "committee", "gfn2-xtb", "gfn1-xtb", "emt",
)  # fmt: skip
FORCE, STEPS = 0.05, 200
# A rank correlation of fewer ligands says nothing.
RANKED = 4
# eV: a state from which a relaxation should gain more than this is no reference.
FARTHEST = 1.0
# eV: an expected lowering above this is no number to correct a reference by.
BELIEVED = 0.4
CLASSES = {"X": "X (anion exchange)", "A": "A (cation exchange)", "L": "L (adsorption)", "Z": "Z, zwitterion"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A reference reaction whose states are all there, eV.

    ``energy`` is that of the geometries in the files; ``relaxed`` has the expected lowering of each state
    taken off, and ``lowering`` is the largest of these: how far the geometries are from the minima. Where
    that is too far, ``relaxed`` is NaN: the methods are compared at the geometries of the files only.
    """

    name: str
    group: str
    surface: str
    stoichiometry: dict[str, float]
    energy: float
    relaxed: float
    lowering: float

    def truth(self, kind: str) -> float:
        """Return what an energy of *kind*, "single" or "relaxed", is compared with, eV."""
        return self.relaxed if kind == "relaxed" else self.energy


def reactions(folder: Path = HERE) -> list[dict[str, Any]]:
    """Return the reactions of the set, finished or not."""
    rows: list[dict[str, Any]] = json.loads((folder / "reactions.json").read_text())
    return rows


def finished(folder: Path = HERE) -> dict[str, Atoms]:
    """Return the finished states by name; energies are in ``info["reference"]``, eV per formula unit."""
    found = {}
    for path in sorted((folder / "states").glob("*.xyz")):
        atoms = read(path)
        energy = atoms.info.pop("energy", None)
        atoms.info["reference"] = energy if energy is not None else atoms.get_potential_energy()
        atoms.info["reference"] /= atoms.info["formula_units"]
        atoms.info["remaining"] /= atoms.info["formula_units"]
        atoms.calc = None
        found[path.stem] = atoms
    return found


def reference_rows(folder: Path = HERE) -> list[Row]:
    """Return the reactions whose states are all finished, and near enough to their minima."""
    states = {name: a for name, a in finished(folder).items() if a.info["remaining"] <= FARTHEST}
    rows = []
    for row in reactions(folder):
        parts = row["stoichiometry"]
        if all(name in states for name in parts):
            energy = sum(value * states[name].info["reference"] for name, value in parts.items())
            change = sum(value * states[name].info["remaining"] for name, value in parts.items())
            most = max(states[name].info["remaining"] for name in parts)
            rows.append(
                Row(
                    name=f"{row['surface']} {row['ligand']}",
                    group=row["class"],
                    surface=row["surface"],
                    stoichiometry=parts,
                    energy=energy,
                    relaxed=energy - change if most <= BELIEVED else math.nan,
                    lowering=most,
                )
            )
    return rows


def evaluate(only: str = "") -> None:
    """Compute every finished state with every method that runs here, and write each at once.

    With *only* the names of the methods contain it. A state that moved since is also relaxed again from where
    it is now, as it may be in another minimum; the lower one of those that converged is kept.
    """
    states = finished()
    order = [name for name in states_in_order(reactions()) if name in states]
    (HERE / "methods").mkdir(exist_ok=True)
    for label in [name for name in METHODS if only in name]:
        method = load(label)
        path = HERE / "methods" / f"{label}.json"
        if missing := lacks(method):
            print(f"{label}: not here ({missing})", flush=True)
            continue
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        for name in order:
            entry = known.setdefault(name, {})
            atoms = states[name]
            if entry.get("geometry") != geometry(atoms):
                # The state was relaxed further since.
                entry.pop("single", None)
                entry |= {**_single(atoms, method), "geometry": geometry(atoms)}
            slab = atoms.pbc.any() and atoms.info["kind"] != "bulk"
            if not slab and entry.get("start") != geometry(atoms):
                known[name] = {**better(entry, _own(atoms, method)), "start": geometry(atoms)}
            part = path.with_suffix(".part")
            part.write_text(json.dumps(known, indent=1) + "\n")
            os.replace(part, path)
        print(f"{label}: {len(order)} states", flush=True)


def load(label: str) -> Method:
    """Return the method of a column: one of the shelf, with D3(BJ) added where the label ends in -d3."""
    return qs.load_method(label[:-3], dispersion="d3") if label.endswith("-d3") else qs.load_method(label)


def geometry(atoms: Atoms) -> str:
    """Return a digest of where the atoms are, to 0.0001 Å."""
    content = [atoms.numbers.tolist(), (atoms.positions.round(4) + 0.0).tolist()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]


@lru_cache(maxsize=2)
def geometries(folder: Path) -> dict[str, str]:
    """Return the digests of the finished states by name."""
    return {name: geometry(atoms) for name, atoms in finished(folder).items()}


def _single(atoms: Atoms, method: Any) -> dict[str, Any]:
    """Return the energy per formula unit at the geometry of the reference, or why there is none."""
    work = gamma_repeat(bare(atoms), method) if atoms.pbc.any() else bare(atoms)
    units = atoms.info["formula_units"] * len(work) / len(atoms)
    try:
        return {"single": single_point(work, method).energy / units}
    except QdsurfError as error:
        return {"refused": str(error).splitlines()[0]}


def better(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return *old* with the better one of two own geometries: converged, then lower."""

    def worth(entry: dict[str, Any]) -> tuple[bool, float]:
        return bool(entry.get("converged")), -entry.get("relaxed", math.inf)

    if worth(new) < worth(old):
        return old
    return {key: value for key, value in old.items() if key != "failed"} | new


def _own(atoms: Atoms, method: Any) -> dict[str, Any]:
    """Return the energy per formula unit at the method's own geometry, next to that of the reference."""
    work = bare(atoms)
    try:
        if atoms.info["kind"] == "bulk":
            scale = equilibrium_scale(work, method)
            work.set_cell(work.cell * scale, scale_atoms=True)
            work = gamma_repeat(work, method)
            units = atoms.info["formula_units"] * len(work) / len(atoms)
            return {"relaxed": single_point(work, method).energy / units, "converged": True}
        done = relax(work, method, fmax=FORCE, steps=STEPS)
    except QdsurfError as error:
        return {"failed": str(error).splitlines()[0]}
    moved = float(np.linalg.norm(done.atoms.get_all_distances() - work.get_all_distances()) / len(work))
    return {
        "relaxed": done.energy,
        "converged": done.converged,
        "steps": done.steps,
        "moved": round(moved, 4),
    }


def energies(label: str, rows: list[Row], kind: str, folder: Path = HERE) -> dict[str, float]:
    """Return the reaction energies in eV of a method, without those that lack a state or its convergence."""
    path = folder / "methods" / f"{label}.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if kind == "single":
        # An energy of a geometry that was relaxed further since is none.
        now = geometries(folder)
        known = {name: entry for name, entry in known.items() if entry.get("geometry") == now.get(name)}
    result = {}
    for row in rows:
        parts = [(value, known.get(name, {})) for name, value in row.stoichiometry.items()]
        whole = all(kind in p and (kind == "single" or p["converged"]) for _, p in parts)
        if whole:
            result[row.name] = sum(value * p[kind] for value, p in parts)
    return result


def errors_of_use(label: str, rows: list[Row], folder: Path = HERE) -> dict[str, float]:
    """Return the error of each reaction as a user meets it, eV: at the method's own geometry.

    Where the method or the reference has no minimum of its own, it is that at the geometry of the reference.
    """
    return errors_at(label, rows, "single", folder) | errors_at(label, rows, "relaxed", folder)


def errors_at(label: str, rows: list[Row], kind: str, folder: Path = HERE) -> dict[str, float]:
    """Return the error of each reaction at the geometries of *kind*, eV, where both have an energy."""
    found = energies(label, rows, kind, folder)
    wrong = {row.name: found[row.name] - row.truth(kind) for row in rows if row.name in found}
    return {name: value for name, value in wrong.items() if not math.isnan(value)}


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of one method in one class, eV: signed mean, absolute mean, and that after the mean is taken off."""

    count: int
    failures: int
    mean: float
    absolute: float
    centred: float
    spearman: float | None


def errors(rows: list[Row], found: dict[str, float], kind: str = "single") -> Errors:
    """Return the errors of the energies *found* for *rows*.

    The mean that is taken off is that of a class on one surface: what all its ligands have in common does
    not change their order.
    """
    mine = [row for row in rows if row.name in found]
    truth = {row.name: row.truth(kind) for row in mine}
    wrong = np.array([found[row.name] - truth[row.name] for row in mine])
    orders = []
    for inside in _alike(mine):
        if inside.sum() >= RANKED:
            pairs = [
                (truth[row.name], found[row.name]) for row, here in zip(mine, inside, strict=True) if here
            ]
            orders.append((len(pairs), spearman(*map(np.array, zip(*pairs, strict=True)))))
    total = sum(count for count, _ in orders)
    return Errors(
        count=len(mine),
        failures=len(rows) - len(mine),
        mean=float(wrong.mean()) if len(mine) else math.nan,
        absolute=float(np.abs(wrong).mean()) if len(mine) else math.nan,
        centred=centred(mine, wrong),
        spearman=sum(n * value for n, value in orders) / total if total else None,
    )


def _alike(rows: list[Row]) -> list[NDArray[np.bool_]]:
    """Return, for each class on each surface, which of *rows* are of it."""
    kinds = [(row.group, row.surface) for row in rows]
    return [np.array([kind == one for one in kinds]) for kind in sorted(set(kinds))]


def centred(rows: list[Row], wrong: NDArray[np.float64]) -> float:
    """Return the mean absolute error after the mean of each class on each surface is taken off, eV."""
    left: list[float] = []
    for inside in _alike(rows):
        if inside.sum() > 1:
            left.extend(wrong[inside] - wrong[inside].mean())
    return float(np.abs(left).mean()) if left else math.nan


def spearman(a: Any, b: Any) -> float:
    """Return the rank correlation of two lists without ties.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0, 9.0]))
    1.0
    """
    x, y = (np.argsort(np.argsort(v)).astype(float) for v in (a, b))
    return float(np.corrcoef(x, y)[0, 1])


def _number(value: float | None, form: str = "+.2f") -> str:
    return "–" if value is None or math.isnan(value) else format(value, form)


def class_block(rows: list[Row], kind: str, folder: Path = HERE) -> list[str]:
    """Return the lines of the table of errors by class, at the geometry of *kind*."""
    if kind == "relaxed":
        # Slabs are computed at the geometry of the reference only.
        rows = [row for row in rows if row.surface != "slab" and not math.isnan(row.relaxed)]
    groups = [g for g in CLASSES if any(row.group == g for row in rows)]
    lines = []
    for group in [*groups, "all"]:
        inside = [row for row in rows if group in (row.group, "all")]
        title = CLASSES.get(group, "all classes")
        for label in METHODS:
            found = energies(label, inside, kind, folder)
            if not found:
                continue
            e = errors(inside, found, kind)
            order = _number(e.spearman) if e.spearman is not None else "too few"
            lines.append(
                f"| {title} | {label} | {e.count} | {_number(e.mean)} | {_number(e.absolute, '.2f')} "
                f"| {_number(e.centred, '.2f')} | {order if group != 'all' else ''} | {e.failures} |"
            )
    return lines


def reaction_block(rows: list[Row], folder: Path = HERE) -> list[str]:
    """Return the lines of the table of reaction energies: reference, then each method at its geometry."""
    shown = [label for label in METHODS if energies(label, rows, "single", folder)]
    lines = [
        f"| class | surface and ligand | {REFERENCE} relaxed | {REFERENCE} | " + " | ".join(shown) + " |",
        "|---|---|" + "---:|" * (len(shown) + 2),
    ]
    columns = {label: energies(label, rows, "single", folder) for label in shown}
    for row in sorted(rows, key=lambda r: (r.surface, list(CLASSES).index(r.group))):
        values = " | ".join(_number(columns[label].get(row.name)) for label in shown)
        truth = f"{_number(row.relaxed)} | {_number(row.energy)}"
        lines.append(f"| {row.group} | {row.name} | {truth} | {values} |")
    return lines


def block(folder: Path = HERE) -> str:
    """Return the text between the marks of docs/accuracy.md, from the files alone."""
    rows = reference_rows(folder)
    states = finished(folder)
    planned = reactions(folder)
    meta = json.loads((folder / "made.json").read_text())
    far = sorted(name for name, atoms in states.items() if atoms.info["remaining"] > FARTHEST)
    loose = [name for name, atoms in states.items() if not atoms.info["converged"]]
    most = max((row.lowering for row in rows), default=0.0)
    seconds = sum(float(atoms.info["seconds"]) for atoms in states.values())
    head = "| class | method | n | mean error | mean absolute | centred | Spearman | no value |"
    rule = "|---|---|---:|---:|---:|---:|---:|---:|"
    count = {g: sum(row.group == g for row in rows) for g in CLASSES}
    return "\n".join(
        [
            f"Made {meta['date']} on {meta['machine']} with {meta['engine']}. "
            f"{len(rows)} of {len(planned)} reactions of the queue are finished "
            f"({', '.join(f'{g} {n}' for g, n in count.items())}), from {len(states)} states "
            f"({seconds / 3600:.1f} h of wall time on a shared core). "
            f"{len(states) - len(loose)} states are relaxed to the threshold, {len(loose)} stayed at the "
            f"geometry of SevenNet-0 ({', '.join(loose) or 'none'}). Of no state in the table more than "
            f"{most:.2f} eV are expected from going on (above {BELIEVED} eV no relaxed energy is given). "
            f"Left out, because more than {FARTHEST} eV is expected: {', '.join(far) or 'none'}.",
            "",
            "**Reaction energies at the geometry of the reference, eV**",
            "",
            *reaction_block(rows, folder),
            "",
            "**Errors at the geometry of the reference, eV**",
            "",
            head,
            rule,
            *class_block(rows, "single", folder),
            "",
            "**Errors at each method's own geometry, eV**",
            "",
            head,
            rule,
            *class_block(rows, "relaxed", folder),
        ]
    )


def made(machine: str, date: str) -> dict[str, str]:
    """Return what the page says of its making."""
    engine = sorted({str(atoms.info["engine"]) for atoms in finished().values()})
    return {"machine": machine, "date": date, "engine": ", ".join(engine), "settings": settings_digest()}
