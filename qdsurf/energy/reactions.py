"""Reactions whose energies are binding energies, as data, and the states that each of them needs.

Every reaction is balanced in atoms and charge. Ions never stand alone in vacuum: what leaves the surface
leaves as a molecule, as an ion pair or into a bulk salt. The one exception says so in its name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.errors import AskError, BalanceError, UnknownName
from qdsurf.model.energies import Reaction
from qdsurf.model.nouns import Ligand, Surface, Takes

if TYPE_CHECKING:
    from ase import Atoms

COMPLEX = "surface with ligand"
VACANCY = "surface with a pair vacancy"


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
        "slab" (relaxed in the cell it has; a dot and a block of crystal too), "molecule" (relaxed in
        vacuum) or "bulk" (a crystal, relaxed with its cell).
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
        State by name; those that ``poses`` and ``others`` name hold their first pose.
    poses
        The state *product* in each starting pose; all are balanced alike.
    seeds
        Seed of each pose.
    labels
        Binding mode and seed of each pose, in words.
    lowest_free
        Atomic planes below this one stay fixed.
    warnings
        What to know about this choice of reaction.
    product
        Name of the state that the poses are of.
    others
        Starting poses of further states that carry a ligand, by state.
    """

    reaction: Reaction
    states: Mapping[str, State]
    poses: tuple[Surface, ...]
    seeds: tuple[int, ...] = (0,)
    labels: tuple[str, ...] = ()
    lowest_free: int = 0
    warnings: tuple[str, ...] = ()
    product: str = COMPLEX
    others: Mapping[str, tuple[Surface, ...]] = field(default_factory=dict)

    @property
    def posed(self) -> dict[str, tuple[Surface, ...]]:
        """Starting poses by state, those of the product first."""
        return {self.product: self.poses, **self.others}


@dataclass(frozen=True, kw_only=True)
class Template:
    """A named reaction.

    Attributes
    ----------
    equation
        With {X} and {A} for the anion and cation of the surface, {HX} the acid, {HL} the free ligand,
        {n} or {m} for how many ions one ligand takes the place of, and {gone} for the ions of a vacancy.
    when
        Where it is the right one.
    stoichiometry
        Coefficient by state: negative for reactants.
    binds
        Kinds of ligand that it is for.
    family
        "X" (anion exchange), "A" (cation exchange), "L" (adsorption of a donor) or "Z" (of a salt or a
        zwitterion), within which a method errs alike; "" where no error was measured, as with ion pairs in
        vacuum.
    """

    equation: str
    when: str
    stoichiometry: Mapping[str, float]
    binds: tuple[Takes, ...]
    family: str = ""


