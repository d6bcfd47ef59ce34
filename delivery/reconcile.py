"""The books: every recipient handed in is in one state, and what was accepted was accepted once."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from delivery import partitions
from delivery.models import Mailing
from delivery.states import DeliveryState


@dataclass(frozen=True, slots=True)
class Books:
    """Counts over the released mailings whose deliveries are still kept (`delivery.partitions`).

    `crooked`: mailings whose deliveries are not as many as were handed in.
    """

    mailings: int
    handed_in: int
    states: dict[str, int]
    crooked: tuple[int, ...]
    accepted_without_attempt: int

    @property
    def final(self) -> int:
        return sum(n for state, n in self.states.items() if DeliveryState(state).is_final)

    @property
    def open(self) -> int:
        return sum(self.states.values()) - self.final

    @property
    def balance(self) -> bool:
        """Everything handed in is in a final state, and every acceptance has its attempt."""
        return (
            self.handed_in == self.final
            and self.open == 0
            and not self.crooked
            and self.accepted_without_attempt == 0
        )


def books() -> Books:
    """Count it all, from the rows themselves."""
    kept = Mailing.objects.filter(released_at__gte=partitions.oldest())
    handed_in = dict(kept.values_list("id", "handed_in"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT mailing_id, state, count(*) FROM delivery_delivery GROUP BY mailing_id, state"
        )
        # What is left of a mailing that stood on the edge of retention is no book any more.
        gone = set(Mailing.objects.exclude(pk__in=handed_in).values_list("id", flat=True))
        rows = [row for row in cursor.fetchall() if row[0] not in gone]
    states: dict[str, int] = dict.fromkeys(DeliveryState.values, 0)
    found: dict[int, int] = {}
    for mailing_id, state, count in rows:
        states[state] += count
        found[mailing_id] = found.get(mailing_id, 0) + count
    ids = sorted(handed_in.keys() | found.keys())
    crooked = tuple(pk for pk in ids if handed_in.get(pk, 0) != found.get(pk, 0))
    return Books(
        mailings=len(handed_in),
        handed_in=sum(handed_in.values()),
        states=states,
        crooked=crooked,
        accepted_without_attempt=_accepted_without_attempt(),
    )


def _accepted_without_attempt() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM delivery_delivery d WHERE d.state IN ('accepted', 'bounced')"
            " AND NOT EXISTS (SELECT 1 FROM delivery_attempt a WHERE a.delivery_id = d.id"
            "  AND (a.verdict = 'accepted' OR d.state = 'bounced' AND a.verdict = 'uncertain'))"
        )
        return int(cursor.fetchone()[0])


def accepted() -> Iterator[tuple[int, str]]:
    """(delivery id, source IP) of the attempts, accepted or uncertain, of accepted deliveries.

    Those that bounced later were accepted first.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.delivery_id, a.source FROM delivery_attempt a"
            " JOIN delivery_delivery d ON d.id = a.delivery_id"
            " AND d.state IN ('accepted', 'bounced')"
            " WHERE a.verdict IN ('accepted', 'uncertain')"
        )
        while rows := cursor.fetchmany(10_000):
            yield from rows
