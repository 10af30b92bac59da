"""Campaigns: many ligands on one surface, resumable, ranked within classes that can be compared."""

from qdsurf.campaign.files import Campaign, load_campaign
from qdsurf.campaign.ranking import group_of, rank
from qdsurf.campaign.run import Progress, screen

__all__ = ["Campaign", "Progress", "group_of", "load_campaign", "rank", "screen"]
