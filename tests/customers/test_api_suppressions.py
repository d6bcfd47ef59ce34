"""Suppressed addresses by API: what each endpoint does."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from customers import suppressions
from customers.models import AuditEntry, Contact, Customer, Suppression, SuppressionReason
from tests.support.keys import Program
from tests.support.platform import make_list

pytestmark = pytest.mark.usefixtures("valkey")

ProgramOf = Callable[..., Program]
BASE = "/api/v1/suppressions/"
KEY = "hanako@r.example"


def add(customer: Customer | None, reason: str = "manual", key: str = KEY, **more: Any) -> int:
    suppressions.add(
        customer_id=customer.pk if customer else None, key=key, reason=SuppressionReason(reason),
        evidence={"note": "asked by telephone"}, by="test", now=timezone.now(), **more,
    )  # fmt: skip
    return Suppression.objects.latest("id").pk


def addresses(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["address"] for row in response.json()["results"]]


def test_an_address_is_suppressed(asagao: Customer, program_of: ProgramOf) -> None:
    program = program_of(asagao)
    sent = {"address": "Ｔaro@R.example", "note": "shop", "expires_at": "2099-01-01T09:00:00+09:00"}
    answer = program.post(BASE, sent)
    row = Suppression.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": row.pk, "address": "taro@r.example", "reason": "manual", "scope": "customer",
        "customer": asagao.pk, "evidence": row.evidence,
        "created_at": f"{row.created_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "expires_at": "2099-01-01T00:00:00Z", "lifted_at": None, "lifted_why": "",
    }  # fmt: skip
    assert row.evidence["note"] == "shop"
    assert row.evidence["key"].startswith("hb_live_")
    assert program.get(answer.headers["Location"]).json() == answer.json()
    assert program.post(BASE, sent).status_code == 200
    entry = AuditEntry.objects.get(verb="suppression.add")
    assert (entry.person, entry.customer) == (None, asagao)
    assert entry.by == f"API key {row.evidence['key']} (shop)"


def test_an_opt_out_by_api_is_shown_with_the_contact(
    asagao: Customer, program_of: ProgramOf
) -> None:
    make_list(asagao, [KEY])
    program_of(asagao).post(BASE, {"address": KEY, "reason": "unsubscribed"})
    assert Contact.objects.get().status == "unsubscribed"


@pytest.mark.parametrize(
    ("sent", "pointer", "code"),
    [
        ({}, "/address", "required"),
        ({"address": "nobody"}, "/address", "invalid-address"),
        ({"address": KEY, "reason": "whim"}, "/reason", "invalid_choice"),
        ({"address": KEY, "expires_at": "2099-01-01T00:00:00"}, "/expires_at", "no_offset"),
        ({"address": KEY, "expires_at": "2001-01-01T00:00:00Z"}, "/expires_at", "past"),
        ({"address": KEY, "expires_at": "9999-12-31T23:59:59-09:00"}, "/expires_at", "overflow"),
        ({"address": KEY, "a/b": 1}, "/a~1b", "unknown"),
        ({"address": KEY, "note": "a\x00b"}, "/note", "null_characters_not_allowed"),
        ({"address": KEY, "note": ["x"]}, "/note", "invalid"),
    ],
)
def test_what_is_wrong_with_it_is_said_where(
    asagao: Customer, program_of: ProgramOf, sent: Any, pointer: str, code: str
) -> None:
    answer = program_of(asagao).post(BASE, sent)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (400, "invalid")
    assert [(error["pointer"], error["code"]) for error in told["errors"]] == [(pointer, code)]
    assert Suppression.objects.count() == 0


def test_a_thousand_at_once_and_the_bad_ones_are_named(
    asagao: Customer, program_of: ProgramOf, django_assert_max_num_queries: Any
) -> None:
    add(asagao, key="user1@r.example")
    items: list[Any] = [{"address": f"user{number}@r.example"} for number in range(996)]
    items += [{"address": "nobody"}, {"address": "user2@r.example"}, "x", {"reason": "manual"}]
    program = program_of(asagao)
    with django_assert_max_num_queries(15):
        answer = program.post(BASE + "bulk/", {"items": items})
    told = answer.json()
    assert answer.status_code == 200
    assert (told["added"], told["known"], told["refused"]) == (995, 2, 3)
    assert [result["index"] for result in told["results"]] == list(range(1000))
    assert told["results"][1]["id"] == Suppression.objects.get(key="user1@r.example").pk
    assert told["results"][997]["status"] == "known"
    bad = told["results"][996]
    assert (bad["status"], bad["errors"][0]["pointer"]) == ("refused", "/items/996/address")
    assert told["results"][998]["errors"][0]["pointer"] == "/items/998"
    entry = AuditEntry.objects.get(verb="suppression.add_all")
    assert (entry.after, len(entry.evidence["suppressions"])) == ("995 added", 995)


@pytest.mark.parametrize("items", [None, [], "x", [{"address": KEY}] * 1001])
def test_a_list_that_is_none_or_too_long_is_refused(
    asagao: Customer, program_of: ProgramOf, items: Any
) -> None:
    answer = program_of(asagao).post(BASE + "bulk/", {"items": items})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/items")
    nothing_good = program_of(asagao).post(BASE + "bulk/", {"items": [{}]})
    assert nothing_good.json()["refused"] == 1
    assert Suppression.objects.count() == 0


def test_a_list_is_filtered(asagao: Customer, botan: Customer, program_of: ProgramOf) -> None:
    add(asagao)
    add(asagao, "complaint", "other@r.example")
    add(botan, key="foreign@r.example")
    add(None, key="dead@r.example")
    get = program_of(asagao).get
    assert addresses(get(BASE)) == ["other@r.example", KEY]
    assert addresses(get(BASE, {"reason": "complaint"})) == ["other@r.example"]
    assert addresses(get(BASE, {"q": "Hana"})) == [KEY]
    assert addresses(get(BASE, {"address": "HANAKO@r.example"})) == [KEY]
    assert addresses(get(BASE, {"address": "nobody"})) == []
    assert addresses(get(BASE, {"since": "2099-01-01T00:00:00Z"})) == []
    assert addresses(get(BASE, {"scope": "everyone"})) == []
    assert addresses(get(BASE, {"address": "dead@r.example", "scope": "everyone"})) == [
        "dead@r.example"
    ]


def test_of_what_holds_for_everyone_no_evidence_is_told(
    asagao: Customer, program_of: ProgramOf
) -> None:
    pk = add(None)
    (row,) = program_of(asagao).get(BASE, {"address": KEY}).json()["results"]
    assert (row["scope"], row["customer"], row["evidence"]) == ("everyone", None, {})
    told = program_of(None).get(f"{BASE}{pk}/").json()
    assert told["evidence"] == {"note": "asked by telephone"}


@pytest.mark.parametrize(
    ("since", "count"),
    [
        ("0080-05-18T22:00:17+16:27", 1),
        ("0001-01-01T00:00:00+09:00", 1),
        ("9999-12-31T23:59:59-09:00", 0),
        ("2020-01-01", 1),
    ],
)
def test_since_takes_every_time_that_can_be_written(
    asagao: Customer, program_of: ProgramOf, since: str, count: int
) -> None:
    add(asagao)
    assert len(addresses(program_of(asagao).get(BASE, {"since": since}))) == count


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"reson": "manual"}, "reson"),
        ({"reason": "whim"}, "reason"),
        ({"since": "yesterday"}, "since"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"q": "a\x00"}, "q"),
    ],
)
def test_a_filter_that_cannot_be_used_is_refused(
    asagao: Customer, program_of: ProgramOf, query: dict[str, str], parameter: str
) -> None:
    answer = program_of(asagao).get(BASE, query)
    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]


def test_pages_follow_each_other_without_gap_or_repetition(
    asagao: Customer, program_of: ProgramOf
) -> None:
    made = [add(asagao, key=f"user{number}@r.example") for number in range(7)]
    program, seen, where = program_of(asagao), [], f"{BASE}?limit=3"
    while where:
        page = program.get(where).json()
        seen += [row["id"] for row in page["results"]]
        add(asagao, key=f"late{len(seen)}@r.example")
        where = page["next"]
    assert seen == made[::-1]
    assert [row["id"] for row in program.get(page["previous"]).json()["results"]] == made[1:4][::-1]


@pytest.mark.parametrize("cursor", ["x", "cD1hYmM=", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "é"])
def test_a_cursor_that_was_not_given_out_is_refused(
    asagao: Customer, program_of: ProgramOf, cursor: str
) -> None:
    answer = program_of(asagao).get(BASE, {"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


def test_a_suppression_is_lifted_with_a_reason(asagao: Customer, program_of: ProgramOf) -> None:
    pk, program = add(asagao), program_of(asagao)
    path = f"{BASE}{pk}/lift/"
    assert program.post(path, {}).json()["errors"][0]["pointer"] == "/why"
    answer = program.post(path, {"why": "called us"})
    assert (answer.status_code, answer.json()["lifted_why"]) == (200, "called us")
    again = program.post(path, {"why": "called us"})
    assert (again.status_code, again.json()["code"]) == (409, "already-lifted")
    assert addresses(program.get(BASE)) == []
    assert addresses(program.get(BASE, {"lifted": "true"})) == [KEY]
    assert AuditEntry.objects.get(verb="suppression.lift").by.startswith("API key hb_live_")


def test_a_wish_is_lifted_by_a_customers_key_with_consent_only(
    asagao: Customer, program_of: ProgramOf
) -> None:
    path, program = f"{BASE}{add(asagao, 'complaint')}/lift/", program_of(asagao)
    answer = program.post(path, {"why": "sorry"})
    assert (answer.status_code, answer.json()["code"]) == (403, "consent-required")
    assert "asked for no more mail" in answer.json()["detail"]
    assert program.post(path, {"why": "sorry", "consent": "form of 1 March"}).status_code == 200
    other = f"{BASE}{add(asagao, 'complaint', 'b@r.example')}/lift/"
    assert program_of(None).post(other, {"why": "a mistake of ours"}).status_code == 200


def test_a_file_goes_out_and_comes_in_again(
    asagao: Customer, botan: Customer, program_of: ProgramOf
) -> None:
    add(asagao)
    add(asagao, "complaint", "other@r.example")
    answer = program_of(asagao).get(
        BASE + "export/", {"reason": "complaint"}, headers={"Accept": "text/csv"}
    )
    text = b"".join(answer.streaming_content).decode()
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [line.split(",")[:2] for line in text.splitlines()[1:]] == [
        ["other@r.example", "complaint"]
    ]
    done = program_of(botan).send_csv(BASE + "import/?name=old.csv", text)
    assert done.json() == {"added": 1, "known": 0}
    row = Suppression.objects.get(customer=botan)
    assert (row.reason, row.evidence) == ("complaint", {"file": "old.csv"})


def test_what_is_blocked_for_everyone_is_not_listed_or_explained_to_customers(
    asagao: Customer, program_of: ProgramOf
) -> None:
    add(None)
    program = program_of(asagao)
    for asked in ({"address": " "}, {"address": "hana"}, {"q": "h"}, {"address": ["x", " "]}):
        assert addresses(program.get(BASE, asked)) == []
    assert addresses(program.get(BASE, {"address": KEY})) == [KEY]
    lines = [
        b"".join(who.get(BASE + "export/", {"address": KEY}).streaming_content).decode()
        for who in (program, program_of(None))
    ]
    assert ["asked by telephone" in text for text in lines] == [False, True]
    assert [KEY in text for text in lines] == [True, True]


def test_what_the_recipient_asked_for_has_no_end(asagao: Customer, program_of: ProgramOf) -> None:
    sent = {"address": KEY, "reason": "complaint", "expires_at": "2099-01-01T00:00:00Z"}
    answer = program_of(asagao).post(BASE, sent)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/expires_at"]
    many = program_of(asagao).post(BASE + "bulk/", {"items": [sent, {"address": KEY}]}).json()
    assert [result["status"] for result in many["results"]] == ["refused", "added"]


def test_a_longer_block_takes_the_place_of_a_shorter_one(
    asagao: Customer, program_of: ProgramOf
) -> None:
    program = program_of(asagao)
    program.post(BASE, {"address": KEY, "expires_at": "2099-01-01T00:00:00Z"})
    again = program.post(BASE, {"address": KEY})
    assert (again.status_code, again.json()["expires_at"]) == (200, None)
    operator = program_of(None)
    operator.post(f"{BASE}?customer={asagao.pk}", {"address": KEY})
    lifted = program.post(f"{BASE}{again.json()['id']}/lift/", {"why": "we want to"})
    assert lifted.json()["code"] == "operators-only"


def test_a_bad_file_changes_nothing(asagao: Customer, program_of: ProgramOf) -> None:
    program = program_of(asagao)
    rows = program.send_csv(BASE + "import/", "email,reason\na@r.example,\nnobody,whim\n")
    assert (rows.status_code, rows.json()["code"]) == (400, "rows-refused")
    (wrong,) = rows.json()["errors"]
    assert (wrong["row"], wrong["column"]) == (3, "email")
    broken = program.send_csv(BASE + "import/", "name\nx\n")
    assert (broken.status_code, broken.json()["code"]) == (400, "broken-file")
    assert program.send_csv(BASE + "import/", "").json()["code"] == "broken-file"
    assert program.post(BASE + "import/", {}).json()["code"] == "unsupported-media-type"
    assert Suppression.objects.count() == 0


def test_operators_say_whose(asagao: Customer, program_of: ProgramOf) -> None:
    operator = program_of(None)
    unsaid = operator.post(BASE, {"address": KEY})
    assert unsaid.json()["errors"][0]["parameter"] == "customer"
    one = operator.post(f"{BASE}?customer={asagao.pk}", {"address": KEY}).json()
    assert (one["scope"], one["customer"]) == ("customer", asagao.pk)
    for_all = operator.post(f"{BASE}?customer=everyone", {"address": KEY}).json()
    assert (for_all["scope"], for_all["customer"]) == ("everyone", None)
    assert len(addresses(operator.get(BASE))) == 2
    assert len(addresses(operator.get(BASE, {"customer": asagao.pk}))) == 1
    assert len(addresses(operator.get(BASE, {"customer": "everyone"}))) == 1
    for nobody in ("999999", "x", "9" * 30):
        assert operator.post(f"{BASE}?customer={nobody}", {"address": KEY}).status_code == 404
    assert operator.post(f"{BASE}{for_all['id']}/lift/", {"why": "alive"}).status_code == 200
