"""Retry, time limit, TLS on demand, relay, quarantine, IPv6: one message each."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from compliance import standings
from compliance.models import StandingState
from customers.models import Customer
from delivery import closing, live
from delivery.models import Attempt, Delivery, Mailing, Pool, Relay
from sandbox.internet import Sandbox
from tests.support.platform import (
    DRAFT,
    make_ip,
    make_ladder,
    make_list,
    make_mailing,
    make_pool,
)

Work = Callable[[], int]


def send_one(customer: Customer, address: str, **draft: Any) -> Mailing:
    people = make_list(customer, [address], attributes={"name": "x"})
    return make_mailing(customer, people, now=timezone.now(), draft=replace(DRAFT, **draft))


def come_due() -> None:
    """Time passes: what is deferred is due."""
    Delivery.objects.filter(state="deferred").update(next_attempt_at=timezone.now())


def test_a_greylisted_message_is_accepted_at_a_later_attempt(
    customer: Customer, work: Work
) -> None:
    send_one(customer, "hanako@yahoo-like.example")
    work()
    first = Attempt.objects.get()
    assert (first.code, first.verdict) == (451, "deferred")
    assert Delivery.objects.get().next_attempt_at > timezone.now()
    assert work() == 0  # not due yet
    asyncio.run(asyncio.sleep(2.1))  # the receiver's patience, in the sandbox's scenario
    come_due()
    work()
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("accepted", 2)


def test_a_message_that_is_deferred_to_the_end_expires_with_the_last_reason(
    customer: Customer, work: Work, settings: Any
) -> None:
    settings.RETRY_LADDER = [60]
    settings.RETRY_LIMIT = 90
    send_one(customer, "full-1@corporate.example")
    work()
    assert Delivery.objects.get().state == "deferred"
    come_due()
    Mailing.objects.update(expires_at=timezone.now() + timedelta(seconds=30))
    work()
    row = Delivery.objects.get()
    assert (row.state, row.reason, row.attempts) == ("expired", "mailbox-full", 2)
    closing.finish(now=timezone.now())
    assert Mailing.objects.get().state == "done"


def test_a_message_that_needs_tls_is_not_sent_in_the_clear(
    customer: Customer, box: Sandbox, work: Work
) -> None:
    send_one(customer, "a@corporate.example", needs_tls=True)
    work()
    row = Delivery.objects.get()
    assert (row.state, row.reason) == ("deferred", "tls-required")
    assert not Attempt.objects.exclude(code=None).filter(phase="data").exists()


def test_a_message_that_needs_tls_goes_where_it_is_offered(customer: Customer, work: Work) -> None:
    send_one(customer, "a@au-like.example", needs_tls=True)
    work()
    assert Delivery.objects.get().state == "accepted"
    assert Attempt.objects.get().tls.startswith("TLSv1")


def test_a_pool_with_a_relay_hands_everything_to_it(
    customer: Customer, pool: Pool, box: Sandbox, work: Work
) -> None:
    pool.relay = Relay.objects.create(name="R", host="127.0.4.25", port=box.port, tls="none")
    pool.save(update_fields=["relay"])
    live.announce()
    send_one(customer, "somebody@anywhere.example")
    work()
    attempt = Attempt.objects.get()
    assert (attempt.verdict, attempt.mx_address) == ("accepted", "127.0.4.25")


def test_a_quarantined_customer_leaves_through_the_quarantine_pool(
    customer: Customer, work: Work
) -> None:
    make_pool("Q", "127.0.13.1", role="quarantine")
    mailing = send_one(customer, "a@corporate.example")
    standings.move(
        customer=customer, to=StandingState.QUARANTINED, why="traps", by="test",
        now=timezone.now(),
    )  # fmt: skip
    live.announce()
    work()
    attempt = Attempt.objects.get(mailing=mailing)
    assert (attempt.source, attempt.helo) == ("127.0.13.1", "out0.q.mail.example")
    assert attempt.envelope_sender.endswith("@bounce.q.mail.example")


def test_held_mail_stays_queued_until_a_pool_is_clean(
    customer: Customer, pool: Pool, work: Work
) -> None:
    pool.ips.update(state="listed")
    send_one(customer, "a@corporate.example")
    assert work() == 0
    assert Delivery.objects.get().state == "queued"
    make_ladder(pool, make_pool("F", "127.0.12.1", role="fallback"))
    live.announce()
    work()
    assert Attempt.objects.get().source == "127.0.12.1"


def test_an_ipv6_source_does_not_knock_at_ipv4_doors(
    customer: Customer, pool: Pool, work: Work
) -> None:
    pool.ips.update(state="resting")
    make_ip(pool, "::1", helo="out6.a.mail.example")
    live.announce()
    send_one(customer, "a@corporate.example")
    work()
    row = Delivery.objects.get()
    assert (row.state, row.reason) == ("deferred", "no-usable-address")
    assert Attempt.objects.get().source == "::1"


def test_a_pool_with_both_ip_versions_reaches_everybody_at_the_first_attempt(
    customer: Customer, pool: Pool, work: Work
) -> None:
    make_ip(pool, "::1", helo="out6.a.mail.example")
    people = [f"user{number}@corporate.example" for number in range(3)]
    make_mailing(customer, make_list(customer, people, attributes={"name": "x"}),
                 now=timezone.now())  # fmt: skip
    pool.ips.filter(address="127.0.10.1").update(weight=1)  # the lane of ::1 claims first
    live.announce()
    while work():
        pass
    assert set(Delivery.objects.values_list("state", "attempts")) == {("accepted", 1)}
    assert set(Attempt.objects.values_list("source", flat=True)) == {"127.0.10.1"}


def test_a_mailing_that_cannot_be_composed_does_not_stop_the_others_of_its_lane(
    customer: Customer, work: Work
) -> None:
    broken = send_one(customer, "a@corporate.example")
    Mailing.objects.filter(pk=broken.pk).update(text="{{ never closed")
    people = make_list(customer, ["b@corporate.example"], name="Good", attributes={"name": "x"})
    good = make_mailing(customer, people, now=timezone.now())
    work()
    assert Delivery.objects.get(mailing=good).state == "accepted"
    row = Delivery.objects.get(mailing=broken)
    assert (row.state, row.reason, row.attempts) == ("deferred", "build-failed", 1)


def test_an_ip_without_a_usable_helo_name_is_out_of_rotation(
    customer: Customer, pool: Pool, work: Work
) -> None:
    pool.ips.update(helo="not a host name")
    make_ip(pool, "127.0.10.2", helo="out2.a.mail.example")
    live.announce()
    send_one(customer, "a@corporate.example")
    work()
    assert Attempt.objects.get().source == "127.0.10.2"
