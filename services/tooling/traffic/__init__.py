"""Seeded traffic of telephone campaigns, with the figures that its reports must show.

Used by `callfold demo` and `callfold simulate`, the benchmarks and the whole-system tests. It
shares no code with the folds: events follow from the contract's text, the truth from what the
generator decides.
"""

from services.tooling.traffic.campaign import Campaign, Event
from services.tooling.traffic.disorder import disorder
from services.tooling.traffic.encode import to_fields, to_json
from services.tooling.traffic.plan import CampaignPlan
from services.tooling.traffic.truth import CampaignTruth

__all__ = [
    "Campaign",
    "CampaignPlan",
    "CampaignTruth",
    "Event",
    "disorder",
    "to_fields",
    "to_json",
]
