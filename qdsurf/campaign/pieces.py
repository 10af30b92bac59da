"""The pieces of work of a tier: every ligand on every surface, each with the key of its content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import qdsurf
from qdsurf.campaign.ligands import Source, from_file, identity_of, unlike
from qdsurf.campaign.limits import Limits
from qdsurf.campaign.sections import Campaign, TierSection
from qdsurf.campaign.surfaces import Base
from qdsurf.campaign.tasks import Step, Task
from qdsurf.errors import AskError
from qdsurf.library import read_entry
from qdsurf.methods import engine_version, load_method
from qdsurf.store import to_json

if TYPE_CHECKING:
    from qdsurf.model import Ligand


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of work by its numbers: which surface, mode and ligand of the lists."""

    key: str
    base: int
    mode: int
    ligand: int


@dataclass(frozen=True, kw_only=True)
class Round:
    """All pieces of one tier.

    Attributes
    ----------
    steps
        One for each binding mode.
    """

    tier: int
    section: TierSection
    bases: Sequence[Base]
    steps: Sequence[Step]
    ligands: Sequence[Source | Ligand]
    pieces: Sequence[Piece]

    def task(self, piece: Piece, store: str, *, guarded: bool) -> Task:
        """Return the task of *piece*, which travels to a worker."""
        base = self.bases[piece.base]
        return Task(
            key=piece.key,
            store=store,
            surface=base.packed,
            surface_name=base.name,
            site=base.site,
            ligand=self.ligands[piece.ligand],
            step=self.steps[piece.mode],
            guarded=guarded,
        )

    def entries(self) -> Iterator[Mapping[str, Any]]:
        """Yield the plan's entry of each piece."""
        for piece in self.pieces:
            base = self.bases[piece.base]
            yield {
                "key": piece.key,
                "ligand": self.ligands[piece.ligand].name,
                "surface": base.name,
                "method": self.steps[piece.mode].name,
                "site": base.site,
            }


def ligands_of(campaign: Campaign) -> list[Source]:
    """Return the ligands of *campaign*; those written into the file itself must be sound.

    Raises
    ------
    AskError
        An unknown name, or a SMILES of the file that cannot be read or cannot bind.
    """
    asked = campaign.ligands
    found = [Source(name=name, kind="shelf", text=name) for name in asked.names]
    for name, smiles in asked.smiles.items():
        source = Source(
            name=name, kind="smiles", text=smiles, anchor=asked.anchor, charge_state=asked.charge_state
        )
        try:
            source.load()
        except AskError as error:
            raise type(error)(f"ligand {name!r}: {error}") from error
        found.append(source)
    for file in asked.files:
        found += from_file(campaign.beside(file), asked.anchor, asked.charge_state)
    return unlike(found)


def limits_of(campaign: Campaign, tier: TierSection) -> Limits:
    """Return the limits of *tier*: its own, else those of the method's preset, else the campaign's."""
    if tier.limits is not None:
        return Limits(**tier.limits.model_dump())
    preset = {}
    if tier.method and ":" not in tier.method:  # an ASE calculator named module:Class is on no shelf
        preset = read_entry("calculators", tier.method).get("run", {})
    given = {name: value for name, value in preset.items() if name in Limits.__dataclass_fields__}
    return Limits(**{**campaign.limits.model_dump(), **given})


def steps_of(campaign: Campaign, tier: TierSection, evaluate: Callable[..., Any] | None) -> list[Step]:
    """Return what is done with a pair of *tier*, for each binding mode."""
    method = load_method(tier.method, **tier.settings) if tier.method else None
    if method is None:
        # A ranking by descriptors knows nothing of modes.
        return [Step(preset=str(tier.rank), protocol={}, limits=limits_of(campaign, tier))]
    step = Step(
        method=method,
        protocol=tier.protocol.model_dump(),
        evaluate=evaluate or tier.evaluate or "",
        limits=limits_of(campaign, tier),
    )
    return [
        step if mode == "auto" else replace(step, protocol={**step.protocol, "mode": mode})
        for mode in campaign.modes
    ]


def pieces_of(
    bases: Sequence[Base],
    steps: Sequence[Step],
    ligands: Sequence[Source | Ligand],
    chosen: Iterable[tuple[int, int, int]] | None = None,
) -> list[Piece]:
    """Return the pieces of the (surface, mode, ligand) numbers *chosen*, of all where None.

    The key of a piece is a hash of everything that decides its result: surface, ligand, method and its
    settings, protocol, and the versions of qdsurf, ASE and the engine. Limits and engines are not in it.
    """
    heads = [[sha256(f"{base.identity}\n{_identity(step)}".encode()) for step in steps] for base in bases]
    tails = [
        to_json(one.identity() if isinstance(one, Source) else identity_of(one)).encode() for one in ligands
    ]
    if chosen is None:
        chosen = (
            (b, m, n) for b in range(len(bases)) for m in range(len(steps)) for n in range(len(ligands))
        )
    made = []
    for base, mode, number in chosen:
        mark = heads[base][mode].copy()
        mark.update(b"\n" + tails[number])
        # The letter in front keeps other tools from reading a key as a number.
        made.append(Piece("k" + mark.hexdigest(), base, mode, number))
    return made


def _identity(step: Step) -> str:
    """Return all that decides what *step* gives, as JSON."""
    from ase import __version__ as ase_version

    method, evaluate = step.method, step.evaluate
    if callable(evaluate):
        evaluate = f"{evaluate.__module__}:{evaluate.__qualname__}"
    return to_json(
        {
            "preset": step.preset and _preset(step.preset),
            "method": method and method.identity,
            "versions": [qdsurf.__version__, ase_version, method and engine_version(method)],
            "protocol": step.protocol,
            "evaluate": evaluate,
        }
    )


def _preset(name: str) -> list[Any]:
    """Return name and content of a ranking preset."""
    from qdsurf.rank.presets import load_preset

    return [name, repr(load_preset(name))]
