"""When a customer's rates are too high: the thresholds, judging figures by them, setting them.

The figures come from above (delivery counts); nothing here asks for them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from compliance.models import Level, Measure, Mode, Threshold
from customers import audit
from customers.models import Customer

_CODE: Final = "rate-above-threshold"
_MEASURED: Final = re.compile(rf"{_CODE} ([a-z-]{{1,16}}) (\d{{1,18}})/(\d{{1,18}})", re.ASCII)
# Fewer than so many are chance, whatever their share.
LEAST_BAD: Final = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """The rates (shares, 0 to 1) from which each level holds, and on how much they are judged."""

    warn: float
    watch: float
    quarantine: float
    minimum: int
    hours: int
    mode: Mode = Mode.ACT

    @property
    def window(self) -> timedelta:
        return timedelta(hours=self.hours)

    def of(self, level: Level) -> float:
        return {Level.WARN: self.warn, Level.WATCH: self.watch}.get(level, self.quarantine)


@dataclass(frozen=True, slots=True)
class Figures:
    """How many of a whole were bad, since when."""

    bad: int
    total: int
    since: datetime

    @property
    def rate(self) -> float:
        return self.bad / self.total if self.total else 0.0


# Unknown users: Amazon SES reviews an account at a bounce rate of 5% and may pause it at 10%; its
# advice is to stay below 2%
# (docs.aws.amazon.com/ses/latest/dg/reputationdashboard-messages.html; BowNow in Japan stops at 5%
# of 100 and more within 24 hours, faq.bow-now.jp).
# Complaints: Gmail asks for less than 0.1% and never to reach 0.3%
# (support.google.com/mail/answer/81126), Yahoo for less than 0.3% (senders.yahooinc.com); Amazon
# SES may pause at 0.5%. They come in days late, so a week is looked at.
DEFAULTS: Final[Mapping[Measure, Limits]] = {
    Measure.UNKNOWN_USERS: Limits(0.02, 0.05, 0.10, minimum=100, hours=24),
    Measure.COMPLAINTS: Limits(0.001, 0.003, 0.005, minimum=1000, hours=168),
}
SOURCES: Final[Mapping[Measure, str]] = {
    Measure.UNKNOWN_USERS: "Amazon SES (5% / 10%), BowNow (5%)",
    Measure.COMPLAINTS: "Gmail (0.1% / 0.3%), Yahoo (0.3%), Amazon SES (0.1% / 0.5%)",
}


def judge(figures: Figures, limits: Limits) -> Level | None:
    """The gravest level that the rate has reached; None when there is too little to judge by."""
    if limits.mode == Mode.OFF or figures.total < limits.minimum or figures.bad < LEAST_BAD:
        return None
    reached = [level for level in Level if figures.rate >= limits.of(level)]
    return reached[-1] if reached else None


def limits_of(customer_id: int | None) -> dict[Measure, Limits]:
    """What holds for one customer; with None, for those without thresholds of their own."""
    return table([customer_id])[customer_id]


def table(customer_ids: Iterable[int | None]) -> dict[int | None, dict[Measure, Limits]]:
    """Customer id -> measure -> limits, for many with one query."""
    rows = {(row.customer_id, row.measure): _limits(row) for row in Threshold.objects.all()}
    common = {measure: rows.get((None, measure), DEFAULTS[measure]) for measure in Measure}
    return {
        customer_id: {
            measure: rows.get((customer_id, measure), common[measure]) for measure in Measure
        }
        for customer_id in customer_ids
    }


@dataclass(frozen=True, slots=True)
class Measured:
    """Why the software moved a standing: what it counted."""

    measure: Measure
    bad: int
    total: int

    @property
    def rate(self) -> float:
        """A share, 0 to 1."""
        return self.bad / self.total if self.total else 0.0

    def __str__(self) -> str:
        """As it is stored where a person's reason would stand: pages find words for it."""
        return f"{_CODE} {self.measure.value} {self.bad}/{self.total}"


def read_why(why: str) -> Measured | None:
    """What `str(Measured(...))` wrote; None for the words of a person."""
    found = _MEASURED.fullmatch(why)
    if found is None or found[1] not in Measure.values:
        return None
    return Measured(Measure(found[1]), int(found[2]), int(found[3]))


@transaction.atomic
def change(
    *,
    customer: Customer | None,
    measure: Measure,
    to: Limits,
    why: str,
    by: audit.Actor,
    now: datetime,
) -> Threshold:
    """Set the thresholds of one measure, for a customer or (None) for all without their own."""
    customer_id = customer.pk if customer else None
    before = limits_of(customer_id)[measure]
    row, _created = Threshold.objects.update_or_create(
        customer=customer, measure=measure, defaults=asdict(to)
    )
    audit.record(
        verb="threshold.change",
        subject=f"threshold:{measure.value}",
        customer_id=customer_id,
        by=by,
        now=now,
        before=_words(before),
        after=_words(to),
        why=why,
    )
    return row


def _limits(row: Threshold) -> Limits:
    return Limits(row.warn, row.watch, row.quarantine, row.minimum, row.hours, mode=Mode(row.mode))


def _words(limits: Limits) -> str:
    rates = " / ".join(f"{100 * limits.of(level):g}%" for level in Level)
    return f"{rates} of {limits.minimum} in {limits.hours} h, {limits.mode.value}"
