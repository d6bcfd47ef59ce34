"""What every answer of the API has in common: problems, limits, repetition, ETags, languages."""

import json
import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from customers import idempotency
from customers.api import rates
from customers.api.suppressions import SuppressionOne
from customers.models import Customer, KeptAnswer, Suppression
from customers.tasks import forget_answers
from tests.support.keys import Program, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

ProgramOf = Callable[..., Program]
BASE = "/api/v1/suppressions/"
SENT = {"address": "hanako@r.example"}


def test_a_problem_says_what_is_wrong_and_what_to_do(
    asagao: Customer, program_of: ProgramOf
) -> None:
    answer = program_of(asagao).get(f"{BASE}999/")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:hatobin:problem:not-found", "title": "Nothing was found", "status": 404,
        "detail": "Nothing was found", "code": "not-found",
        "next_step": "Check the address and the ids in it; what belongs to others is not found "
        "either.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("ja", "見つかりませんでした"),
        ("en", "Nothing was found"),
        ("fr, en;q=0.5", "Nothing was found"),
    ],
)
def test_texts_are_in_the_language_asked_for(client: Client, language: str, title: str) -> None:
    answer = client.get("/api/v1/nothing/", headers={"Accept-Language": language})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert title in answer.json()["title"]
    assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed"),
        (b"[1]", "application/json", 400, "malformed"),
        (b'{"address": NaN}', "application/json", 400, "malformed"),
        (b'{"address": "\xff"}', "application/json", 400, "malformed"),
        (b"[" * 200_000, "application/json", 400, "malformed"),
        (b'{"address": "\\ud800@r.example"}', "application/json", 400, "invalid"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b" " * (2 * 1024 * 1024 + 1), "application/json", 413, "too-large"),
    ],
)
def test_content_that_cannot_be_used_is_a_problem_not_a_failure(
    asagao: Customer, program_of: ProgramOf, *, content: bytes, kind: str, status: int, code: str
) -> None:
    client = program_of(asagao).client
    answer = client.generic("POST", BASE, content, content_type=kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_methods_forms_and_chunks_that_are_not_taken(
    asagao: Customer, program_of: ProgramOf
) -> None:
    program = program_of(asagao)
    for method in ("delete", "put", "patch", "options"):
        answer = getattr(program.client, method)(BASE)
        assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
        assert answer.headers["Allow"] == "GET, HEAD, POST"
    html = program.get(BASE, headers={"Accept": "text/html"})
    assert (html.status_code, html.json()["code"]) == (406, "not-acceptable")
    chunked = program.post(BASE, SENT, {"Transfer-Encoding": "chunked"})
    assert (chunked.status_code, chunked.json()["code"]) == (411, "length-required")
    assert program.get("/api/v1/suppressions/" + "9" * 40 + "/").status_code == 404


def test_what_nobody_expected_is_a_problem_too(
    asagao: Customer, program_of: ProgramOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(SuppressionOne, "get", broken)
    program = program_of(asagao)
    program.client.raise_request_exception = False
    answer = program.get(f"{BASE}1/")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


def test_the_same_change_sent_twice_is_made_once(asagao: Customer, program_of: ProgramOf) -> None:
    program, word = program_of(asagao), {"Idempotency-Key": "0b3f"}
    first = program.post(BASE, SENT, word)
    again = program.post(BASE, SENT, word)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["Location"] == again.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    other = program.post(BASE, {"address": "other@r.example"}, word)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-key-reused")
    elsewhere = program.post(BASE + "bulk/", SENT, word)
    assert elsewhere.status_code == 409
    assert Suppression.objects.count() == 1


def test_words_belong_to_a_key_and_hold_for_a_day(
    asagao: Customer, botan: Customer, program_of: ProgramOf
) -> None:
    program, word = program_of(asagao), {"Idempotency-Key": "0b3f"}
    program.post(BASE, SENT, word)
    assert program_of(botan).post(BASE, {"address": "b@r.example"}, word).status_code == 201
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24))
    assert program.post(BASE, {"address": "c@r.example"}, word).status_code == 201
    KeptAnswer.objects.filter(key__customer=botan).update(
        created_at=timezone.now() - timedelta(hours=24)
    )
    forget_answers()
    assert [answer.key.customer for answer in KeptAnswer.objects.all()] == [asagao]


def test_what_was_refused_may_be_corrected_and_sent_again(
    asagao: Customer, program_of: ProgramOf
) -> None:
    program, word = program_of(asagao), {"Idempotency-Key": "0b3f"}
    assert program.post(BASE, {"address": "nobody"}, word).status_code == 400
    assert program.post(BASE, SENT, word).status_code == 201
    for bad in ("", "x" * 256, "a\tb"):
        answer = program.post(BASE, SENT, {"Idempotency-Key": bad})
        assert answer.json()["code"] == "invalid-idempotency-key"


