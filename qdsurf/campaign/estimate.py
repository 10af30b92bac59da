"""Before anything is computed: how many pairs a campaign has, and how long they may take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from qdsurf.campaign.pieces import ligands_of
from qdsurf.campaign.ranking import GROUPS
from qdsurf.campaign.sections import Campaign
from qdsurf.campaign.surfaces import surfaces_of
from qdsurf.library import read_entry
from qdsurf.store import Store


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one tier will take.

    Attributes
    ----------
    pairs
        How many; of later tiers the most that the earlier ones can let through (where energies choose, as
        if ligands of all classes came so far).
    seconds
        Wall time in seconds with the workers of the campaign; None where nothing is known of it.
    basis
        Where the time comes from.
    """

    tier: str
    method: str
    surfaces: int
    pairs: int
    seconds: float | None
    basis: str


def estimate(campaign: Campaign, *, output: str | Path | None = None) -> list[Estimate]:
    """Return what *campaign* will take, tier by tier; computes no energy and writes nothing.

    Surfaces are built, with the lattice constants of their crystals, and every ligand of a file is read.

    Parameters
    ----------
    output
        Folder of the campaign: pairs finished there tell how long a pair takes.
    """
    from qdsurf.campaign.run import folder_of

    ligands, bases = ligands_of(campaign), list(surfaces_of(campaign, None))
    store = folder_of(campaign, output) / "store.sqlite"
    workers = campaign.engine.workers or 2
    found, going = [], len(ligands) * len(bases)
    for number, tier in enumerate(campaign.all_tiers):
        pairs = going * (1 if tier.rank is not None else len(campaign.modes))
        name = tier.method or f"ranking {tier.rank}"
        each, basis = _seconds(store, name, tier, sum(base.atoms for base in bases) / len(bases))
        found.append(
            Estimate(
                tier=tier.name or f"tier {number + 1}",
                method=name,
                surfaces=len(bases),
                pairs=pairs,
                seconds=None if each is None else pairs * each / min(workers, max(pairs, 1)),
                basis=basis,
            )
        )
        if tier.keep is not None:
            groups = len(bases) * (1 if tier.rank is not None else len(GROUPS))
            going = min(going, tier.keep * groups)
    return found


def _seconds(store: Path, method: str, tier: Any, atoms: float) -> tuple[float | None, str]:
    """Return the seconds of one pair and where they come from."""
    if store.is_file():
        with Store(store, check=False) as opened:
            known = opened.seconds(method)
        if known:
            return median(known), f"median of {len(known)} finished pairs here"
    if tier.method is not None:
        run = read_entry("calculators", tier.method).get("run", {})
        if each := run.get("seconds_per_atom_step"):
            steps = tier.protocol.poses * tier.protocol.steps
            return float(each) * atoms * steps, (
                f"if every pose takes all steps, without the states that pairs share; {run['measured']}"
            )
    return None, "no finished pair of this method here yet"
