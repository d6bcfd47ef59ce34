"""Ending things by query: overdue deliveries, mailings with nothing open, cancelled mailings."""

from datetime import datetime

from django.db import connection, transaction

from delivery import mailings
from delivery.models import Delivery, Mailing
from delivery.states import DUE, OPEN, MailingState

_OPEN_MAILINGS = (MailingState.SENDING, MailingState.PAUSED)


def expire_overdue(*, now: datetime) -> int:
    """Deliveries still due when their mailing's time limit has passed become `expired`.

    The reason stays what the last attempt said; those never tried say why: their mail was held.
    """
    overdue = Mailing.objects.filter(state__in=_OPEN_MAILINGS, expires_at__lte=now)
    return sum(_expire(mailing.pk, now) for mailing in overdue)


def _expire(mailing_id: int, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery SET state = 'expired', finished_at = %s,"
            " reason = CASE WHEN reason = '' THEN 'never-tried' ELSE reason END"
            " WHERE mailing_id = %s AND state IN ('queued', 'deferred')",
            [now, mailing_id],
        )
        return int(cursor.rowcount)


def finish(*, now: datetime) -> list[int]:
    """Mailings without an open delivery become `done`; their ids."""
    done = []
    for mailing in Mailing.objects.filter(state__in=_OPEN_MAILINGS):
        if not has_open(mailing.pk):
            try:
                mailings.move(mailing_id=mailing.pk, to=MailingState.DONE, by="closing", now=now)
            except mailings.WrongState:
                continue  # somebody cancelled it in this moment: close_cancelled goes on
            done.append(mailing.pk)
    return done


def has_open(mailing_id: int) -> bool:
    return Delivery.objects.filter(mailing_id=mailing_id, state__in=list(OPEN)).exists()


def close_cancelled(*, now: datetime) -> int:
    """Open deliveries of cancelled mailings become `cancelled`; how many.

    Those on the wire now are not touched: their outcome is recorded, and if they come back
    deferred, the next run ends them.
    """
    closed = 0
    for mailing in _recently_cancelled():
        with transaction.atomic():
            due = Delivery.objects.filter(mailing_id=mailing.pk, state__in=list(DUE))
            closed += due.update(state="cancelled", reason="mailing-cancelled", finished_at=now)
    return closed


def _recently_cancelled() -> list[Mailing]:
    """Cancelled mailings that still have open deliveries."""
    cancelled = Mailing.objects.filter(state=MailingState.CANCELLED, released_at__isnull=False)
    cancelled = cancelled.order_by("-finished_at")[:200]
    return [mailing for mailing in cancelled if has_open(mailing.pk)]
