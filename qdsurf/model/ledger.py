"""The ion ledger: which ions and molecules a structure consists of, and their formal charges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qdsurf.errors import ChargeError

ELECTRON = "electron"


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One line of a ledger.

    Attributes
    ----------
    species
        Ion or molecule: "Pb", "Br", "methylammonium", "oleate", or "electron".
    charge
        Formal charge of one of them, in elementary charges.
    count
        How many there are.
    """

    species: str
    charge: int
    count: int


@dataclass(frozen=True)
class Ledger:
    """The ions and molecules of a structure, sorted by species.

    Examples
    --------
    >>> ledger = Ledger.count(["Cs", "Pb", "Br", "Br", "Br"], {"Cs": 1, "Pb": 2, "Br": -1})
    >>> ledger.charge, ledger["Br"]
    (0, 3)
    """

    entries: tuple[LedgerEntry, ...]

    @classmethod
    def count(cls, species: Iterable[str], charges: Mapping[str, int]) -> Ledger:
        """Return the ledger of *species*, one name for each ion or molecule.

        Raises
        ------
        ChargeError
            A species has no formal charge in *charges*.
        """
        counted = Counter(species)
        unknown = sorted(set(counted) - set(charges))
        if unknown:
            raise ChargeError(f"no formal charge is known for {', '.join(unknown)}")
        return cls(
            tuple(LedgerEntry(species=s, charge=charges[s], count=n) for s, n in sorted(counted.items()))
        )

    @property
    def charge(self) -> int:
        """Net formal charge, in elementary charges."""
        return sum(e.charge * e.count for e in self.entries)

    def __getitem__(self, species: str) -> int:
        """Return how many of *species* there are (0 when there are none)."""
        return next((e.count for e in self.entries if e.species == species), 0)

    def __str__(self) -> str:
        """Return one line: counts with charges, and the sum."""
        parts = [f"{e.count} {e.species}({e.charge:+d})" for e in self.entries]
        return f"{', '.join(parts)}; net charge {self.charge:+d}"
