"""Customers, the senders on the platform: adding and renaming them."""

from datetime import datetime

from django.db import transaction

from customers import audit
from customers.models import Customer


@transaction.atomic
def add(*, slug: str, name: str, by: audit.Actor, now: datetime) -> Customer:
    """Add a customer without people or pool. IntegrityError when slug or name are taken."""
    customer = Customer.objects.create(slug=slug, name=name, created_at=now)
    _audit("customer.add", customer, by, now, after=name)
    return customer


@transaction.atomic
def rename(*, customer: Customer, to: str, by: audit.Actor, now: datetime) -> bool:
    """Give a customer another name; the slug stays. False when it was so already."""
    renamed = bool(Customer.objects.filter(pk=customer.pk).exclude(name=to).update(name=to))
    if renamed:
        _audit("customer.rename", customer, by, now, before=customer.name, after=to)
    return renamed


def _audit(
    verb: str, customer: Customer, by: audit.Actor, now: datetime, *, before: str = "", after: str
) -> None:
    audit.record(
        verb=verb,
        subject=f"customer:{customer.pk}",
        by=by,
        now=now,
        customer_id=customer.pk,
        before=before[:60],
        after=after[:60],
    )
