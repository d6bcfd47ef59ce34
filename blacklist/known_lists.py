"""Lists by the names that replies give them: those we ask, and those that only replies tell of.

One value for all that the watch needs of lists, read anew every while.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from blacklist.catalogue import Catalogue, Entry, Impact
from blacklist.catalogue_choice import Watched, watched
from blacklist.catalogue_reading import shipped
from wire.dnsbl import Kind, Rule

# Names that stand for one zone or another: what receivers write when they mean the operator.
OPERATORS: Final[Mapping[str, Mapping[Kind, str]]] = {
    "spamhaus.org": {
        Kind.ip4: "zen.spamhaus.org",
        Kind.ip6: "zen.spamhaus.org",
        Kind.domain: "dbl.spamhaus.org",
    },
    "css.spamhaus.org": {Kind.ip4: "zen.spamhaus.org", Kind.ip6: "zen.spamhaus.org"},
    "Abusix": dict.fromkeys(Kind, "combined.mail.abusix.zone"),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A list. Without a `rule` it is not asked: it has no zone, no key, or is switched off.

    `has_one_voice`: only the hosts of the provider that keeps it speak of it.
    """

    name: str
    impact: Impact
    cadence: timedelta = timedelta(days=1)
    rule: Rule | None = None
    entry: Entry | None = None
    has_one_voice: bool = False

    @property
    def floor(self) -> timedelta:
        return timedelta(seconds=self.entry.cadence_floor if self.entry else 0)

    def holds(self, kind: Kind) -> bool:
        """Whether such a resource can be on it, as far as anybody knows."""
        return self.entry is None or kind in self.entry.kinds

    def impact_of(self, codes: tuple[str, ...]) -> Impact:
        """How grave it is to be on it with these codes."""
        return self.entry.impact_of(codes, self.impact) if self.entry else self.impact


@dataclass(frozen=True, slots=True)
class KnownLists:
    """All lists by their name; `instead` leads from a list to the asked one that speaks for it."""

    lists: Mapping[str, Known]
    instead: Mapping[str, str]
    catalogue: Catalogue

    def asked(self) -> list[Known]:
        """Those that the watch asks."""
        return [known for known in self.lists.values() if known.rule is not None]

    def called(self, name: str, kind: Kind) -> Known | None:
        """The list that a reply calls so; None for no name, and for dead zones and what is no
        blocklist: those say something of the receiver, not of us.
        """
        if not name or self.catalogue.why_not(name):
            return None
        zone = OPERATORS.get(name, {}).get(kind, name)
        return self.named(self.instead.get(zone, zone))

    def named(self, name: str) -> Known:
        """A zone, a provider's list, or one that nobody has told us of: that is minor."""
        if (known := self.lists.get(name)) is not None:
            return known
        if (provider := self.catalogue.provider_called(name)) is not None:
            return Known(provider.name, provider.impact, has_one_voice=True)
        return Known(name, Impact.MINOR)


def read() -> KnownLists:
    """As the catalogue and the operators have it now."""
    return known_lists(shipped(), watched())


def known_lists(catalogue: Catalogue, chosen: Iterable[Watched]) -> KnownLists:
    """Pure."""
    chosen = list(chosen)
    asked = {one.entry.ident for one in chosen if one.rule is not None and not one.why_not}
    lists = {one.entry.ident: _known(one, is_asked=one.entry.ident in asked) for one in chosen}
    instead = {}
    for one in chosen:
        entry = one.entry
        if entry.replaces and entry.ident in asked:
            instead[entry.replaces] = entry.ident
    for one in chosen:
        entry = one.entry
        if entry.included_in and entry.ident not in asked:
            instead[entry.ident] = instead.get(entry.included_in, entry.included_in)
    return KnownLists(lists, instead, catalogue)


def _known(one: Watched, *, is_asked: bool) -> Known:
    rule = one.rule if is_asked else None
    return Known(one.entry.ident, one.impact, timedelta(seconds=one.cadence), rule, one.entry)
