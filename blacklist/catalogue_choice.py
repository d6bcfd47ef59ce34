"""Which lists are watched, how gravely and how often: the catalogue, and what operators said.

The decision is pure; `watched` gathers its facts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from django.utils.translation import gettext as _

from blacklist.catalogue import Catalogue, Entry, Impact
from blacklist.catalogue_reading import read_entry, shipped
from blacklist.models import ListKey, ListSetting, OwnList
from wire.dnsbl import Rule


class Setting(Protocol):
    """What an operator said of a list; models.ListSetting is one."""

    enabled: bool | None
    impact: str
    cadence: int | None
    per_day: int | None


@dataclass(frozen=True, slots=True)
class Watched:
    """One list as it is treated here. `why_not` says why it is not asked; empty: it is.

    `rule` is None where a key is missing. `cadence` is in seconds. `own`: the operator's own list.
    """

    entry: Entry
    impact: Impact
    cadence: int
    rule: Rule | None
    why_not: str
    own: bool = False

    @property
    def may_act(self) -> bool:
        """Whether a listing may lead to anything by itself: not where nothing proves the list."""
        return self.impact is not Impact.INFO and self.entry.has_control


def watched() -> list[Watched]:
    """All lists, watched or not, in the order of the catalogue, the operator's own last."""
    own = [read_entry(row.definition) for row in OwnList.objects.order_by("ident")]
    settings = {row.ident: row for row in ListSetting.objects.all()}
    keys = {row.account: row.secret for row in ListKey.objects.all()}
    return choose(shipped(), own=own, settings=settings, keys=keys)


def choose(
    catalogue: Catalogue,
    *,
    own: Iterable[Entry],
    settings: Mapping[str, Setting],
    keys: Mapping[str, str],
) -> list[Watched]:
    """Pure. A list that another one replaces is watched only while that one is not."""
    # A list of the operator's may have come into the catalogue since.
    entries = [*catalogue.lists.values(), *(one for one in own if one.ident not in catalogue.lists)]
    reasons = {one.ident: _why_not(one, settings.get(one.ident), keys) for one in entries}
    replaced = {
        one.replaces: one.ident for one in entries if one.replaces and not reasons[one.ident]
    }
    return [
        _watched(
            entry,
            settings.get(entry.ident),
            keys,
            reasons[entry.ident] or _replaced(entry, settings.get(entry.ident), replaced),
            own=entry.ident not in catalogue.lists,
        )
        for entry in entries
    ]


def cadence(entry: Entry, impact: Impact, chosen: int | None) -> int:
    """Seconds between two questions about one resource, never below the list's own floor."""
    return max(chosen or impact.cadence, entry.cadence_floor)


def _watched(
    entry: Entry, setting: Setting | None, keys: Mapping[str, str], why_not: str, *, own: bool
) -> Watched:
    impact = Impact(setting.impact) if setting and setting.impact else entry.impact
    rule = None
    if not entry.key or entry.key in keys:
        per_day = setting.per_day if setting else None
        rule = entry.rule(key=keys.get(entry.key, ""), per_day=per_day)
    every = cadence(entry, impact, setting.cadence if setting else None)
    return Watched(entry, impact, every, rule, why_not, own)


def _why_not(entry: Entry, setting: Setting | None, keys: Mapping[str, str]) -> str:
    said = setting.enabled if setting else None
    if said is False:
        return _("switched off")
    if said is None and not entry.default:
        return _("not in the set that is watched from the start")
    if entry.key and entry.key not in keys:
        return _("needs a key of the account %(account)s") % {"account": entry.key}
    return ""


def _replaced(entry: Entry, setting: Setting | None, replaced: Mapping[str, str]) -> str:
    by = replaced.get(entry.ident)
    asked_for = setting is not None and setting.enabled is True
    return _("replaced by %(list)s") % {"list": by} if by and not asked_for else ""
