"""The rows of reports: claiming those to be read, what they name, writing what was found."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from django.db import connection

from delivery.ids import SEQUENCE_BITS
from delivery.models import Attempt, Delivery
from delivery.models.report import Report, ReportKind, ReportState
from delivery.reports_matching import COUNTED, Finding, Known, kind_of
from delivery.states import DeliveryState
from wire import reports as reading

# Of one batch, in octets: what is read is in memory.
MOST_OCTETS = 16 * 2**20
_LOCK = 0x48415251  # of the reader
# Characters kept of what a report says; the mail itself is kept whole.
LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Mail:
    """A stored mail that this transaction has claimed; `mail_from` "" is the null sender.

    `holder` is the row that holds its octets: of several recipients' rows, the first.
    """

    id: int
    received_at: datetime
    mail_from: str
    rcpt_to: str
    raw: bytes
    holder: int


@dataclass(frozen=True, slots=True)
class Row:
    """One report of a mail, with what was found about it."""

    mail: Mail
    report: reading.Report
    finding: Finding

    @property
    def kind(self) -> ReportKind:
        return kind_of(self.report)


def claim(*, most: int, now: datetime) -> list[Mail]:
    """Lock unread mails that are due until the transaction ends; none while somebody else reads."""
    if not _is_alone():
        return []
    due = Report.objects.filter(state=ReportState.NEW, due_at__lte=now).order_by("due_at")
    sizes = due.select_for_update(skip_locked=True).values_list("id", "size")[:most]
    ids = _as_many_as_fit(sizes)
    rows = Report.objects.filter(id__in=ids).order_by("id")
    found = list(rows.values_list("id", "received_at", "mail_from", "rcpt_to", "mail_id"))
    octets = _octets({mail_id or pk for pk, *_rest, mail_id in found})
    return [
        Mail(pk, at, mail_from, rcpt_to, octets.get(mail_id or pk, b""), mail_id or pk)
        for pk, at, mail_from, rcpt_to, mail_id in found
    ]


def _octets(holders: AbstractSet[int]) -> dict[int, bytes]:
    rows = Report.objects.filter(id__in=holders).values_list("id", "raw")
    return {pk: bytes(raw) for pk, raw in rows}


def _is_alone() -> bool:
    """One reader is fast enough for all, and leaves the other workers of the queue to others."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _as_many_as_fit(sizes: Iterable[tuple[int, int]]) -> list[int]:
    """The ids of the first ones, at least one."""
    ids: list[int] = []
    room = MOST_OCTETS
    for pk, size in sizes:
        room -= size
        if ids and room < 0:
            break
        ids.append(pk)
    return ids


def known(ids: Sequence[int]) -> dict[int, Known]:
    """The deliveries with these ids, locked: two reports about one are judged one after another."""
    if not ids:
        return {}
    first = ids[0] >> SEQUENCE_BITS << SEQUENCE_BITS  # nothing about them is older
    rows = Delivery.objects.filter(id__in=ids).order_by("id").select_for_update()
    found = list(rows.values_list("id", "address", "state", "mailing_id", "customer_id"))
    attempts = dict(
        Attempt.objects.filter(
            delivery_id__in=ids, id__gte=first, verdict__in=["accepted", "uncertain"]
        )
        .order_by("id")
        .values_list("delivery_id", "id")
    )
    told = _told(ids, first)
    return {
        pk: Known(
            pk, address, DeliveryState(state), mailing_id, customer_id,
            attempts.get(pk), frozenset(told.get(pk, ())),
        )
        for pk, address, state, mailing_id, customer_id in found
    }  # fmt: skip


def _told(ids: Sequence[int], first: int) -> dict[int, set[str]]:
    counted = Report.objects.filter(
        delivery_id__in=ids,
        id__gte=first,
        state=ReportState.MATCHED,
        kind__in=[kind.value for kind in COUNTED],
    )
    told: dict[int, set[str]] = {}
    for delivery_id, kind in counted.values_list("delivery_id", "kind"):
        told.setdefault(delivery_id or 0, set()).add(kind)
    return told


