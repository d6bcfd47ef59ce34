"""Reading what the intake has stored: whose delivery it is about, and what follows.

A late bounce moves its delivery, an opt-out suppresses, bounces and complaints go on to
delivery.consequences; all in the transaction that marks the report as read.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

from django.db import InterfaceError, OperationalError, transaction

from customers import unsubscribes
from customers.unsubscribes import OptOut
from delivery import composition, consequences, reports_rows, verdicts
from delivery.models.report import Report, ReportKind, ReportState
from delivery.reports_matching import Claim, Finding, Known, Proof, Signed, claim, is_about, judge
from delivery.reports_rows import Mail, Row
from delivery.states import DeliveryState
from wire import reports as reading
from wire.addresses import parse

log = logging.getLogger(__name__)

SIGNED = Signed(
    composition.delivery_of, composition.leaving, composition.read_message_id,
    composition.seems_ours,
)  # fmt: skip
# Of one transaction.
BATCH = 200
# Of one task, which comes each second: what takes longer goes on in the next one.
READ_SECONDS = 2.0
# A bounce may be faster than the record of the attempt that it answers.
PATIENCE = timedelta(seconds=5)
# Of one mail: a report on more recipients is not about our mail, which has one each.
MOST_REPORTS = 20
# Of a subject, to look for the token of an opt-out: programs write theirs before it ("Re:").
MOST_WORDS = 8
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
    verdicts.refresh()
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
        since = dict(known)
        found = [(part.report, _judged(part, since)) for part in _in_order(parts[mail.id], known)]
        if any(finding.state == ReportState.NEW for _report, finding in found):
            Report.objects.filter(pk=mail.id).update(due_at=now + PATIENCE)
            continue
        known = since
        rows += (Row(mail, report, finding) for report, finding in found)
    _follow_up(reports_rows.write(rows, now=now), now)


def _parts(mail: Mail) -> list[Part]:
    """At least one; a mail that tells nothing is "other"."""
    found = reading.parse(mail.raw, book=verdicts.rulebook())[:MOST_REPORTS]
    found = found or [reading.Report(reading.Kind.other)]
    if composition.leaving(mail.rcpt_to):
        found = [_as_opt_out(one, mail) for one in found]
    opt_out = (
        _token_in(mail) if any(one.kind == reading.Kind.unsubscribe for one in found) else None
    )
    return [Part(one, _claim(one, mail, opt_out)) for one in found]


def _claim(report: reading.Report, mail: Mail, opt_out: OptOut | None) -> Claim:
    return claim(
        report, rcpt_to=mail.rcpt_to, mail_from=mail.mail_from, signed=SIGNED, opt_out=opt_out
    )


def _token_in(mail: Mail) -> OptOut | None:
    """What the token asks for that our mailto: link puts into the subject."""
    words = reading.subject_of(mail.raw).split()
    return next(filter(None, map(unsubscribes.read, words[:MOST_WORDS])), None)


def _as_opt_out(report: reading.Report, mail: Mail) -> reading.Report:
    """Who writes to the address for it wants to leave, whatever the words are."""
    if report.kind not in {reading.Kind.other, reading.Kind.auto_reply}:
        return report
    writer = report.recipient or reading.writer_of(mail.raw)
    return replace(report, kind=reading.Kind.unsubscribe, recipient=writer)


def _in_order(parts: Sequence[Part], known: Mapping[int, Known]) -> list[Part]:
    """Of several about one delivery the first counts: the one that names its recipient."""

    def names_another(part: Part) -> bool:
        named = known.get(part.claim.delivery_id or 0)
        return named is not None and not is_about(part.report, named.address)

    return sorted(parts, key=names_another)


def _judged(part: Part, known: dict[int, Known]) -> Finding:
    finding = judge(part.report, part.claim, known)
    _remember(known, part.report, finding)
    return finding


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
        if row.kind == ReportKind.UNSUBSCRIBE:
            _unsubscribe(row.finding, now)
    if judged := [pk for pk, row in counted if row.kind in _JUDGED]:
        consequences.on_reports(judged, now=now)


def _unsubscribe(finding: Finding, now: datetime) -> None:
    by_mail = finding.proof in {Proof.unsubscribe_address, Proof.unsubscribe_link}
    channel: unsubscribes.Channel = "mail" if by_mail else "report"
    if opt_out := finding.opt_out or _opt_out_of(finding.known):
        unsubscribes.unsubscribe(opt_out=opt_out, channel=channel, now=now)


def _opt_out_of(known: Known | None) -> OptOut | None:
    if known is None:
        return None
    return OptOut(known.customer_id, known.mailing_id, parse(known.address).key)
