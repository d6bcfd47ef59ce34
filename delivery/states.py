"""The states of mailings and deliveries, and the moves between them. CONTRIBUTING draws both."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class MailingState(models.TextChoices):
    SCHEDULED = "scheduled", _("scheduled")  # checked and complete; waits for its time
    PREPARING = "preparing", _("preparing")  # its deliveries are being written
    SENDING = "sending", _("sending")  # workers may claim its deliveries
    PAUSED = "paused", _("paused")  # nobody claims; what is open stays open
    DONE = "done", _("done")  # every delivery is in a final state
    CANCELLED = "cancelled", _("cancelled")  # what was open has become cancelled


MAILING_MOVES: dict[MailingState, frozenset[MailingState]] = {
    MailingState.SCHEDULED: frozenset({MailingState.PREPARING, MailingState.CANCELLED}),
    MailingState.PREPARING: frozenset({MailingState.SENDING, MailingState.CANCELLED}),
    MailingState.SENDING: frozenset(
        {MailingState.PAUSED, MailingState.DONE, MailingState.CANCELLED}
    ),
    # paused -> done: the last open deliveries expired while it was paused
    MailingState.PAUSED: frozenset(
        {MailingState.SENDING, MailingState.DONE, MailingState.CANCELLED}
    ),
    MailingState.DONE: frozenset(),
    MailingState.CANCELLED: frozenset(),
}


class DeliveryState(models.TextChoices):
    QUEUED = "queued", _("queued")  # due at next_attempt_at, not tried yet
    SENDING = "sending", _("sending")  # claimed by a worker until claimed_until
    DEFERRED = "deferred", _("deferred")  # tried, refused for now; due again
    ACCEPTED = "accepted", _("accepted")  # the receiver took it (not: it was read)
    BOUNCED = "bounced", _("bounced")  # a host took it, and returned it later
    REFUSED = "refused", _("refused")  # the receiver or our own rules said no for good
    EXPIRED = "expired", _("expired")  # still deferred when the time limit ran out
    SUPPRESSED = "suppressed", _("suppressed")  # never tried: unsubscribed or blocked
    CANCELLED = "cancelled", _("cancelled")  # its mailing was cancelled first

    @property
    def is_final(self) -> bool:
        return self not in OPEN


OPEN = frozenset({DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.DEFERRED})
DUE = frozenset({DeliveryState.QUEUED, DeliveryState.DEFERRED})
FINAL = frozenset(DeliveryState) - OPEN

DELIVERY_MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.QUEUED: frozenset(
        {
            DeliveryState.SENDING,
            DeliveryState.SUPPRESSED,
            DeliveryState.EXPIRED,
            DeliveryState.CANCELLED,
        }
    ),
    # deferred -> accepted, refused: the worker was given up, then its reply came in after all
    # deferred -> bounced: an uncertain attempt had reached a host, which returned it
    DeliveryState.DEFERRED: frozenset(
        {
            DeliveryState.SENDING,
            DeliveryState.ACCEPTED,
            DeliveryState.BOUNCED,
            DeliveryState.REFUSED,
            DeliveryState.SUPPRESSED,
            DeliveryState.EXPIRED,
            DeliveryState.CANCELLED,
        }
    ),
    # sending -> queued: claimed, but given back untried; -> deferred also when a lease runs out
    DeliveryState.SENDING: frozenset(
        {
            DeliveryState.QUEUED,
            DeliveryState.DEFERRED,
            DeliveryState.ACCEPTED,
            DeliveryState.REFUSED,
            DeliveryState.EXPIRED,
            DeliveryState.SUPPRESSED,
        }
    ),
    # accepted -> bounced: the late bounce, perhaps days later
    DeliveryState.ACCEPTED: frozenset({DeliveryState.BOUNCED}),
    DeliveryState.BOUNCED: frozenset(),
    DeliveryState.REFUSED: frozenset(),
    DeliveryState.EXPIRED: frozenset(),
    DeliveryState.SUPPRESSED: frozenset(),
    # cancelled -> accepted: the message was on its way when its mailing was cancelled
    DeliveryState.CANCELLED: frozenset({DeliveryState.ACCEPTED}),
}