_COLUMNS = {
    "state": "text", "reason": "text", "kind": "text", "recipient": "text", "action": "text",
    "status": "text", "diagnostic": "text", "reporting_mta": "text", "remote_mta": "text",
    "original_message_id": "text", "feedback_type": "text", "source_ip": "text",
    "arrival_date": "timestamptz", "category": "text", "permanence": "text", "blamed": "text",
    "matched_list": "text", "resource": "text", "lookup_url": "text", "rule": "text",
    "matched_by": "text", "delivery_id": "bigint", "attempt_id": "bigint",
    "mailing_id": "bigint", "customer_id": "bigint",
}  # fmt: skip
_UPDATE = (
    "UPDATE delivery_report r SET read_at = %(now)s, "  # noqa: S608 - the names are ours
    + ", ".join(f"{name} = v.{name}" for name in _COLUMNS)
    + " FROM unnest(%(id)s::bigint[], "
    + ", ".join(f"%({name})s::{kind}[]" for name, kind in _COLUMNS.items())
    + f") AS v(id, {', '.join(_COLUMNS)}) WHERE r.id = v.id AND r.id BETWEEN %(low)s AND %(high)s"
)


def write(rows: Sequence[Row], *, now: datetime) -> list[tuple[int, Row]]:
    """Mark the mails as read; a mail's second and further reports get rows of their own.

    Returns each with the id of its row.
    """
    first: dict[int, Row] = {}
    further = [row for row in rows if first.setdefault(row.mail.id, row) is not row]
    if first:
        _update(first, now)
    made = Report.objects.bulk_create(
        Report(
            mail_id=row.mail.holder, received_at=row.mail.received_at, due_at=row.mail.received_at,
            rcpt_to=row.mail.rcpt_to, read_at=now, **_values(row),
        )
        for row in further
    )  # fmt: skip
    return [*first.items(), *((one.pk, row) for one, row in zip(made, further, strict=True))]


def _update(rows: dict[int, Row], now: datetime) -> None:
    values = [_values(row) for row in rows.values()]
    columns: dict[str, Any] = {name: [one[name] for one in values] for name in _COLUMNS}
    bounds = {"id": list(rows), "low": min(rows), "high": max(rows), "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, columns | bounds)


def return_deliveries(rows: Sequence[Row], *, now: datetime) -> None:
    """The deliveries that a host took and returned become `bounced`; they are locked by `known`."""
    reasons = {
        row.finding.known.delivery_id: _category(row) or "bounced"
        for row in rows
        if row.finding.known is not None
    }
    if not reasons:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery d SET state = 'bounced', reason = v.reason, finished_at = %s"
            " FROM unnest(%s::bigint[], %s::text[]) AS v(id, reason)"
            " WHERE d.id = v.id AND d.id BETWEEN %s AND %s AND d.state IN ('accepted', 'deferred')",
            [now, list(reasons), list(reasons.values()), min(reasons), max(reasons)],
        )


def _values(row: Row) -> dict[str, Any]:
    """Column -> value, without the mail itself."""
    report, finding = row.report, row.finding
    about = finding.known or finding.opt_out
    said = ("recipient", "action", "status", "diagnostic", "reporting_mta", "remote_mta",
            "original_message_id", "feedback_type", "source_ip")  # fmt: skip
    return {
        **{name: _text(getattr(report, name)) for name in said},
        **_verdict(row),
        "kind": row.kind.value,
        "arrival_date": _moment(report.arrival_date),
        "state": finding.state.value,
        "reason": finding.reason,
        "matched_by": finding.proof.value,
        "delivery_id": finding.known.delivery_id if finding.known else None,
        "attempt_id": finding.known.attempt_id if finding.known else None,
        "mailing_id": about.mailing_id if about else None,
        "customer_id": about.customer_id if about else None,
    }


def _verdict(row: Row) -> dict[str, str]:
    verdict = row.report.verdict
    return {
        "category": _category(row),
        "permanence": verdict.permanence.value if verdict else "",
        "blamed": verdict.blamed.value if verdict else "",
        "matched_list": _text(verdict.list) if verdict else "",
        "resource": _text(verdict.resource) if verdict else "",
        "lookup_url": _text(verdict.lookup_url) if verdict else "",
        "rule": verdict.rule if verdict else "",
    }


def _category(row: Row) -> str:
    return row.report.verdict.category if row.report.verdict else ""


def _text(words: str) -> str:
    """What PostgreSQL stores as text: no NUL, no lone surrogates."""
    kept = words[:LONGEST].encode("utf-8", "replace").decode()
    return kept.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _moment(words: str) -> datetime | None:
    """A date of RFC 5322; None for none, and for one that makes no sense."""
    try:
        found = parsedate_to_datetime(words) if words else None
        if found is not None and found.tzinfo is None:  # "-0000": UTC, place unknown
            found = found.replace(tzinfo=UTC)
        return found.astimezone(UTC) if found is not None else None
    except (ValueError, OverflowError):
        return None
