"""What a campaign knows of a ligand before it is made: a name and where it comes from.

A hundred thousand of these cost little; molecules are made from them in the workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qdsurf.errors import AskError

if TYPE_CHECKING:
    from qdsurf.model import Ligand


# Systematic names of hundreds of letters are no names of files, nor of the species of an atom.
LONGEST = 40


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a ligand comes from.

    Attributes
    ----------
    kind
        "shelf", "smiles", or "bad" for a line of a file that cannot be read.
    text
        The entry, the SMILES, or what is wrong.
    anchor, charge_state
        As for ``qdsurf.ligand_from_smiles``.
    """

    name: str
    kind: Literal["shelf", "smiles", "bad"]
    text: str
    anchor: str | None = None
    charge_state: str = "as written"

    @property
    def smiles(self) -> str | None:
        """SMILES as given; None for entries of the shelf."""
        return self.text if self.kind == "smiles" else None

    def identity(self) -> list[Any]:
        """Return all that decides which molecule this is, for keys."""
        if self.kind == "shelf":
            from qdsurf.library import read_entry

            return [self.name, self.kind, read_entry("ligands", self.text)]
        return [self.name, self.kind, self.text, self.anchor, self.charge_state]

    def load(self) -> Ligand:
        """Return the ligand.

        Raises
        ------
        AskError
            It cannot be made; says why.
        """
        return _load(self)


@lru_cache(maxsize=16)
def _load(source: Source) -> Ligand:
    from qdsurf.ligands import ligand_from_smiles, load_ligand

    if source.kind == "bad":
        raise AskError(source.text)
    if source.kind == "shelf":
        return load_ligand(source.text)
    return ligand_from_smiles(
        source.text,
        name=source.name,
        anchor=source.anchor,
        charge_state=source.charge_state,  # type: ignore[arg-type]
    )


def from_file(path: Path, anchor: str | None, charge_state: str) -> Iterator[Source]:
    """Yield the ligands of a file of SMILES, CSV or SDF; a line that cannot be read is "bad"."""
    from qdsurf.rank.ligand_files import read_ligands

    for item in read_ligands(path):
        if item.error:
            yield Source(name=item.name, kind="bad", text=item.error)
        else:
            yield Source(
                name=item.name,
                kind="smiles",
                text=item.smiles,
                anchor=anchor or "best",
                charge_state=charge_state,
            )


def unlike(sources: Iterable[Source]) -> list[Source]:
    """Return *sources* without repetitions; others of the same name, and long names, get a mark.

    The mark follows from the molecule, not from the order of the list.
    """
    alone = list(dict.fromkeys(sources))
    often = Counter(source.name for source in alone)
    named = []
    for source in alone:
        if often[source.name] > 1 or len(source.name) > LONGEST:
            mark = sha256(f"{source.kind} {source.text}".encode()).hexdigest()[:6]
            source = replace(source, name=f"{source.name[: LONGEST - 8]} #{mark}")
        named.append(source)
    return named


def identity_of(ligand: Ligand) -> Mapping[str, Any]:
    """Return all that decides what *ligand* is, for keys of ligands made by hand."""
    return {
        "name": ligand.name,
        "smiles": ligand.smiles,
        "charge": ligand.charge,
        "anchors": [[anchor.name, anchor.atoms] for anchor in ligand.anchors],
    }
