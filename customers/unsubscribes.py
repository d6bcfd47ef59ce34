"""Unsubscribing: the signed link in every bulk mail, and what using it does.

The token carries the opt-out itself (customer, mailing, address), so that a link still works when
the delivery's rows have long been dropped.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.conf import settings
from django.db import transaction

from customers import suppressions
from customers.models import Contact, ContactStatus, Customer, SuppressionReason
from wire import tokens

_PURPOSE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class OptOut:
    """Whose mail, to which address (canonical key), asked for in which mailing's link."""

    customer_id: int
    mailing_id: int
    key: str


def token(opt_out: OptOut) -> str:
    """URL-safe; signed, so nobody can unsubscribe someone else by counting up."""
    payload = json.dumps([opt_out.customer_id, opt_out.mailing_id, opt_out.key])
    return tokens.sign(payload.encode(), purpose=_PURPOSE, key=settings.SECRET_KEY.encode())


def read(token: str) -> OptOut | None:
    """None for a token that we did not make; one signed with an old key still counts."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if payload := tokens.verify(token, purpose=_PURPOSE, key=key.encode()):
            return OptOut(*json.loads(payload))
    return None


def link(token: str) -> str:
    """The address of the page, also the one-click endpoint of RFC 8058."""
    return f"{settings.BASE_URL}/u/{token}"


# How it was asked for: on the page behind the link, by one click in a mail program, by a mail to
# the address in the header, or through a feedback loop.
Channel = Literal["page", "one-click", "mail", "report"]


@transaction.atomic
def unsubscribe(*, opt_out: OptOut, channel: Channel, now: datetime) -> bool:
    """End all mail of that customer to that address, in all its lists. False when it had ended.

    The act asks that an opt-out holds for the sender, not for one list (Art. 3(3)).
    """
    if not Customer.objects.filter(pk=opt_out.customer_id).exists():
        return False
    added = suppressions.add(
        customer_id=opt_out.customer_id,
        key=opt_out.key,
        reason=SuppressionReason.UNSUBSCRIBED,
        evidence={"mailing": opt_out.mailing_id, "channel": channel},
        by="recipient",
        now=now,
    )
    Contact.objects.filter(recipient_list__customer_id=opt_out.customer_id, key=opt_out.key).update(
        status=ContactStatus.UNSUBSCRIBED
    )
    return added is suppressions.Added.NEW


def has_ended(opt_out: OptOut) -> bool:
    """Whether that customer's mail to that address has been ended already."""
    found = suppressions.reasons(customer_id=opt_out.customer_id, keys=[opt_out.key])
    return found.get(opt_out.key) == SuppressionReason.UNSUBSCRIBED
