"""Groups of destinations: found by MX hosts, remembered, and used by the next mailing."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from delivery import destinations
from delivery.destinations import Finding
from delivery.models import Delivery, Destination, DomainGroup
from tests.support.platform import make_customer, make_list, make_mailing, make_pool

PATTERNS = {"google": ["*.google.com"], "microsoft": ["*.protection.outlook.com"]}


@pytest.mark.parametrize(
    ("hosts", "slug"),
    [
        (["aspmx.l.google.com"], "google"),
        (["aspmx.l.google.com", "ALT1.ASPMX.L.GOOGLE.COM."], "google"),
        (["mx.own.example", "aspmx.l.google.com"], None),
        (["shop-example.mail.protection.outlook.com"], "microsoft"),
        (["google.com.example", "notgoogle.com", "xgoogle.com"], None),
        ([], None),
    ],
)
def test_a_group_is_told_by_the_mx_hosts(hosts: list[str], slug: str | None) -> None:
    found = destinations.group_of(hosts, PATTERNS)
    assert (found.destination if found else None) == slug


@pytest.mark.django_db
def test_every_figure_names_its_source() -> None:
    assert Destination.objects.filter(source="").count() == 0
    found = destinations.patterns()
    assert {"docomo", "au", "softbank", "ymobile", "yahoo-jp", "google", "icloud"} <= set(found)
    yahoo = Destination.objects.get(slug="yahoo-jp")
    assert (yahoo.max_connections, yahoo.messages_per_second) == (2, 10.0)


@pytest.mark.django_db
def test_what_was_found_is_used_by_the_next_mailing_until_it_is_old() -> None:
    now = timezone.now()
    findings = {"hosted.example": Finding("google", "aspmx.l.google.com")}
    destinations.remember(findings, now=now)
    destinations.remember(findings, now=now)
    assert destinations.known(["hosted.example", "r.example"], now=now) == {
        "hosted.example": "google"
    }
    customer = make_customer("Asagao", make_pool("A", "127.0.10.1"))
    people = make_list(customer, ["a@hosted.example", "b@r.example", "c@docomo.ne.jp"],
                       attributes={"name": "x"})  # fmt: skip
    make_mailing(customer, people, now=now)
    rows = dict(Delivery.objects.values_list("domain", "destination"))
    assert rows == {"hosted.example": "google", "r.example": "other", "docomo.ne.jp": "docomo"}
    later = now + timedelta(days=31)
    assert destinations.known(["hosted.example"], now=later) == {}


@pytest.mark.django_db
def test_domains_on_their_own_are_listed_apart(now: datetime) -> None:
    destinations.remember(
        {"busy.example": Finding("busy.example"), "hosted.example": Finding("google", "mx")},
        now=now,
    )
    assert [row.domain for row in destinations.own_groups(now=now)] == ["busy.example"]
    assert str(DomainGroup.objects.get(domain="busy.example")) == "busy.example -> busy.example"
