"""Mail that receivers take again: how a list that nobody can ask is seen to have let go of us."""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Final

from django.db.models import Q

from blacklist.models import Listing
from delivery import counters
from delivery.counters import BUCKET, Sum
from delivery.models import SendingIp
from delivery.states import DeliveryState

# Accepted messages that count as one clean answer.
ENOUGH: Final = 20


def is_taken_again(listing: Listing, *, now: datetime) -> bool:
    """Whether those who refused take the resource's mail, and have since their last refusal.

    Counts are exact to five minutes, so only whole ones after it are read.
    """
    last = max(filter(None, (listing.last_reply_at, listing.answered_at)), default=None)
    if last is None:
        return False
    since = counters.floor(last) + BUCKET
    if since > now:
        return False
    sums = counters.sums("ip", "destination", "state", since=since)
    return took_again(sums, _ips(listing.resource), listing.destinations)


def took_again(sums: Sequence[Sum], ips: frozenset[int], destinations: Sequence[str]) -> bool:
    """Enough accepted from these addresses at these destinations. Pure."""
    accepted = sum(
        row.count
        for row in sums
        if row.of[0] in ips and row.of[1] in destinations and row.of[2] == DeliveryState.ACCEPTED
    )
    return accepted >= ENOUGH


def _ips(resource: str) -> frozenset[int]:
    """The sending addresses that carry a resource: itself, or those of a domain's pools."""
    of = Q(pool__domain__name=resource)
    try:
        of = Q(address=str(ip_address(resource)))
    except ValueError:
        of |= Q(pool__domain__envelope_domain=resource) | Q(pool__domain__helo=resource)
    return frozenset(SendingIp.objects.filter(of).values_list("id", flat=True))
