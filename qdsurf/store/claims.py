"""Who is at which piece of work: claims, their ends, and what is tried again."""

from __future__ import annotations

import time
from typing import Literal

from qdsurf.store.owners import is_gone
from qdsurf.store.plans import PLANNED, Plans

# A claim that its owner has not renewed for so long is void: the owner's host is gone.
LEASE_SECONDS = 300.0
# A piece of work whose process died so often is not tried again by itself.
MAX_DEATHS = 3

Claim = Literal["mine", "busy", "done", "failed", "unknown"]


class Claims(Plans):
    """The part of the store that says who does what."""

    def claim(self, key: str, owner: str) -> Claim:
        """Claim *key* for *owner*; "mine" where it may be computed, else why not."""
        now = time.time()
        # Repeated after a lost connection it is still true: an owner may claim what it has.
        changed = self._db.write(
            "update results set status='running', owner=:owner, lease=:lease, attempts=attempts+1 "
            "where key=:key and (status='todo' or (status='running' and (owner=:owner or lease<:now)))",
            {"key": key, "owner": owner, "lease": now + LEASE_SECONDS, "now": now},
        )
        if changed:
            return "mine"
        status = self.status(key)
        if status == "done" or status == "failed":
            return status  # type: ignore[return-value]
        return "busy" if status else "unknown"

    def renew(self, owner: str) -> None:
        """Put off the end of all claims of *owner*."""
        self._db.write(
            "update results set lease=:lease where status='running' and owner=:owner",
            {"owner": owner, "lease": time.time() + LEASE_SECONDS},
        )

    def release(self, owner: str, *, died: bool = False) -> list[str]:
        """Make what *owner* has claimed "todo" again and return the keys.

        With *died*, the death of a process is counted to each; :meth:`deaths` tells how many.
        """
        mine = {"owner": owner}
        keys = [
            row["key"]
            for row in self._db.read("select key from results where status='running' and owner=:owner", mine)
        ]
        self._db.write(
            f"update results set status='todo', owner=null, lease=null, deaths=deaths+{int(died)} "
            "where status='running' and owner=:owner",
            mine,
        )
        return keys

    def deaths(self, key: str) -> int:
        """Return how many processes died at *key*."""
        found = self._db.read("select deaths from results where key=:key", {"key": key})
        return int(found[0]["deaths"]) if found else 0

    def reap(self) -> int:
        """Release the claims of processes of this host that are gone, and those that ran out."""
        owners = self._db.read(
            "select owner, max(lease) as lease from results where status='running' group by owner"
        )
        freed = 0
        for row in owners:
            owner = str(row["owner"] or "")
            if is_gone(owner) or (row["lease"] or 0.0) < time.time():
                freed += len(self.release(owner))
        return freed

    def retry(self, campaign: str, cause: str = "") -> int:
        """Make failed rows "todo" again, those whose cause contains *cause*; return how many."""
        return self._db.write(
            "update results set status='todo', deaths=0, digest=null, owner=null where status='failed' "
            f"and {PLANNED} and (:cause = '' or cause like :pattern)",
            {"campaign": campaign, "cause": cause, "pattern": f"%{cause}%"},
        )
