"""The models of delivery, one subject a file."""

from delivery.models.delivery import Attempt, Delivery
from delivery.models.destination import Destination, DomainGroup, SlowDown, WarmUp
from delivery.models.mailing import Mailing, MailingAttachment, MailingKind, MailingRecipient
from delivery.models.pools import (
    Assignment,
    DkimKey,
    DkimKind,
    IpSegment,
    IpState,
    Pool,
    PoolFallback,
    PoolRole,
    PoolState,
    Relay,
    RelayTls,
    SendingDomain,
    SendingIp,
    TlsMinimum,
    TlsUse,
)

__all__ = [
    "Assignment",
    "Attempt",
    "Delivery",
    "Destination",
    "DkimKey",
    "DkimKind",
    "DomainGroup",
    "IpSegment",
    "IpState",
    "Mailing",
    "MailingAttachment",
    "MailingKind",
    "MailingRecipient",
    "Pool",
    "PoolFallback",
    "PoolRole",
    "PoolState",
    "Relay",
    "RelayTls",
    "SendingDomain",
    "SendingIp",
    "SlowDown",
    "TlsMinimum",
    "TlsUse",
    "WarmUp",
]
