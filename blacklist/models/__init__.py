"""The models of the blocklist watch."""

from blacklist.models.health import SetupCheck, SetupKind, SetupRun, SetupVerdict
from blacklist.models.listing import Listing, ListingMove, ListSweep
from blacklist.models.lists import ListKey, ListSetting, OwnList

__all__ = [
    "ListKey",
    "ListSetting",
    "ListSweep",
    "Listing",
    "ListingMove",
    "OwnList",
    "SetupCheck",
    "SetupKind",
    "SetupRun",
    "SetupVerdict",
]
