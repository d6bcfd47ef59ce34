"""The pages of API keys: made, shown once, revoked; who may do that."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from customers.models import ApiKey, Customer, Person
from tests.support.cast import make_person
from tests.support.keys import Program, make_key

pytestmark = pytest.mark.django_db

Enter = Callable[[str], Client]
FORM = {"name": "web shop", "scopes": ["suppressions:read"]}


@pytest.fixture
def chief(db: None) -> Person:
    return make_person("chief@hatobin.example", operator_role="admin")


def words(response: Any) -> str:
    main = response.content.decode().partition("<main")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split()).replace("&#x27;", "'")


def url(customer: Customer | None, rest: str = "") -> str:
    return f"/customers/{customer.pk}/keys/{rest}" if customer else f"/keys/{rest}"


def test_an_owner_makes_a_key_and_sees_it_once(
    asagao: Customer, ada: Person, enter: Enter, valkey: Any
) -> None:
    client = enter("ada")
    assert "No key yet. Make one for each program" in words(client.get(url(asagao)))
    form = FORM | {"ip_ranges": "127.0.0.1\n\n 203.0.113.0/24 ", "until": "2099-12-31"}
    made = client.post(url(asagao, "new/"), form)
    (text,) = re.findall(r">(hb_live_\w+)</textarea>", made.content.decode())
    assert made.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert Program(text).get("/api/v1/suppressions/").status_code == 200
    page = client.get(url(asagao))
    assert text not in page.content.decode()
    row = ApiKey.objects.get()
    assert (row.ip_ranges, row.created_by) == (["127.0.0.1/32", "203.0.113.0/24"], ada)
    assert row.expires_at is not None
    assert row.expires_at.isoformat() == "2099-12-31T14:59:59+00:00"
    told = words(page)
    assert f"web shop {row.shown}_… Ada" in told
    assert "in use until 31 Dec 2099, 23:59" in told
    assert "see suppressed addresses from 127.0.0.1/32, 203.0.113.0/24" in told
    assert "127.0.0.1 Revoke" in told


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "This field is required"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["everything"]}, "is not one of the available choices"),
        ({"ip_ranges": "office"}, "“office” is no IP address and no range"),
        ({"ip_ranges": "127.0.0.1\n" * 51}, "At most 50 ranges."),
        ({"until": "2001-01-01"}, "This day is past."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    asagao: Customer, ada: Person, enter: Enter, change: dict[str, Any], sentence: str
) -> None:
    answer = enter("ada").post(url(asagao, "new/"), FORM | change)
    assert (answer.status_code, sentence in words(answer)) == (400, True)
    assert ApiKey.objects.count() == 0


def test_an_owner_revokes_a_key(asagao: Customer, ada: Person, enter: Enter) -> None:
    key, client = make_key(asagao).key, enter("ada")
    told = words(client.post(f"/keys/{key.pk}/revoke/", follow=True))
    assert f"{key.shown} is revoked: programs that use it are refused" in told
    assert "Ada" in told
    assert "Revoke this key" not in told
    client.post(f"/keys/{key.pk}/revoke/")
    key.refresh_from_db()
    assert key.revoked_by == ada


def test_states_are_words(asagao: Customer, ada: Person, enter: Enter) -> None:
    make_key(asagao, expires_at=timezone.now() - timedelta(days=1))
    told = words(enter("ada").get(url(asagao)))
    assert "expired" in told
    assert "never used" in told
    assert "from anywhere" in told


@pytest.mark.parametrize("who", ["ben", "vera", "watcher", "root"])
def test_who_is_no_owner_sees_keys_and_changes_none(
    asagao: Customer, request: pytest.FixtureRequest, who: str, enter: Enter
) -> None:
    key, client = make_key(asagao).key, enter(who)
    page = client.get(url(asagao))
    assert key.shown in words(page)
    assert "<form method" not in page.content.decode().partition("<main")[2]
    assert client.post(url(asagao, "new/"), FORM).status_code == 403
    assert client.post(f"/keys/{key.pk}/revoke/").status_code == 403
    assert ApiKey.objects.filter(revoked_at=None).count() == 1


def test_strangers_and_visitors_find_nothing(asagao: Customer, cleo: Person, enter: Enter) -> None:
    key, client = make_key(asagao).key, enter("cleo")
    assert client.get(url(asagao)).status_code == 404
    assert Client().get(url(asagao)).status_code == 302
    for path in (url(asagao, "new/"), f"/keys/{key.pk}/revoke/"):
        assert client.post(path, FORM).status_code == 404
        assert Client().post(path, FORM).status_code == 302
    assert ApiKey.objects.filter(revoked_at=None).count() == 1


def test_keys_of_operators_are_their_administrators(
    ada: Person, root: Person, chief: Person, enter: Enter
) -> None:
    assert enter("ada").get(url(None)).status_code == 404
    assert enter("ada").post(url(None, "new/"), FORM).status_code == 404
    assert "Owners make them" in words(enter("root").get(url(None)))
    assert enter("root").post(url(None, "new/"), FORM).status_code == 403
    client = enter("chief")
    made = client.post(url(None, "new/"), FORM | {"requests_per_minute": "90"})
    assert "Copy it now" in words(made)
    key = ApiKey.objects.get()
    assert (key.customer, key.requests_per_minute) == (None, 90)
    assert "90 requests a minute" in words(client.get(url(None)))
    assert enter("ada").post(f"/keys/{key.pk}/revoke/").status_code == 404
    assert client.post(f"/keys/{key.pk}/revoke/").headers["Location"] == "/keys/"


def test_the_limit_is_not_an_owners_to_set(asagao: Customer, ada: Person, enter: Enter) -> None:
    enter("ada").post(url(asagao, "new/"), FORM | {"requests_per_minute": "90000"})
    assert ApiKey.objects.get().requests_per_minute is None


def test_the_page_speaks_japanese(asagao: Customer, ada: Person, enter: Enter) -> None:
    Person.objects.filter(pk=ada.pk).update(language="ja")
    make_key(asagao, ip_ranges=["203.0.113.0/24"], requests_per_minute=90)
    told = words(enter("ada").get(url(asagao)))
    assert "203.0.113.0/24 から" in told
    assert "1分に90回まで" in told
    assert "送信対象外のアドレスを見る" in told
