"""Binding energies: plan the reaction, evaluate its states with one method, combine them."""

from __future__ import annotations

from collections.abc import Callable

from qdsurf.energy.evaluating import BindingResult, References, evaluate_plan
from qdsurf.energy.procedure import Procedure
from qdsurf.energy.reactions import plan
from qdsurf.model.energies import Energy, Method
from qdsurf.model.nouns import Ligand, Surface


def bind(
    surface: Surface,
    ligand: Ligand,
    method: Method,
    *,
    reaction: str = "auto",
    poses: int = 2,
    mode: str = "auto",
    donor: Ligand | None = None,
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
    procedure: Procedure | None = None,
) -> BindingResult:
    """Return the binding energy with the relaxed structure; see :func:`binding_energy`."""
    how = procedure or Procedure()
    planned = plan(surface, ligand, reaction=reaction, poses=how.starts(poses), mode=mode, donor=donor)
    return evaluate_plan(
        planned, method,
        fmax=fmax, steps=steps, poses=poses, references=references, progress=progress, procedure=how,
    )  # fmt: skip


def binding_energy(
    surface: Surface,
    ligand: Ligand,
    method: Method,
    *,
    reaction: str = "auto",
    poses: int = 2,
    mode: str = "auto",
    donor: Ligand | None = None,
    fmax: float = 0.05,
    steps: int = 150,
    references: References | None = None,
    progress: Callable[[str], None] | None = None,
    procedure: Procedure | None = None,
) -> Energy:
    """Return the energy by which *ligand* binds *surface*, in eV per ligand; negative binds.

    The surface keeps the cell that it was built with: build it at the lattice constant of the
    method for energies free of strain.

    Parameters
    ----------
    surface
        Slab or dot.
    ligand
        One of it binds, on the top face of a slab.
    method
        How energies are computed.
    reaction
        "auto", or a name of ``qdsurf.energy.reactions.REACTIONS``.
    poses
        Starting poses relaxed fully; twice as many, over the binding modes first, are relaxed a little to
        choose them. The lowest is kept, and all are recorded in ``provenance["tried"]``.
    mode
        "auto", or the one binding mode to keep to, as for ``qdsurf.attach``.
    donor
        What carries a Z-type ligand away in "Z-type displacement".
    fmax
        Force threshold, eV/Å.
    steps
        Most relaxation steps of one state.
    references
        Cache of the states that ligands share; a dict will do.
    progress
        Called with one line before each evaluation.
    procedure
        How starting poses are chosen, and whether the energy is told apart into deformation and
        interaction, corrected for the basis, or made a free energy.

    Raises
    ------
    AskError
        No such reaction or site, or the method cannot do one of the states; nothing was run.
    BalanceError
        The reaction does not balance.
    PlacementError
        The ligand has no room in any pose.
    EvaluationError
        A state has no energy.

    Examples
    --------
    >>> import qdsurf as qs  # doctest: +SKIP
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=3)  # doctest: +SKIP
    >>> binding_energy(slab, qs.load_ligand("acetate"), qs.load_method("sevennet-0"))  # doctest: +SKIP
    """
    return bind(
        surface, ligand, method,
        reaction=reaction, poses=poses, mode=mode, donor=donor, fmax=fmax, steps=steps,
        references=references, progress=progress, procedure=procedure,
    ).energy  # fmt: skip
