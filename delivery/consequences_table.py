"""The one table that says what follows from a category of failure. Pure: no queries.

Operators see it on a page, and may change the figures of a category (consequences_policy).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from customers.models import SuppressionReason
from delivery.models.counting import SuppressionScope
from wire.outcomes import Verdict
from wire.replies import Permanence

YEAR = timedelta(days=365)


class Retry(StrEnum):
    """Whether a failed attempt is repeated."""

    as_told = "as-told"  # final when the reply is permanent
    always = "always"  # until the time limit, even after a 5xx


@dataclass(frozen=True, slots=True)
class Consequence:
    """What one category leads to. `why` is shown beside it.

    With a `reason`, failures that are the address's own are strikes; `strikes` of them `within`
    that time suppress it for those in `scope`, for as long as it `lasts` (None: for good).
    `strikes_after_data` is how many it takes when the receiver says so only after the message.
    """

    why: Promise
    retry: Retry = Retry.as_told
    reason: SuppressionReason | None = None
    scope: SuppressionScope = SuppressionScope.NONE
    strikes: int = 1
    strikes_after_data: int = 1
    within: timedelta = YEAR
    lasts: timedelta | None = None
    is_evidence: bool = False  # names a list or our reputation: blocklist watch reads it
    is_kept: bool = False  # failed because of us: may be sent again when the cause is gone


def _strikes(
    why: Promise,
    reason: SuppressionReason,
    strikes: int,
    *,
    after_data: int,
    retry: Retry = Retry.as_told,
    within: timedelta = YEAR,
    lasts: timedelta | None = None,
) -> Consequence:
    """Failures that count against the address, for the customer whose mail it was."""
    return Consequence(
        why, retry, reason, SuppressionScope.CUSTOMER, strikes, after_data, within, lasts
    )


def _ours(why: Promise) -> Consequence:
    """Failures that count against our route."""
    return Consequence(why, is_evidence=True, is_kept=True)


# A dead address stays suppressed: blocklist operators turn addresses that bounced for a year into
# traps (M3AAWG, "Best Common Practices: Senders", on recycled spam traps).
TABLE: Final[Mapping[str, Consequence]] = {
    "unknown-user": _strikes(
        _("Dead addresses come back as spam traps: it is not mailed again."),
        SuppressionReason.UNKNOWN_USER,
        1,
        after_data=3,
    ),
    "no-such-domain": _strikes(
        _("A domain can lapse for a day: only the second failure counts."),
        SuppressionReason.NO_SUCH_DOMAIN,
        2,
        after_data=2,
    ),
    "no-mail-host": _strikes(
        _("A domain can lose its records for a day: only the second failure counts."),
        SuppressionReason.NO_SUCH_DOMAIN,
        2,
        after_data=2,
    ),
    "null-mx": _strikes(
        _("The domain says that it takes no mail (RFC 7505)."),
        SuppressionReason.NO_SUCH_DOMAIN,
        1,
        after_data=1,
    ),
    "mailbox-disabled": _strikes(
        _("Abandoned mailboxes come back as spam traps: it is not mailed again."),
        SuppressionReason.MAILBOX_DISABLED,
        1,
        after_data=2,
    ),
    "mailbox-full": _strikes(
        _("People clear their mailbox: tried until the time limit, then a strike."),
        SuppressionReason.MAILBOX_FULL,
        3,
        after_data=3,
        retry=Retry.always,
        within=timedelta(days=90),
        lasts=timedelta(days=90),
    ),
    "recipient-policy": _strikes(
        _("The recipient's own filter; the address lives."),
        SuppressionReason.RECIPIENT_POLICY,
        5,
        after_data=5,
        within=timedelta(days=90),
        lasts=timedelta(days=180),
    ),
    "complaint": _strikes(
        _("The recipient called the mail spam: that customer does not mail it again."),
        SuppressionReason.COMPLAINT,
        1,
        after_data=1,
    ),
    "ip-listed": _ours(_("Our IP is listed, the recipient is innocent.")),
    "domain-listed": _ours(_("A sending domain is listed, the recipient is innocent.")),
    "ip-reputation": _ours(_("The receiver mistrusts our IP.")),
    "domain-reputation": _ours(_("The receiver mistrusts a sending domain.")),
    "url-listed": Consequence(_("A link in the message is listed."), is_evidence=True),
    "authentication": Consequence(
        _("SPF, DKIM, DMARC, reverse DNS or TLS: ours to mend."), is_kept=True
    ),
    "relay-denied": Consequence(_("The host does not take mail for that domain.")),
    "content": Consequence(_("The message was refused, not the address.")),
    "too-large": Consequence(_("The message was refused, not the address.")),
    "rate-limit": Consequence(_("Sent more slowly, and tried again."), retry=Retry.always),
    "greylist": Consequence(_("The receiver wants a second attempt."), retry=Retry.always),
    "network": Consequence(_("The way to the mailbox is broken.")),
    "protocol": Consequence(_("The conversation failed; that proves nothing.")),
    "unclassified": Consequence(_("Nobody is blamed before somebody has read it.")),
}
# Reasons of our own side and of the network (wire.outcomes) have no row: the attempt's own verdict
# stands, and nobody is blamed.
_OTHER: Final = Consequence(_("The attempt's own verdict stands."))


def consequence(category: str, table: Mapping[str, Consequence] = TABLE) -> Consequence:
    """The row of a category; one without consequences for what has none."""
    return table.get(category, _OTHER)


def is_final(category: str, *, verdict: Verdict, permanence: str) -> bool:
    """Whether a failed attempt ends the delivery. What the reply means goes before its digit."""
    if consequence(category).retry is Retry.always:
        return False
    if permanence == Permanence.unknown:
        return verdict is Verdict.refused
    return permanence == Permanence.permanent


def needed(row: Consequence, *, after_data: bool) -> int:
    """How many strikes suppress."""
    return row.strikes_after_data if after_data else row.strikes


def suppresses(
    row: Consequence, strikes: Iterable[datetime], *, after_data: bool, now: datetime
) -> bool:
    """Whether these open strikes (their times, one for each delivery) are enough."""
    if row.scope == SuppressionScope.NONE or row.reason is None:
        return False
    recent = sum(at > now - row.within for at in strikes)
    return recent >= needed(row, after_data=after_data)


def kept() -> frozenset[str]:
    """Reasons of refused and expired deliveries that failed because of us, not of the recipient."""
    return frozenset(category for category, row in TABLE.items() if row.is_kept)


def changed(
    table: Mapping[str, Consequence], changes: Mapping[str, Mapping[str, object]]
) -> dict[str, Consequence]:
    """The table with the operators' figures in place of the shipped ones."""
    known = {category: fields for category, fields in changes.items() if category in table}
    return dict(table) | {
        category: replace(table[category], **fields)  # type: ignore[arg-type]
        for category, fields in known.items()
    }
