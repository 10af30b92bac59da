"""What an energy is made of: the method that computes it, the reaction that it belongs to, the energy itself.

Units: eV.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Method:
    """A recipe for computing energies; nothing live.

    Attributes
    ----------
    calculator
        "module:Class" of an ASE calculator, imported when it is run.
    settings
        Keyword arguments of the calculator.
    extra
        Optional dependency group that brings it, "" where none is needed.
    elements
        Chemical symbols that it can do; empty means all.
    periodic
        Whether it can do periodic systems.
    charged
        Whether it takes a net charge.
    boxed
        Whether a molecule needs a periodic box around it.
    class_error
        Mean absolute error in eV per ligand against the reference, with its source in
        ``class_error_source``.
    class_errors
        The same by family of reactions, "X", "A", "L" and "Z", where it was measured apart.
    corrections
        What takes the mean error off energies of a family: ``shift`` in eV, and ``error``, the mean absolute
        error in eV of ligands that the shift was not fitted to.
    cite
        DOIs.
    good_for, bad_for
        One sentence each.
    warnings
        Known failures, shown wherever a number of this method is shown.
    functional, dispersion, cost
        What it is and what a calculation takes, in words; "none" where no dispersion is added.
    install
        Command that brings it, where this is not the dependency group *extra*.
    packages
        Packages that must be importable, where there are others than that of *calculator*.
    programs
        Executables that it starts, which must be found.
    files
        Settings that are paths of files of the user's, such as weights, with what each is.
    shared
        Whether the loaded calculator is kept for the life of the process and shared.
    gamma_only
        Whether it samples the Gamma point only, so that small cells are repeated.
    slabs
        Whether it respects partial periodicity.
    ladder
        What is tried, in this order, where the SCF does not converge: tables with ``name`` and
        ``settings``, none of which changes a converged energy.
    export
        Code of ``qdsurf.exports`` whose inputs stand for it where it cannot run; "" for none.
    charged_cell, dielectric
        How a net charge in a periodic cell is treated: "never" (no meaningful energy), "refused" (until
        asked for) or "makov-payne", and the relative permittivity of the correction.
    added_dispersion
        "", "d3" or "d4": dispersion added to the energy of the calculator.
    damping
        Functional whose parameters an added dispersion takes; "" where none can be added.
    batched
        "module:Class" of a torch-sim model that relaxes many systems at once; "" where each goes alone.
    """

    name: str
    title: str
    calculator: str
    settings: Mapping[str, Any]
    extra: str
    elements: tuple[str, ...]
    periodic: bool
    charged: bool
    boxed: bool
    class_error: float
    class_error_source: str
    cite: tuple[str, ...]
    good_for: str
    bad_for: str
    warnings: tuple[str, ...]
    functional: str = ""
    dispersion: str = "none"
    cost: str = ""
    install: str = ""
    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    shared: bool = False
    gamma_only: bool = False
    slabs: bool = True
    ladder: tuple[Mapping[str, Any], ...] = ()
    export: str = ""
    charged_cell: str = "refused"
    dielectric: float = 0.0
    added_dispersion: str = ""
    damping: str = ""
    batched: str = ""
    class_errors: Mapping[str, float] = field(default_factory=dict)
    corrections: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def identity(self) -> list[Any]:
        """All that decides its energies, the version of the engine aside: what caches are keyed by."""
        return [
            self.name, self.calculator, dict(self.settings), self.added_dispersion, self.charged_cell,
            self.dielectric, self.damping, self.boxed, self.gamma_only,
        ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """A reaction whose energy is a binding energy; balanced in atoms and charge or refused.

    Attributes
    ----------
    name
        "acid exchange", "ammonium exchange", "adsorption on a pair vacancy", ...
    equation
        The reaction in words and formulas.
    stoichiometry
        Coefficient by state name: negative for reactants, positive for products. The energy is
        the sum of coefficient times energy of the state; negative binds.
    """

    name: str
    equation: str
    stoichiometry: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Energy:
    """An energy that says what it is.

    Attributes
    ----------
    value
        eV per ligand; negative binds.
    uncertainty
        eV; energies closer than it are ties.
    reaction
        The balanced reaction.
    terms
        Energy in eV of each state; the coefficients of the reaction times these sum to ``value``.
    method
        Name of the method, with its version and settings in ``provenance``.
    converged
        Whether every state met the force threshold.
    warnings
        What to know before believing the number.
    """

    value: float
    uncertainty: float
    reaction: Reaction
    terms: Mapping[str, float]
    method: str
    converged: bool
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
