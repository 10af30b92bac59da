"""Campaigns: many ligands on many surfaces, resumable, ranked within classes that can be compared."""

from qdsurf.campaign.estimate import Estimate, estimate
from qdsurf.campaign.files import campaign_schema, load_campaign
from qdsurf.campaign.ranking import group_of, rank
from qdsurf.campaign.run import Progress, screen
from qdsurf.campaign.sections import Campaign
from qdsurf.campaign.status import Status, reopen, status

__all__ = [
    "Campaign",
    "Estimate",
    "Progress",
    "Status",
    "campaign_schema",
    "estimate",
    "group_of",
    "load_campaign",
    "rank",
    "reopen",
    "screen",
    "status",
]
