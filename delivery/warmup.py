"""Warming up new IPs: daily allowances towards each destination group.

What is beyond today's allowance goes through the warm IPs of the same pool at once. When a pool has
only warming ones and all allowances are used, its mail waits until midnight, and the page says so.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from textwrap import shorten

from django.db import transaction

from customers import audit
from delivery import allowances, announcements, windows
from delivery.ids import floor_of
from delivery.models import Attempt, Destination, SendingIp, WarmUp

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Progress:
    """One IP towards one group today. `used` of `allowance` messages."""

    row: WarmUp
    day: int  # from 1
    allowance: int
    used: int


def schedule(*, first: int = 50, factor: float = 2.0, cap: int = 100_000) -> list[int]:
    """Allowances from the first day until the cap is passed. Pure; `factor` above 1."""
    days, allowance = [], float(first)
    while allowance < cap:
        days.append(int(allowance))
        allowance *= factor
    return days


def allowance(allowances: Sequence[int], *, started_on: date, today: date) -> int | None:
    """Messages of that day; None when the IP is warm (or the warm-up is still to come: 0). Pure."""
    day = (today - started_on).days
    if day < 0:
        return 0
    return allowances[day] if day < len(allowances) else None


def begin(
    *, ip: SendingIp, allowances: Sequence[int], started_on: date, by: audit.Actor, now: datetime
) -> None:
    """Warm an IP up towards every group, from the first day again if it was warming already."""
    slugs = {OTHER, *Destination.objects.values_list("slug", flat=True)}
    with transaction.atomic():
        WarmUp.objects.filter(ip=ip).delete()
        WarmUp.objects.bulk_create(
            WarmUp(ip=ip, destination=slug, started_on=started_on, allowances=list(allowances))
            for slug in sorted(slugs)
        )
        _audit("ip.warm-up", ip, by, now, days=allowances)


def end(*, ip: SendingIp, why: str, by: audit.Actor, now: datetime) -> None:
    """The IP counts as warm from now on."""
    with transaction.atomic():
        WarmUp.objects.filter(ip=ip).delete()
        _audit("ip.warm", ip, by, now, why=why)


def window(*, ip_id: int, destination: str, now: datetime) -> windows.Window | None:
    """What is left of today's allowance; None for a warm IP.

    A group that has no schedule of its own, such as a single domain, has that of "other".
    """
    rows = _rows([ip_id])
    row = rows.get((ip_id, destination)) or rows.get((ip_id, OTHER))
    return None if row is None else _window(row, destination, now)


def used_up(lanes: Sequence[tuple[int, str]], *, now: datetime) -> set[tuple[int, str]]:
    """Those (IP id, destination) pairs whose allowance of today is used."""
    rows, found = _rows({ip_id for ip_id, _ in lanes}), set()
    for ip_id, destination in lanes:
        row = rows.get((ip_id, destination)) or rows.get((ip_id, OTHER))
        today = _window(row, destination, now) if row is not None else None
        if today is not None and windows.is_used_up([today]):
            found.add((ip_id, destination))
    return found


def _rows(ip_ids: Collection[int]) -> dict[tuple[int, str], WarmUp]:
    rows = WarmUp.objects.filter(ip__in=ip_ids).select_related("ip")
    return {(row.ip.pk, row.destination): row for row in rows}


def progress(*, now: datetime) -> list[Progress]:
    """All warm-ups under way, for the page."""
    found = []
    for row in WarmUp.objects.select_related("ip").order_by("ip_id", "destination"):
        open_window = _window(row, row.destination, now)
        if open_window is not None:
            day = (_today(now) - row.started_on).days + 1
            used = open_window.limit - windows.left(open_window)
            found.append(Progress(row, day, open_window.limit, used))
    return found


def _window(row: WarmUp, destination: str, now: datetime) -> windows.Window | None:
    today = allowance(row.allowances, started_on=row.started_on, today=_today(now))
    if today is None:
        return None
    source = row.ip.address

    def count(since: datetime) -> int:
        sent = Attempt.objects.filter(id__gte=floor_of(since - timedelta(hours=1)), at__gte=since)
        return allowances.used(sent.filter(source=source, destination=destination))

    name = f"warm:{row.ip_id}:{destination}"
    return windows.Window(name, windows.day_of(now), 86_400, today, count)


def _today(now: datetime) -> date:
    return windows.day_of(now).date()


def _audit(
    verb: str,
    ip: SendingIp,
    by: audit.Actor,
    now: datetime,
    *,
    days: Sequence[int] = (),
    why: str = "",
) -> None:
    """`days` as far as the column goes; the evidence has all."""
    audit.record(
        verb=verb,
        subject=f"ip:{ip.pk}",
        by=by,
        now=now,
        after=shorten(", ".join(map(str, days)), 60, placeholder=" …"),
        why=why,
        evidence={"allowances": list(days)} if days else None,
    )
    announcements.make()
