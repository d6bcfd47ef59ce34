"""API keys: who makes them, what is stored of them, when they are taken."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from customers import keys
from customers.keys import Refusal
from customers.models import ApiKey, AuditEntry, Customer, Person, Scope
from tests.support.keys import Program, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

ProgramOf = Callable[..., Program]
BASE = "/api/v1/suppressions/"
READ = Scope.SUPPRESSIONS_READ


def test_a_key_is_shown_once_and_only_its_hash_is_kept(asagao: Customer, now: datetime) -> None:
    made = make_key(asagao, READ, now=now)
    mark, live, prefix, secret = made.text.split("_")
    assert (mark, live, prefix) == ("hb", "live", made.key.prefix)
    assert len(secret) == 40
    row = ApiKey.objects.filter(pk=made.key.pk).values().get()
    assert secret not in str(row)
    assert keys.find(made.text) == made.key
    entry = AuditEntry.objects.get(verb="key.make")
    assert (entry.customer, entry.evidence["key"]) == (asagao, f"hb_live_{prefix}")
    assert secret not in str(entry.evidence)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
        lambda text: text[:-1],
        lambda text: text.replace("hb_live_", "hb_test_"),
        lambda text: text[:10] + "\x00" + text[11:],
        lambda text: text[:10] + "é" + text[11:],
        lambda text: "",
    ],
)
def test_no_other_text_finds_it(asagao: Customer, change: Callable[[str], str]) -> None:
    assert keys.find(change(make_key(asagao).text)) is None


@pytest.mark.parametrize(
    ("who", "own", "foreign", "operators"),
    [
        ("ada", True, False, False),
        ("ben", False, False, False),
        ("cleo", False, True, False),
        ("root", False, False, False),
    ],
)
def test_owners_manage_the_keys_of_their_customer_only(
    asagao: Customer, botan: Customer, request: pytest.FixtureRequest,
    *, who: str, own: bool, foreign: bool, operators: bool, now: datetime,
) -> None:  # fmt: skip
    person: Person = request.getfixturevalue(who)
    may = [keys.may_manage(person, customer) for customer in (asagao, botan, None)]
    assert may == [own, foreign, operators]
    if not own:
        with pytest.raises(keys.NotAllowed, match="ask an owner"):
            keys.make(customer=asagao, name="x", scopes=[READ], by=person, now=now)
        with pytest.raises(keys.NotAllowed):
            keys.revoke(key=make_key(asagao).key, by=person, now=now)


def test_a_revoked_key_is_gone_at_once_and_for_good(
    asagao: Customer, ada: Person, now: datetime
) -> None:
    key = make_key(asagao).key
    assert keys.revoke(key=key, by=ada, now=now)
    assert not keys.revoke(key=key, by=ada, now=now + timedelta(days=1))
    key.refresh_from_db()
    assert (key.revoked_at, key.revoked_by) == (now, ada)
    assert AuditEntry.objects.get(verb="key.revoke").after == "revoked"


@pytest.mark.parametrize(
    ("fields", "address", "refusal"),
    [
        ({}, "203.0.113.9", None),
        ({"expires_at": datetime(2026, 3, 2, 1, 0, tzinfo=UTC)}, "", Refusal.EXPIRED),
        ({"expires_at": datetime(2026, 3, 2, 1, 1, tzinfo=UTC)}, "", None),
        ({"revoked_at": datetime(2026, 3, 1, tzinfo=UTC)}, "", Refusal.REVOKED),
        ({"ip_ranges": ["203.0.113.0/24"]}, "203.0.113.9", None),
        ({"ip_ranges": ["203.0.113.0/24"]}, "::ffff:203.0.113.9", None),
        ({"ip_ranges": ["203.0.113.0/24", "2001:db8::/32"]}, "2001:db8::1", None),
        ({"ip_ranges": ["203.0.113.0/24"]}, "203.0.114.9", Refusal.ADDRESS),
        ({"ip_ranges": ["203.0.113.0/24"]}, "2001:db8::1", Refusal.ADDRESS),
        ({"ip_ranges": ["203.0.113.0/24"]}, "", Refusal.ADDRESS),
    ],
)
def test_when_a_key_is_taken(
    fields: dict[str, Any], address: str, refusal: Refusal | None, now: datetime
) -> None:
    assert keys.objection(ApiKey(**fields), address=address, now=now) is refusal


def test_an_unknown_key_is_none(now: datetime) -> None:
    assert keys.objection(None, address="", now=now) is Refusal.UNKNOWN


def test_ranges_are_networks(asagao: Customer) -> None:
    key = make_key(asagao, ip_ranges=["203.0.113.9/24", " 2001:db8::1 "]).key
    assert key.ip_ranges == ["203.0.113.0/24", "2001:db8::1/128"]
    with pytest.raises(ValueError, match="office"):
        make_key(asagao, ip_ranges=["office"])


@pytest.mark.parametrize("fields", [{"scopes": []}, {"scopes": ["x"]}, {"requests_per_minute": 0}])
def test_the_database_takes_no_key_without_sense(asagao: Customer, fields: dict[str, Any]) -> None:
    key = make_key(asagao).key
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(**fields)


def test_the_last_use_is_written_once_a_minute(asagao: Customer, now: datetime) -> None:
    key = make_key(asagao).key

    def used(seconds: int, address: str) -> tuple[datetime | None, str | None]:
        at = now + timedelta(seconds=seconds)
        keys.note_use(key=ApiKey.objects.get(pk=key.pk), address=address, now=at)
        key.refresh_from_db()
        return key.last_used_at, key.last_used_from

    assert used(0, "203.0.113.9") == (now, "203.0.113.9")
    assert used(59, "203.0.113.10") == (now, "203.0.113.9")
    assert used(60, "fe80::1%eth0") == (now + timedelta(seconds=60), None)
    assert used(121, "") == (now + timedelta(seconds=121), None)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "key-missing"),
        ("Basic dXNlcjpwYXNz", "key-missing"),
        ("Bearer ", "key-missing"),
        ("Bearer hb_live_abc", "key-unknown"),
    ],
)
def test_nobody_comes_in_without_a_key(client: Client, header: str, code: str) -> None:
    answer = client.get(BASE, headers={"Authorization": header} if header else None)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="Hatobin"')
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_session_is_no_way_in(ada: Person, client_for: Callable[[Person], Client]) -> None:
    answer = client_for(ada).get(BASE)
    assert (answer.status_code, answer.json()["code"]) == (401, "key-missing")


def test_expired_revoked_and_from_elsewhere(
    asagao: Customer, program_of: ProgramOf, now: datetime
) -> None:
    expired = program_of(asagao, expires_at=now).get(BASE)
    assert (expired.status_code, expired.json()["code"]) == (401, "key-expired")
    elsewhere = program_of(asagao, ip_ranges=["203.0.113.0/24"]).get(BASE)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "key-address")
    ApiKey.objects.update(revoked_at=now, expires_at=None)
    made = make_key(asagao)
    ApiKey.objects.update(revoked_at=now)
    gone = Program(made.text).get(BASE)
    assert (gone.status_code, gone.json()["code"]) == (401, "key-revoked")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        (0, "203.0.113.9", 403),
        (1, "203.0.113.9", 200),
        (1, "203.0.113.9, 198.51.100.1", 403),
        (1, "198.51.100.1, 203.0.113.9", 200),
        (2, "203.0.113.9, 198.51.100.1", 200),
        (2, "203.0.113.9", 403),
        (1, "", 403),
    ],
)
def test_where_a_request_comes_from_is_what_our_proxies_say(
    asagao: Customer, program_of: ProgramOf, settings: Any,
    *, proxies: int, forwarded: str, status: int,
) -> None:  # fmt: skip
    settings.PROXIES = proxies
    program = program_of(asagao, ip_ranges=["203.0.113.0/24"])
    assert program.get(BASE, headers={"X-Forwarded-For": forwarded}).status_code == status


def test_use_is_noted_and_no_secret_is_logged(
    asagao: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = make_key(asagao)
    assert Program(made.text).get(BASE).status_code == 200
    Program(made.text[:-1] + "é").get(BASE)
    made.key.refresh_from_db()
    assert made.key.last_used_from == "127.0.0.1"
    assert made.text.rpartition("_")[2][:20] not in caplog.text