def test_a_file_sent_twice_is_imported_once(asagao: Customer, program_of: ProgramOf) -> None:
    program, word = program_of(asagao), {"Idempotency-Key": "file-1"}
    first = program.send_csv(BASE + "import/", "email\na@r.example\n", word)
    again = program.send_csv(BASE + "import/", "email\na@r.example\n", word)
    assert first.json() == again.json() == {"added": 1, "known": 0}
    assert program.send_csv(BASE + "import/", "email\nb@r.example\n", word).status_code == 409


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_under_way_is_not_begun_again(asagao: Customer) -> None:
    made, answers = make_key(asagao), []

    def send() -> None:
        answers.append(Program(made.text).post(BASE, SENT, {"Idempotency-Key": "0b3f"}))
        connection.close()

    with transaction.atomic():
        at = timezone.now()
        assert idempotency.begin(key=made.key, word="0b3f", fingerprint="x", now=at) is None
        thread = threading.Thread(target=send)
        thread.start()
        thread.join()
    assert (answers[0].status_code, answers[0].json()["code"]) == (409, "request-under-way")
    assert answers[0].headers["Retry-After"] == "1"


def test_a_request_is_the_same_whatever_the_order_of_its_names() -> None:
    def mark(content: Any, path: str = "/a/") -> str:
        return idempotency.fingerprint(method="POST", path=path, content=content)

    assert mark({"a": 1, "b": "花"}) == mark({"b": "花", "a": 1})
    assert len({mark({"a": 1}), mark({"a": "1"}), mark({"a": 1}, "/b/"), mark([])}) == 4


def test_a_key_has_its_limit_and_the_headers_tell_it(
    asagao: Customer, program_of: ProgramOf
) -> None:
    program = program_of(asagao, requests_per_minute=3)
    answers = [program.get(BASE) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"key";q=3;w=60'] * 4
    told = [re.findall(r'"key";r=(\d);t=(\d+)', answer.headers["RateLimit"]) for answer in answers]
    assert [int(one[0][0]) for one in told] == [2, 1, 0, 0]
    assert told[0] == [("2", "20")]
    assert 50 <= int(told[3][0][1]) <= 60
    assert answers[3].json()["code"] == "rate-limited"
    assert 10 <= int(answers[3].headers["Retry-After"]) <= 20
    assert program_of(asagao).get(BASE).headers["RateLimit-Policy"] == '"key";q=600;w=60'


def test_the_limit_is_shared_and_exact(valkey: Any) -> None:
    taken = [rates.take("one", per_minute=1000) for _ in range(1001)]
    allowed = [one.allowed for one in taken if one]
    assert 1000 <= sum(allowed) + (not allowed[-1]) <= 1001
    assert 0 < valkey.ttl("hatobin:api:one") <= 120


def test_without_valkey_everything_is_answered(
    asagao: Customer, program_of: ProgramOf, settings: Any
) -> None:
    program = program_of(asagao)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = program.get(BASE)
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers


def test_who_tries_keys_is_slowed_down(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "REFUSED_PER_MINUTE", 2)
    wrong = {"Authorization": "Bearer hb_live_" + "a" * 10 + "_" + "b" * 40}
    statuses = [client.get(BASE, headers=wrong).status_code for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_a_client_that_has_the_list_already_is_told_so(
    asagao: Customer, program_of: ProgramOf
) -> None:
    program = program_of(asagao)
    first = program.get(BASE)
    same = program.get(BASE, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert "RateLimit" in same.headers
    assert first.headers["Cache-Control"] == same.headers["Cache-Control"] == "private, no-cache"
    program.post(BASE, SENT)
    assert program.get(BASE, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
    assert not first.cookies


def test_the_schema_is_open_and_complete(client: Client, now: datetime) -> None:
    answer = client.get("/api/v1/schema/")
    told = json.loads(answer.content)
    assert told["openapi"] == "3.1.1"
    assert told["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    post = told["paths"][BASE]["post"]
    assert {one["name"] for one in post["parameters"]} == {"Idempotency-Key", "customer"}
    assert "Scope: `suppressions:write`" in post["description"]
    shapes = told["components"]["schemas"]
    assert shapes["NewSuppressionRequest"]["additionalProperties"] is False
    assert "additionalProperties" not in shapes["SuppressionShape"]
    assert "https://" not in answer.content.decode()
    again = client.get("/api/v1/schema/", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_a_head_asks_for_the_scope_of_a_get(asagao: Customer, program_of: ProgramOf) -> None:
    reader, writer = (
        program_of(asagao, "suppressions:read"),
        program_of(asagao, "suppressions:write"),
    )
    assert reader.client.head(BASE).status_code == 200
    assert writer.client.head(BASE).status_code == 403


def test_a_method_without_a_scope_answers_nobody(
    asagao: Customer, program_of: ProgramOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SuppressionOne, "scopes", {})
    with pytest.raises(ImproperlyConfigured, match="SuppressionOne names no scope for GET"):
        program_of(asagao).get(f"{BASE}1/")
