"""How far a campaign is, read from its store while it runs or afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qdsurf.campaign.files import parse_campaign
from qdsurf.campaign.sections import Campaign
from qdsurf.errors import AskError
from qdsurf.store import Store
from qdsurf.store.table import is_url


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far a campaign is.

    Attributes
    ----------
    tiers
        For each tier that has been planned, how many pairs are "todo", "running", "done" and "failed".
    all_tiers
        Number of tiers; those to come are planned when the ones before them are finished.
    causes
        The commonest causes of failure, with how often each occurs.
    running
        What is being computed: ligand, surface, method and owner.
    """

    campaign: str
    tiers: tuple[Mapping[str, int], ...]
    all_tiers: int
    causes: tuple[tuple[str, int], ...]
    running: tuple[Mapping[str, Any], ...]

    @property
    def finished(self) -> bool:
        """Whether every pair of every tier is done or failed."""
        open_ = sum(tier["todo"] + tier["running"] for tier in self.tiers)
        return len(self.tiers) == self.all_tiers and not open_


def find_store(place: str | Path) -> str | Path:
    """Return the store that *place* is or holds: a folder, a store file, a campaign file, or a URL.

    Raises
    ------
    AskError
        There is none.
    """
    if is_url(place):
        return place
    path = Path(place)
    if path.suffix == ".toml":
        path = Path("runs") / path.stem
    found = path / "store.sqlite" if path.is_dir() else path
    if not found.is_file():
        raise AskError(f"there is no store at {str(place)!r}; name the folder of a campaign, or a URL")
    return found


def _name_in(store: Store, name: str | None, place: str | Path) -> str:
    """Return which campaign of *store* is meant."""
    known = store.campaigns()
    if name is None and len(known) == 1:
        return known[0]
    if name in known and name is not None:
        return name
    if not known:
        raise AskError(f"no campaign has been planned in {str(place)!r}")
    raise AskError(f"{str(place)!r} holds the campaigns {', '.join(known)}; say which with --name")


def status(place: str | Path, *, name: str | None = None) -> Status:
    """Return how far a campaign is.

    Parameters
    ----------
    place
        Folder of a campaign, its store, its file, or the URL of a database.
    name
        Which campaign, where a database holds several.

    Raises
    ------
    AskError
        There is no such store or campaign.
    """
    with Store(find_store(place), check=False) as store:
        name = _name_in(store, name, place)
        counts = store.counts(name)
        empty = dict.fromkeys(("todo", "running", "done", "failed"), 0)
        most = int(store.note(f"tiers {name}") or 1)
        # A tier that nothing reached is planned too, and finished.
        planned = sum(store.note(f"plan {name} {number}") is not None for number in range(most))
        return Status(
            campaign=name,
            tiers=tuple({**empty, **counts.get(n, {})} for n in range(planned)),
            all_tiers=most,
            causes=tuple(store.causes(name)),
            running=tuple(store.running(name)),
        )


def reopen(place: str | Path, *, name: str | None = None) -> tuple[Campaign, dict[str, Any]]:
    """Return the campaign that a store remembers, and the arguments of ``screen`` that go on with it.

    The file is read again where it still exists, so that changes to it count.

    Raises
    ------
    AskError
        The store remembers no campaign file.
    """
    found = find_store(place)
    with Store(found) as store:
        name = _name_in(store, name, place)
        file, text = store.note(f"file {name}"), store.note(f"text {name}")
    if file is None or text is None:
        raise AskError(f"the campaign {name!r} was begun from Python without a file; call screen() again")
    path = Path(file)
    if path.is_file():
        text = path.read_text(encoding="utf-8")
    campaign = parse_campaign(text, path)
    if is_url(found):
        return campaign, {"store": str(found), "output": None}
    return campaign, {"output": Path(found).parent}


def lines(found: Status, names: Sequence[str] = ()) -> list[str]:
    """Return *found* in words, a line for each tier and what went wrong."""
    said = []
    for number, tier in enumerate(found.tiers):
        total = sum(tier.values())
        label = f"tier {number + 1} of {found.all_tiers}" if found.all_tiers > 1 else found.campaign
        said.append(
            f"{label}: {tier['done']} of {total} done, {tier['failed']} failed, "
            f"{tier['running']} running, {tier['todo']} to do"
        )
    if found.causes:
        said.append("failed because:")
        said += [f"  {number} x {cause}" for cause, number in found.causes]
    if found.running:
        said.append("running:")
        said += [f"  {r['ligand']} on {r['surface']} with {r['method']}" for r in found.running[:10]]
    return said
