"""Can a correction fitted to some of the references improve the others? Judged on what was left out.

Four corrections of a method, from none to 64 numbers: a shift for each class of reaction; an energy for the
molecule HX that an exchange gives or takes; both; and, for SevenNet-0, new weights of its last layer (64
numbers, each atom's hidden features to its energy), fitted by ridge regression around the old ones.

Each is fitted without one ligand (on all surfaces), or without one surface, and judged on those alone. The
errors are those of the methods' own geometries, but for the last layer, whose features belong to the geometry
of the reference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_table import (
    Row,
    centred,
    errors_at,
    errors_of_use,
    finished,
    geometries,
    geometry,
    reference_rows,
)  # fmt: skip
from ase import Atoms
from numpy.typing import NDArray
from reference_states import HERE, POTENTIAL, bare

import qdsurf as qs
from qdsurf.energy.relax import gamma_repeat
from qdsurf.methods import make_calculator

JUDGED = ("sevennet-0", "sevennet-0-d3", "sevennet-l3i5", "chgnet", "gfn2-xtb")
LAYER = "reduce_hidden_to_energy"
# Molecules that an exchange gives or takes.
ACIDS = ("HBr", "HI", "HCl")
# Penalties of the ridge regression among which the training data choose, by leaving out one at a time.
PENALTIES = tuple(10.0 ** np.arange(-4, 5))
Features = NDArray[np.float64]


def hidden_features(atoms: Atoms) -> list[float]:
    """Return what the last layer of SevenNet-0 sees of *atoms*, per formula unit.

    The energy in eV is the dot product of these with the weights of the layer, plus what the elements
    alone say.
    """
    import torch

    method = qs.load_method(POTENTIAL)
    work = bare(atoms)
    if work.pbc.any():
        work = gamma_repeat(work, method)
    units = atoms.info["formula_units"] * len(work) / len(atoms)
    work.calc = make_calculator(method)
    seen: list[Any] = []
    layer = dict(work.calc.model.named_children())[LAYER]
    hook = layer.register_forward_hook(lambda module, given, made: seen.append(given[0]["x"].detach()))
    work.get_potential_energy()
    hook.remove()
    scale = dict(work.calc.model.named_children())["rescale_atomic_energy"].scale
    # The layer divides by the root of their number.
    factor = float(torch.as_tensor(scale).flatten()[0]) / seen[-1].shape[1] ** 0.5
    features: list[float] = (factor * seen[-1].sum(dim=0).double().numpy() / units).round(6).tolist()
    return features


def make_hidden() -> None:
    """Write the features of every finished state into ``hidden.json``."""
    path = HERE / "hidden.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, atoms in finished().items():
        if known.get(name, {}).get("geometry") != geometry(atoms):
            known[name] = {"geometry": geometry(atoms), "features": hidden_features(atoms)}
    part = path.with_suffix(".part")
    lines = ",\n".join(f'"{name}": {json.dumps(known[name])}' for name in sorted(known))
    part.write_text("{\n" + lines + "\n}\n")
    os.replace(part, path)


def descriptions(rows: list[Row], kind: str, folder: Path = HERE) -> Features | None:
    """Return (n_rows, n_numbers) what the correction *kind* knows of each reaction; None where it cannot."""
    groups = sorted({row.group for row in rows})
    shift = np.array([[float(row.group == group) for group in groups] for row in rows])
    acid = np.array(
        [[sum(n for name, n in row.stoichiometry.items() if name.partition("-")[0] in ACIDS)] for row in rows]
    )
    if kind == "a shift for each class":
        return shift
    if kind == "an energy of HX":
        return acid
    if kind == "both":
        return np.hstack([shift, acid])
    path = folder / "hidden.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    now = geometries(folder)
    if any(known.get(n, {}).get("geometry") != now.get(n) for row in rows for n in row.stoichiometry):
        return None
    return np.array(
        [sum(n * np.array(known[name]["features"]) for name, n in row.stoichiometry.items()) for row in rows]
    )


def fitted(known: Features, wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the numbers of the ridge regression that takes *known* (n, m) to *wanted* (n,), eV.

    The penalty is that of :data:`PENALTIES` with the smallest error when each row is left out in turn.
    """
    kernel = known @ known.T
    size = float(np.trace(kernel)) / len(kernel) or 1.0
    best: tuple[float, NDArray[np.float64]] | None = None
    for penalty in PENALTIES:
        inverse = np.linalg.inv(kernel + penalty * size * np.eye(len(kernel)))
        weights = inverse @ wanted
        left_out = float(np.abs(weights / np.diag(inverse)).mean())
        if best is None or left_out < best[0]:
            best = left_out, weights
    assert best is not None
    return np.asarray(known.T @ best[1])


def left_out(rows: list[Row], wrong: NDArray[np.float64], known: Features, fold: str) -> NDArray[np.float64]:
    """Return what is left of the error of each of *rows*, eV, by a correction that never saw its *fold*.

    Parameters
    ----------
    wrong
        (n_rows,) error without a correction, eV.
    fold
        "ligand": the same ligand on all surfaces; "surface": all reactions on it; "none": nothing.
    """
    surface = np.array([row.surface for row in rows])
    ligand = np.array([row.name.partition(" ")[2] for row in rows])
    labels = {"ligand": ligand, "surface": surface, "none": np.arange(len(rows))}[fold]
    result = wrong.copy()
    for label in sorted(set(labels.tolist())):
        test = labels == label
        train = np.ones(len(rows), dtype=bool) if fold == "none" else ~test
        result[test] = wrong[test] - known[test] @ fitted(known[train], wrong[train])
    return result


def correction_lines(folder: Path = HERE) -> list[str]:
    """Return the lines of the table of corrections: each beside the method as it is."""
    rows = reference_rows(folder)
    shifts = ["a shift for each class", "an energy of HX", "both"]
    lines = []
    for label in JUDGED:
        lines += _judged(label, "own", errors_of_use(label, rows, folder), shifts, rows, folder)
    shared = errors_at(POTENTIAL, rows, "single", folder)
    return lines + _judged(POTENTIAL, "shared", shared, [shifts[0], "new last layer"], rows, folder)


def _judged(
    label: str, where: str, errors: dict[str, float], kinds: list[str], rows: list[Row], folder: Path
) -> list[str]:
    """Return the lines of one method: without a correction, then with each of *kinds*."""
    rows = [row for row in rows if row.name in errors]
    if len(rows) < 12 or len({row.surface for row in rows}) < 2:
        return []
    wrong = np.array([errors[row.name] for row in rows])
    base = f"{np.abs(wrong).mean():.2f} | {centred(rows, wrong):.2f}"
    lines = [f"| {label} | {where} | none | 0 | {len(rows)} | {base} | {base} | {base} |"]
    for kind in kinds:
        known = descriptions(rows, kind, folder)
        if known is None:
            continue
        columns = []
        for fold in ("none", "ligand", "surface"):
            after = left_out(rows, wrong, known, fold)
            columns.append(f"{np.abs(after).mean():.2f} | {centred(rows, after):.2f}")
        numbers = f"{known.shape[1]} | {len(rows)} | {' | '.join(columns)}"
        lines.append(f"| {label} | {where} | {kind} | {numbers} |")
    return lines
