"""Vacancies that balance the charge of ions with another charge than those they replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.mixing.sublattices import sublattices
from qdsurf.crystals.charges import SHORT_NAMES
from qdsurf.errors import AskError, ChargeError

Place = Literal["random", "near"]


def asked_vacancies(compensate: Mapping[str, str] | str | None) -> tuple[str, Place] | None:
    """Return (sublattice, place) of "Cs vacancies", "A vacancies" or {"vacancy": "Cs", "place": "near"}.

    Raises
    ------
    AskError
        The text or mapping says something else.
    """
    if compensate is None:
        return None
    if isinstance(compensate, str):
        name, _, rest = compensate.strip().rpartition(" ")
        if name and rest in ("vacancies", "vacancy"):
            return name, "random"
    elif (
        isinstance(compensate, Mapping)
        and "vacancy" in compensate
        and set(compensate) <= {"vacancy", "place"}
    ):
        place = compensate.get("place", "random")
        if place in ("random", "near"):
            return str(compensate["vacancy"]), "near" if place == "near" else "random"
    raise AskError(
        f"compensate is such as 'Cs vacancies' or {{'vacancy': 'Cs', 'place': 'near'}} (place: 'random' or "
        f"'near' the ions that need it); got {compensate!r}"
    )


def vacancies(
    compensate: Mapping[str, str] | str | None,
    labels: NDArray[np.str_],
    before: NDArray[np.str_],
    charges: Mapping[str, int],
    target: int,
    distances: NDArray[np.float64] | None,
    rng: np.random.Generator,
    what: str,
) -> NDArray[np.int64]:
    """Return the numbers of the ions to leave out so that the charge is *target*.

    Parameters
    ----------
    labels, before
        Species of every ion now, and before the mixing.
    distances
        (n,) distance in Å of every ion to the nearest one of another charge than before; None where
        vacancies go anywhere.

    Raises
    ------
    ChargeError
        The charge is another one and nothing, or the wrong ion, is to compensate it.
    """
    excess = sum(charges[s] for s in labels.tolist()) - target
    asked = asked_vacancies(compensate)
    if not excess:
        return np.zeros(0, dtype=np.int64)
    if asked is None:
        raise ChargeError(_uncompensated(labels, before, charges, excess, target, what))
    name, _ = asked
    there = sublattices(before, charges)
    sites = there.get(SHORT_NAMES.get(name, name))
    if sites is None:
        raise AskError(f"{what} has no {name!r} to leave out; it has {', '.join(there)}")
    # an ion that has just been put in is none to be left out
    sites = sites[labels[sites] == before[sites]]
    size = {charges[s] for s in before[sites].tolist()}
    each = size.pop() if len(size) == 1 else 0
    count, rest = divmod(abs(excess), abs(each)) if each else (0, 1)
    if each * excess <= 0 or rest or count >= len(sites):
        raise ChargeError(
            f"{what}: a charge of {excess:+d} is not balanced by leaving out {name} "
            f"({f'{each:+d} each, {len(sites)} there' if each else 'of several charges or none'}); "
            f"{_hint(labels, before, charges, excess)}"
        )
    key = rng.random(len(sites)) if distances is None else np.round(distances[sites], 3)
    order = np.lexsort((rng.random(len(sites)), key))
    return np.sort(sites[order[:count]])


def _hint(labels: NDArray[np.str_], before: NDArray[np.str_], charges: Mapping[str, int], excess: int) -> str:
    """Return which vacancies would do."""
    fits = []
    for species in sorted(set(before.tolist())):
        left = int(((before == species) & (labels == species)).sum())
        each = charges[species]
        if each * excess > 0 and excess % each == 0 and excess // each < left:
            fits.append(f"compensate={{'vacancy': {species!r}}} leaves out {excess // each}")
    return "; ".join(fits) or "no single ion of the right charge does; take a larger repeat or charge="


def _uncompensated(
    labels: NDArray[np.str_],
    before: NDArray[np.str_],
    charges: Mapping[str, int],
    excess: int,
    target: int,
    what: str,
) -> str:
    """Return the message for an alloy of the wrong charge, with what would balance it."""
    changed = [
        (a, b) for a, b in zip(before.tolist(), labels.tolist(), strict=True) if charges[a] != charges[b]
    ]
    parts = [
        f"{changed.count(pair)} {pair[1]} ({charges[pair[1]]:+d}) on {pair[0]} ({charges[pair[0]]:+d})"
        for pair in dict.fromkeys(changed)
    ]
    done = ", ".join(parts) or "the ions"
    return (
        f"{what}: {done} make a charge of {target + excess:+d}, asked for {target:+d}; "
        f"{_hint(labels, before, charges, excess)}; or charge={target + excess} on purpose"
    )
