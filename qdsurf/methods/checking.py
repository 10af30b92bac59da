"""Refuse, before anything runs, a system that a method cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qdsurf.errors import AskError
from qdsurf.library import list_shelf, read_entry
from qdsurf.model.energies import Method

if TYPE_CHECKING:
    from ase import Atoms


def check_system(method: Method, atoms: Atoms, charge: int = 0) -> None:
    """Refuse a system that *method* cannot do, before anything is run.

    Parameters
    ----------
    method
        The method asked for.
    atoms
        The system; neither changed nor evaluated.
    charge
        Its net charge in elementary charges.

    Raises
    ------
    AskError
        Elements, periodicity or a charge that the method cannot do, or a charged periodic cell that
        was not asked for. For elements the message names the methods of the shelf that can.

    Examples
    --------
    >>> from ase import Atoms
    >>> from qdsurf.methods import load_method
    >>> check_system(load_method("emt"), Atoms("PbS"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    qdsurf.errors.AskError: Effective medium theory cannot do Pb, S; ...
    """
    symbols = set(atoms.get_chemical_symbols())
    foreign = sorted(symbols - set(method.elements)) if method.elements else []
    if foreign:
        can = [
            name
            for name in list_shelf("calculators")
            if not (elements := read_entry("calculators", name).get("elements")) or symbols <= set(elements)
        ]
        raise AskError(
            f"{method.title} cannot do {', '.join(foreign)}; methods that can: {', '.join(can) or 'none'}"
        )
    if atoms.pbc.any() and not method.periodic:
        raise AskError(f"{method.title} cannot do periodic systems")
    if atoms.pbc.any() and not atoms.pbc.all() and not method.slabs:
        raise AskError(
            f"{method.title} ignores partial periodicity and would repeat the slab along its normal too; "
            "use a dot, another method, or a cell that is periodic in all directions with vacuum in it"
        )
    if charge:
        _check_charge(method, atoms, charge)


def _check_charge(method: Method, atoms: Atoms, charge: int) -> None:
    """Refuse a net charge that *method* does not take, or takes only in a cell that was not asked for."""
    if not method.charged:
        raise AskError(f"{method.title} takes no net charge, asked for {charge:+d}")
    if not (atoms.pbc.any() or method.boxed):
        return
    formula = atoms.get_chemical_formula()
    if atoms.pbc.any() and not atoms.pbc.all():
        raise AskError(
            f"{formula} with the charge {charge:+d} is a slab: its energy grows without limit with the "
            "vacuum of its cell and no correction of a point charge mends that; use a dot or a neutral slab"
        )
    if method.charged_cell == "never":
        raise AskError(
            f"{method.title} gives no meaningful energy of a charged periodic cell ({formula}, {charge:+d}); "
            "use a dot or a molecule"
        )
    if method.charged_cell == "refused":
        raise AskError(
            f"{formula} with the charge {charge:+d} would be repeated with a uniform background; to have "
            f"that, corrected and labelled: load_method({method.name!r}, charged_cell='makov-payne', "
            "dielectric=relative permittivity); a finite system needs no correction with a method that takes "
            "it without a box"
        )
