"""Exchange of one ligand for another on the same site: the energies whose references cancel best."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qdsurf.energy.evaluating import BindingResult, References, evaluate_plan, state_content
from qdsurf.energy.procedure import Procedure
from qdsurf.energy.reactions import COMPLEX, Plan, State, check_balance, choose_reaction, plan
from qdsurf.errors import AskError
from qdsurf.model.energies import Energy, Method, Reaction
from qdsurf.model.nouns import Ligand, Surface

NEW, OLD = "surface with the new ligand", "surface with the old ligand"
WHEN = "one ligand takes the place of another, such as acetate that of oleate: the other references cancel"


def exchange_plan(
    surface: Surface, old: Ligand, new: Ligand, *, reaction: str = "auto", poses: int = 1, mode: str = "auto"
) -> Plan:
    """Return the reaction in which *new* takes the place of *old* on *surface*.

    It is the difference of the two reactions by which they bind; what these have in common cancels and is
    not computed.

    Raises
    ------
    AskError
        The two bind by different reactions, or are the same.
    BalanceError, PlacementError
        As for :func:`qdsurf.energy.reactions.plan`.

    Examples
    --------
    >>> import qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, termination="CsBr")
    >>> made = exchange_plan(slab, qs.load_ligand("acetate"), qs.load_ligand("formate"))
    >>> made.reaction.equation
    'surface-acetate + formate as CH2O2 -> surface-formate + acetate as C2H4O2'
    """
    names = {
        one.name: choose_reaction(surface, one) if reaction == "auto" else reaction for one in (old, new)
    }
    if old.smiles == new.smiles:
        raise AskError(f"{old.name} and {new.name} are one ligand: there is nothing to exchange")
    if names[old.name] != names[new.name]:
        raise AskError(
            f"{old.name} binds by {names[old.name]!r} and {new.name} by {names[new.name]!r}: they do not "
            "take each other's place; compare their binding energies, or name a reaction that fits both"
        )
    name = names[new.name]
    first = plan(surface, old, reaction=name, poses=poses, mode=mode)
    last = plan(surface, new, reaction=name, poses=poses, mode=mode)
    states, coefficients = _difference(first, last)
    equation = (
        f"surface-{old.name} + {_free(last, new)} -> surface-{new.name} + {_free(first, old)}"
        + "".join(f", {c:+g} {n}" for n, c in coefficients.items() if n.endswith((" (new)", " (old)")))
    )
    exchange = Reaction(name="ligand exchange", equation=equation, stoichiometry=coefficients)
    check_balance(exchange, states)
    return Plan(
        reaction=exchange, states=states, poses=last.poses, seeds=last.seeds, labels=last.labels,
        lowest_free=last.lowest_free, warnings=tuple(dict.fromkeys((*last.warnings, *first.warnings))),
        product=NEW, others={OLD: first.poses},
    )  # fmt: skip


def _difference(first: Plan, last: Plan) -> tuple[dict[str, State], dict[str, float]]:
    """Return the states and coefficients of *last* less *first*; equal states cancel."""
    names = {COMPLEX: (OLD, NEW), "free ligand": ("free old ligand", "free new ligand")}
    states: dict[str, State] = {}
    coefficients: dict[str, float] = {}
    counts = first.reaction.stoichiometry
    for name, count in last.reaction.stoichiometry.items():
        same = state_content(first.states[name]) == state_content(last.states[name])
        if name not in names and same and count == counts[name]:
            continue
        old, new = names.get(name, (f"{name} (old)", f"{name} (new)"))
        states |= {new: last.states[name], old: first.states[name]}
        coefficients[new] = count
        coefficients[old] = -counts[name]
    return states, coefficients


def _free(plan: Plan, ligand: Ligand) -> str:
    states: Mapping[str, State] = plan.states
    return f"{ligand.name} as {states['free ligand'].atoms.get_chemical_formula(mode='hill')}"


def exchange(
    surface: Surface,
    old: Ligand,
    new: Ligand,
    method: Method,
    *,
    reaction: str = "auto",
    poses: int = 2,
    mode: str = "auto",
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
    procedure: Procedure | None = None,
) -> BindingResult:
    """Return the energy of the exchange with the relaxed structure; see :func:`exchange_energy`."""
    how = procedure or Procedure()
    planned = exchange_plan(surface, old, new, reaction=reaction, poses=how.starts(poses), mode=mode)
    return evaluate_plan(
        planned, method,
        fmax=fmax, steps=steps, poses=poses, references=references, progress=progress, procedure=how,
    )  # fmt: skip


def exchange_energy(
    surface: Surface,
    old: Ligand,
    new: Ligand,
    method: Method,
    *,
    reaction: str = "auto",
    poses: int = 2,
    mode: str = "auto",
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
    procedure: Procedure | None = None,
) -> Energy:
    """Return the energy in eV at which *new* takes the place of *old* on *surface*; negative favours *new*.

    It equals the binding energy of *new* less that of *old*. What both have in common, the bare surface
    and what the ligands replace, is not computed, and its errors are not in the result.

    Parameters
    ----------
    surface
        The bare slab or dot that both bind.
    old, new
        Ligands that bind by the same reaction.
    method
        How energies are computed.
    reaction, poses, mode, fmax, steps, references, progress, procedure
        As for :func:`qdsurf.energy.binding.binding_energy`.

    Raises
    ------
    AskError
        The ligands bind by different reactions, or the method cannot do one of the states.
    PlacementError
        One of them has no room in any pose.
    EvaluationError
        A state has no energy.

    Examples
    --------
    >>> import qdsurf as qs  # doctest: +SKIP
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=3)  # doctest: +SKIP
    >>> acetate, formate = qs.load_ligand("acetate"), qs.load_ligand("formate")  # doctest: +SKIP
    >>> exchange_energy(slab, acetate, formate, qs.load_method("sevennet-0"))  # doctest: +SKIP
    """
    return exchange(
        surface, old, new, method,
        reaction=reaction, poses=poses, mode=mode, fmax=fmax, steps=steps, references=references,
        progress=progress, procedure=procedure,
    ).energy  # fmt: skip
