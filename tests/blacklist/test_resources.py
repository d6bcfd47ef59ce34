"""What the watch looks after."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from blacklist.resources import Role, gather, owned
from customers.models import Customer
from delivery.models import IpState, Mailing, Pool
from tests.support.platform import make_customer, make_ip, make_pool
from wire.dnsbl import Kind


@pytest.fixture
def customer(db: None) -> Customer:
    return make_customer("Asagao", make_pool("Sakura", "127.0.10.1", "2001:db8::7"))


def make_letter(customer: Customer, sender: str, at: datetime) -> None:
    Mailing.objects.create(
        customer=customer, from_address=sender, subject="News", created_at=at, scheduled_at=at
    )


def test_all_that_receivers_know_us_by_is_watched(customer: Customer, now: datetime) -> None:
    found = gather(now=now)
    assert found["127.0.10.1"].roles == {Role.SENDING_IP}
    assert found["2001:db8::7"].kind is Kind.ip6
    assert found["sakura.mail.example"].roles == {Role.SENDING_DOMAIN}
    assert found["mx.sakura.mail.example"].roles == {Role.HELO}
    assert found["out0.sakura.mail.example"].roles == {Role.HELO}
    assert found["bounce.sakura.mail.example"].roles == {Role.ENVELOPE}


def test_the_host_of_the_links_is_watched_unless_it_is_an_address(
    customer: Customer, now: datetime, settings: Any
) -> None:
    settings.BASE_URL = "https://Mail.Asagao.Example"
    assert gather(now=now)["mail.asagao.example"].roles == {Role.LINKS}
    settings.BASE_URL = "http://127.0.0.1:8000"
    assert "127.0.0.1" not in gather(now=now)
    settings.BASE_URL = "http://localhost:8000"
    assert "localhost" not in gather(now=now)


def test_customers_domains_are_watched_for_information(customer: Customer, now: datetime) -> None:
    make_letter(customer, "news@朝顔.example", now)
    make_letter(customer, "news@sakura.mail.example", now)
    make_letter(customer, "news@botan.example", now - timedelta(days=91))
    make_letter(customer, "news@" + "x" * 64 + ".example", now)
    found = gather(now=now)
    assert not found["xn--tpvn90i.example"].is_ours
    assert found["sakura.mail.example"].is_ours
    assert "botan.example" not in found


def test_outside_the_box_only_public_addresses_are_asked_about(
    customer: Customer, now: datetime, settings: Any
) -> None:
    pool = Pool.objects.get()
    make_ip(pool, "8.8.4.4")
    make_ip(pool, "9.9.9.9", state=IpState.RETIRED)
    settings.LOOPBACK_ONLY = False
    addresses = {text for text, one in gather(now=now).items() if one.kind is not Kind.domain}
    assert addresses == {"8.8.4.4"}


def test_a_name_below_ours_means_ours(customer: Customer, now: datetime) -> None:
    found = gather(now=now)
    assert owned("WWW.sakura.mail.example.", found) == found["sakura.mail.example"]
    assert owned("mail.example", found) is None
    assert owned("0.127.0.10.1", found) is None
    assert owned("127.0.10.9", found) is None
