"""Reading and changing the standing of customers."""

from datetime import datetime

from django.db import transaction

from compliance.models import Standing, StandingState
from customers import audit
from customers.models import Customer


def current() -> dict[int, StandingState]:
    """Customer id -> standing, for those that are not normal."""
    rows = Standing.objects.exclude(state=StandingState.NORMAL)
    return {row.customer_id: StandingState(row.state) for row in rows}


def of(customer: Customer) -> Standing:
    """The standing of one customer; an unsaved normal one when nothing was ever recorded."""
    return Standing.objects.filter(customer=customer).first() or Standing(customer=customer)


@transaction.atomic
def move(
    *, customer: Customer, to: StandingState, why: str, by: audit.Actor, now: datetime
) -> Standing:
    """Set the standing. The reason is kept; the caller announces the change to the workers."""
    Standing.objects.get_or_create(customer=customer)
    standing = Standing.objects.select_for_update().get(customer=customer)
    before = standing.state
    standing.state, standing.why, standing.since = to, why, now
    standing.save(update_fields=["state", "why", "since"])
    audit.record(
        verb="standing.move",
        subject=f"customer:{customer.pk}",
        customer_id=customer.pk,
        by=by,
        now=now,
        before=before,
        after=to,
        why=why,
    )
    return standing
