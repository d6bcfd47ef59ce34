"""Transactional mail behind another customer's bulk mailing to slow receivers: real workers."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from customers.models import Customer
from delivery import live, mailings
from delivery.drafts import Given
from delivery.models import Delivery, Destination, Pool
from sandbox.internet import Sandbox
from tests.support.platform import DRAFT, make_customer, make_list, make_mailing, make_pool
from tests.support.workers import wait_until, workers


@pytest.fixture
def pool(transactional_db: None) -> Pool:
    return make_pool("A", "127.0.10.1", "127.0.10.2")


@pytest.fixture
def bulk(pool: Pool, valkey: Any, tmp_path: Path) -> Iterator[Customer]:
    """Another customer's mailing is under way; it keeps both worker processes busy."""
    big = make_customer("Big", pool)
    people = make_list(
        big, [f"u{number}@slow.example" for number in range(2000)], attributes={"name": "x"}
    )
    mailing = make_mailing(big, people, now=timezone.now())
    with Sandbox() as box:
        host, port = box.dns
        settings = {"DNS_SERVERS": f"{host}:{port}", "SMTP_PORT": str(box.port)}
        with workers(tmp_path, count=1, queues="default,long dispatch", **settings):
            wait_until(lambda: Delivery.objects.filter(state="accepted").count() > 10)
            yield big
            mailings.cancel(mailing_id=mailing.pk, by="test", now=timezone.now())
            wait_until(lambda: not Delivery.objects.filter(state="sending").exists())


def wait_of(pool: Pool, address: str) -> float:
    """Seconds from the commit of a single message until its outcome is recorded."""
    small = make_customer("Small", pool)
    live.announce()  # running workers know the customers that they have read
    began = time.monotonic()
    made = mailings.create(
        customer=small,
        draft=replace(DRAFT, kind="transactional"),
        given=[Given(address, {"name": "x"})],
        by="test",
        now=timezone.now(),
    )
    wait_until(lambda: Delivery.objects.filter(mailing=made, state="accepted").exists())
    return time.monotonic() - began


def test_a_single_message_to_another_receiver_does_not_wait(bulk: Customer, pool: Pool) -> None:
    assert wait_of(pool, "taro@corporate.example") < 5


def test_a_single_message_to_the_same_slow_receiver_gets_a_connection(
    bulk: Customer, pool: Pool
) -> None:
    assert wait_of(pool, "taro@slow.example") < 6


def test_the_only_connection_to_a_receiver_is_given_up_for_it(
    pool: Pool, request: pytest.FixtureRequest
) -> None:
    Destination.objects.update_or_create(
        slug="slow", defaults={"domains": ["slow.example"], "max_connections": 1}
    )
    request.getfixturevalue("bulk")
    assert wait_of(pool, "taro@slow.example") < 8
