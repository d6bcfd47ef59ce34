"""Opt-outs that name nobody any more: a person ends the mail that the writer may have meant.

The mail came to an address that we signed, but its delivery is past retention and the subject has
lost the token. Whoever knows the writer's address has to stop: an opt-out too many costs a
message, one overlooked is against the law (Act on Regulation of Specified Electronic Mail,
Art. 3(3)).
"""

from datetime import datetime

from django.db import transaction

from customers import audit, unsubscribes
from customers.models import Contact, Customer
from delivery.models import Report, ReportState
from wire.addresses import InvalidAddress, parse

BY_HAND = "opt-out-by-hand"
DONE = "opt-out-honoured"


def who_knows(report: Report) -> list[Customer]:
    """The customers that have the writer's address in a list; none when it is no address."""
    key = _key(report)
    lists = Contact.objects.filter(key=key).values("recipient_list__customer_id")
    return list(Customer.objects.filter(pk__in=lists).order_by("name")) if key else []


@transaction.atomic
def honour(*, report_id: int, by: audit.Actor, now: datetime) -> list[Customer]:
    """End the mail of all who know the writer's address; they. Nobody: nothing has changed.

    Nothing happens either when it is no such report, or somebody has done it.
    """
    waiting = Report.objects.select_for_update().filter(reason=BY_HAND, pk=report_id).first()
    customers = who_knows(waiting) if waiting is not None else []
    if waiting is None or not customers:
        return []
    for customer in customers:
        opt_out = unsubscribes.OptOut(customer.pk, 0, _key(waiting))  # no mailing is known
        unsubscribes.unsubscribe(opt_out=opt_out, channel="mail", now=now)
        audit.record(
            verb="report.honour", subject=f"report:{report_id}", by=by, now=now,
            customer_id=customer.pk, after=_key(waiting),
        )  # fmt: skip
    Report.objects.filter(pk=report_id).update(state=ReportState.MATCHED, reason=DONE)
    return customers


def _key(report: Report) -> str:
    try:
        return parse(report.recipient).key
    except InvalidAddress:
        return ""
