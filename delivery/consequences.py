"""What follows from attempts and reports: counts, strikes, suppressions, evidence of listings.

Called inside the transaction that records them, so that no change lacks the attempt or the report
that caused it. What follows from which category stands in `consequences_table`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from delivery import consequences_evidence, consequences_policy, consequences_strikes, counters
from delivery.consequences_events import COMPLAINT, Event
from delivery.models import Attempt, Delivery, Report, ReportKind
from delivery.states import DeliveryState
from wire.addresses import parse
from wire.replies import Party, Permanence, Verdict


def follow(events: Sequence[Event], *, now: datetime) -> None:
    """Draw the consequences of attempts that are being recorded."""
    counters.append(events)
    consequences_evidence.add(events)
    consequences_strikes.decay(events)
    if any(event.is_strike for event in events):
        consequences_strikes.give(events, table=consequences_policy.current(), now=now)


@transaction.atomic
def on_reports(report_ids: Sequence[int], *, now: datetime) -> None:
    """Draw the consequences of matched reports: of bounces and complaints; others have none.

    A bounce takes back what the acceptance before it had ended. Called once for each report.
    """
    events = _events(list(Report.objects.filter(id__in=list(report_ids)).exclude(delivery_id=None)))
    bounces = [event for event in events if event.state == DeliveryState.BOUNCED]
    consequences_strikes.reopen([event.delivery_id for event in bounces])
    counters.append(events)
    consequences_evidence.add(bounces)
    consequences_strikes.give(events, table=consequences_policy.current(), now=now)


def _events(reports: Sequence[Report]) -> list[Event]:
    counted = [row for row in reports if row.kind in {ReportKind.BOUNCE, ReportKind.COMPLAINT}]
    deliveries = Delivery.objects.in_bulk([row.delivery_id for row in counted if row.delivery_id])
    attempts = Attempt.objects.in_bulk([row.attempt_id for row in counted if row.attempt_id])
    return [
        _event(row, deliveries[row.delivery_id], attempts)
        for row in counted
        if row.delivery_id in deliveries
    ]


def _event(report: Report, delivery: Delivery, attempts: Mapping[int, Attempt]) -> Event:
    attempt = attempts.get(report.attempt_id or 0)
    complained = report.kind == ReportKind.COMPLAINT
    return Event(
        at=report.received_at,
        customer_id=delivery.customer_id,
        delivery_id=delivery.pk,
        contact_id=delivery.contact_id,
        key=parse(delivery.address).key,
        destination=delivery.destination,
        pool_id=attempt.pool_id if attempt else None,
        ip_id=attempt.ip_id if attempt else None,
        source=attempt.source if attempt else "",
        state=COMPLAINT if complained else DeliveryState.BOUNCED,
        judged=_COMPLAINED if complained else _judged(report),
        attempt_id=report.attempt_id,
        report_id=report.pk,
    )


# Who complains does not want this sender's mail: it is the customer's to mend.
_COMPLAINED = Verdict(category=COMPLAINT, permanence=Permanence.permanent, blamed=Party.sender)


def _judged(report: Report) -> Verdict:
    return Verdict(
        category=report.category or "unclassified",
        permanence=Permanence(report.permanence or Permanence.unknown),
        blamed=Party(report.blamed or Party.unknown),
        list=report.matched_list,
        resource=report.resource,
        lookup_url=report.lookup_url,
        rule=report.rule,
    )
