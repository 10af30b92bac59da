"""Rank ligands against an acid or a surface: transparent terms, weights in a file, reasons in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qdsurf.errors import AskError, QdsurfError
from qdsurf.rank.candidates import Candidate, Item, describe, item_of, shelf_names
from qdsurf.rank.hsab_tables import hardness_of
from qdsurf.rank.ligand_terms import GEOMETRIC, TERMS, Case, Value, can_bind
from qdsurf.rank.pareto import pareto_front, rank_stability
from qdsurf.rank.presets import Preset, load_preset
from qdsurf.rank.targets import Target, facet_rules, target_of
from qdsurf.rank.ways import Option

if TYPE_CHECKING:
    from qdsurf.model.nouns import Ligand, Surface

# How many draws of weights the sensitivity takes, and by how much they vary (natural logarithms).
DRAWS, SPREAD = 200, 0.5
_NEUTRAL = 0.5


@dataclass(frozen=True, kw_only=True)
class Term:
    """One term of one ligand.

    Attributes
    ----------
    value, unit
        None where the ligand has no such value.
    desirability
        0 to 1; what stands for a missing value is said in ``note``.
    weight
        Share of the score, 0 to 1; the shares sum to 1.
    note, source, status
        Why, from where, and how sure: "measured", "computed", "verified" or "unverified".
    """

    value: float | None
    unit: str
    desirability: float
    weight: float
    note: str
    source: str
    status: str


@dataclass(frozen=True, kw_only=True)
class RankedLigand:
    """A row of the ranking.

    Attributes
    ----------
    rank
        1 is best; None for a ligand that could not be ranked.
    binds_by
        Group or groups that bind; with several, the way of binding with the best score.
    far_end
        Groups that point away.
    score
        Sum of weight times desirability, 0 to 1; None where not ranked.
    terms
        All terms of the preset by name.
    objectives
        Weighted means of groups of terms: the axes of the Pareto front.
    pareto
        Whether no other ligand is at least as good in all objectives and better in one.
    stability
        Share of draws of perturbed weights in which the ligand stays within the top places.
    reasons
        Why it stands where it stands, in words.
    error
        Why it could not be ranked, "" where it was.
    """

    rank: int | None
    name: str
    smiles: str
    binds_by: str = ""
    far_end: str = ""
    score: float | None = None
    terms: Mapping[str, Term] = field(default_factory=dict)
    objectives: Mapping[str, float] = field(default_factory=dict)
    pareto: bool = False
    stability: float | None = None
    reasons: tuple[str, ...] = ()
    error: str = ""


def rank_ligands(
    ligands: Sequence[str | Ligand | Item],
    target: Surface | str,
    *,
    preset: str | Path | Preset,
    electronic: str | None = None,
    cache: str | Path | None = None,
    workers: int = 1,
    top: int | None = None,
    seed: int = 0,
) -> list[RankedLigand]:
    """Rank ligands against a surface or an acid, the best first.

    Parameters
    ----------
    ligands
        Ligands, names on the shelf, SMILES of the bound forms (a name may follow after a space), or
        items of a file (``qdsurf.rank.ligand_files.read_ligands``).
    target
        A Surface, or the name of an acid such as "Pb2+". Terms that need a surface are left out for
        an acid.
    preset
        Name of a preset, or a TOML file with weights of your own.
    electronic
        Method of the shelf with which Pearson's energy is computed for each ligand, "gfn2-xtb" for
        instance, and shown as the term ``charge_transfer``; None takes it from the tables, for presets
        that weigh it.
    cache
        Folder for computed values.
    workers
        Processes that describe the molecules.
    top
        How many places count in the stability; 10, or a third of a shorter list, where None.
    seed
        Seed of the perturbed weights.

    Returns
    -------
    list of RankedLigand
        What could not be ranked comes last, with the reason in ``error``.

    Raises
    ------
    UnknownName
        No such acid or preset.
    BadEntry
        A preset file that breaks its schema.
    AskError
        No ligands, or a surface that exposes no cation.

    Examples
    --------
    >>> rows = rank_ligands(["[F-]", "[I-]"], "Cd2+", preset="affinity")
    >>> [row.name for row in rows], rows[0].binds_by
    (['[I-]', '[F-]'], 'iodide')
    """
    if isinstance(ligands, str) or not ligands:
        raise AskError("give a list of ligands: names, SMILES or Ligand objects")
    if workers < 1:
        raise AskError(f"workers={workers}: one or more processes are wanted")
    chosen, goal = load_preset(preset), target_of(target)
    if not any(_active(chosen, goal).values()):
        raise AskError(
            f"preset {chosen.name!r} weighs only {', '.join(chosen.weights)}: {goal.label} has none of them; "
            "rank against a surface, or give other terms a weight"
        )
    shelf = shelf_names()
    items = [item_of(given, shelf) for given in ligands]
    described = _describe_all(items, workers, geometry=bool(GEOMETRIC & set(_active(chosen, goal))))
    folder = None if cache is None else Path(cache)
    ranked: list[RankedLigand] = []
    failed: list[RankedLigand] = []
    for item, candidate in zip(items, described, strict=True):
        row = _best(candidate, item, goal, chosen, electronic, folder)
        (failed if row.error else ranked).append(row)
    return _finish(ranked, chosen, top, seed) + failed


def _active(preset: Preset, target: Target) -> dict[str, float]:
    """Return the weights of the terms that *target* can have."""
    active = {
        name: weight
        for name, weight in preset.weights.items()
        if target.is_surface or not preset.rules[name].surface
    }
    if not facet_rules(target):
        active.pop("facet", None)
    return active


def _describe_all(items: Sequence[Item], workers: int, *, geometry: bool) -> list[Candidate | str]:
    """Describe all molecules, in several processes where asked; geometries take most of the time."""
    call = partial(describe, geometry=geometry)
    if workers < 2 or len(items) < 2 * workers:
        return [call(item) for item in items]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(call, items, chunksize=max(1, min(50, len(items) // (4 * workers)))))


def _best(
    candidate: Candidate | str,
    item: Item,
    target: Target,
    preset: Preset,
    method: str | None,
    cache: Path | None,
) -> RankedLigand:
    """Return the row of the way of binding with the best score."""
    if isinstance(candidate, str):
        return RankedLigand(rank=None, name=item.name, smiles=item.smiles, error=candidate)
    possible = [option for option in candidate.options if not can_bind(option, target)]
    if not possible:
        why = can_bind(candidate.options[0], target)
        return RankedLigand(rank=None, name=item.name, smiles=item.smiles, error=why)
    try:
        energy = None if method is None else _pearson_energy(candidate, possible, target, method, cache)
    except AskError:
        raise  # a missing engine or a method that takes no charge is the same for every ligand
    except QdsurfError as error:
        return RankedLigand(rank=None, name=item.name, smiles=item.smiles, error=str(error))
    make = partial(
        _scored, candidate, target=target, preset=preset, energy=energy, show_energy=method is not None
    )
    rows = [make(option) for option in possible]
    return max(rows, key=lambda row: row.score or 0.0)


def _pearson_energy(
    candidate: Candidate, options: Sequence[Option], target: Target, method: str, cache: Path | None
) -> float | None:
    """Return Pearson's energy in eV of the molecule with the acid of the target; None for acids."""
    from qdsurf.rank.electronic import electronic
    from qdsurf.rank.softness import pearson

    acid = next((h for h in hardness_of(target.acid.name, "acid") if h.chi is not None), None)
    if acid is None or acid.chi is None or options[0].near.takes not in ("anion site", "on a cation"):
        return None
    found = electronic(candidate.smiles, method=method, cache=cache)
    return pearson(acid.chi, acid.eta, found.chi, found.eta)[1]


