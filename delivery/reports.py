"""Reading what the intake has stored: whose delivery it is about, and what follows.

A late bounce moves its delivery, an opt-out suppresses, bounces and complaints go on to
delivery.consequences; all in the transaction that marks the report as read.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

from django.db import InterfaceError, OperationalError, transaction

from customers import unsubscribes
from delivery import composition, consequences, reports_rows
from delivery.models.report import Report, ReportKind, ReportState
from delivery.reports_matching import Claim, Finding, Known, Signed, claim, judge
from delivery.reports_rows import Mail, Row
from delivery.states import DeliveryState
from wire import reports as reading
from wire.addresses import parse

log = logging.getLogger(__name__)

SIGNED = Signed(composition.delivery_of, composition.read_message_id, composition.seems_ours)
# Of one transaction.
BATCH = 200
# Of one task, which comes each second: what takes longer goes on in the next one.
READ_SECONDS = 2.0
# A bounce may be faster than the record of the attempt that it answers.
PATIENCE = timedelta(seconds=5)
# Of one mail: a report on more recipients is not about our mail, which has one each.
MOST_REPORTS = 20
# With consequences of their own, drawn by delivery.consequences.
_JUDGED = frozenset({ReportKind.BOUNCE, ReportKind.COMPLAINT})


@dataclass(frozen=True, slots=True)
class Part:
    """One report of a mail, and the delivery it names."""

    report: reading.Report
    claim: Claim


def read_new(*, now: datetime, seconds: float) -> int:
    """Read what is due, for about so long; how many mails. Of two at once, one ends with 0.

    What breaks is tried again by itself, then marked as failed: one bad mail holds up no other.
    Raises OperationalError while the database is away.
    """
    ends = monotonic() + seconds
    count = 0
    while done := _read_some(now):
        count += done
        if monotonic() > ends:
            break
    return count


def _read_some(now: datetime) -> int:
    try:
        with transaction.atomic():
            mails = reports_rows.claim(most=BATCH, now=now)
            _read(mails, now)
            return len(mails)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("A batch of reports could not be read: each is tried by itself now.")
    return sum(_read_one(now) for _ in range(BATCH))


def _read_one(now: datetime) -> int:
    with transaction.atomic():
        mails = reports_rows.claim(most=1, now=now)
        for mail in mails:
            try:
                with transaction.atomic():
                    _read([mail], now)
            except (OperationalError, InterfaceError):
                raise
            except Exception:
                log.exception("Report %s could not be read: see its page.", mail.id)
                Report.objects.filter(pk=mail.id).update(
                    state=ReportState.FAILED, reason="reading-failed", read_at=now
                )
        return len(mails)


def _read(mails: Sequence[Mail], now: datetime) -> None:
    parts = {mail.id: _parts(mail) for mail in mails}
    named = {part.claim.delivery_id or 0 for found in parts.values() for part in found}
    known = reports_rows.known(sorted(named - {0}))
    rows: list[Row] = []
    for mail in mails:
        findings = [judge(part.report, part.claim, known) for part in parts[mail.id]]
        if any(finding.state == ReportState.NEW for finding in findings):
            Report.objects.filter(pk=mail.id).update(due_at=now + PATIENCE)
            continue
        for part, finding in zip(parts[mail.id], findings, strict=True):
            rows.append(Row(mail, part.report, finding))
            _remember(known, part.report, finding)
    _follow_up(reports_rows.write(rows, now=now), now)


def _parts(mail: Mail) -> list[Part]:
    """At least one; a mail that tells nothing is "other"."""
    found = reading.parse(mail.raw)[:MOST_REPORTS] or [reading.Report(reading.Kind.other)]
    return [Part(one, claim(one, rcpt_to=mail.rcpt_to, signed=SIGNED)) for one in found]


def _remember(known: dict[int, Known], report: reading.Report, finding: Finding) -> None:
    """What this one has told is known when the next one is judged."""
    if finding.known is not None and finding.counts:
        state = DeliveryState.BOUNCED if finding.returns else finding.known.state
        told = finding.known.told | {report.kind.value}
        known[finding.known.delivery_id] = replace(finding.known, state=state, told=told)


def _follow_up(written: Sequence[tuple[int, Row]], now: datetime) -> None:
    """The consequences of those that count, by the ids of their rows."""
    counted = [(pk, row) for pk, row in written if row.finding.counts]
    reports_rows.return_deliveries([row for _pk, row in written if row.finding.returns], now=now)
    for _pk, row in counted:
        if row.kind == ReportKind.UNSUBSCRIBE and row.finding.known is not None:
            _unsubscribe(row.finding.known, now)
    if judged := [pk for pk, row in counted if row.kind in _JUDGED]:
        consequences.on_reports(judged, now=now)


def _unsubscribe(known: Known, now: datetime) -> None:
    opt_out = unsubscribes.OptOut(known.customer_id, known.mailing_id, parse(known.address).key)
    unsubscribes.unsubscribe(opt_out=opt_out, channel="report", now=now)
