"""Ending things by query: overdue deliveries, mailings with nothing open, cancelled mailings."""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from delivery import mailings
from delivery.models import Delivery, Mailing
from delivery.states import DUE, OPEN, MailingState

_OPEN_MAILINGS = (MailingState.SENDING, MailingState.PAUSED)


def expire_overdue(*, now: datetime) -> int:
    """Deliveries still due when their mailing's time limit has passed become `expired`.

    The reason stays what the last attempt said; those never tried say why: their mail was held.
    """
    overdue = Mailing.objects.filter(state__in=_OPEN_MAILINGS, expires_at__lte=now)
    return sum(_expire(mailing, now) for mailing in overdue)


def _expire(mailing: Mailing, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery SET state = 'expired', finished_at = %s,"
            " reason = CASE WHEN reason = '' THEN 'never-tried' ELSE reason END"
            " WHERE mailing_id = %s AND id BETWEEN %s AND %s AND state IN ('queued', 'deferred')",
            [now, mailing.pk, mailing.first_delivery or 0, mailing.last_delivery or 0],
        )
        return int(cursor.rowcount)


def finish(*, now: datetime) -> list[int]:
    """Mailings without an open delivery become `done`; their ids."""
    done = []
    for mailing in Mailing.objects.filter(state__in=_OPEN_MAILINGS):
        if not has_open(mailing):
            try:
                mailings.move(mailing_id=mailing.pk, to=MailingState.DONE, by="closing", now=now)
            except mailings.WrongState:
                continue  # somebody cancelled it in this moment: close_cancelled goes on
            done.append(mailing.pk)
    return done


def deliveries_of(mailing: Mailing) -> QuerySet[Delivery]:
    """Its rows; the bounds let the database leave out the partitions of other days."""
    return Delivery.objects.filter(
        mailing_id=mailing.pk,
        id__gte=mailing.first_delivery or 0,
        id__lte=mailing.last_delivery or 0,
    )


def has_open(mailing: Mailing) -> bool:
    return deliveries_of(mailing).filter(state__in=list(OPEN)).exists()


def close_cancelled(*, now: datetime) -> int:
    """Open deliveries of cancelled mailings become `cancelled`; how many.

    Those on the wire now are not touched: their outcome is recorded, and if they come back
    deferred, the next run ends them. A mailing is finished when nothing of it is open.
    """
    closed = 0
    for mailing in Mailing.objects.filter(state=MailingState.CANCELLED, finished_at=None):
        with transaction.atomic():
            due = deliveries_of(mailing).filter(state__in=list(DUE))
            closed += due.update(state="cancelled", reason="mailing-cancelled", finished_at=now)
            mailing.given.all().delete()  # it was cancelled before its recipients were written
            if not has_open(mailing):
                mailing.finished_at = now
                mailing.save(update_fields=["finished_at"])
    return closed
