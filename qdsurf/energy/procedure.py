"""How an energy is computed beyond its thresholds: what is tried first, what is told apart, what is added."""

from __future__ import annotations

from dataclasses import dataclass

from qdsurf.errors import AskError
from qdsurf.model.energies import Method


@dataclass(frozen=True, kw_only=True)
class Procedure:
    """Options of an energy.

    Attributes
    ----------
    tries
        Starting poses, over binding modes first; None takes twice as many as are relaxed fully, or one.
    prescreen
        Cheaper method that relaxes all starting poses a little; None uses the method itself.
    prescreen_steps
        Steps of that.
    parts
        Whether to tell apart the deformation of surface and ligand and their interaction: two more
        single points.
    counterpoise
        Whether to correct the interaction for the basis functions that the parts lend one another, with
        methods that have a localised basis.
    temperature
        K, at which the harmonic free energy of the ligand and of the atoms it binds is added, labelled;
        None for energies.
    """

    tries: int | None = None
    prescreen: Method | None = None
    prescreen_steps: int = 25
    parts: bool = False
    counterpoise: bool = False
    temperature: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if self.tries is not None and self.tries < 1:
            raise AskError(f"at least one starting pose is needed, asked for {self.tries}")
        if self.prescreen_steps < 1:
            raise AskError(f"at least one step of pre-relaxation is needed, asked for {self.prescreen_steps}")
        if self.temperature is not None and self.temperature <= 0:
            raise AskError(f"a temperature is above 0 K, asked for {self.temperature}")

    def starts(self, poses: int) -> int:
        """Return how many starting poses there are for *poses* that are relaxed fully.

        Raises
        ------
        AskError
            *poses* is less than 1.

        Examples
        --------
        >>> Procedure().starts(2), Procedure().starts(1), Procedure(tries=6).starts(2)
        (4, 1, 6)
        """
        if poses < 1:
            raise AskError(f"at least one pose is needed, asked for {poses}")
        if self.tries is not None:
            return max(self.tries, poses)
        return 2 * poses if poses > 1 else 1
