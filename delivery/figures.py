"""Figures for pages: read-only queries, and pure sums of their rows. Nothing here changes a row."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Min, Q, QuerySet

from delivery import routing, wording
from delivery.ids import SEQUENCE_BITS, floor_of
from delivery.models import Attempt, Delivery, Destination, Mailing, Pool
from delivery.states import DUE, OPEN, DeliveryState, MailingState

# Longer in the queue than this, when due, and a delivery counts as waiting.
PATIENCE = timedelta(minutes=15)
DAY = timedelta(hours=24)
# Tallies are kept so fine that they add up to days of every time zone (Nepal: +05:45).
TALLY_MINUTES = 15

UNDER_WAY = (MailingState.PREPARING, MailingState.SENDING, MailingState.PAUSED)
# Where a reason, if there is one, is that of an earlier attempt.
UNDECIDED = frozenset({DeliveryState.QUEUED, DeliveryState.SENDING})


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole. `percent` of the whole, 0 to 100."""

    code: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the recipients of one mailing stand."""

    total: int
    final: int
    parts: list[Share]

    @property
    def percent(self) -> int:
        """Final ones, rounded down: 100 means all."""
        return 100 * self.final // self.total if self.total else 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Attempts that began in the quarter of an hour from `at`."""

    at: datetime
    verdict: str
    category: str
    count: int


def shares(counts: Mapping[str, int], *, most: int | None = None) -> list[Share]:
    """The parts in the order given, empty ones left out; with `most`, the largest so many."""
    whole = sum(counts.values())
    found = [Share(code, n, 100 * n / whole) for code, n in counts.items() if n]
    return sorted(found, key=lambda part: -part.count)[:most] if most else found


def progress_of(counts: Mapping[str, int]) -> Progress:
    """From state -> count. The parts: accepted first, what is still open last."""
    states = sorted(DeliveryState, key=_place)
    ordered = {state.value: counts.get(state.value, 0) for state in states}
    final = sum(n for state, n in ordered.items() if DeliveryState(state).is_final)
    return Progress(sum(ordered.values()), final, shares(ordered))


def _place(state: DeliveryState) -> tuple[bool, bool, bool]:
    untouched = state == DeliveryState.QUEUED
    return not state.is_final, state != DeliveryState.ACCEPTED, untouched


def progress(mailings: Collection[Mailing]) -> dict[int, Progress]:
    """Mailing id -> progress, for all given; those not yet released have nobody."""
    counts: dict[int, Counter[str]] = {mailing.pk: Counter() for mailing in mailings}
    rows = deliveries_of(mailings).values_list("mailing_id", "state").annotate(n=Count("id"))
    for mailing_id, state, n in rows.order_by():
        counts[mailing_id][state] = n
    return {mailing_id: progress_of(found) for mailing_id, found in counts.items()}


def deliveries_of(mailings: Collection[Mailing]) -> QuerySet[Delivery]:
    """Their deliveries; the ids keep the query to the days on which there are any."""
    released = [mailing for mailing in mailings if mailing.first_delivery and mailing.last_delivery]
    if not released:
        return Delivery.objects.none()
    return Delivery.objects.filter(
        mailing_id__in=[mailing.pk for mailing in released],
        id__gte=min(mailing.first_delivery or 0 for mailing in released),
        id__lte=max(mailing.last_delivery or 0 for mailing in released),
    )


# --- one mailing ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many recipients of one destination group are in one state for one reason."""

    destination: str
    state: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class ByReason:
    state: str
    reason: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class ByDestination:
    name: str
    progress: Progress


def outcomes(mailing: Mailing) -> list[Outcome]:
    rows = deliveries_of([mailing]).values_list("destination", "state", "reason")
    return [Outcome(*row) for row in rows.annotate(n=Count("id")).order_by()]


def overall(rows: Iterable[Outcome]) -> Progress:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.state] += row.count
    return progress_of(counts)


def by_reason(rows: Iterable[Outcome]) -> list[ByReason]:
    """The most frequent first. What waits untouched or is on its way has no outcome to explain."""
    counts: Counter[tuple[str, str]] = Counter()
    whole = 0
    for row in rows:
        whole += row.count
        if row.reason and row.state not in UNDECIDED:
            counts[row.state, row.reason] += row.count
    return [ByReason(*key, n, 100 * n / whole) for key, n in counts.most_common()]


