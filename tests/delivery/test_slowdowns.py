"""Slowing down: halved at once, recovered by and by, paused when refused, lifted by hand."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone

from customers.models import AuditEntry
from delivery import facts, lanes, limits, live, slowdowns, turns
from delivery.buckets import Rate
from delivery.complaints import Complaints
from delivery.models import Destination, SendingIp, SlowDown
from delivery.slowdowns import Pressed
from tests.support.platform import make_pool
from wire.outcomes import Outcome, Phase, Verdict, read_reply

NOW = datetime.fromisoformat("2026-03-02T01:00:00+00:00")
MINUTE = timedelta(minutes=1)


def row(factor: float = 0.5, **more: object) -> SlowDown:
    return SlowDown(factor=factor, base_rate=10.0, changed_at=NOW, **more)


@pytest.mark.parametrize(
    ("minutes", "factor"), [(0, 0.5), (1, 0.55), (5, 0.75), (10, 1.0), (60, 1.0), (-1, 0.5)]
)
def test_what_was_halved_recovers_by_a_twentieth_a_minute(minutes: int, factor: float) -> None:
    found = slowdowns.pressed(row(), NOW + minutes * MINUTE)
    assert found.factor == pytest.approx(factor)
    assert found.is_slow is (factor < 1)


def test_a_pause_ends_by_itself() -> None:
    paused = row(factor=1.0, paused_until=NOW + MINUTE)
    assert slowdowns.pressed(paused, NOW).until == NOW + MINUTE
    assert slowdowns.pressed(paused, NOW + MINUTE) == Pressed(1.0, 10.0)
    assert slowdowns.pressed(None, NOW) == slowdowns.FREE


@pytest.mark.parametrize(
    ("pressed", "connections", "rate"),
    [
        (Pressed(), 4, Rate(20.0, 3600)),
        (Pressed(0.5, 20.0), 2, Rate(10.0, 1800)),
        (Pressed(0.5, 8.0), 2, Rate(4.0, 1800)),
        (Pressed(1 / 64, 20.0), 1, Rate(20 / 64, 56)),
        (Pressed(1.0, 20.0, NOW), 0, Rate()),
    ],
)
def test_limits_are_multiplied_by_the_factor(
    pressed: Pressed, connections: int, rate: Rate
) -> None:
    group = Destination(max_connections=4, messages_per_second=20, recipients_per_hour=3600)
    found = limits.effective(group, pressed)
    assert (found.connections, found.rate) == (connections, rate)


def test_without_a_rate_the_measured_one_is_halved_until_all_is_well_again() -> None:
    group = Destination(max_connections=10)
    assert limits.effective(group, Pressed(0.5, 40.0)).rate == Rate(20.0)
    assert limits.effective(group, Pressed(1.0, 40.0)).rate == Rate()


@pytest.fixture
def ip(db: None) -> SendingIp:
    make_pool("A", "127.0.10.1")
    return SendingIp.objects.get()


def halve(ip: SendingIp, now: datetime, destination: str = "google") -> bool:
    return slowdowns.halve(
        ip_id=ip.pk, destination=destination, rate=40.0, reason="rate-limit",
        reply="421 slow down", now=now,
    )  # fmt: skip


def test_replies_that_come_together_halve_once(ip: SendingIp) -> None:
    assert halve(ip, NOW)
    assert not halve(ip, NOW + timedelta(seconds=2))
    assert halve(ip, NOW + timedelta(seconds=6))
    found = slowdowns.of(ip_id=ip.pk, destination="google", now=NOW + timedelta(seconds=6))
    assert found.factor == pytest.approx(0.25, abs=0.01)
    assert found.base_rate == 40.0
    entries = AuditEntry.objects.filter(verb="limits.slow", subject="destination:google")
    assert entries.count() == 2
    assert entries.latest("at").evidence == {"ip": "127.0.10.1", "reply": "421 slow down"}


def test_a_receiver_that_is_never_content_gets_a_pause(ip: SendingIp) -> None:
    at = NOW
    for _ in range(8):
        at += timedelta(seconds=6)
        halve(ip, at)
    assert slowdowns.paused(now=at) == {(ip.pk, "google")}
    assert slowdowns.paused(now=at + 5 * MINUTE) == set()
    google = Destination.objects.get(slug="google")
    assert limits.of(ip_id=ip.pk, group=google, now=at).connections == 0


def test_pauses_in_a_row_grow_longer(ip: SendingIp) -> None:
    at, lengths = NOW, []
    for _ in range(6):
        slowdowns.pause(
            ip_id=ip.pk, destination="au", reason="connection-refused", reply="", now=at
        )
        until = SlowDown.objects.get().paused_until
        assert until is not None
        lengths.append((until - at) // MINUTE)
        at = until
    assert lengths == [1, 2, 4, 8, 15, 15]
    slowdowns.pause(ip_id=ip.pk, destination="au", reason="x", reply="", now=at + 90 * MINUTE)
    assert SlowDown.objects.get().pauses == 1


def test_an_operator_lifts_it_with_a_reason(ip: SendingIp) -> None:
    halve(ip, NOW)
    slowdowns.lift(slow_down=SlowDown.objects.get(), why="They said sorry", by="test", now=NOW)
    assert slowdowns.current(now=NOW) == []
    assert AuditEntry.objects.get(verb="limits.lift").why == "They said sorry"


def outcome(text: str = "", code: int = 421, reason: str = "smtp-reply") -> Outcome:
    reply = read_reply(code, text) if text else None
    return Outcome(
        Verdict.deferred, Phase.rcpt if reply else Phase.connect, reply, reason, mx_host="",
        mx_address="", tls="", started=NOW, seconds=0.1, conversation="",
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_batches_of_the_same_lane_are_called_and_no_others(valkey: Any) -> None:
    pool = make_pool("A", "127.0.10.1")
    ip = SendingIp.objects.get(pool=pool)
    google = lanes.Lane(pool.pk, ip.pk, "google", 200, is_express=True)
    epoch, now = live.epoch(), timezone.now()
    with (
        turns.turn(google, ip_id=ip.pk, facts=facts.read(), now=now) as mine,
        turns.turn(replace(google, destination="au"), ip_id=ip.pk, facts=facts.read(), now=now)
        as other,
    ):  # fmt: skip
        assert (mine.goes_on(), other.goes_on()) == (True, True)
        called = slow(ip)
        assert (mine.goes_on(), other.goes_on()) == (False, True)
        assert [slow(ip) for _ in range(50)] == [called] * 50  # a storm of replies is one call
    assert live.epoch() == epoch  # nobody reads routes again
    with turns.turn(google, ip_id=ip.pk, facts=facts.read(), now=now) as after:
        assert after.goes_on()
        pause(ip)
        assert not after.goes_on()


def slow(ip: SendingIp) -> str:
    """Another complaint; the lane's last call after it."""
    slowdowns.halve(ip_id=ip.pk, destination="google", rate=10.0, reason="rate-limit",
                    reply="421 slow down", now=NOW)  # fmt: skip
    return slowdowns.last_call(ip_id=ip.pk, destination="google")


