"""What receivers may ask of TLS, MTA-STS and DANE, met or not, through a worker's whole way."""

import ssl
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from customers.models import Customer
from delivery import live
from delivery.engine import Engine
from delivery.models import Attempt, Delivery, Pool
from delivery.routing import Ip
from sandbox.certificates import FILE
from sandbox.internet import Sandbox
from tests.support.platform import make_list, make_mailing
from wire.security import Contexts

Work = Callable[[], int]


@pytest.fixture
def box(box: Sandbox, settings: Any) -> Sandbox:
    """The box, whose authority the workers believe."""
    settings.STS_PORT = box.port
    settings.TLS_AUTHORITIES = str(box.directory / FILE)
    return box


def sent(customer: Customer, work: Work, *addresses: str) -> Attempt:
    """The last attempt after one round of work."""
    people = make_list(customer, addresses, name=addresses[0], attributes={"name": "x"})
    make_mailing(customer, people, now=timezone.now())
    work()
    return Attempt.objects.latest("at")


@pytest.mark.parametrize(
    ("domain", "proof"),
    [
        ("sts.example", "pkix (sts)"),
        ("dane.example", "dane"),
        ("dane-two.example", "dane"),
        ("dane-unusable.example", "none"),
        ("sts-testing.example", "none (sts testing failed)"),
        ("au-like.example", "none"),
    ],
)
def test_mail_goes_out_and_its_attempt_says_how_the_host_was_verified(
    domain: str, proof: str, customer: Customer, work: Work
) -> None:
    attempt = sent(customer, work, f"hanako@{domain}")
    assert Delivery.objects.get().state == "accepted"
    assert attempt.tls.startswith("TLSv1.3 TLS_")
    assert attempt.tls.endswith(f", verified: {proof}")


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("sts-mismatch.example", "sts-mismatch"),
        ("sts-broken.example", "sts-tls-failed"),
        ("dane-broken.example", "dane-failed"),
    ],
)
def test_mail_waits_where_the_receiver_does_not_show_what_it_promised(
    domain: str, reason: str, customer: Customer, work: Work, box: Sandbox
) -> None:
    attempt = sent(customer, work, f"taro@{domain}")
    row = Delivery.objects.get()
    assert (row.state, row.reason, row.attempts) == ("deferred", reason, 1)
    assert (attempt.verdict, attempt.code) == ("deferred", None)
    assert not [one for one in box.store if f"taro@{domain}" in one.recipients]


def test_a_policy_is_shared_by_all_workers(
    customer: Customer, work: Work, box: Sandbox, valkey: Any
) -> None:
    sent(customer, work, "a@sts.example")
    text = valkey.get("hatobin:sts:sts.example")
    assert b"enforce" in text
    assert 0 < valkey.ttl("hatobin:sts:sts.example") <= 86_400


def test_a_policy_that_was_stored_stands_though_its_host_is_gone(
    customer: Customer, work: Work, engine: Engine, valkey: Any, settings: Any
) -> None:
    sent(customer, work, "a@sts.example")
    settings.STS_PORT = 9
    engine._policies = None  # as in a worker that has just started
    assert sent(customer, work, "b@sts.example").tls.endswith("pkix (sts)")


@pytest.mark.parametrize(
    ("domain", "end"),
    [
        ("sts.example", ("deferred", "sts-tls-failed")),
        ("sts-testing.example", ("accepted", "accepted")),
    ],
)
def test_a_worker_without_its_authorities_sends_only_what_needs_none(
    domain: str, end: tuple[str, str], customer: Customer, work: Work, engine: Engine
) -> None:
    sent(customer, work, f"a@{domain}")
    engine._contexts = Contexts("no such file")
    attempt = sent(customer, work, f"b@{domain}")
    row = Delivery.objects.get(address=f"b@{domain}")
    assert (row.state, row.reason) == end
    assert "no certificate can be verified" in attempt.conversation


def test_the_pool_says_which_version_of_tls_is_the_least(
    customer: Customer, pool: Pool, engine: Engine
) -> None:
    pool.tls_minimum = "TLSv1.3"
    pool.save(update_fields=["tls_minimum"])
    live.announce()
    ip = Ip(pool.ips.get().pk, "127.0.10.1", "mx.example", 10)
    courier = engine.courier(engine.known().pool(pool.pk), ip, connections=1, letters=1)
    assert courier._terms.policy.tls_minimum is ssl.TLSVersion.TLSv1_3
