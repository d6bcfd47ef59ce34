"""The pages of suppressed addresses: who may see and change them, and what they say."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from customers import suppressions
from customers.models import Customer, Person, Suppression, SuppressionReason

Enter = Callable[[str], Client]
KEY = "hanako@r.example"


def words(response: Any) -> str:
    main = response.content.decode().partition("<main")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split()).replace("&#x27;", "'")


def add(customer: Customer | None, reason: str = "manual", key: str = KEY) -> Suppression:
    suppressions.add(
        customer_id=customer.pk if customer else None, key=key, reason=SuppressionReason(reason),
        evidence={"note": "asked by telephone"}, by="test", now=timezone.now(),
    )  # fmt: skip
    return Suppression.objects.latest("id")


def url(customer: Customer | None, rest: str = "") -> str:
    return f"/customers/{customer.pk}/suppressions/{rest}" if customer else f"/suppressions/{rest}"


def test_members_see_their_own_and_search_finds_those_of_everyone(
    asagao: Customer, ada: Person, botan: Customer, enter: Enter
) -> None:
    add(asagao)
    add(botan, key="foreign@r.example")
    add(None, key="hana@r.example")
    add(None, key="hanae@r.example")
    text = words(enter("ada").get(url(asagao)))
    assert "hanako@r.example added by hand" in text
    assert "asked by telephone" in text
    assert "foreign@r.example" not in text
    assert "hana@r.example" not in text
    found = words(enter("ada").get(url(asagao), {"q": "Hana@R.example"}))
    assert "hana@r.example for everyone" in found
    assert "hanae@r.example" not in found
    assert "No address fits" in words(enter("ada").get(url(asagao), {"q": "zzz"}))


@pytest.mark.parametrize("typed", ["", "h", "hana", "hana@", "hana@r.exampl", "%", "*"])
def test_nobody_but_operators_can_list_what_is_blocked_for_everyone(
    asagao: Customer, ada: Person, root: Person, enter: Enter, typed: str
) -> None:
    add(None, key="hana@r.example")
    for client in (enter("ada"), enter("root")):
        for asked in ({"q": typed}, {"q": typed, "lifted": "on"}):
            assert "hana@r.example" not in words(client.get(url(asagao), asked))
            assert exported(client, asagao, asked) == []
    assert len(exported(enter("root"), None, {"q": "h"})) == 1


def test_whose_words_block_an_address_for_everyone_is_for_operators(
    asagao: Customer, ada: Person, root: Person, enter: Enter
) -> None:
    row = add(None)
    suppressions.lift(suppression=row, why="trap moved", by=root, now=timezone.now())
    asked = {"q": KEY, "lifted": "on"}
    seen, all_seen = (words(enter(who).get(url(asagao), asked)) for who in ("ada", "root"))
    for secret in ("asked by telephone", "trap moved", str(root)):
        assert secret not in seen
        assert secret in all_seen
    [line] = exported(enter("ada"), asagao, asked)
    assert line.startswith(f"{KEY},manual,everyone,")
    assert line.endswith(",")
    assert exported(enter("root"), asagao, asked)[0].endswith("note=asked by telephone")


def test_an_operators_block_has_no_button_for_the_customer(
    asagao: Customer, ada: Person, root: Person, enter: Enter
) -> None:
    suppressions.add(
        customer_id=asagao.pk, key=KEY, reason=SuppressionReason.MANUAL, evidence={"note": "trap"},
        by=root, now=timezone.now(),
    )  # fmt: skip
    path = f"/suppressions/{Suppression.objects.get().pk}/lift/"
    shown = enter("ada").get(url(asagao))
    assert path not in shown.content.decode()
    assert "by an operator" in words(shown)
    told = words(enter("ada").post(path, {"why": "we want to"}, follow=True))
    assert "only operators can lift that" in told
    assert Suppression.objects.active().exists()
    assert path in enter("root").get(url(asagao)).content.decode()


def exported(client: Client, customer: Customer | None, asked: dict[str, str]) -> list[str]:
    response = client.get(url(customer, "export.csv"), asked)
    lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    return list(lines[1:])


def test_strangers_and_visitors_find_nothing_and_change_nothing(
    asagao: Customer, cleo: Person, enter: Enter
) -> None:
    row = add(asagao)
    client = enter("cleo")
    for rest in ("", "export.csv"):
        assert client.get(url(asagao, rest)).status_code == 404
        assert Client().get(url(asagao, rest)).status_code == 302
    for path in (url(asagao, "add/"), url(asagao, "import/"), f"/suppressions/{row.pk}/lift/"):
        assert client.post(path, {"why": "x"}).status_code == 404
        assert Client().post(path).status_code == 302
    row.refresh_from_db()
    assert row.lifted_at is None


@pytest.mark.parametrize("who", ["ada", "cleo"])
def test_the_list_of_everyone_is_for_operators(
    asagao: Customer, who: str, root: Person, enter: Enter, request: pytest.FixtureRequest
) -> None:
    row = add(None)
    client = enter(who)
    assert client.get(url(None)).status_code == client.get(url(None, "export.csv")).status_code
    assert client.get(url(None)).status_code == 404
    assert client.post(url(None, "add/"), {"address": KEY, "note": "x"}).status_code == 404
    assert client.post(f"/suppressions/{row.pk}/lift/", {"why": "x"}).status_code == 404
    assert "They get no mail of any customer" in words(enter("root").get(url(None)))


def test_who_only_looks_sees_no_forms_and_changes_nothing(
    asagao: Customer, vera: Person, watcher: Person, enter: Enter
) -> None:
    add(asagao)
    for who, scope in (("vera", asagao), ("watcher", None)):
        client = enter(who)
        assert "<form method" not in client.get(url(scope)).content.decode().split("<main")[1]
        assert client.post(url(scope, "add/"), {"address": KEY}).status_code == 403
        assert client.post(url(scope, "import/")).status_code == 403


def test_an_address_is_added_by_hand(asagao: Customer, ben: Person, enter: Enter) -> None:
    values = {"address": "Ｔａｒｏ@R.example", "note": "asked in the shop", "until": "2030-01-31"}
    client = enter("ben")
    text = words(client.post(url(asagao, "add/"), values, follow=True))
    assert "Taro@r.example is not mailed any more" in text or "taro@r.example" in text
    row = Suppression.objects.get()
    assert (row.key, row.reason, row.created_by, row.evidence) == (
        "taro@r.example", "manual", ben, {"note": "asked in the shop"}
    )  # fmt: skip
    assert "blocked by hand already" in words(client.post(url(asagao, "add/"), values, follow=True))
    for_good = words(client.post(url(asagao, "add/"), values | {"until": ""}, follow=True))
    assert "the stricter of both blocks holds" in for_good
    past = client.post(url(asagao, "add/"), values | {"until": "2020-01-31"})
    assert (past.status_code, "This day is past" in words(past)) == (400, True)
    bad = client.post(url(asagao, "add/"), {"address": "nobody", "note": "x"})
    assert (bad.status_code, "has no @ sign" in words(bad)) == (400, True)


def test_a_wish_is_lifted_with_consent_only(asagao: Customer, ada: Person, enter: Enter) -> None:
    row = add(asagao, "complaint")
    client, path = enter("ada"), f"/suppressions/{row.pk}/lift/"
    assert "How and when the recipient agreed again" in words(client.get(url(asagao)))
    assert "give a reason" in words(client.post(path, {}, follow=True))
    assert "asked for no more mail" in words(client.post(path, {"why": "sorry"}, follow=True))
    told = words(client.post(path, {"why": "sorry", "consent": "form of 1 March"}, follow=True))
    assert "hanako@r.example may be mailed again" in told
    shown = words(client.get(url(asagao), {"lifted": "on"}))
    assert "lifted complained" in shown
    assert "Lifted: sorry" in shown


def test_a_file_is_imported_or_refused_as_a_whole(
    asagao: Customer, ada: Person, enter: Enter
) -> None:
    client, path = enter("ada"), url(asagao, "import/")
    good = SimpleUploadedFile("list.csv", b"email\na@r.example\nb@r.example\n")
    told = words(client.post(path, {"file": good}, follow=True))
    assert "2 addresses added, 0 known before" in told
    Suppression.objects.filter(key="b@r.example").update(expires_at="2099-01-01T00:00:00Z")
    again = SimpleUploadedFile("again.csv", b"email\na@r.example\nb@r.example\n")
    told_again = words(client.post(path, {"file": again}, follow=True))
    assert "0 addresses added, 2 known before. 1 of these holds more strictly now." in told_again
    assert "the file “list.csv”" in told
    bad = client.post(
        path, {"file": SimpleUploadedFile("bad.csv", b"email\nc@r.example\nnobody\n")}
    )
    assert bad.status_code == 400
    assert "3 email The address &quot;nobody&quot; has no @ sign" in words(bad)
    broken = client.post(path, {"file": SimpleUploadedFile("b.csv", b"name\nx\n")})
    assert "names no address column" in words(broken)
    assert client.post(path).status_code == 400
    assert Suppression.objects.count() == 2


def test_what_is_shown_is_exported(asagao: Customer, ada: Person, enter: Enter) -> None:
    add(asagao)
    add(asagao, "complaint", "other@r.example")
    response = enter("ada").get(url(asagao, "export.csv"), {"reason": "complaint"})
    lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert [line.split(",")[:3] for line in lines] == [
        ["\ufeffemail", "reason", "scope"], ["other@r.example", "complaint", "customer"]
    ]  # fmt: skip


def test_long_lists_have_pages(asagao: Customer, ada: Person, enter: Enter) -> None:
    for number in range(51):
        add(asagao, key=f"user{number:02}@r.example")
    first = enter("ada").get(url(asagao))
    assert "user50@r.example" not in words(first)
    place = first.context["next_place"]
    assert "user50@r.example" in words(enter("ada").get(url(asagao), {"after": place}))
    assert "user00@r.example" in words(enter("ada").get(url(asagao), {"after": "nonsense"}))


def test_a_page_asks_a_bounded_number_of_queries(
    asagao: Customer, ada: Person, enter: Enter, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        add(asagao, key=f"user{number:02}@r.example")
    client = enter("ada")
    with django_assert_max_num_queries(12):
        client.get(url(asagao))
