"""Chemical potentials of the ions of a crystal, from the phases that it is in equilibrium with.

A limit names as many phases as the crystal has elements. The ions that leave, or come, are then sums of
formula units of these phases, so that a vacancy is a balanced reaction like any other: at the lead-rich
limit of CsPbBr3, in equilibrium with lead and lead bromide, a bromine leaves as half a PbBr2 less half a Pb.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qdsurf.energy.reactions import State
from qdsurf.energy.reservoirs import bulk_salt, element_molecule, shelf_crystal
from qdsurf.errors import AskError, UnknownName
from qdsurf.model.nouns import Crystal

if TYPE_CHECKING:
    from ase import Atoms

# eV per formula unit: a phase is said to form only where it gains more than this.
TOLERANCE = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Phase:
    """A phase that can exchange ions with the crystal.

    Attributes
    ----------
    name
        Its formula.
    state
        A crystal, or the molecule of an element.
    formula
        Atoms by element in one formula unit, that of which ``state`` gives the energy.
    source
        Where its starting cell comes from, with its status.
    """

    name: str
    state: State
    formula: Mapping[str, float]
    source: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Phases:
    """A crystal and its competing phases.

    Attributes
    ----------
    host
        Name of the crystal's own phase.
    phases
        All of them, by formula.
    limits
        Phases in equilibrium by the name of the limit; "salts" is the limit of a reaction that knows no
        crystal, only the salts and the element.
    """

    host: str
    phases: Mapping[str, Phase]
    limits: Mapping[str, tuple[str, ...]]

    def chosen(self, limit: str | Sequence[str]) -> tuple[str, ...]:
        """Return the phases of a *limit*, which is a name or the phases themselves.

        Raises
        ------
        UnknownName
            There is no such limit or phase.
        """
        if isinstance(limit, str):
            if limit not in self.limits:
                raise UnknownName("limit", limit, self.limits)
            return self.limits[limit]
        for name in limit:
            if name not in self.phases:
                raise UnknownName("phase", name, self.phases)
        return tuple(limit)


def phases_of(crystal: Crystal) -> Phases:
    """Return the phases that compete with a perovskite ABX3 or a binary MX.

    Cs4PbX6 and CsPb2X5, which narrow the range between the limits, are not among them. For a molecular
    cation, of whose halide no crystal is known well enough, there are the phases of the metal and of the
    anion alone.

    Raises
    ------
    AskError
        The crystal is neither, is mixed, or a competing crystal is not known.

    Examples
    --------
    >>> import qdsurf as qs
    >>> found = phases_of(qs.load_crystal("CsPbBr3-cubic"))
    >>> sorted(found.phases), found.limits["lead-rich"]
    (['Br2', 'CsBr', 'CsPbBr3', 'Pb', 'PbBr2'], ('CsPbBr3', 'Pb', 'PbBr2'))
    """
    counts = Counter(crystal.atoms.arrays["species"].tolist())
    cations = sorted((s for s in counts if crystal.charges[s] > 0), key=lambda s: crystal.charges[s])
    anions = [s for s in counts if crystal.charges[s] < 0]
    if len(anions) != 1 or len(cations) not in (1, 2):
        raise AskError(
            f"{crystal.name} holds {', '.join(sorted(counts))}: limits are known for ABX3 and for MX with "
            "one anion"
        )
    x = anions[0]
    host = _phase(crystal, x)
    metal = cations[-1]
    element, atoms = element_molecule(x)
    name = f"{x}{atoms}"
    phases = [host, Phase(name=name, state=State(atoms=element, per_formula=1), formula={x: atoms},
                          source="molecule in vacuum, relaxed")]  # fmt: skip
    phases.append(_crystal(metal))
    if len(cations) == 1:
        binary: dict[str, tuple[str, ...]] = {
            "anion-rich": (host.name, name), "cation-rich": (host.name, metal), "salts": (host.name, name),
        }  # fmt: skip
        return Phases(host=host.name, phases={p.name: p for p in phases}, limits=binary)
    other = _crystal(f"{metal}{x}2")
    if len(cations[0]) > 2:
        rich, poor = (other.name, name), (metal, other.name)
        few = {"salts": rich, "halide-rich": rich, "anion-rich": rich, "lead-rich": poor, "cation-rich": poor}
        return Phases(host=host.name, phases={p.name: p for p in (*phases[1:], other)}, limits=few)
    salt = _salt(cations[0], x)
    phases += [salt, other]
    richer = (host.name, name, other.name)
    poorer = (host.name, metal, other.name)
    limits: dict[str, tuple[str, ...]] = {
        "salts": (salt.name, other.name, name),
        "halide-rich": richer, "anion-rich": richer,
        "lead-rich": poorer, "cation-rich": poorer,
    }  # fmt: skip
    return Phases(host=host.name, phases={p.name: p for p in phases}, limits=limits)


def _phase(crystal: Crystal, anion: str) -> Phase:
    """Return the crystal itself as a phase."""
    atoms = crystal.atoms.copy()
    atoms.set_constraint()
    counts = Counter(atoms.get_chemical_symbols())
    units = int(np.gcd.reduce(list(counts.values())))
    formula = {e: n // units for e, n in counts.items()}
    order = sorted(formula, key=lambda e: (e == anion, crystal.charges.get(e, 0)))
    name = "".join(f"{e}{formula[e] if formula[e] > 1 else ''}" for e in order)
    state = State(atoms=atoms, kind="bulk", per_formula=units)
    return Phase(name=name, state=state, formula=formula, source=str(crystal.source))


def _crystal(formula: str) -> Phase:
    """Return a competing crystal of the shelf."""
    from qdsurf.crystals import load_crystal

    found = shelf_crystal(formula)
    if found is None:
        raise AskError(
            f"no crystal {formula} is on the shelf of crystals: put one into a library of your own"
        )
    return _as_phase(formula, *found, str(load_crystal(formula).source))


def _salt(cation: str, anion: str) -> Phase:
    atoms, units = bulk_salt(cation, anion)
    return _as_phase(f"{cation}{anion}", atoms, units, "see structures/bulk, or a recalled rock-salt cell")


def _as_phase(name: str, atoms: Atoms, units: int, source: str) -> Phase:
    formula = {e: n / units for e, n in Counter(atoms.get_chemical_symbols()).items()}
    state = State(atoms=atoms, kind="bulk", per_formula=units)
    return Phase(name=name, state=state, formula=formula, source=source)


def coefficients(phases: Phases, names: Sequence[str], removed: Mapping[str, int]) -> dict[str, float]:
    """Return how many formula units of the phases *names* the *removed* atoms are.

    Raises
    ------
    AskError
        They cannot be made of these phases, or in more than one way.

    Examples
    --------
    >>> import qdsurf as qs
    >>> found = phases_of(qs.load_crystal("CsPbBr3-cubic"))
    >>> coefficients(found, found.limits["lead-rich"], {"Br": 1})
    {'Pb': -0.5, 'PbBr2': 0.5}
    """
    elements = sorted({e for n in names for e in phases.phases[n].formula} | set(removed))
    matrix = np.array([[phases.phases[n].formula.get(e, 0.0) for n in names] for e in elements])
    wanted = np.array([float(removed.get(e, 0)) for e in elements])
    if np.linalg.matrix_rank(matrix) < len(names):
        raise AskError(f"the phases {', '.join(names)} do not set every chemical potential on its own")
    solution, *_ = np.linalg.lstsq(matrix, wanted, rcond=None)
    if not np.allclose(matrix @ solution, wanted, atol=1e-9):
        text = ", ".join(f"{n} {e}" for e, n in removed.items())
        raise AskError(f"{text} cannot be made of the phases {', '.join(names)}")
    rounded = [round(float(c), 9) + 0.0 for c in solution]
    return {n: c for n, c in zip(names, rounded, strict=True) if abs(c) > 1e-9}


def chemical_potentials(
    phases: Phases, names: Sequence[str], energies: Mapping[str, float]
) -> dict[str, float]:
    """Return the chemical potential in eV of each element at the limit of the phases *names*.

    Parameters
    ----------
    energies
        eV per formula unit, by phase.
    """
    elements = sorted({e for n in names for e in phases.phases[n].formula})
    matrix = np.array([[phases.phases[n].formula.get(e, 0.0) for e in elements] for n in names])
    values, *_ = np.linalg.lstsq(matrix, np.array([energies[n] for n in names]), rcond=None)
    return dict(zip(elements, (float(v) for v in values), strict=True))


def would_form(phases: Phases, names: Sequence[str], energies: Mapping[str, float]) -> dict[str, float]:
    """Return the phases that would form at the limit, with what they gain in eV per formula unit.

    The limit then lies outside the range in which the crystal is stable with this method.
    """
    potentials = chemical_potentials(phases, names, energies)
    gains: dict[str, float] = {}
    for name, phase in phases.phases.items():
        if name in names or name not in energies:
            continue
        gain = sum(n * potentials.get(e, 0.0) for e, n in phase.formula.items()) - energies[name]
        if gain > TOLERANCE and set(phase.formula) <= set(potentials):
            gains[name] = gain
    return gains
