"""What receivers' replies say about lists: whose listing a reply speaks of. Pure.

Not every reply that names a list is about us: some name the receiver's own resolver, a dead zone,
or a list that only the recipient keeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from blacklist.known_lists import Known, KnownLists
from blacklist.resources import Resource, Resources, owned
from wire.dnsbl import Kind
from wire.verdicts import LISTINGS, REPUTATIONS

SPEAKS_OF_LISTS = LISTINGS | REPUTATIONS
_OF_ADDRESSES = {"ip-listed", "ip-reputation"}


class Key(NamedTuple):
    """A listing: which resource on which list. `blocklist` is empty for a reply that names none."""

    resource: str
    blocklist: str


@dataclass(frozen=True, slots=True)
class Said:
    """Replies of one host that say the same and were recorded together."""

    category: str
    blocklist: str
    resource: str
    source: str
    domain: str  # the sending domain of the pool
    destination: str
    host: str
    at: datetime
    count: int
    lookup_url: str = ""

    @property
    def is_named(self) -> bool:
        """The reply itself says what is listed, and on what."""
        return bool(self.resource and self.blocklist)


@dataclass(frozen=True, slots=True)
class Meant:
    """What replies turned out to be about."""

    resource: Resource
    known: Known | None  # the list; None: they name none, or one that tells nothing

    @property
    def key(self) -> Key:
        return Key(self.resource.text, self.known.name if self.known else "")


@dataclass(frozen=True, slots=True)
class Heard:
    """Replies sorted by the listing that they are about."""

    meant: Mapping[Key, Meant] = field(default_factory=dict)
    said: Mapping[Key, list[Said]] = field(default_factory=dict)


def sort_out(replies: list[Said], resources: Resources, lists: KnownLists) -> Heard:
    """Which listings these replies speak of; what is not about us is left out."""
    meant: dict[Key, Meant] = {}
    said: dict[Key, list[Said]] = {}
    for reply in replies:
        if (found := meaning(reply, resources, lists)) is not None:
            meant[found.key] = found
            said.setdefault(found.key, []).append(reply)
    return Heard(meant, said)


def meaning(reply: Said, resources: Resources, lists: KnownLists) -> Meant | None:
    """The listing that one reply speaks of; None: it is not about a resource of ours.

    A reply that names no address means the one it was said to. Reputation without the name of a
    list is a matter of pace, not of a listing. Receivers use one wording for all their lists: where
    a list of domains is named for an address, the domain is meant.
    """
    for resource in _resources(reply, resources):
        known = lists.called(reply.blocklist, resource.kind)
        if known is None and reply.category in LISTINGS:
            return Meant(resource, None)
        if known is not None and known.holds(resource.kind):
            return Meant(resource, known)
    return None


def _resources(reply: Said, resources: Resources) -> list[Resource]:
    """What may be meant, the likelier first."""
    domain = resources.get(reply.domain)
    if reply.resource:
        found = owned(reply.resource, resources)
    elif reply.category in _OF_ADDRESSES:
        found = resources.get(reply.source)
    else:
        found = domain if reply.category != "url-listed" else None
    if found is None:
        return []
    is_address = found.kind is not Kind.domain
    return [found, domain] if is_address and domain is not None else [found]
