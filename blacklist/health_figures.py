"""The set-up as pages and commands show it: checks by domain, and the whole in one sentence."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from blacklist.health_difference import Part, Piece, pieces
from blacklist.health_words import sentence
from blacklist.models.health import SetupCheck, SetupVerdict
from delivery.models import SendingDomain


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check with its words; `pieces` mark what is missing from a record that is wrong."""

    check: SetupCheck
    problems: tuple[str, ...]
    advice: tuple[str, ...]
    pieces: tuple[Piece, ...]

    @property
    def state(self) -> str:
        """The code of its colour: an optional record that is missing is no trouble."""
        return "setup-spared" if self.check.is_spared else f"setup-{self.check.verdict}"


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over checks: `total` without the optional records that are not there, which are
    `spared`; `checked_at` is the oldest look.
    """

    total: int = 0
    wrong: int = 0
    missing: int = 0
    unknown: int = 0
    spared: int = 0
    checked_at: datetime | None = None

    @property
    def is_well(self) -> bool:
        return self.total > 0 and not (self.wrong or self.missing or self.unknown)

    def __str__(self) -> str:
        if not self.checked_at:
            return _("The set-up was not looked at yet.")
        said = self._well() if self.is_well else self._ill()
        if self.spared:
            spared = ngettext(
                "%(n)s optional record is not there.",
                "%(n)s optional records are not there.",
                self.spared,
            )
            said = f"{said} {spared % {'n': self.spared}}"
        return said

    def _well(self) -> str:
        return ngettext(
            "The only check finds what it should.",
            "All %(n)s checks find what they should.",
            self.total,
        ) % {"n": self.total}

    def _ill(self) -> str:
        counts = [
            (self.wrong, _("%(n)s wrong")),
            (self.missing, _("%(n)s missing")),
            (self.unknown, _("%(n)s without an answer")),
        ]
        said = _(", ").join(words % {"n": number} for number, words in counts if number)
        words = ngettext(
            "Of %(total)s check: %(counts)s.", "Of %(total)s checks: %(counts)s.", self.total
        )
        return words % {"total": self.total, "counts": said}


@dataclass(frozen=True, slots=True)
class DomainLines:
    """A sending domain: checks of its own, and those of its IPs, of which most are `quiet`."""

    domain: SendingDomain
    summary: Summary
    own: list[CheckLine] = field(default_factory=list)
    ips: list[CheckLine] = field(default_factory=list)
    quiet: list[CheckLine] = field(default_factory=list)  # right


def stored() -> QuerySet[SetupCheck]:
    """All checks, in the order in which `platform dns` prints their records."""
    return SetupCheck.objects.select_related("domain", "ip").order_by("domain__name", "ip_id", "id")


def summary(checks: Iterable[SetupCheck]) -> Summary:
    """Optional records count when they are wrong, not when they are missing."""
    rows = list(checks)
    needed = [row for row in rows if not row.is_spared]
    counts = Counter(row.verdict for row in needed)
    return Summary(
        len(needed),
        counts[SetupVerdict.WRONG],
        counts[SetupVerdict.MISSING],
        counts[SetupVerdict.UNKNOWN],
        len(rows) - len(needed),
        min((row.checked_at for row in rows), default=None),
    )


def by_domain(checks: Iterable[SetupCheck]) -> list[DomainLines]:
    """In the order of the domains' first checks; in each list trouble first."""
    groups: dict[int, list[SetupCheck]] = {}
    for row in checks:
        groups.setdefault(row.domain_id, []).append(row)
    return [_domain_lines(rows) for rows in groups.values()]


def _domain_lines(rows: list[SetupCheck]) -> DomainLines:
    of_ips = [row for row in rows if row.ip_id is not None]
    return DomainLines(
        rows[0].domain,
        summary(rows),
        _lines(row for row in rows if row.ip_id is None),
        _lines(row for row in of_ips if row.verdict != SetupVerdict.OK),
        _lines(row for row in of_ips if row.verdict == SetupVerdict.OK),
    )


def _lines(rows: Iterable[SetupCheck]) -> list[CheckLine]:
    return sorted(map(line, rows), key=lambda one: _urgency(one.check))


def _urgency(check: SetupCheck) -> int:
    """What somebody has to do comes first, then what nobody could tell."""
    if check.needs_work:
        return 0 if check.verdict == SetupVerdict.WRONG else 1
    return 2 if check.verdict == SetupVerdict.UNKNOWN else 3


def line(check: SetupCheck) -> CheckLine:
    """One check in words of the language of now."""
    marked: list[Piece] = []
    if check.verdict == SetupVerdict.WRONG and len(check.found) == 1:
        marked = pieces(check.found[0], check.expected[0])
    if all(piece.part is Part.same for piece in marked):  # what is wrong is elsewhere
        marked = []
    return CheckLine(
        check,
        tuple(sentence(*remark) for remark in check.problems),
        tuple(sentence(*remark) for remark in check.advice),
        tuple(marked),
    )


def as_json(check: SetupCheck) -> dict[str, Any]:
    """For programs: codes, not sentences."""
    return {
        "domain": check.domain.name,
        "ip": check.ip.address if check.ip else None,
        "check": check.kind,
        "name": check.name,
        "optional": check.is_optional,
        "verdict": check.verdict,
        "problems": _codes(check.problems),
        "advice": _codes(check.advice),
        "found": check.found,
        "expected": check.expected,
        "record": check.record,
        "since": check.since.isoformat(),
        "checked_at": check.checked_at.isoformat(),
    }


def _codes(remarks: Iterable[list[str]]) -> list[dict[str, str]]:
    return [{"code": code, "about": about} for code, about in remarks]
