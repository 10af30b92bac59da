"""The choice of the ions of an alloy: which is where, which is left out, and what that comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qdsurf.build.bonds import centres_of
from qdsurf.build.mixing.arrangement import at_random, by_depth, depths, quasirandom, short_range_order
from qdsurf.build.mixing.compensation import asked_vacancies, vacancies
from qdsurf.build.mixing.rebuilding import rebuilt
from qdsurf.build.mixing.sublattices import Mixture, mixtures
from qdsurf.crystals.charges import SHORT_NAMES
from qdsurf.model.nouns import Crystal, Surface

if TYPE_CHECKING:
    from ase import Atoms


class Chosen:
    """Which ion is where after the mixing.

    Attributes
    ----------
    fragments, before, labels
        Old fragment number, old and new species of every ion.
    gone
        Numbers of the ions left out to balance the charge.
    charges
        Formal charge by species.
    target
        Net charge in elementary charges.
    report
        What came out, for the recipe.
    """

    def __init__(self, structure: Crystal | Surface, atoms: Atoms, arguments: Mapping[str, Any]) -> None:
        """Choose the ions of *atoms*, which belong to *structure*."""
        self.fragments, names, self.points = centres_of(atoms)
        self.before = np.array(names, dtype="U32")
        self.rng = np.random.default_rng(arguments["seed"])
        self.mixtures, self.charges = mixtures(
            arguments["mix"], self.before, structure.charges, structure.name
        )
        kept = structure.target_charge if isinstance(structure, Surface) else structure.ledger.charge
        self.target = kept if arguments["charge"] is None else int(arguments["charge"])
        self.labels = self.before.copy()
        quality: dict[str, float] = {}
        for mixture in self.mixtures:
            self.labels[mixture.sites] = self._placed(mixture, atoms, arguments, quality)
        electrons = structure.electrons if isinstance(structure, Surface) else 0
        gone = vacancies(
            arguments["compensate"],
            self.labels,
            self.before,
            self.charges,
            self.target + electrons,
            self._from_dopants(atoms, arguments["compensate"]),
            self.rng,
            structure.name,
        )
        self.gone = set(gone.tolist())
        self.report = self._reported(atoms, quality)

    def _placed(
        self, mixture: Mixture, atoms: Atoms, arguments: Mapping[str, Any], quality: dict[str, float]
    ) -> NDArray[np.str_]:
        """Return the species of the sites of *mixture*."""
        arrangement = arguments["arrangement"]
        several = sum(n > 0 for n in mixture.counts.values()) > 1
        if arrangement == "random" or not several:
            return at_random(mixture, self.rng)
        points = self.points[mixture.sites]
        if arrangement == "sqs":
            seed = int(self.rng.integers(2**31))
            labels, quality[mixture.name] = quasirandom(mixture, points, atoms.cell.array, seed)
            return labels
        first = np.unique(atoms.arrays["fragment"], return_index=True)[1]
        depth, face = depths(atoms, self.points, np.sort(first))
        inwards = arrangement == "surface-depleted"
        here = mixture.sites
        return by_depth(mixture, depth[here], face[here], arguments["segregation"], inwards, self.rng)

    def _from_dopants(self, atoms: Atoms, compensate: Any) -> NDArray[np.float64] | None:
        """Return the distance in Å of every ion to the nearest ion whose charge changed, where asked for."""
        asked = asked_vacancies(compensate)
        charge = np.array([self.charges[s] for s in self.labels.tolist()])
        old = np.array([self.charges[s] for s in self.before.tolist()])
        dopants = np.flatnonzero(charge != old)
        if asked is None or asked[1] == "random" or not len(dopants):
            return None
        from ase.geometry import get_distances

        distances = get_distances(self.points[dopants], self.points, cell=atoms.cell, pbc=atoms.pbc)[1]
        return np.asarray(distances.min(axis=0))

    def _reported(self, atoms: Atoms, quality: Mapping[str, float]) -> dict[str, Any]:
        """Return what came out."""
        left = np.array([n not in self.gone for n in range(len(self.labels))])
        order = {}
        for mixture in self.mixtures:
            here = mixture.sites[left[mixture.sites]]
            order[mixture.name] = dict(
                short_range_order(self.labels[here], self.points[here], atoms.cell.array, atoms.pbc)
            )
        report: dict[str, Any] = {
            "counts": {m.name: dict(m.counts) for m in self.mixtures},
            "fractions": {m.name: {s: round(f, 9) for s, f in m.achieved.items()} for m in self.mixtures},
            "exact": all(m.exact for m in self.mixtures),
            "short-range order": order,
        }
        if quality:
            report["sqs objective"] = dict(quality)
        if self.gone:
            names = [str(self.labels[n]) for n in sorted(self.gone)]
            report["vacancies"] = {s: names.count(s) for s in dict.fromkeys(names)}
        return report

    def made(self, atoms: Atoms) -> tuple[Atoms, dict[int, tuple[int, ...]]]:
        """Return *atoms* with the new ions, and the new atom indices by old fragment number."""
        return rebuilt(atoms, centres_of(atoms)[2], self.labels, self.gone)

    @property
    def label(self) -> str:
        """Short name of the mixture, "Cs0.5FA0.5"."""
        short = {long: name for name, long in SHORT_NAMES.items()}
        parts = []
        for m in self.mixtures:
            parts.append("".join(f"{short.get(s, s)}{f:.3g}" for s, f in m.achieved.items() if f))
        return "-".join(parts)

    @property
    def stands_for(self) -> dict[str, str]:
        """By species that was not there: the one that it replaces."""
        there = set(self.before.tolist())
        return {s: m.present[0] for m in self.mixtures for s in m.counts if s not in there}

    def new_fragments(self, ions: NDArray[np.int64]) -> set[int]:
        """Return the fragment numbers that *ions* have in the result."""
        left = np.ones(len(self.labels), dtype=bool)
        left[sorted(self.gone)] = False
        return set((np.cumsum(left) - 1)[ions[left[ions]]].tolist())
