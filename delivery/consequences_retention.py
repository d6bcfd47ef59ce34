"""Forgetting what consequences left behind, when it is past retention."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from customers import suppressions
from delivery import counters
from delivery.models import ListingEvidence, Strike


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows went; `closed`: suppressions that had run out."""

    counts: int
    evidence: int
    strikes: int
    closed: int


def forget(*, now: datetime, keep_days: int) -> Forgotten:
    """Drop counts, evidence and ended strikes from before; open strikes stay.

    Suppressions are never dropped, only closed when they have run out.
    """
    limit = now - timedelta(days=keep_days)
    evidence, _ = ListingEvidence.objects.filter(at__lt=limit).delete()
    ended = Q(decayed_at__isnull=False) | Q(reversal__isnull=False)
    strikes, _ = Strike.objects.filter(ended, at__lt=limit).delete()
    return Forgotten(
        counts=counters.drop_before(limit),
        evidence=evidence,
        strikes=strikes,
        closed=suppressions.close_expired(now=now),
    )