REACTIONS: Mapping[str, Template] = {
    "acid exchange": Template(
        equation="surface-{n}{X} + {HL} -> surface-L + {m}{HX}",
        when="an anionic ligand that has an acid takes the place of an anion",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1, "acid of the anion": 1},
        binds=("anion site",),
        family="X",
    ),
    "anion salt exchange": Template(
        equation="surface-{n}{X} + {HL} (molecule) -> surface-L + {m}{A}{X} (bulk)",
        when="an anionic ligand without an acid takes the place of a halide",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1, "bulk salt": 1},
        binds=("anion site",),
    ),
    "ammonium exchange": Template(
        equation="surface-{A} + {HL} + {HX} -> surface-L + {A}{X} (bulk)",
        when="a protonated amine takes the place of an alkali cation",
        stoichiometry={"surface": -1, "free ligand": -1, "acid of the anion": -1, COMPLEX: 1, "bulk salt": 1},
        binds=("cation site",),
        family="A",
    ),
    "amine exchange": Template(
        equation="surface-{A} + {HL} -> surface-L + {HA} (the amine of {A})",
        when="a protonated amine takes the place of a molecular cation, whose bulk salt is not needed: "
        "the acid cancels",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1, "amine of the cation": 1},
        binds=("cation site",),
    ),
    "salt exchange": Template(
        equation="surface-{n}{A} + {HL} (molecule) -> surface-L + {m}{A}{X} (bulk)",
        when="a cation without an acidic proton takes the place of an alkali cation",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1, "bulk salt": 1},
        binds=("cation site",),
    ),
    "ion-pair exchange": Template(
        equation="surface-{n}{A} + {HL} (ion pair) -> surface-L + {m}{A}{X} (ion pair)",
        when="a cation without an acidic proton takes the place of a molecular cation: two ion pairs in "
        "vacuum, whose errors partly cancel",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1, "ion pair of the cation": 1},
        binds=("cation site",),
    ),
    "ion-pair desorption": Template(
        equation="surface without {gone} + {HL} (ion pair) -> surface-L",
        when="a charged ligand leaves together with an ion of the lattice, as an ion pair; the energy of "
        "the desorption is that of the reverse",
        stoichiometry={VACANCY: -1, "free ligand": -1, COMPLEX: 1},
        binds=("anion site", "cation site"),
    ),
    "adsorption": Template(
        equation="surface + {HL} -> surface-L",
        when="a neutral donor binds a cation, or a metal atom, that is open already",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1},
        binds=("on a cation",),
        family="L",
    ),
    "adsorption on a pair vacancy": Template(
        equation="surface without {gone} + {HL} -> surface-L",
        when="a neutral donor binds a cation that a missing A+X pair has opened",
        stoichiometry={VACANCY: -1, "free ligand": -1, COMPLEX: 1},
        binds=("on a cation",),
        family="L",
    ),
    "zwitterion into a pair vacancy": Template(
        equation="surface without {gone} + {HL} -> surface-L",
        when="a zwitterion, or a salt, fills the place of an anion and of a cation",
        stoichiometry={VACANCY: -1, "free ligand": -1, COMPLEX: 1},
        binds=("pair",),
        family="Z",
    ),
    "Z-type addition": Template(
        equation="surface + {HL} (molecule) -> surface-L",
        when="a neutral metal salt binds an anion of the surface",
        stoichiometry={"surface": -1, "free ligand": -1, COMPLEX: 1},
        binds=("on an anion",),
        family="Z",
    ),
    "Z-type addition from the bulk": Template(
        equation="surface + {HL} (bulk) -> surface-L",
        when="a metal halide binds an anion of the surface and comes from its own crystal",
        stoichiometry={"surface": -1, "bulk of the ligand": -1, COMPLEX: 1},
        binds=("on an anion",),
    ),
    "Z-type displacement": Template(
        equation="surface + {HL} (adduct) -> surface-L + {D}",
        when="a neutral metal salt is held by the surface rather than by a donor, which would carry it away; "
        "name the donor",
        stoichiometry={"surface": -1, "adduct with the donor": -1, COMPLEX: 1, "free donor": 1},
        binds=("on an anion",),
    ),
    "heterolytic": Template(
        equation="surface without {X} (charged) + {HL} (ion in vacuum) -> surface-L",
        when="a dot and a charged ligand in vacuum, to compare with published numbers of that kind: "
        "an order of magnitude larger than energies in a solvent",
        stoichiometry={"surface without the ion": -1, "free ligand": -1, COMPLEX: 1},
        binds=("anion site", "cation site"),
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
    from qdsurf.energy.placing import exchanged_site, is_top

    if ligand.binds == "anion site":
        return "acid exchange" if "acid" in ligand.free_forms else "anion salt exchange"
    if ligand.binds == "cation site":
        molecular = len(exchanged_site("exchange", surface, ligand).atoms) > 1
        # A dication is no amine after one proton has left; it comes as a salt.
        if "amine" in ligand.free_forms and ligand.charge == 1:
            return "amine exchange" if molecular else "ammonium exchange"
        return "ion-pair exchange" if molecular else "salt exchange"
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
    surface: Surface,
    ligand: Ligand,
    *,
    reaction: str = "auto",
    poses: int = 1,
    mode: str = "auto",
    donor: Ligand | None = None,
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
        Starting poses to try, over binding modes first and seeds then; those without room, and those
        that are the same as one before, are left out.
    mode
        "auto" tries every binding mode; else the one to keep to, as for ``qdsurf.attach``.
    donor
        What carries a Z-type ligand away, for "Z-type displacement".

    Raises
    ------
    AskError
        No such reaction, site or reservoir, or the reaction is for another kind of ligand.
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
    if ligand.binds not in REACTIONS[name].binds:
        fit = ", ".join(n for n, t in REACTIONS.items() if ligand.binds in t.binds)
        raise AskError(
            f"{name}: {REACTIONS[name].when}; {ligand.name} binds {ligand.binds!r}, for which there are: "
            f"{fit}"
        )
    if name == "Z-type displacement" and donor is None:
        raise AskError(f"{name}: name the donor that carries {ligand.name} away, such as donor=methylamine")
    from qdsurf.energy.states import planned

    return planned(name, surface, ligand, poses=poses, mode=mode, donor=donor)