def _scored(
    candidate: Candidate,
    option: Option,
    *,
    target: Target,
    preset: Preset,
    energy: float | None,
    show_energy: bool,
) -> RankedLigand:
    """Return the row of one way of binding, not yet placed among the others."""
    case = Case(candidate=candidate, option=option, target=target, preset=preset, energy=energy)
    active = _active(preset, target)
    if show_energy:
        # Asked for by name: shown even where the preset gives it no weight.
        active.setdefault("charge_transfer", 0.0)
    total = sum(active.values())
    terms = {
        name: _term(TERMS[name](case), name, weight / total if total else 0.0, preset)
        for name, weight in active.items()
    }
    return RankedLigand(
        rank=None,
        name=candidate.name,
        smiles=candidate.smiles,
        binds_by=option.label,
        far_end=", ".join(end.group for end in option.far),
        score=round(sum(term.weight * term.desirability for term in terms.values()), 6),
        terms=terms,
        objectives={
            name: _mean([terms[term] for term in members if term in terms])
            for name, members in preset.objectives.items()
        },
        reasons=candidate.notes,
    )


def _term(found: Value, name: str, weight: float, preset: Preset) -> Term:
    """Return the term that a value is under *preset*."""
    rule = preset.rules[name]
    note = found.note
    if found.value is None:
        desirability = preset.missing.get(name, _NEUTRAL)
        note += f" (counts as {desirability:g})"
    else:
        desirability = rule.desirability(found.value)
    return Term(
        value=None if found.value is None else round(found.value, 4),
        unit=rule.unit,
        desirability=round(desirability, 6),
        weight=weight,
        note=note,
        source=rule.source,
        status=found.status,
    )


