"""Formation energies of vacancies: neutral, at named limits of the chemical potentials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from qdsurf.energy.bulk import relax_crystal
from qdsurf.energy.evaluating import BindingResult, References, evaluate_plan, shared_state
from qdsurf.energy.leaving import in_words, ions_that_leave
from qdsurf.energy.potentials import Phases, chemical_potentials, coefficients, phases_of, would_form
from qdsurf.energy.procedure import Procedure
from qdsurf.energy.reactions import Plan, State, check_balance
from qdsurf.energy.states import fixed_mask, lowest_free_plane
from qdsurf.errors import AskError
from qdsurf.model.energies import Energy, Method, Reaction
from qdsurf.model.nouns import Crystal, Site, Surface
from qdsurf.model.vacant import note_vacancies

VACANT, WHOLE = "with vacancies", "without vacancies"
WHEN = "ions leave a surface or a crystal, each to the reservoir that a limit names; the state is neutral"
# Å around a vacancy in which the atoms of a block of crystal are free to move.
RADIUS = 6.0


def block(crystal: Crystal, repeat: tuple[int, int, int]) -> Surface:
    """Return *repeat* cells of *crystal*, periodic in three directions, to make vacancies in.

    Examples
    --------
    >>> import qdsurf as qs
    >>> made = block(qs.load_crystal("CsPbBr3-cubic"), (2, 2, 2))
    >>> len(made.atoms), made.charge
    (40, 0)
    """
    atoms = crystal.atoms.repeat(repeat)
    atoms.set_constraint()
    size = len(crystal.atoms)
    step = int(crystal.atoms.arrays["fragment"].max()) + 1
    atoms.arrays["fragment"] = np.tile(crystal.atoms.arrays["fragment"], len(atoms) // size) + np.repeat(
        np.arange(len(atoms) // size) * step, size
    )
    atoms.set_array("role", np.array(["core"] * len(atoms), dtype="<U8"))
    atoms.set_array("anchor", np.zeros(len(atoms), dtype=bool))
    atoms.set_array("layer", np.full(len(atoms), -1))
    recipe = {"verb": "block", "crystal": dict(crystal.recipe) or crystal.name, "repeat": tuple(repeat)}
    return Surface(
        name=f"{crystal.name}-{'x'.join(map(str, repeat))}", atoms=atoms, charges=dict(crystal.charges),
        sites=(), recipe=recipe,
    )  # fmt: skip


def vacancy_plan(
    surface: Surface,
    species: str | Sequence[str],
    *,
    crystal: Crystal | None = None,
    limit: str | Sequence[str] = "salts",
    sites: Sequence[Site] | None = None,
    radius: float | None = None,
) -> Plan:
    """Return the balanced reaction by which ions leave *surface* for the phases of a *limit*.

    See :func:`vacancy_energy` for the arguments and the errors.

    Examples
    --------
    >>> import qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, termination="CsBr")
    >>> vacancy_plan(slab, "Br", limit="lead-rich").reaction.equation
    'CsPbBr3-cubic(001)-CsBr + 0.5 Pb -> V_Br + 0.5 PbBr2'
    """
    wanted = (species,) if isinstance(species, str) else tuple(species)
    host = crystal or crystal_of(surface)
    phases = phases_of(host)
    names = phases.chosen(limit)
    gone, fragments = ions_that_leave(surface, wanted, sites)
    removed = Counter(str(surface.atoms.symbols[i]) for i in gone)
    parts = coefficients(phases, names, removed)
    whole, vacant = _states(surface, gone, radius)
    states = {WHOLE: whole, VACANT: vacant, **{n: phases.phases[n].state for n in parts}}
    label = "+".join(f"{n if n > 1 else ''}V_{s}" for s, n in Counter(wanted).items())
    left = [surface.name, *(f"{-c:g} {n}" if c != -1 else n for n, c in parts.items() if c < 0)]
    right = [label, *(f"{c:g} {n}" if c != 1 else n for n, c in parts.items() if c > 0)]
    reaction = Reaction(
        name="vacancy formation",
        equation=f"{' + '.join(left)} -> {' + '.join(right)}",
        stoichiometry={WHOLE: -1.0, VACANT: 1.0, **parts},
    )
    check_balance(reaction, states)
    return Plan(
        reaction=reaction, states=states, poses=(_vacant_surface(surface, gone, vacant, label),),
        labels=(in_words(surface, fragments),), product=VACANT, 
        warnings=_warnings(phases, parts, host, label, -sum(surface.charges[s] for s in wanted)),
    )  # fmt: skip


def crystal_of(surface: Surface) -> Crystal:
    """Return the crystal that *surface* was cut from, by its recipe.

    Raises
    ------
    AskError
        The recipe names none, or an alloy.
    """
    from qdsurf.crystals import load_crystal

    step: Any = surface.recipe
    while isinstance(step, Mapping) and step.get("verb") != "alloy":
        step = step.get("crystal", step.get("from"))
    if not isinstance(step, str):
        raise AskError(
            f"{surface.name}: its recipe names an alloy, or no crystal of the shelf; give crystal="
        )
    return load_crystal(step)


def _states(surface: Surface, gone: list[int], radius: float | None) -> tuple[State, State]:
    """Return *surface* with and without the ions *gone*, the same atoms fixed in both."""
    atoms = surface.atoms.copy()
    atoms.set_constraint()
    block_of_crystal = bool(atoms.pbc.all())
    mask = (
        np.zeros(len(atoms), dtype=bool)
        if block_of_crystal
        else fixed_mask(atoms, lowest_free_plane(surface))
    )
    reach = RADIUS if radius is None and block_of_crystal else radius
    if reach is not None:
        gaps = np.min([atoms.get_distances(i, range(len(atoms)), mic=True) for i in gone], axis=0)
        mask |= gaps > reach
    kept = np.delete(np.arange(len(atoms)), gone)
    whole = State(atoms=atoms, charge=surface.charge, fixed=mask, kind="slab")
    return whole, State(atoms=atoms[kept], charge=surface.charge, fixed=mask[kept], kind="slab")


def _vacant_surface(surface: Surface, gone: list[int], vacant: State, label: str) -> Surface:
    """Return the surface without the ions, with the electrons that anions leave; holes stay formal charge."""
    charge = surface.charge - sum(surface.charges[str(surface.atoms.arrays["species"][i])] for i in gone)
    extra = max(charge - surface.charge, 0)
    atoms = vacant.atoms.copy()
    atoms.arrays["fragment"] = np.unique(atoms.arrays["fragment"], return_inverse=True)[1]
    species, places = surface.atoms.arrays["species"], surface.atoms.positions
    note_vacancies(atoms, ((str(species[i]), places[i]) for i in gone))
    return replace(
        surface,
        name=f"{surface.name}-{label}",
        atoms=atoms,
        sites=(),
        bonds=(),
        recipe={"verb": "vacancy_plan", "atoms": tuple(gone), "from": dict(surface.recipe)},
        target_charge=charge - extra,
        electrons=surface.electrons + extra,
    )


def _warnings(
    phases: Phases, parts: Mapping[str, float], host: Crystal, label: str, left: int
) -> tuple[str, ...]:
    """Return what to know about this vacancy, which leaves the charge *left* behind."""
    found = [f"starting cell of {n}: {phases.phases[n].source}" for n in parts
             if "unverified" in phases.phases[n].source]  # fmt: skip
    if "(221)" in host.space_group and len(host.charges) == 3:
        found.append(
            "cubic perovskite: a vacancy lets octahedra tilt that symmetry holds in the perfect crystal, and "
            "lowers the energy so; the orthorhombic phase has them tilted in both states"
        )
    if left:
        kind = f"{left} electrons" if left > 0 else f"{-left} holes"
        found.append(f"{label} is computed neutral: {kind} stay with it; charged states are not computed")
    found.append("the class error of the method was measured for ligands, not for vacancies")
    return tuple(found)


def vacancy(
    where: Surface | Crystal,
    species: str | Sequence[str],
    method: Method,
    *,
    limit: str | Sequence[str] = "salts",
    sites: Sequence[Site] | None = None,
    crystal: Crystal | None = None,
    repeat: tuple[int, int, int] = (2, 2, 2),
    radius: float | None = None,
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
) -> BindingResult:
    """Return the energy of a vacancy with the relaxed structure; see :func:`vacancy_energy`."""
    cache: References = {} if references is None else references
    surface = where if isinstance(where, Surface) else block(relax_crystal(where, method, fmax=fmax), repeat)
    host = crystal or (where if isinstance(where, Crystal) else crystal_of(surface))
    plan = vacancy_plan(surface, species, crystal=host, limit=limit, sites=sites, radius=radius)
    result = evaluate_plan(
        plan, method,
        fmax=fmax, steps=steps, references=cache, progress=progress, procedure=Procedure(),
    )  # fmt: skip
    phases = phases_of(host)
    return replace(
        result, energy=_with_potentials(result.energy, phases, limit, method, fmax, steps, cache, progress)
    )


def _with_potentials(
    energy: Energy,
    phases: Phases,
    limit: str | Sequence[str],
    method: Method,
    fmax: float,
    steps: int,
    cache: References,
    progress: Callable[[str], None] | None,
) -> Energy:
    """Return *energy* with the chemical potentials of the limit, and what would form there."""
    say = progress or (lambda line: None)
    names = phases.chosen(limit)
    energies = {
        name: float(shared_state(name, phase.state, method, fmax, steps, cache, say)["energy"])
        for name, phase in phases.phases.items()
    }
    # "salts" is no equilibrium with the crystal, so that nothing can be said to form beside it.
    gains = would_form(phases, names, energies) if phases.host in names else {}
    warnings = [
        f"at this limit {name} would form (by {gain:.2f} eV per formula unit): it lies outside the range in "
        "which the crystal is stable with this method"
        for name, gain in gains.items()
    ]
    return replace(
        energy,
        warnings=(*energy.warnings, *warnings),
        provenance={
            **energy.provenance,
            "limit": limit if isinstance(limit, str) else list(limit),
            "in_equilibrium_with": list(names),
            "chemical_potentials": chemical_potentials(phases, names, energies),
            "phases": energies,
            "phase_sources": {name: phase.source for name, phase in phases.phases.items()},
        },
    )


def vacancy_energy(
    where: Surface | Crystal,
    species: str | Sequence[str],
    method: Method,
    *,
    limit: str | Sequence[str] = "salts",
    sites: Sequence[Site] | None = None,
    crystal: Crystal | None = None,
    repeat: tuple[int, int, int] = (2, 2, 2),
    radius: float | None = None,
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
) -> Energy:
    """Return the energy in eV that neutral vacancies cost; positive costs.

    Parameters
    ----------
    where
        Slab or dot, at whose surface the ions go; or a crystal, of which a block is made at the volume
        that the method gives it.
    species
        "Br", or ions that go together: ("Cs", "Br"), ("Pb", "Br", "Br").
    method
        How energies are computed.
    limit
        Where the ions go. "salts": an A+X pair to the crystal AX, lead with two halides to PbX2, what
        is left to the element X2. "halide-rich" and "lead-rich": in equilibrium with the crystal, PbX2
        and X2, or lead. Or the phases themselves, as many as elements: ("CsPbBr3", "CsBr", "Br2").
    sites
        Which ions go, as from ``qs.vacancies`` or ``qs.vacancy_groups``; None takes the outermost of the
        top face nearest to one another.
    crystal
        What *where* was cut from, if its recipe does not name a crystal of the shelf.
    repeat
        Cells of the block of a crystal.
    radius
        Å around the vacancies in which atoms are free; None takes 6 Å in a block, and on surfaces
        what is free for ligands.
    fmax, steps
        Force threshold in eV/Å and most steps of each state.
    references
        Cache of the states that vacancies share; a dict will do.
    progress
        Called with one line before each evaluation.

    Raises
    ------
    AskError
        No such species, limit or phase, or the method cannot do a state; nothing was run.
    BalanceError
        The reaction does not balance.
    EvaluationError
        A state has no energy.

    References
    ----------
    Zhang and Northrup, doi:10.1103/PhysRevLett.67.2339, for the limits of the chemical potentials.

    Examples
    --------
    >>> import qdsurf as qs  # doctest: +SKIP
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=3)  # doctest: +SKIP
    >>> vacancy_energy(slab, ("Cs", "Br"), qs.load_method("sevennet-0")).value  # doctest: +SKIP
    0.26
    """
    return vacancy(
        where, species, method,
        limit=limit, sites=sites, crystal=crystal, repeat=repeat, radius=radius, fmax=fmax, steps=steps,
        references=references, progress=progress,
    ).energy  # fmt: skip