def pause(ip: SendingIp) -> None:
    slowdowns.pause(ip_id=ip.pk, destination="google", reason="connection-refused", reply="",
                    now=NOW)  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_without_valkey_a_lane_is_slowed_down_all_the_same(
    valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ip = SendingIp.objects.get(pool=make_pool("A", "127.0.10.1"))

    def away() -> None:
        raise redis.ConnectionError("away")

    with monkeypatch.context() as broken:
        broken.setattr(live, "connection", away)
        pause(ip)
    assert SlowDown.objects.get().pauses == 1


def test_the_first_complaint_stops_the_batch_and_slows_the_group(ip: SendingIp) -> None:
    stops: list[int] = []
    found = Complaints(ip_id=ip.pk, destination="google", stop=lambda: stops.append(1))
    for _ in range(3):
        found.hear(domain="gmail.com", category="rate-limit", outcome=outcome("slow down"))
    assert found.settle(rate=None, seconds=0.01, now=NOW) is None
    assert stops == [1]
    slowed = SlowDown.objects.get()
    assert (slowed.factor, slowed.base_rate, slowed.reply) == (0.5, 30.0, "421 slow down")


def test_a_domain_of_no_group_is_slowed_down_alone(ip: SendingIp) -> None:
    found = Complaints(ip_id=ip.pk, destination="other", stop=lambda: None)
    found.hear(domain="Busy.example", category="rate-limit", outcome=outcome("slow down"))
    assert found.settle(rate=8.0, seconds=1.0, now=NOW) == "busy.example"
    assert SlowDown.objects.get().destination == "busy.example"


@pytest.mark.parametrize(("destination", "pauses"), [("au", 1), ("other", 0)])
def test_a_group_that_refuses_every_connection_is_left_alone_for_a_while(
    ip: SendingIp, destination: str, pauses: int
) -> None:
    found = Complaints(ip_id=ip.pk, destination=destination, stop=lambda: None)
    for _ in range(3):
        refused = outcome(reason="connection-refused")
        found.hear(domain="au.com", category="connection-refused", outcome=refused)
    found.settle(rate=None, seconds=1.0, now=NOW)
    assert SlowDown.objects.filter(paused_until__gt=NOW).count() == pauses


def test_changed_limits_are_audited_and_only_when_they_changed(ip: SendingIp) -> None:
    google = Destination.objects.get(slug="google")
    to = {"max_connections": 2, "messages_per_second": 5.0}
    assert limits.change(destination=google, to=to, why="asked", by="test", now=NOW)
    assert not limits.change(destination=google, to=to, why="again", by="test", now=NOW)
    entry = AuditEntry.objects.get(verb="limits.change")
    assert entry.before == "max_connections=5, messages_per_second=-"
    assert entry.after == "max_connections=2, messages_per_second=5.0"
    google.refresh_from_db()
    assert limits.of(ip_id=ip.pk, group=google, now=NOW).rate == Rate(5.0)