def by_destination(rows: Iterable[Outcome]) -> list[ByDestination]:
    """The largest first."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row.destination, Counter())[row.state] += row.count
    names = dict(Destination.objects.filter(slug__in=counts).values_list("slug", "name"))
    names |= {slug: str(words) for slug, words in wording.DESTINATIONS.items()}
    found = [
        ByDestination(names.get(slug, slug), progress_of(states)) for slug, states in counts.items()
    ]
    return sorted(found, key=lambda item: -item.progress.total)


# --- the whole platform ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PoolTrouble:
    """A pool that cannot send: frozen, or (not frozen) without an active IP."""

    name: str
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class QueueState:
    """`oldest_due`: since when the delivery that waits longest has been due."""

    open: int
    oldest_due: datetime | None
    waiting_long: int


def troubles(table: routing.Table, names: Mapping[int, str]) -> list[PoolTrouble]:
    return [
        PoolTrouble(names.get(pool.id, ""), not pool.is_active)
        for pool in table.pools.values()
        if not pool.is_clean
    ]


def pool_names() -> dict[int, str]:
    return dict(Pool.objects.values_list("id", "name"))


def under_way() -> QuerySet[Mailing]:
    """Mailings with work to do, newest first."""
    found = Mailing.objects.filter(state__in=UNDER_WAY).select_related("customer")
    return found.defer("text", "html").order_by("-id")


def queue_state(mailings: Collection[Mailing], *, now: datetime) -> QueueState:
    """Of the mailings being sent; what is paused waits on purpose."""
    moving = [mailing for mailing in mailings if mailing.state == MailingState.SENDING]
    due = Q(state__in=sorted(DUE), next_attempt_at__lte=now)
    late = Q(state__in=sorted(DUE), next_attempt_at__lte=now - PATIENCE)
    found = deliveries_of(moving).filter(state__in=sorted(OPEN))
    sums = found.aggregate(
        open=Count("id"), oldest=Min("next_attempt_at", filter=due), late=Count("id", filter=late)
    )
    return QueueState(sums["open"] or 0, sums["oldest"], sums["late"] or 0)


def deferrals(mailings: Collection[Mailing], *, most: int = 5) -> list[Share]:
    """Why deliveries of these mailings wait for another attempt, the most frequent first."""
    waiting = deliveries_of(mailings).filter(state=DeliveryState.DEFERRED)
    rows = waiting.values_list("reason").annotate(n=Count("id")).order_by()
    return shares(dict(rows), most=most)


def expired_since(moment: datetime) -> int:
    """Deliveries that ran out of time since then."""
    recent = Mailing.objects.filter(Q(finished_at=None) | Q(finished_at__gte=moment))
    mailings = list(
        recent.filter(first_delivery__isnull=False).only("first_delivery", "last_delivery")
    )
    ended = deliveries_of(mailings).filter(state=DeliveryState.EXPIRED, finished_at__gte=moment)
    return ended.count()


def tallies(*, since: datetime) -> list[Tally]:
    """All attempts since then, counted by quarter of an hour, verdict and category."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_bin(%s::interval, at, 'epoch'::timestamptz), verdict, category, count(*)"
            " FROM delivery_attempt WHERE id >= %s AND at >= %s GROUP BY 1, 2, 3",
            [f"{TALLY_MINUTES} minutes", floor_of(since), since],
        )
        return [Tally(*row) for row in cursor.fetchall()]


def verdicts(rows: Iterable[Tally], *, since: datetime) -> Counter[str]:
    """Verdict -> attempts since then."""
    counts: Counter[str] = Counter()
    for row in rows:
        if row.at >= since:
            counts[row.verdict] += row.count
    return counts


def refusals(rows: Iterable[Tally], *, most: int = 8) -> list[Share]:
    """What receivers said no for, the most frequent first."""
    counts: Counter[str] = Counter()
    for row in rows:
        if row.verdict == "refused":
            counts[row.category] += row.count
    return shares(counts, most=most)


def series(
    rows: Iterable[Tally], *, until: datetime, hours: int = 24, minutes: int = 30
) -> tuple[list[datetime], dict[str, list[int]]]:
    """Starts of the intervals, and verdict -> attempts in each; zeros where there were none.

    The last interval is the one that `until` is in, the first began so many hours before it.
    """
    step = timedelta(minutes=minutes)
    last = until.replace(minute=until.minute // minutes * minutes, second=0, microsecond=0)
    count = hours * 60 // minutes + 1
    starts = [last - step * back for back in reversed(range(count))]
    lines: dict[str, list[int]] = {
        verdict: [0] * count for verdict in ("accepted", "deferred", "refused", "uncertain")
    }
    for row in rows:
        place = int((row.at - starts[0]) / step)
        if row.at >= starts[0] and place < count:
            lines[row.verdict][place] += row.count
    return starts, lines


def verdicts_by_ip(addresses: Sequence[str], *, since: datetime) -> dict[str, Counter[str]]:
    """IP -> verdict -> attempts since then."""
    counts: dict[str, Counter[str]] = {address: Counter() for address in addresses}
    rows = Attempt.objects.filter(id__gte=floor_of(since), source__in=addresses, at__gte=since)
    for address, verdict, n in rows.values_list("source", "verdict").annotate(n=Count("id")):
        counts[address][verdict] = n
    return counts


def attempts_of(delivery: Delivery) -> QuerySet[Attempt]:
    """Oldest first. No attempt has an id from a second before its delivery's."""
    first = delivery.pk >> SEQUENCE_BITS << SEQUENCE_BITS
    found = Attempt.objects.filter(delivery_id=delivery.pk, id__gte=first)
    return found.select_related("pool").order_by("at", "id")
