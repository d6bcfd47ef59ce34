"""Writes attempts, with a whole conversation, as workers leave them behind."""

from datetime import datetime
from typing import Any

from delivery.models import Attempt, Delivery

CONVERSATION = """\
+0ms -- connected from 127.0.10.1
+3ms S: 220 mx.r.example ESMTP
+4ms C: EHLO out0.sakura.mail.example
+6ms S: 250-mx.r.example
+6ms S: 250 PIPELINING
+7ms C: MAIL FROM:<b+1@bounce.sakura.mail.example>
+8ms S: 250 2.1.0 Ok
+8ms C: RCPT TO:<hanako@r.example>
+9ms S: 550 5.1.1 User unknown"""


def make_attempt(delivery: Delivery, *, at: datetime, **fields: Any) -> Attempt:
    """A refusal for an unknown user, unless `fields` say otherwise."""
    values = {
        "source": "127.0.10.1", "helo": "out0.sakura.mail.example",
        "envelope_sender": "b+1@bounce.sakura.mail.example", "mx_host": "mx.r.example",
        "mx_address": "127.1.0.1", "tls": "", "phase": "rcpt", "code": 550, "enhanced": "5.1.1",
        "text": "5.1.1 User unknown", "verdict": "refused", "category": "unknown-user",
        "matched_list": "", "reason": "smtp-reply", "seconds": 0.012, "conversation": CONVERSATION,
    }  # fmt: skip
    return Attempt.objects.create(
        delivery_id=delivery.pk, mailing_id=delivery.mailing_id, customer_id=delivery.customer_id,
        address=delivery.address, destination=delivery.destination, at=at, **values | fields,
    )  # fmt: skip


def settle(delivery: Delivery, *, state: str, reason: str, at: datetime) -> None:
    """Where an attempt brought it."""
    Delivery.objects.filter(pk=delivery.pk).update(
        state=state, reason=reason, attempts=1, finished_at=at
    )
