"""How far a binding energy depends on the slab: the same with more layers, a wider cell, more vacuum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from qdsurf.energy.binding import bind
from qdsurf.energy.evaluating import BindingResult
from qdsurf.errors import AskError, RunError
from qdsurf.model.energies import Method
from qdsurf.model.nouns import Ligand, Surface

# Å by which the vacuum grows.
MORE_VACUUM = 5.0
ALONG = ("layers", "repeat", "vacuum")


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one more of something does to an energy.

    Attributes
    ----------
    along
        "layers", "repeat" or "vacuum".
    before, after
        Its value in the surface as given, and one more.
    energy
        eV per ligand with the larger slab; None where there is none.
    change
        Of the energy, eV.
    cause
        Why there is no energy, or "".
    """

    along: str
    before: Any
    after: Any
    energy: float | None
    change: float | None
    cause: str = ""


def rebuilt(surface: Surface, **changes: Any) -> Surface:
    """Return the slab that the recipe of *surface* makes with *changes* to its arguments.

    Raises
    ------
    AskError
        The surface is no slab cut from a crystal of the shelf.

    Examples
    --------
    >>> import qdsurf as qs
    >>> slab = qs.cut_slab(qs.load_crystal("CsPbBr3-cubic"), (0, 0, 1), layers=2, termination="CsBr")
    >>> len(slab.atoms), len(rebuilt(slab, layers=3).atoms)
    (12, 17)
    """
    from qdsurf.build.slabs import cut_slab
    from qdsurf.crystals import load_crystal

    recipe = dict(surface.recipe)
    if recipe.pop("verb", "") != "cut_slab" or not isinstance(recipe.get("crystal"), str):
        raise AskError(
            f"{surface.name}: only a slab that cut_slab made from a crystal of the shelf is made again larger"
        )
    recipe.pop("result", None)
    crystal, hkl = load_crystal(recipe.pop("crystal")), recipe.pop("hkl")
    return cut_slab(crystal, hkl if isinstance(hkl, str) else tuple(hkl), **{**recipe, **changes})


def larger(surface: Surface, along: str) -> tuple[Any, Any, Surface]:
    """Return the value in the recipe, the next one, and the slab with it.

    Raises
    ------
    AskError
        *along* is none of layers, repeat, vacuum, or the surface cannot be made again.
    """
    if along not in ALONG:
        raise AskError(f"convergence is along {', '.join(ALONG)}; got {along!r}")
    value = surface.recipe.get(along)
    if value is None or (along == "repeat" and not all(isinstance(n, int) for n in value)):
        raise AskError(f"{surface.name}: its recipe has no {along} that can grow by one")
    if along == "layers":
        after: Any = value + 1
    elif along == "vacuum":
        after = value + MORE_VACUUM
    else:
        after = tuple(n + 1 for n in value)
    return value, after, rebuilt(surface, **{along: after})


def converge(
    surface: Surface,
    ligand: Ligand,
    method: Method,
    *,
    along: Sequence[str] = ALONG,
    first: BindingResult | None = None,
    progress: Callable[[str], None] | None = None,
    **settings: Any,
) -> tuple[Change, ...]:
    """Return what one more layer, a larger cell and more vacuum change in a binding energy.

    Parameters
    ----------
    surface
        A slab that ``cut_slab`` made.
    along
        What grows, one at a time.
    first
        The energy of *surface* itself, if it is known.
    settings
        As for :func:`qdsurf.energy.binding.bind`, the same for all.

    Returns
    -------
    tuple of Change
        One for each; a slab on which the energy failed is there with its cause.

    Raises
    ------
    AskError
        The surface cannot be made again.
    """
    slabs = [(name, *larger(surface, name)) for name in along]
    start = first or bind(surface, ligand, method, progress=progress, **settings)
    found: list[Change] = []
    for name, before, after, slab in slabs:
        try:
            value = bind(slab, ligand, method, progress=progress, **settings).energy.value
        except RunError as error:
            found.append(Change(along=name, before=before, after=after, energy=None, change=None,
                                cause=str(error)))  # fmt: skip
            continue
        found.append(Change(along=name, before=before, after=after, energy=value,
                            change=value - start.energy.value))  # fmt: skip
    return tuple(found)
