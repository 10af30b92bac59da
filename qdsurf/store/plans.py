"""What a campaign has to do: its pieces of work, tier by tier, and how far they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import islice
from typing import Any

from qdsurf.store.notes import Notes

# As a question about each row, so that the few rows of a status are looked up, not the whole plan.
PLANNED = "exists (select 1 from plans p where p.campaign=:campaign and p.key=results.key)"
_BATCH = 1000
# What a message says of one piece alone: names in quotes, formulas of structures, numbers.
_OWN = re.compile(r"'[^']*'|\b(?=\w*\d)(?:[A-Z][a-z]?\d*)+\b|\b\d+(\.\d+)?\b")


class Plans(Notes):
    """The part of the store that says what is to be done."""

    def set_plan(self, campaign: str, tier: int, work: Iterable[Mapping[str, Any]]) -> list[str]:
        """Make *work* the plan of a tier: rows that are new become "todo"; what is known stays as it is.

        Parameters
        ----------
        work
            For each piece "key", "ligand", "surface", "method" and "site".

        Returns
        -------
        list
            The keys, in order, each once.
        """
        pieces = {piece["key"]: piece for piece in work}
        note = f"plan {campaign} {tier}"
        digest = sha256("\n".join(sorted(pieces)).encode()).hexdigest()
        if self.note(note) == digest:
            return list(pieces)
        name = {"campaign": campaign, "tier": tier}
        self._db.write("delete from plans where campaign=:campaign and tier=:tier", name)
        waiting = iter(pieces.values())
        while batch := list(islice(waiting, _BATCH)):
            self._db.write_all(
                [
                    (
                        "insert into results(key, status, ligand, surface, method, site) "
                        "values(:key, 'todo', :ligand, :surface, :method, :site) on conflict(key) do nothing",
                        batch,
                    ),
                    (
                        "insert into plans(campaign, tier, key) values(:campaign, :tier, :key) "
                        "on conflict(campaign, key, tier) do nothing",
                        [{**name, "key": piece["key"]} for piece in batch],
                    ),
                ]
            )
        # Last, so that a plan that was cut short is made again.
        self.set_note(note, digest)
        return list(pieces)

    def statuses(self, campaign: str, tier: int) -> dict[str, str]:
        """Return the status of every piece of a tier, by key."""
        found = self._db.read(
            "select p.key, r.status from plans p join results r on r.key=p.key "
            "where p.campaign=:campaign and p.tier=:tier",
            {"campaign": campaign, "tier": tier},
        )
        return {row["key"]: row["status"] for row in found}

    def status(self, key: str) -> str:
        """Return the status of *key*, "" where there is no such row."""
        found = self._db.read("select status from results where key=:key", {"key": key})
        return str(found[0]["status"]) if found else ""

    def counts(self, campaign: str) -> dict[int, dict[str, int]]:
        """Return how many pieces have which status, by tier."""
        mine = {"campaign": campaign}
        planned = self._db.read(
            "select tier, count(*) as number from plans where campaign=:campaign group by tier", mine
        )
        everything = self._db.read("select status, count(*) as number from results group by status")
        if len(planned) == 1 and planned[0]["number"] == sum(row["number"] for row in everything):
            # Nothing else is in the store: an index alone gives the answer.
            found = [{**row, "tier": planned[0]["tier"]} for row in map(dict, everything)]
        else:
            found = [
                dict(row)
                for row in self._db.read(
                    "select p.tier, r.status, count(*) as number from plans p join results r on r.key=p.key "
                    "where p.campaign=:campaign group by p.tier, r.status",
                    mine,
                )
            ]
        tiers: dict[int, dict[str, int]] = {}
        for row in found:
            tiers.setdefault(int(row["tier"]), {})[row["status"]] = int(row["number"])
        return tiers

    def causes(self, campaign: str, most: int = 10) -> list[tuple[str, int]]:
        """Return the commonest causes of failure and how often each occurs.

        Messages that differ in names, formulas and numbers only are one cause, told by the first of them.
        """
        found = self._db.read(
            "select cause, count(*) as number from results where status='failed' "
            f"and {PLANNED} group by cause order by cause",
            {"campaign": campaign},
        )
        counts: Counter[str] = Counter()
        told: dict[str, str] = {}
        for row in found:
            kind = _OWN.sub("", str(row["cause"]))
            told.setdefault(kind, str(row["cause"]))
            counts[kind] += int(row["number"])
        return [(told[kind], number) for kind, number in counts.most_common(most)]

    def running(self, campaign: str) -> list[dict[str, Any]]:
        """Return what is being computed: ligand, surface, method, owner."""
        found = self._db.read(
            "select ligand, surface, method, owner from results where status='running' "
            f"and {PLANNED} order by ligand, key limit 100",
            {"campaign": campaign},
        )
        return [dict(row) for row in found]

    def campaigns(self) -> list[str]:
        """Return the names of the campaigns that were planned here."""
        return [row["campaign"] for row in self._db.read("select distinct campaign from plans order by 1")]
