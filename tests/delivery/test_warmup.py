"""Warm-up: a day's allowance, its overflow, and the wait when nothing is warm."""

from datetime import date, datetime, timedelta

import pytest

from customers.models import AuditEntry, Customer
from delivery import holds, lanes, quotas, routing, warmup, windows
from delivery.models import Assignment, Delivery, Pool, SendingIp, WarmUp
from tests.support.attempts import make_attempt
from tests.support.platform import make_customer, make_list, make_mailing, make_pool

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]
TODAY = date(2026, 3, 2)


@pytest.fixture
def pool() -> Pool:
    return make_pool("A", "127.0.10.1", "127.0.10.2")


@pytest.fixture
def customer(pool: Pool) -> Customer:
    return make_customer("Asagao", pool)


@pytest.fixture
def cold(pool: Pool, now: datetime) -> SendingIp:
    ip = SendingIp.objects.get(address="127.0.10.1")
    warmup.begin(ip=ip, allowances=[2, 5], started_on=TODAY, by="test", now=now)
    return ip


def test_a_schedule_grows_until_its_cap() -> None:
    assert warmup.schedule(first=50, factor=2, cap=1000) == [50, 100, 200, 400, 800]
    assert warmup.schedule(first=50, factor=2, cap=50) == []


def test_a_long_schedule_is_in_the_evidence_as_a_whole(pool: Pool, now: datetime) -> None:
    ip = SendingIp.objects.get(address="127.0.10.1")
    days = warmup.schedule(factor=1.1)
    warmup.begin(ip=ip, allowances=days, started_on=TODAY, by="test", now=now)
    entry = AuditEntry.objects.get(verb="ip.warm-up")
    assert entry.evidence == {"allowances": days}
    assert entry.after.startswith("50, 55, 60, ")
    assert entry.after.endswith(" …")


@pytest.mark.parametrize(("day", "expected"), [(-1, 0), (0, 50), (1, 100), (2, None), (99, None)])
def test_the_day_after_the_last_the_ip_is_warm(day: int, expected: int | None) -> None:
    today = TODAY + timedelta(days=day)
    assert warmup.allowance([50, 100], started_on=TODAY, today=today) == expected


def plan(now: datetime) -> tuple[list[lanes.Lane], dict[int, routing.Hold]]:
    mailings, table = lanes.active(), routing.table()
    pairs = lanes.due(mailings, now=now)
    closed = holds.closed(table, [slug for _, slug in pairs], now=now)
    return lanes.plan(mailings, pairs, table, closed)


def send(customer: Customer, now: datetime, count: int = 3) -> None:
    people = make_list(customer, [f"u{n}@r.example" for n in range(count)],
                       attributes={"name": "x"})  # fmt: skip
    make_mailing(customer, people, now=now)


def test_what_is_beyond_the_allowance_goes_by_the_warm_ip(
    customer: Customer, cold: SendingIp, now: datetime
) -> None:
    send(customer, now)
    assert len({lane.ip_id for lane in plan(now)[0]}) == 2
    window = warmup.window(ip_id=cold.pk, destination="other", now=now)
    assert window is not None
    assert windows.take([window], 9).count == 2
    assert cold.pk not in {lane.ip_id for lane in plan(now)[0]}
    assert [(line.day, line.allowance, line.used) for line in warmup.progress(now=now)
            if line.row.destination == "other"] == [(1, 2, 2)]  # fmt: skip


def test_without_a_warm_ip_mail_waits_and_tells_why(
    customer: Customer, cold: SendingIp, now: datetime
) -> None:
    SendingIp.objects.exclude(pk=cold.pk).update(state="resting")
    send(customer, now)
    window = warmup.window(ip_id=cold.pk, destination="other", now=now)
    assert window is not None
    windows.take([window], 9)
    planned, held = plan(now)
    assert planned == []
    assert [hold.reason for hold in held.values()] == ["warm-up-used"]
    tomorrow = now + timedelta(days=1)
    assert [lane.ip_id for lane in plan(tomorrow)[0]] == [cold.pk]


def test_the_allowance_counts_what_was_sent_before_valkey_was_lost(
    customer: Customer, cold: SendingIp, pool: Pool, now: datetime
) -> None:
    send(customer, now, 1)
    made = Delivery.objects.get()
    make_attempt(made, at=now, pool=pool, id=made.pk)
    window = warmup.window(ip_id=cold.pk, destination="other", now=now)
    assert window is not None
    assert windows.left(window) == 1


@pytest.mark.parametrize(
    ("attempt", "counts"),
    [
        ({"phase": "mail"}, True),
        ({"phase": "", "verdict": "uncertain", "reason": "worker-lost"}, True),
        ({"phase": "dns", "reason": "dns-failure"}, False),
        ({"phase": "connect", "reason": "connection-refused"}, False),
        ({"phase": "mail", "reason": "build-failed"}, False),
    ],
)
def test_the_books_count_what_a_receiver_may_have_heard_of(
    customer: Customer, cold: SendingIp, now: datetime, attempt: dict[str, str], counts: bool
) -> None:
    send(customer, now, 1)
    made = Delivery.objects.get()
    make_attempt(made, at=now, pool=cold.pool, id=made.pk, **attempt)
    warming = warmup.window(ip_id=cold.pk, destination="other", now=now)
    row = Assignment(customer=customer, messages_per_hour=9)
    assert warming is not None
    assert windows.left(warming) == 2 - counts
    assert windows.left(quotas.windows_of(row, now=now)[0]) == 9 - counts


def test_a_single_domain_warms_up_as_the_group_other_and_a_warm_ip_has_no_window(
    cold: SendingIp, now: datetime
) -> None:
    assert warmup.window(ip_id=cold.pk, destination="busy.example", now=now) is not None
    warmup.end(ip=cold, why="warm enough", by="test", now=now)
    assert warmup.window(ip_id=cold.pk, destination="other", now=now) is None
    assert not WarmUp.objects.exists()


def test_a_customer_at_its_limit_waits_and_tells_why(customer: Customer, now: datetime) -> None:
    send(customer, now)
    row = Assignment.objects.get()
    quotas.change(row=row, to={"messages_per_hour": 2}, why="trial", by="test", now=now)
    row.refresh_from_db()
    assert plan(now)[1] == {}
    assert windows.take(quotas.windows_of(row, now=now), 5).count == 2
    assert [hold.reason for hold in plan(now)[1].values()] == ["customer-limit"]
    assert plan(now + timedelta(hours=1))[1] == {}


def test_the_stricter_of_hour_and_day_decides(customer: Customer, now: datetime) -> None:
    row = Assignment.objects.get()
    assert not quotas.change(row=row, to={"weight": 10}, why="same", by="test", now=now)
    to = {"messages_per_hour": 5, "messages_per_day": 7}
    quotas.change(row=row, to=to, why="trial", by="test", now=now)
    row.refresh_from_db()
    assert windows.take(quotas.windows_of(row, now=now), 9).count == 5
    assert windows.take(quotas.windows_of(row, now=now + timedelta(hours=1)), 9).count == 2
