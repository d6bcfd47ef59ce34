"""What pages show of reports: read-only queries. The raw mail is never loaded for a list."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet
from django.db.models.functions import Lower

from delivery.ids import SEQUENCE_BITS, floor_of
from delivery.models import Delivery, Report, ReportKind, ReportState

WEEK = timedelta(days=7)
# Of one mail, in octets, on its page; the rest is in the download.
SHOWN = 64 * 1024


@dataclass(frozen=True, slots=True)
class Tally:
    """How many reports of one state came in during the last week, by kind."""

    state: str
    kinds: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.kinds.values())


def of_delivery(delivery: Delivery) -> QuerySet[Report]:
    """Oldest first, also those that were refused. None is older than its delivery."""
    first = delivery.pk >> SEQUENCE_BITS << SEQUENCE_BITS
    found = Report.objects.filter(delivery_id=delivery.pk, id__gte=first)
    return found.defer("raw").order_by("received_at", "id")


def tallies(*, now: datetime) -> list[Tally]:
    """One for each state, also where there was none."""
    rows = Report.objects.filter(id__gte=floor_of(now - WEEK), received_at__gte=now - WEEK)
    return sums(rows.values_list("state", "kind").annotate(n=Count("id")).order_by())


def sums(rows: Iterable[tuple[str, str, int]]) -> list[Tally]:
    """From (state, kind, count)."""
    found: dict[str, dict[str, int]] = {state: {} for state in ReportState.values}
    for state, kind, count in rows:
        found[state][kind] = count
    return [Tally(state, kinds) for state, kinds in found.items()]


def listed(*, state: str = "", kind: str = "", recipient: str = "") -> QuerySet[Report]:
    """Newest first; what is empty does not narrow. `recipient` as the report names it."""
    found = Report.objects.defer("raw").order_by("-id")
    if state in ReportState.values:
        found = found.filter(state=state)
    if kind in ReportKind.values:
        found = found.filter(kind=kind)
    if recipient:
        lower = found.annotate(recipient_lower=Lower("recipient"))
        found = lower.filter(recipient_lower=recipient.lower())
    return found


def raw_of(report: Report) -> bytes:
    """The whole mail; a further report of a mail finds it at the first one. b"" when it is gone."""
    if report.mail_id is None:
        return bytes(report.raw)
    return next(
        (
            bytes(raw)
            for raw in Report.objects.filter(pk=report.mail_id).values_list("raw", flat=True)
        ),
        b"",
    )


def shown(raw: bytes) -> str:
    """The beginning as text: ISO-2022-JP as it is read, octets that mean nothing replaced."""
    head = raw[:SHOWN]
    charset = "iso-2022-jp" if b"\x1b$" in head else "utf-8"
    return head.decode(charset, "replace").replace("\r\n", "\n")
