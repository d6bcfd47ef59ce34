"""The catalogue of blocklists: what the product knows of each, read from lists.toml. No database.

A list is known by its `ident`: its zone without the place for a key. The rules for SMTP replies
(wire/rules) name lists by the same words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from wire.dnsbl import Kind, Rule

KEY_MARK: Final = "{key}."
# Lists that state no limit are asked at most so often: nobody should notice us.
PER_SECOND: Final = 20.0


class Impact(models.TextChoices):
    """What a listing does to the mail, and so how often we look (in seconds)."""

    CRITICAL = "critical", _("critical")  # large mailbox providers refuse on it
    MAJOR = "major", _("major")  # many business sites refuse on it
    MINOR = "minor", _("minor")  # scored by filters, refused on by few
    INFO = "info", _("for information")  # shown, never an incident by itself

    @property
    def cadence(self) -> int:
        return CADENCE[self]


CADENCE: Final[Mapping[Impact, int]] = {
    Impact.CRITICAL: 300,
    Impact.MAJOR: 900,
    Impact.MINOR: 7200,
    Impact.INFO: 86_400,
}


class Delisting(models.TextChoices):
    """How a resource comes off a list."""

    REQUEST = "request", _("on request")  # a form, read by people
    SELF_SERVICE = "self-service", _("by oneself, on the list's page")
    AUTOMATIC = "automatic", _("by itself, in time")
    NONE = "none", _("not at all")
    PAID = "paid", _("for money: do not pay")


class Confidence(models.TextChoices):
    """How well an entry of the catalogue is known."""

    PRIMARY = "primary", _("from its operator")
    SECONDARY = "secondary", _("from others")
    UNVERIFIED = "unverified", _("not verified")


@dataclass(frozen=True, slots=True)
class Entry:
    """One blocklist. `cadence_floor` is in seconds; `codes` are answers and their meanings; `key`
    names the account whose key the zone needs.
    """

    ident: str
    name: str
    zone: str
    operator: str
    kinds: frozenset[Kind]
    impact: Impact
    codes: Mapping[str, str]
    code_impact: Mapping[str, Impact]
    delisting: Delisting
    confidence: Confidence
    cadence_floor: int
    refused: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    bitmask: bool = False
    any_code: bool = False
    listed: Mapping[Kind, str] = field(default_factory=dict)
    unlisted: Mapping[Kind, str] = field(default_factory=dict)
    random: bool = True
    per_second: float = 0.0
    per_day: int = 0
    key: str = ""
    registration: bool = False
    default: bool = False
    replaces: str = ""
    included_in: str = ""
    lookup_url: str = ""
    delist_url: str = ""
    notes: str = ""

    @property
    def has_control(self) -> bool:
        """It promises a test entry: without one, a dead list looks as if nobody were on it."""
        return bool(self.listed)

    def impact_of(self, codes: tuple[str, ...], own: Impact) -> Impact:
        """The gravest of a listing's codes; `own` is the list's, as the operator set it."""
        found = [self.code_impact.get(code, own) for code in codes]
        order = list(Impact)
        return min(found, key=order.index, default=own)

    def rule(self, *, key: str = "", per_day: int | None = None) -> Rule:
        """How it is asked and understood. `per_day` instead of the limit that it states."""
        return Rule(
            name=self.ident,
            zone=self.zone.replace(KEY_MARK, f"{key}." if key else ""),
            kinds=self.kinds,
            codes=self.codes,
            refused=self.refused,
            ignored=self.ignored,
            bitmask=self.bitmask,
            any_code=self.any_code,
            listed=self.listed,
            unlisted=self.unlisted,
            random=self.random,
            per_second=self.per_second or PER_SECOND,
            per_day=self.per_day if per_day is None else per_day,
        )


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who keeps a list without a zone; `called` are its names in the rules for replies."""

    name: str
    operator: str
    kinds: frozenset[Kind]
    impact: Impact
    delisting: Delisting
    called: tuple[str, ...] = ()
    lookup_url: str = ""
    delist_url: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Dead:
    """A zone that must not be asked; `danger` says what it would do."""

    zone: str
    since: str
    danger: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of it, by ident, name or zone. `no_blocklists` are zones and what they mean."""

    lists: Mapping[str, Entry]
    providers: Mapping[str, Provider]
    dead: Mapping[str, Dead]
    no_blocklists: Mapping[str, str]

    def why_not(self, zone: str) -> str:
        """Why a zone must not be watched; empty when nothing is known against it."""
        ident = zone.lower().rstrip(".").removeprefix(KEY_MARK)
        if (dead := self.dead.get(ident)) is not None:
            since = f" since {dead.since}" if dead.since else ""
            return f"{ident} is dead{since}: {dead.reason} ({dead.danger}; {dead.source})"
        if (meaning := self.no_blocklists.get(ident)) is not None:
            return f"{ident} is no blocklist: {meaning}"
        return ""

    def provider_called(self, name: str) -> Provider | None:
        """The provider whose list a rule for replies calls so."""
        found = (one for one in self.providers.values() if name in (one.name, *one.called))
        return next(found, None)
