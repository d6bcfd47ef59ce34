"""What the watch looks after: every address and name by which receivers know this platform.

Customers' own domains are looked after too, for information: nobody else tells them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from delivery.models import IpState, Mailing, SendingDomain, SendingIp
from wire.dnsbl import BadTarget, Kind, Target, target

# Customers' domains that mail was sent from within this time.
FROM_WITHIN: Final = timedelta(days=90)


class Role(StrEnum):
    """What a resource is to the platform."""

    SENDING_IP = "sending-ip"
    SENDING_DOMAIN = "sending-domain"
    HELO = "helo"
    ENVELOPE = "envelope"
    LINKS = "links"  # what the links in mail lead to
    FROM = "from"  # a customer's domain, in the From line


@dataclass(frozen=True, slots=True)
class Resource:
    """One of them; `text` is an address, or a domain in lower-case A-labels without a final dot."""

    text: str
    target: Target
    roles: frozenset[Role]

    @property
    def kind(self) -> Kind:
        return self.target.kind

    @property
    def is_ours(self) -> bool:
        """Of the platform itself: its listing is the platform's trouble."""
        return self.roles != {Role.FROM}


Resources = Mapping[str, Resource]


def gather(*, now: datetime) -> dict[str, Resource]:
    """All resources as the database has them now, by their text."""
    found: dict[str, set[Role]] = {}
    for text, role in (*_addresses(), *_names(), *_from_domains(now)):
        found.setdefault(text.lower().rstrip("."), set()).add(role)
    return dict(_resources(found, loopback_only=settings.LOOPBACK_ONLY))


def owned(text: str, resources: Resources) -> Resource | None:
    """The resource that a reply means: itself, or for a name the nearest one above it."""
    name = text.lower().rstrip(".")
    if _is_address(name):
        return resources.get(str(ip_address(name)))
    while name:
        if (found := resources.get(name)) is not None and found.kind is Kind.domain:
            return found
        name = name.partition(".")[2]
    return None


def _addresses() -> Iterator[tuple[str, Role]]:
    """A retired address may still be listed, but carries no mail."""
    rows = SendingIp.objects.exclude(state=IpState.RETIRED).select_related("pool__domain")
    for row in rows:
        yield row.address, Role.SENDING_IP
        if row.helo:
            yield row.helo, Role.HELO


def _names() -> Iterator[tuple[str, Role]]:
    for row in SendingDomain.objects.all():
        yield row.name, Role.SENDING_DOMAIN
        yield row.helo, Role.HELO
        yield row.envelope_domain, Role.ENVELOPE
    if host := urlsplit(settings.BASE_URL).hostname:
        yield host, Role.LINKS


def _from_domains(now: datetime) -> Iterator[tuple[str, Role]]:
    rows = Mailing.objects.filter(created_at__gte=now - FROM_WITHIN)
    for address in rows.values_list("from_address", flat=True).distinct():
        yield address.rpartition("@")[2], Role.FROM


def _resources(
    found: Mapping[str, Iterable[Role]], *, loopback_only: bool
) -> Iterator[tuple[str, Resource]]:
    for text, roles in found.items():
        if _is_address(text):
            asked = loopback_only or ip_address(text).is_global
            fits = Role.SENDING_IP in roles  # an address is no name to be asked about as one
        else:
            asked, fits = "." in text, True
        try:
            made = target(text)
        except BadTarget:
            continue  # "localhost" and the like: no list knows them
        if asked and fits:
            name = made.text if made.kind is not Kind.domain else as_name(made)
            yield name, Resource(name, made, frozenset(roles))


def as_name(made: Target) -> str:
    """A domain in A-labels, from the labels that are asked about."""
    labels, rest = [], made.labels
    while rest:
        labels.append(rest[1 : rest[0] + 1].decode())
        rest = rest[rest[0] + 1 :]
    return ".".join(labels)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
