"""How strongly ligands bind from the first to the last: energies against coverage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qdsurf.energy.evaluating import References, evaluate_plan
from qdsurf.energy.placing import is_top
from qdsurf.energy.procedure import Procedure
from qdsurf.energy.reactions import COMPLEX, Plan, check_balance, plan
from qdsurf.energy.states import slab_state
from qdsurf.errors import AskError, RunError
from qdsurf.model.energies import Energy, Method, Reaction
from qdsurf.model.nouns import Ligand, Surface


@dataclass(frozen=True, kw_only=True)
class CoveragePoint:
    """One coverage.

    Attributes
    ----------
    ligands
        On the top face of the cell, or on the dot.
    coverage
        Share of the sites that suit the ligand.
    energy
        Mean over these ligands, eV per ligand; None where there is none.
    differential
        eV per ligand for those added since the point before; None where a point is missing.
    cause
        Why there is no energy, or "".
    """

    ligands: int
    coverage: float
    energy: Energy | None
    differential: float | None
    cause: str = ""


def coverage_plan(
    surface: Surface,
    ligand: Ligand,
    count: int,
    *,
    reaction: str = "auto",
    poses: int = 1,
    mode: str = "auto",
) -> Plan:
    """Return the reaction by which *count* ligands bind the top face of *surface*, for one of them.

    Raises
    ------
    AskError
        The reaction fills a vacancy that is made for one ligand, or there are fewer sites.
    PlacementError
        The ligands have no room.

    Examples
    --------
    >>> import qdsurf as qs
    >>> crystal = qs.load_crystal("CsPbBr3-cubic")
    >>> slab = qs.cut_slab(crystal, (0, 0, 1), layers=2, repeat=(2, 2), termination="CsBr")
    >>> dict(coverage_plan(slab, qs.load_ligand("formate"), 2).reaction.stoichiometry)["surface"]
    -0.5
    """
    from qdsurf.attachment import attach

    one = plan(surface, ligand, reaction=reaction, mode=mode)
    name = one.reaction.name
    if "surface" not in one.states:
        raise AskError(
            f"{name}: a vacancy is made for one ligand, so there is no curve; take ligands that exchange "
            "with ions, or that bind the surface as it is"
        )
    made = [
        attach(surface, {ligand: count}, unit="count", mode=mode, seed=seed, faces="top")
        for seed in range(poses)
    ]
    share = {state: c / count if state in ("surface", COMPLEX) else c
             for state, c in one.reaction.stoichiometry.items()}  # fmt: skip
    words = f"{one.reaction.equation}, {count} ligands, for one of them"
    states = {**one.states, COMPLEX: slab_state(made[0], one.lowest_free)}
    counted = Reaction(name=name, equation=words, stoichiometry=share)
    check_balance(counted, states)
    return replace(
        one, reaction=counted, states=states, poses=tuple(made), seeds=tuple(range(poses)),
        labels=tuple(f"{mode}, seed {seed}" for seed in range(poses)), warnings=one.warnings,
    )  # fmt: skip


def coverage_curve(
    surface: Surface,
    ligand: Ligand,
    method: Method,
    *,
    counts: Sequence[int] | None = None,
    reaction: str = "auto",
    poses: int = 1,
    mode: str = "auto",
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[CoveragePoint, ...]:
    """Return how the energy of binding changes from the first to the last ligand of a face.

    Parameters
    ----------
    surface
        Slab, whose top face is covered, or dot.
    ligand
        What covers it.
    method
        How energies are computed.
    counts
        Numbers of ligands, ascending; None takes one, half of the sites and all.
    reaction, poses, mode, fmax, steps, references, progress
        As for :func:`qdsurf.energy.binding.binding_energy`; poses are starts of the whole shell.

    Returns
    -------
    tuple of CoveragePoint
        A coverage that found no room, or has no energy, is there with its cause.

    Raises
    ------
    AskError
        No site suits the ligand, or the reaction has no curve.

    Examples
    --------
    >>> import qdsurf as qs  # doctest: +SKIP
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=3)  # doctest: +SKIP
    >>> coverage_curve(slab, qs.load_ligand("formate"), qs.load_method("sevennet-0"))  # doctest: +SKIP
    """
    from qdsurf.attachment import suitable_sites

    sites = [s for s in suitable_sites(surface, ligand) if is_top(surface, s)]
    if ligand.binds in ("anion site", "cation site"):
        sites = [s for s in sites if s.occupied]
    wanted = sorted({1, max(len(sites) // 2, 1), len(sites)}) if counts is None else list(counts)
    ascending = bool(wanted) and wanted == sorted(set(wanted))
    if not (ascending and wanted[0] > 0 and wanted[-1] <= len(sites)):
        raise AskError(
            f"{surface.name} has {len(sites)} sites for {ligand.name}; ascending numbers from 1 to that are "
            f"meant, got {wanted}"
        )
    cache: References = {} if references is None else references
    found: list[CoveragePoint] = []
    for count in wanted:
        share = count / len(sites)
        try:
            planned = coverage_plan(surface, ligand, count, reaction=reaction, poses=poses, mode=mode)
            energy = evaluate_plan(
                planned, method,
                fmax=fmax, steps=steps, references=cache, progress=progress, procedure=Procedure(),
            ).energy  # fmt: skip
        except RunError as error:
            found.append(CoveragePoint(ligands=count, coverage=share, energy=None, differential=None,
                                       cause=str(error)))  # fmt: skip
            continue
        found.append(CoveragePoint(ligands=count, coverage=share, energy=energy,
                                   differential=_added(found, count, energy)))  # fmt: skip
    return tuple(found)


def _added(before: list[CoveragePoint], count: int, energy: Energy) -> float | None:
    """Return the energy of the ligands that came since the last point, eV per ligand."""
    if not before:
        return energy.value if count == 1 else None
    last = before[-1]
    if last.energy is None:
        return None
    return (count * energy.value - last.ligands * last.energy.value) / (count - last.ligands)
