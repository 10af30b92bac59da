"""Reactions whose energies are binding energies, as data, and the states that each of them needs.

Every reaction is neutral and balanced in atoms and charge. Ions never stand alone in vacuum: what
leaves the surface leaves as a molecule (an acid) or into a bulk salt.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError, BalanceError, UnknownName
from qdsurf.model.nouns import Ligand, Reaction, Site, Surface

if TYPE_CHECKING:
    from ase import Atoms

COMPLEX = "surface with ligand"


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """One side of a reaction, before it is computed.

    Attributes
    ----------
    atoms
        Starting geometry, Å.
    charge
        Net charge in elementary charges.
    fixed
        (n_atoms,) true for atoms that stay where they are; None frees all.
    kind
        "slab", "molecule" (relaxed in vacuum) or "bulk" (cell relaxed, positions kept).
    per_formula
        Formula units in ``atoms``; the energy of the state is that of one.
    """

    atoms: Atoms
    charge: int = 0
    fixed: NDArray[np.bool_] | None = None
    kind: Literal["slab", "molecule", "bulk"] = "molecule"
    per_formula: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A balanced reaction with its states and the starting poses of the ligand.

    Attributes
    ----------
    reaction
        Equation and stoichiometry.
    states
        State by name; the one named "surface with ligand" holds the first pose.
    poses
        The complex in each starting pose; all are balanced alike.
    seeds
        Seed of each pose.
    lowest_free
        Atomic planes below this one stay fixed.
    warnings
        What to know about this choice of reaction.
    """

    reaction: Reaction
    states: Mapping[str, State]
    poses: tuple[Surface, ...]
    seeds: tuple[int, ...] = (0,)
    lowest_free: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Template:
    """A named reaction: its equation, when it is the right one, and its coefficients."""

    equation: str
    when: str
    stoichiometry: Mapping[str, float]


REACTIONS: Mapping[str, Template] = {
    "acid exchange": Template(
        equation="surface-{X} + {HL} -> surface-L + {HX}",
        when="an anionic ligand that has an acid takes the place of an anion",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1, "acid of the anion": 1},
    ),
    "anion salt exchange": Template(
        equation="surface-{X} + {HL} (molecule) -> surface-L + {A}{X} (bulk)",
        when="an anionic ligand without an acid takes the place of a halide",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1, "bulk salt": 1},
    ),
    "ammonium exchange": Template(
        equation="surface-{A} + {HL} + {HX} -> surface-L + {A}{X} (bulk)",
        when="a protonated amine takes the place of an alkali cation",
        stoichiometry={"surface": -1, "free ligand": -1, "acid of the anion": -1, COMPLEX: 1, "bulk salt": 1},
    ),
    "salt exchange": Template(
        equation="surface-{A} + {HL} (molecule) -> surface-L + {A}{X} (bulk)",
        when="a cation without an acidic proton takes the place of an alkali cation",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1, "bulk salt": 1},
    ),
    "adsorption on a pair vacancy": Template(
        equation="surface without one A+X pair + {HL} -> surface-L",
        when="a neutral donor binds a cation that a missing A+X pair has opened",
        stoichiometry={"surface with a pair vacancy": -1, "free ligand": -1, COMPLEX: 1},
    ),
    "zwitterion into a pair vacancy": Template(
        equation="surface without one A+X pair + {HL} -> surface-L",
        when="a zwitterion fills the place of an anion and of a cation",
        stoichiometry={"surface with a pair vacancy": -1, "free ligand": -1, COMPLEX: 1},
    ),
    "adsorption": Template(
        equation="surface + {HL} -> surface-L",
        when="a neutral donor binds a cation, or a metal atom, that is open already",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1},
    ),
    "Z-type addition": Template(
        equation="surface + {HL} -> surface-L",
        when="a neutral metal salt binds an anion of the surface",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1},
    ),
}


def check_balance(reaction: Reaction, states: Mapping[str, State]) -> None:
    """Refuse a *reaction* that does not balance in atoms and in charge.

    Raises
    ------
    BalanceError
        A state is missing, or an element or the charge does not sum to zero; names the excess.

    Examples
    --------
    >>> from ase import Atoms
    >>> split = Reaction(name="split", equation="N2 -> 2 N", stoichiometry={"N2": -1, "N": 2})
    >>> check_balance(split, {"N2": State(atoms=Atoms("N2")), "N": State(atoms=Atoms("N"))})
    """
    missing = sorted(set(reaction.stoichiometry) - set(states))
    if missing:
        raise BalanceError(f"{reaction.name}: no state named {', '.join(missing)}")
    excess: defaultdict[str, float] = defaultdict(float)
    for name, coefficient in reaction.stoichiometry.items():
        state = states[name]
        excess["charge"] += coefficient * state.charge / state.per_formula
        for element, count in Counter(state.atoms.get_chemical_symbols()).items():
            excess[element] += coefficient * count / state.per_formula
    wrong = [f"{key} {value:+g}" for key, value in sorted(excess.items()) if abs(value) > 1e-9]
    if wrong:
        raise BalanceError(f"{reaction.name} ({reaction.equation}) does not balance: {', '.join(wrong)}")


def choose_reaction(surface: Surface, ligand: Ligand) -> str:
    """Return the name of the reaction that fits how *ligand* binds and what *surface* offers.

    Raises
    ------
    AskError
        No reaction fits; says why.
    """
    if ligand.binds == "anion site":
        return "acid exchange" if "acid" in ligand.free_forms else "anion salt exchange"
    if ligand.binds == "cation site":
        return "ammonium exchange" if "amine" in ligand.free_forms else "salt exchange"
    if ligand.binds == "pair":
        return "zwitterion into a pair vacancy"
    if ligand.binds == "on an anion":
        return "Z-type addition"
    # A monovalent cation at the surface is no place for a donor; a divalent one or a metal is.
    bound = [s for s in surface.sites if s.kind == "on a cation" and is_top(surface, s)]
    present = set(surface.atoms.arrays["species"].tolist())
    simple = all(surface.charges.get(s, 0) == 0 for s in present)
    pairs = {surface.charges.get(s, 0) for s in present} >= {1, -1}
    if simple or not pairs or any(surface.charges.get(s.species, 0) >= 2 for s in bound):
        return "adsorption"
    return "adsorption on a pair vacancy"


def plan(
    surface: Surface, ligand: Ligand, *, reaction: str = "auto", poses: int = 1, mode: str = "auto"
) -> Plan:
    """Return the balanced reaction by which *ligand* binds *surface*, with all its states.

    One ligand, on the top face of a slab. All slab states share cell and fixed layers: everything
    below the two topmost atomic planes is fixed, the ligand and these planes are free.

    Parameters
    ----------
    surface
        Where it binds.
    ligand
        What binds.
    reaction
        "auto", or a name of ``REACTIONS``.
    poses
        Starting poses to try; those without room are left out.
    mode
        How the ligand binds in them, as for ``qdsurf.attach``.

    Raises
    ------
    AskError
        No such reaction, site or reservoir.
    BalanceError
        The states do not balance.
    PlacementError
        No pose has room.
    """
    name = choose_reaction(surface, ligand) if reaction == "auto" else reaction
    if name not in REACTIONS:
        raise UnknownName("reaction", name, REACTIONS)
    if poses < 1:
        raise AskError(f"at least one pose is needed, asked for {poses}")
    from qdsurf.energy.states import planned

    return planned(name, surface, ligand, poses, mode)


def is_top(surface: Surface, site: Site) -> bool:
    """Return whether *site* is on the top face; true everywhere on a dot."""
    return not surface.atoms.pbc.any() or float(site.normal[2]) > 0.5
