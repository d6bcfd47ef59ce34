"""What limits do to mail on its way: one worker's rounds through the sandbox."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.utils import timezone

from customers import suppressions
from customers.models import AuditEntry, Customer
from delivery import composition, dispatch, lanes, limits, marks, quotas, warmup, windows
from delivery.engine import Engine
from delivery.models import (
    Assignment,
    Attempt,
    Delivery,
    Destination,
    DomainGroup,
    Mailing,
    Pool,
    SendingIp,
    SlowDown,
)
from sandbox.internet import Sandbox
from tests.support.lanes import carry
from tests.support.platform import (
    DRAFT,
    make_ip,
    make_list,
    make_mailing,
)
from wire.letters import Letter
from wire.outcomes import Conversation, Outcome, Phase, Verdict

Work = Callable[[], int]
TRANSACTIONAL = {"kind": "transactional"}


def send(customer: Customer, addresses: Sequence[str], **draft: Any) -> Mailing:
    from dataclasses import replace

    people = make_list(
        customer, addresses, name=f"L{Mailing.objects.count()}", attributes={"name": "x"}
    )
    return make_mailing(customer, people, now=timezone.now(), draft=replace(DRAFT, **draft))


def many(count: int, domain: str = "corporate.example") -> list[str]:
    return [f"u{number}@{domain}" for number in range(count)]


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Delivery.objects.values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def limit(slug: str, **to: float) -> None:
    group, _created = Destination.objects.get_or_create(slug=slug, defaults={"name": slug})
    limits.change(destination=group, to=to, why="test", by="test", now=timezone.now())


def test_a_domain_is_moved_to_the_group_of_its_mx_hosts(
    customer: Customer, work: Work, box: Sandbox
) -> None:
    Destination.objects.update_or_create(
        slug="google", defaults={"patterns": ["*.gmail-like.example"]}
    )
    send(customer, ["a@hosted-at-gmail-like.example", "b@corporate.example"])
    work()
    assert dict(Delivery.objects.values_list("domain", "state")) == {
        "hosted-at-gmail-like.example": "queued", "corporate.example": "accepted",
    }  # fmt: skip
    assert DomainGroup.objects.get().mx_host.endswith(".gmail-like.example")
    work()
    row = Delivery.objects.get(domain="hosted-at-gmail-like.example")
    assert (row.state, row.destination, row.attempts) == ("accepted", "google", 1)


def test_mail_sorted_before_the_domain_was_known_is_moved_without_a_look_up(
    customer: Customer, work: Work
) -> None:
    send(customer, ["a@corporate.example"])
    DomainGroup.objects.create(
        domain="corporate.example", destination="google", seen_at=timezone.now()
    )
    work()
    assert not Attempt.objects.exists()
    work()
    assert Attempt.objects.get().destination == "google"


def test_a_domain_that_asks_for_it_is_slowed_down_and_the_others_are_not(
    customer: Customer, work: Work
) -> None:
    send(customer, [*many(30, "busy.example"), *many(3)])
    work()
    row = SlowDown.objects.get()
    assert (row.destination, row.factor, row.reason) == ("busy.example", 0.5, "rate-limit")
    assert row.reply.startswith("421 4.7.0 [TSS04]")
    left = Delivery.objects.filter(domain="busy.example", state="queued")
    assert left.count() > 0
    assert set(left.values_list("destination", flat=True)) == {"busy.example"}
    assert AuditEntry.objects.get(verb="limits.slow").subject == "destination:busy.example"
    work()
    assert Delivery.objects.filter(domain="corporate.example", state="accepted").count() == 3


def test_a_rate_bounds_a_batch_and_a_spent_bucket_lets_the_lane_rest(
    customer: Customer, engine: Engine, work: Work
) -> None:
    limit("other", recipients_per_hour=1800)  # one each two seconds
    send(customer, many(5))
    [errand] = dispatch.sweep(engine=engine, now=timezone.now())
    assert carry(engine, errand) == 0
    assert dispatch.sweep(engine=engine, now=timezone.now()) == []  # it rests
    assert states() == {"queued": 5}


def test_a_paced_batch_sends_no_faster(customer: Customer, work: Work) -> None:
    limit("other", messages_per_second=20.0)
    send(customer, many(10))
    began = timezone.now()
    work()
    assert states() == {"accepted": 10}
    assert (timezone.now() - began).total_seconds() > 0.4


def test_a_warming_ip_sends_its_allowance_and_the_rest_waits(
    customer: Customer, work: Work
) -> None:
    now = timezone.now()
    today = windows.day_of(now).date()
    ip = SendingIp.objects.get()
    warmup.begin(ip=ip, allowances=[4, 9], started_on=today, by="test", now=now)
    send(customer, many(10))
    assert (work(), work()) == (4, 0)
    assert states() == {"accepted": 4, "queued": 6}


def test_a_warming_ip_sends_no_more_for_one_of_the_other_ip_version(
    customer: Customer, pool: Pool, engine: Engine
) -> None:
    now = timezone.now()
    cold = SendingIp.objects.get()
    other = make_ip(pool, "::1", helo="out6.a.mail.example")
    today = windows.day_of(now).date()
    warmup.begin(ip=cold, allowances=[4, 9], started_on=today, by="test", now=now)
    send(customer, many(20))  # to hosts without IPv6
    errand = marks.take(lanes.Lane(pool.pk, other.pk, "other", 200))
    assert errand is not None
    assert carry(engine, errand) == 20
    assert states() == {"accepted": 4, "queued": 16}
    again = marks.take(errand.lane)
    assert again is not None
    carry(engine, again)
    assert states() == {"accepted": 4, "queued": 16}
    assert set(Attempt.objects.values_list("source", flat=True)) == {cold.address}
    assert marks.take(errand.lane) is None  # it rests


def test_what_no_receiver_heard_of_uses_no_allowance(customer: Customer, work: Work) -> None:
    now = timezone.now()
    ip, row = SendingIp.objects.get(), Assignment.objects.get()
    today = windows.day_of(now).date()
    warmup.begin(ip=ip, allowances=[9], started_on=today, by="test", now=now)
    quotas.change(row=row, to={"messages_per_hour": 9}, why="trial", by="test", now=now)
    row.refresh_from_db()
    send(customer, [*many(3, "nowhere.invalid"), *many(2)])
    work()
    assert states() == {"refused": 3, "accepted": 2}
    warming = warmup.window(ip_id=ip.pk, destination="other", now=now)
    assert warming is not None
    assert windows.left(warming) == 7
    assert windows.left(quotas.windows_of(row, now=now)[0]) == 7


def test_a_customer_sends_its_hourly_number_and_no_more(customer: Customer, work: Work) -> None:
    row = Assignment.objects.get()
    quotas.change(row=row, to={"messages_per_hour": 3}, why="trial", by="test", now=timezone.now())
    send(customer, many(10))
    assert (work(), work()) == (3, 0)


def test_what_is_not_used_of_a_quota_is_given_back(customer: Customer, work: Work) -> None:
    row = Assignment.objects.get()
    to = {"messages_per_hour": 100}
    quotas.change(row=row, to=to, why="trial", by="test", now=timezone.now())
    row.refresh_from_db()
    send(customer, many(3))
    work()
    [hour] = quotas.windows_of(row, now=timezone.now())
    assert windows.left(hour) == 97


def test_transactional_mail_has_lanes_of_its_own_that_come_first(
    customer: Customer, engine: Engine
) -> None:
    send(customer, many(3))
    send(customer, many(1), **TRANSACTIONAL)
    found = dispatch.sweep(engine=engine, now=timezone.now())
    assert [errand.lane.is_express for errand in found] == [True, False]
    assert carry(engine, found[0]) == 1
    kinds = Delivery.objects.filter(state="accepted").values_list("mailing__kind", flat=True)
    assert list(kinds) == ["transactional"]


def test_a_flooded_address_waits_and_the_page_can_tell(
    customer: Customer, work: Work, settings: Any
) -> None:
    settings.FLOOD_PER_CUSTOMER = 2
    for _ in range(4):
        send(customer, ["a@corporate.example"], **TRANSACTIONAL)
    work()
    assert states() == {"accepted": 2, "deferred": 2}
    held = Delivery.objects.filter(state="deferred")
    assert set(held.values_list("reason", flat=True)) == {"flood-guard"}
    assert AuditEntry.objects.filter(verb="mailing.flood").count() == 2


def test_no_batch_begins_while_another_holds_all_connections(
    customer: Customer, engine: Engine
) -> None:
    from delivery import connections

    limit("other", max_connections=1)
    send(customer, many(3))
    [errand] = dispatch.sweep(engine=engine, now=timezone.now())
    held = connections.take(name=f"{errand.lane.ip_id}:other", most=1)
    assert carry(engine, errand) == 0
    connections.leave(held)
    assert carry(engine, errand) == 3


class Failing:
    """A courier that breaks after it has begun with one letter and reported another."""

    async def carry(
        self,
        letters: Sequence[Letter],
        *,
        report: Callable[[Letter, Outcome], None],
        **_asked: Callable[[], bool],
    ) -> list[Letter]:
        letters[0].build()
        report(letters[1], Conversation().outcome(Verdict.deferred, Phase.rcpt, "timeout"))
        raise RuntimeError("broken")


def test_a_batch_that_fails_gives_back_what_it_has_not_begun(
    customer: Customer, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "courier", lambda *_args, **_options: Failing())
    send(customer, many(5))
    [errand] = dispatch.sweep(engine=engine, now=timezone.now())
    with pytest.raises(RuntimeError, match="broken"):
        carry(engine, errand)
    assert states() == {"sending": 1, "deferred": 1, "queued": 3}


def test_a_mailing_that_cannot_be_composed_is_deferred_and_uses_no_allowance(
    customer: Customer, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_mailing_id: int) -> None:
        raise ValueError("no such charset")

    monkeypatch.setattr(composition, "composer", fail)
    row = Assignment.objects.get()
    quotas.change(row=row, to={"messages_per_hour": 9}, why="trial", by="test", now=timezone.now())
    row.refresh_from_db()
    send(customer, many(2))
    work()
    assert set(Attempt.objects.values_list("reason", "phase")) == {("build-failed", "mail")}
    assert states() == {"deferred": 2}
    assert windows.left(quotas.windows_of(row, now=timezone.now())[0]) == 9


def test_a_batch_that_fails_before_it_sends_gives_back_everything(
    customer: Customer, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(suppressions, "reasons", fail)
    send(customer, many(5))
    [errand] = dispatch.sweep(engine=engine, now=timezone.now())
    with pytest.raises(RuntimeError, match="broken"):
        carry(engine, errand)
    assert states() == {"queued": 5}


def test_a_lane_of_an_unknown_group_has_the_defaults() -> None:
    lane = lanes.Lane(1, 2, "busy.example", 200, is_express=True)
    assert lane.name == "1:2:busy.example:express"
