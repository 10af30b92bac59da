"""The store of campaigns: one durable row for each piece of work, in SQLite or PostgreSQL."""

from qdsurf.store.content import content_key, to_json
from qdsurf.store.notes import ReferenceCache
from qdsurf.store.table import Store

__all__ = ["ReferenceCache", "Store", "content_key", "to_json"]
