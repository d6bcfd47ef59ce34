"""Watching customers' rates: counts are gathered here, judged and acted on by compliance."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from django.db import transaction

from compliance import threshold_findings, thresholds
from compliance.models import Finding, Measure
from compliance.thresholds import Figures
from customers import audit
from customers.models import Customer
from delivery import announcements, consequences_table, counters
from delivery.consequences_events import COMPLAINT
from delivery.counters import Sum
from delivery.states import DeliveryState
from wire.replies import Party

_TRIED = frozenset({DeliveryState.ACCEPTED, DeliveryState.REFUSED, DeliveryState.EXPIRED})
_FAILED = frozenset({DeliveryState.REFUSED, DeliveryState.EXPIRED, DeliveryState.BOUNCED})
# Failures that say that there is nobody at the address, and will not be.
DEAD = frozenset(
    category
    for category, row in consequences_table.TABLE.items()
    if row.reason is not None and row.lasts is None and category != COMPLAINT
)
_DECISIONS: Mapping[str, Callable[..., bool | None]] = {
    "apply": threshold_findings.apply,
    "dismiss": threshold_findings.dismiss,
    "reverse": threshold_findings.reverse,
}
_DIMENSIONS = ("customer", "category", "blamed", "state")


def figures(rows: Iterable[Sum], measure: Measure, *, since: datetime) -> dict[int, Figures]:
    """Customer id -> figures, from sums by `_DIMENSIONS`. Pure."""
    bad: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for row in rows:
        customer_id, category, blamed, state = row.of
        if measure is Measure.COMPLAINTS:
            bad[customer_id] += row.count * (state == COMPLAINT)
            total[customer_id] += row.count * (state == DeliveryState.ACCEPTED)
        else:
            is_dead = state in _FAILED and category in DEAD and blamed == Party.recipient
            bad[customer_id] += row.count * is_dead
            total[customer_id] += row.count * (state in _TRIED)
    return {customer_id: Figures(bad[customer_id], n, since) for customer_id, n in total.items()}


def watch(*, now: datetime) -> int:
    """Hold every customer that sent something against its thresholds; how many standings moved."""
    customers = Customer.objects.in_bulk()
    table = thresholds.table(list(customers))
    under_way = threshold_findings.under_way()
    moved = 0
    for measure in Measure:
        begins = {who: now - table[who][measure].window for who in customers}
        for who, found in _gathered(measure, _forgiven(measure, begins)).items():
            limits = table[who][measure]
            if thresholds.judge(found, limits) is None and (who, measure) not in under_way:
                continue
            moved += _announced(
                partial(
                    threshold_findings.note,
                    customer=customers[who],
                    measure=measure,
                    figures=found,
                    limits=limits,
                    now=now,
                )
            )
    return moved


def decide(decision: str, *, finding: Finding, why: str, by: audit.Actor, now: datetime) -> None:
    """A person's `apply`, `dismiss` or `reverse`. Raises threshold_findings.NotDecidable."""
    _announced(partial(_DECISIONS[decision], finding=finding, why=why, by=by, now=now))


@transaction.atomic
def _announced(change: Callable[[], bool | None]) -> bool:
    """Make a change that may move a standing; if it did, workers hear of it."""
    moved = bool(change())
    if moved:
        announcements.make()
    return moved


def _gathered(measure: Measure, begins: Mapping[int, datetime]) -> dict[int, Figures]:
    """Each customer's figures since its beginning; most have the same one."""
    by_begin: dict[datetime, set[int]] = defaultdict(set)
    for customer_id, since in begins.items():
        by_begin[since].add(customer_id)
    found: dict[int, Figures] = {}
    for since, wanted in by_begin.items():
        rows = counters.sums(*_DIMENSIONS, since=since)
        of_all = figures(rows, measure, since=since)
        found |= {who: what for who, what in of_all.items() if who in wanted}
    return found


def _forgiven(measure: Measure, begins: Mapping[int, datetime]) -> dict[int, datetime]:
    """The same beginnings, later for those whom a person forgave.

    The bucket in which that was is forgiven whole: counts know no smaller time.
    """
    decided = threshold_findings.forgiven_until()
    return {
        who: max(begin, counters.floor(decided[who, measure]) + counters.BUCKET)
        if (who, measure) in decided
        else begin
        for who, begin in begins.items()
    }