def _mean(terms: Sequence[Term]) -> float:
    """Return the weighted mean of desirabilities; 0 where none counts."""
    total = sum(term.weight for term in terms)
    return round(sum(t.weight * t.desirability for t in terms) / total, 6) if total else 0.0


def _finish(rows: Sequence[RankedLigand], preset: Preset, top: int | None, seed: int) -> list[RankedLigand]:
    """Order the rows, and add Pareto front, stability and reasons."""
    if not rows:
        return []
    ordered = sorted(rows, key=lambda row: (-(row.score or 0.0), row.name, row.smiles))
    names = list(ordered[0].terms)
    matrix = np.array([[row.terms[name].desirability for name in names] for row in ordered])
    weights = np.array([ordered[0].terms[name].weight for name in names])
    places = top or min(10, -(-len(ordered) // 3))
    shares = rank_stability(matrix, weights, top=places, draws=DRAWS, spread=SPREAD, seed=seed)
    front = pareto_front(np.array([list(row.objectives.values()) for row in ordered]))
    average = matrix.mean(axis=0)
    gains = (matrix - average) * weights
    return [
        replace(
            row,
            rank=place + 1,
            pareto=bool(front[place]),
            stability=round(float(shares[place]), 4),
            reasons=(*_reasons(row, names, gains[place], preset), *row.reasons),
        )
        for place, row in enumerate(ordered)
    ]


def _reasons(row: RankedLigand, names: Sequence[str], gains: Any, preset: Preset) -> list[str]:
    """Return what lifts and what lowers a ligand against the mean of the list, the largest first."""
    order = sorted(range(len(names)), key=lambda index: -float(gains[index]))

    def sentence(index: int) -> str:
        term = row.terms[names[index]]
        doubt = " (recalled, not verified)" if term.status == "unverified" else ""
        return f"{preset.rules[names[index]].label} {gains[index]:+.3f}: {term.note}{doubt}"

    helps = [f"helps: {sentence(i)}" for i in order[:3] if gains[i] > 5e-4]
    costs = [f"costs: {sentence(i)}" for i in order[:-4:-1] if gains[i] < -5e-4]
    return helps + costs or ["no term tells it from the mean of the list"]
