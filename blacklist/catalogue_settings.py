"""Operators' verbs for blocklists: switch on and off, tune, enter keys, add lists of their own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from blacklist.catalogue import Entry, Impact
from blacklist.catalogue_reading import SHORTEST_CADENCE, CatalogueBroken, read_entry, shipped
from blacklist.models import ListKey, ListSetting, OwnList
from customers import audit
from wire.dnsbl_names import BadTarget, zone_labels

KEEP: Final[Any] = object()  # this setting stays as it is; None: as the catalogue says


class ListRefused(ValueError):
    """What was asked of a list cannot be done: what, why, what next."""


def find(ident: str) -> Entry:
    """A list of the catalogue, or an operator's, by its zone; ListRefused says what is known."""
    name = ident.lower().rstrip(".").removeprefix("{key}.")
    catalogue = shipped()
    if (entry := catalogue.lists.get(name)) is not None:
        return entry
    if (row := OwnList.objects.filter(ident=name).first()) is not None:
        return read_entry(row.definition)
    if why := catalogue.why_not(name):
        raise ListRefused(f"{why}. It cannot be watched.")
    raise ListRefused(f"{ident} is no list that is known here; `blocklists show` names them all.")


def enable(*, ident: str, by: audit.Actor, now: datetime) -> ListSetting:
    """Watch a list from now on. A list whose key is missing is watched when the key is there."""
    return _say(find(ident), "enable", {"enabled": True}, by=by, now=now)


def disable(*, ident: str, by: audit.Actor, now: datetime) -> ListSetting:
    """Watch it no longer; what it listed is not asked about any more."""
    return _say(find(ident), "disable", {"enabled": False}, by=by, now=now)


def tune(
    *,
    ident: str,
    impact: Impact | None = KEEP,
    cadence: int | None = KEEP,
    per_day: int | None = KEEP,
    by: audit.Actor,
    now: datetime,
) -> ListSetting:
    """Another impact, seconds between two looks, or daily limit; None for the catalogue's.

    A cadence below the list's floor is refused: it is the list's own limit.
    """
    entry = find(ident)
    asked = {"impact": impact or "" if impact is not KEEP else KEEP, "cadence": cadence,
             "per_day": per_day}  # fmt: skip
    said = {name: value for name, value in asked.items() if value is not KEEP}
    floor = max(entry.cadence_floor, SHORTEST_CADENCE)
    if cadence is not KEEP and cadence is not None and cadence < floor:
        raise ListRefused(
            f"{entry.ident} may be asked about a resource every {floor} s at most; "
            f"{cadence} s is too often."
        )
    return _say(entry, "tune", said, by=by, now=now)


@transaction.atomic
def set_key(*, account: str, secret: str, by: audit.Actor, now: datetime) -> ListKey:
    """The key with which an account's lists are asked; it is stored encrypted, and never shown."""
    known = sorted({entry.key for entry in _all_entries() if entry.key})
    if account not in known:
        raise ListRefused(f"No list needs a key of {account!r}; accounts are: {', '.join(known)}.")
    secret = secret.strip()
    try:
        whole = "." not in secret and bool(zone_labels(secret))
    except BadTarget:
        whole = False
    if not whole:
        raise ListRefused("A key is one label of letters, digits and hyphens: copy it once more.")
    row, _ = ListKey.objects.update_or_create(
        account=account,
        defaults={"secret": secret, "changed_at": now, "changed_by": audit.person_of(by)},
    )
    audit.record(verb="blocklist.key", subject=f"account:{account}", by=by, now=now)
    return row


@transaction.atomic
def remove_key(*, account: str, by: audit.Actor, now: datetime) -> None:
    """Its lists are watched no longer; those that they replaced are again."""
    if not ListKey.objects.filter(account=account).delete()[0]:
        raise ListRefused(f"There is no key of {account!r}.")
    audit.record(verb="blocklist.key-remove", subject=f"account:{account}", by=by, now=now)


@transaction.atomic
def add_own(*, definition: Mapping[str, Any], by: audit.Actor, now: datetime) -> OwnList:
    """A list of the operator's, or another text for one; it is watched at once.

    `definition` is a [[list]] table of lists.toml; ListRefused names all that is wrong with it.
    """
    try:
        entry = read_entry(definition)
    except CatalogueBroken as broken:
        raise ListRefused(str(broken)) from None
    if entry.ident in shipped().lists:
        raise ListRefused(f"{entry.ident} is in the catalogue: enable it there.")
    if why := shipped().why_not(entry.ident):
        raise ListRefused(f"{why}. It cannot be watched.")
    row, _ = OwnList.objects.update_or_create(
        ident=entry.ident,
        defaults={
            "definition": {**definition, "default": True},
            "changed_at": now,
            "changed_by": audit.person_of(by),
        },
    )
    audit.record(verb="blocklist.add", subject=f"blocklist:{entry.ident}", by=by, now=now)
    return row


@transaction.atomic
def remove_own(*, ident: str, by: audit.Actor, now: datetime) -> None:
    """Forget a list of the operator's, and its settings."""
    if not OwnList.objects.filter(ident=ident).delete()[0]:
        raise ListRefused(f"{ident} is no list of your own; disable lists of the catalogue.")
    ListSetting.objects.filter(ident=ident).delete()
    audit.record(verb="blocklist.remove", subject=f"blocklist:{ident}", by=by, now=now)


@transaction.atomic
def _say(
    entry: Entry, verb: str, said: Mapping[str, Any], *, by: audit.Actor, now: datetime
) -> ListSetting:
    ListSetting.objects.get_or_create(ident=entry.ident, defaults={"changed_at": now})
    row = ListSetting.objects.select_for_update().get(ident=entry.ident)
    before = {name: getattr(row, name) for name in said}
    for name, value in said.items():
        setattr(row, name, value)
    row.changed_at, row.changed_by = now, audit.person_of(by)
    row.save(update_fields=[*said, "changed_at", "changed_by"])
    audit.record(
        verb=f"blocklist.{verb}",
        subject=f"blocklist:{entry.ident}"[:120],
        by=by,
        now=now,
        evidence={"before": before, "after": dict(said)},
    )
    return row


def _all_entries() -> list[Entry]:
    own = [read_entry(row.definition) for row in OwnList.objects.all()]
    return [*shipped().lists.values(), *own]
