"""Replies as they were heard: by an attempt, or quoted in a report that came in later."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from delivery.ids import floor_of
from delivery.models import Attempt, Report, ReportKind, ReportState
from wire.outcomes import Phase
from wire.replies import Rulebook
from wire.reports import diagnosis

UNCLASSIFIED: Final = "unclassified"
_FAILURES: Final = (ReportKind.BOUNCE, ReportKind.DELAYED)


class Source(TextChoices):
    ATTEMPT = "attempt", _("while sending")
    REPORT = "report", _("in reports")


@dataclass(frozen=True, slots=True)
class Heard:
    """One reply. `text` is the server's alone, `words` is all that rules see; `code` None: a report
    quotes none. `category` is what it was judged as, `host` who said it, "" if not known.
    """

    source: Source
    id: int
    delivery_id: int
    at: datetime
    phase: Phase
    code: int | None
    enhanced: str
    text: str
    words: str
    host: str
    category: str


def of_attempt(row: Attempt) -> Heard:
    """The row may be loaded without its conversation."""
    return Heard(
        Source.ATTEMPT, row.pk, row.delivery_id, row.at, Phase(row.phase or Phase.rcpt),
        row.code, row.enhanced, row.text, row.text, row.mx_host, row.category,
    )  # fmt: skip


def of_report(row: Report) -> Heard:
    """The row may be loaded without its mail."""
    said = diagnosis.quote(row.diagnostic)
    return Heard(
        Source.REPORT, row.pk, row.delivery_id or 0, row.received_at, said.phase,
        said.code, row.status, said.text, row.diagnostic, row.remote_mta, row.category,
    )  # fmt: skip


def attempts(*, since: datetime) -> QuerySet[Attempt]:
    """Those with a reply, the newest first."""
    found = Attempt.objects.filter(id__gte=floor_of(since), at__gte=since, code__isnull=False)
    return found.defer("conversation").order_by("-id")


def reports(*, since: datetime) -> QuerySet[Report]:
    """Those about a failure which were believed, the newest first: others, anybody can write."""
    found = Report.objects.filter(
        id__gte=floor_of(since), received_at__gte=since, kind__in=_FAILURES,
        state=ReportState.MATCHED,
    )  # fmt: skip
    return found.defer("raw").order_by("-id")


def classified(heard: Heard, book: Rulebook) -> str:
    """The category by these rules. What only the words around a diagnostic told stays as it was."""
    found = book.classify(heard.phase, heard.code, heard.enhanced, heard.words, mx=heard.host)
    understood = found.category != UNCLASSIFIED or heard.source == Source.ATTEMPT
    return found.category if understood else heard.category


def sample_of(heard: Heard) -> dict[str, str]:
    """A reply as a rule keeps it: code and text, where it came and from whom.

    Where a report quotes no code, the class of its status stands for it (RFC 3463 section 2 gives
    both the same first digit).
    """
    code = heard.code or (450 if heard.enhanced.startswith("4") else 550)
    sample = {"reply": f"{code} {heard.text}", "phase": heard.phase.value}
    return sample | ({"mx": heard.host} if heard.host else {})
