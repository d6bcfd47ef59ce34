"""The page of destinations: limits, slow-downs, warm-ups; and a customer's share."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import AuditEntry, Customer, Person
from delivery import slowdowns, warmup, windows
from delivery.models import Assignment, Destination, DomainGroup, SendingIp, SlowDown, WarmUp
from tests.delivery.test_pages_mailings import words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

Open = Callable[[Person], Client]


@pytest.fixture
def google(db: None) -> Destination:
    found, _created = Destination.objects.update_or_create(
        slug="google",
        defaults={
            "name": "Google", "domains": ["gmail.com"], "patterns": ["*.google.com"],
            "max_connections": 5, "messages_per_connection": 50, "messages_per_second": None,
            "source": "KumoMTA: 5 connections, 50 a connection",
        },
    )  # fmt: skip
    return found


@pytest.fixture
def slowed(asagao: Customer, google: Destination) -> SlowDown:
    ip = SendingIp.objects.order_by("id")[0]
    slowdowns.halve(
        ip_id=ip.pk, destination="google", rate=40.0, reason="rate-limit",
        reply="421 4.7.28 unusual rate", now=timezone.now(),
    )  # fmt: skip
    return SlowDown.objects.get()


def test_operators_see_limits_and_nobody_slowed_down(
    google: Destination, root: Person, client_for: Open
) -> None:
    text = words(client_for(root).get("/destinations/"))
    assert "Google gmail.com 5 50 no limit no limit *.google.com" in text
    assert "No receiver has asked us to slow down." in text
    assert "All IPs are warm" in text


def test_a_slow_down_is_shown_with_its_reply_and_lifted_with_a_reason(
    slowed: SlowDown, root: Person, client_for: Open
) -> None:
    client = client_for(root)
    text = words(client.get("/destinations/"))
    assert "Google 127.0.10.1 50 % 2 connections, 20 a second" in text
    assert "The receiver asks to send more slowly 421 4.7.28 unusual rate" in text
    url = f"/destinations/slow-downs/{slowed.pk}/lift/"
    assert "give a reason" in words(client.post(url, {"why": ""}, follow=True))
    client.post(url, {"why": "They said sorry"})
    assert not SlowDown.objects.exists()
    assert AuditEntry.objects.get(verb="limits.lift").person == root


def test_a_pause_is_shown_with_its_end(slowed: SlowDown, root: Person, client_for: Open) -> None:
    slowdowns.pause(
        ip_id=slowed.ip.pk, destination="google", reason="connection-refused", reply="",
        now=timezone.now(),
    )  # fmt: skip
    text = words(client_for(root).get("/destinations/"))
    assert "127.0.10.1 pauses until" in text
    assert "The receiver's host refused the connection" in text


def test_an_operator_changes_limits_with_a_reason(
    google: Destination, root: Person, client_for: Open
) -> None:
    client, url = client_for(root), f"/destinations/{google.pk}/limits/"
    values = {"max_connections": 3, "messages_per_connection": 50, "messages_per_second": "7.5",
              "recipients_per_hour": ""}  # fmt: skip
    assert client.post(url, values).status_code == 400
    assert client.post(url, values | {"why": "asked", "max_connections": 0}).status_code == 400
    client.post(url, values | {"why": "Their postmaster asked"})
    google.refresh_from_db()
    assert (google.max_connections, google.messages_per_second) == (3, 7.5)
    text = words(client.get(f"/destinations/{google.pk}/"))
    assert "Limits changed → max_connections=3, messages_per_second=7.5" in text
    assert "Their postmaster asked" in text
    assert "KumoMTA: 5 connections, 50 a connection" in text


def test_who_only_looks_sees_no_forms_and_members_find_nothing(
    google: Destination, slowed: SlowDown, watcher: Person, ada: Person, client_for: Open
) -> None:
    client, url = client_for(watcher), f"/destinations/{google.pk}/"
    assert "<form method" not in client.get(url).content.decode().split("<main")[1]
    assert client.post(f"{url}limits/", {"why": "x"}).status_code == 403
    assert client.post(f"/destinations/slow-downs/{slowed.pk}/lift/").status_code == 403
    assert client_for(ada).get("/destinations/").status_code == 404
    assert client_for(ada).get(url).status_code == 404


def test_a_warm_up_is_begun_shown_and_ended(
    asagao: Customer, google: Destination, root: Person, client_for: Open
) -> None:
    client, ip = client_for(root), SendingIp.objects.order_by("id")[0]
    values = {"ip": ip.pk, "first": 50, "factor": 2, "cap": 1000}
    bad = client.post("/destinations/warm-ups/", {**values, "factor": 1}, follow=True)
    assert "choose an IP" in words(bad)
    client.post("/destinations/warm-ups/", values)
    assert WarmUp.objects.filter(ip=ip)[0].allowances == [50, 100, 200, 400, 800]
    window = warmup.window(ip_id=ip.pk, destination="google", now=timezone.now())
    assert window is not None
    windows.take([window], 20)
    assert "127.0.10.1 Google 1 20 of 50" in words(client.get("/destinations/"))
    client.post(f"/destinations/warm-ups/{ip.pk}/end/", {"why": "Known there"})
    assert not WarmUp.objects.exists()


def test_domains_with_limits_of_their_own_are_listed(
    root: Person, client_for: Open, now: datetime
) -> None:
    DomainGroup.objects.create(
        domain="busy.example", destination="busy.example", seen_at=timezone.now()
    )
    assert "busy.example" in words(client_for(root).get("/destinations/"))


def test_the_page_is_in_japanese_too(slowed: SlowDown, root: Person, client_for: Open) -> None:
    root.language = "ja"
    root.save(update_fields=["language"])
    text = words(client_for(root).get("/destinations/"))
    assert "送信IPごとの上限" in text
    assert "現在減速中" in text
    assert "2 接続, 毎秒 20 通" in text


def test_an_operator_sets_a_customers_share(
    asagao: Customer, root: Person, ada: Person, client_for: Open
) -> None:
    url = f"/customers/{asagao.pk}/"
    values = {"weight": 30, "messages_per_hour": 5000, "messages_per_day": "", "why": "Contract"}
    assert client_for(ada).post(f"{url}share/", values).status_code == 404
    client = client_for(root)
    assert "Nothing was changed" in words(client.post(f"{url}share/", {"weight": 0}, follow=True))
    client.post(f"{url}share/", values)
    row = Assignment.objects.get(customer=asagao)
    assert (row.weight, row.messages_per_hour, row.messages_per_day) == (30, 5000, None)
    assert "Messages an hour 5,000" in words(client.get(url))
    assert AuditEntry.objects.get(verb="customer.share").after == "30 / 5000 / -"


def test_the_page_asks_a_bounded_number_of_queries(
    slowed: SlowDown, root: Person, client_for: Open,
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:  # fmt: skip
    client = client_for(root)
    with django_assert_max_num_queries(12):
        assert client.get("/destinations/").status_code == 200
