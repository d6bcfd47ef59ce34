"""Writing a mailing: what is stored, what is refused and shown where, what stays."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from customers.models import Customer, Person, RecipientList
from delivery.drafts import Given
from delivery.forms import read_given
from delivery.models import Delivery, Mailing, MailingRecipient
from tests.support.platform import make_list

pytestmark = pytest.mark.django_db

Open = Callable[[Person], Client]
Enter = Callable[[str], Client]


@pytest.fixture
def news(asagao: Customer) -> RecipientList:
    return make_list(asagao, ["hanako@r.example"], attributes={"name": "花子"})


def typed(**changes: object) -> dict[str, object]:
    return {
        "subject": "秋のお知らせ", "from_address": "news@asagao.example", "from_name": "あさがお",
        "text": "{{ name }}さま\r\n本文", "kind": "bulk", "charset": "utf-8", "at": "now",
        "headers": "X-Campaign: autumn\r\n", **changes,
    }  # fmt: skip


def test_a_mailing_is_made_from_what_was_typed(
    asagao: Customer, news: RecipientList, ben: Person, client_for: Open
) -> None:
    file = SimpleUploadedFile("a.txt", b"hello", "text/plain")
    values = typed(lists=[news.pk], attachments=[file], needs_tls="on")
    response = client_for(ben).post(f"/customers/{asagao.pk}/mailings/new/", values)
    made = Mailing.objects.get()
    assert response["Location"] == f"/mailings/{made.pk}/"
    assert (made.subject, made.text) == ("秋のお知らせ", "{{ name }}さま\n本文")
    assert made.headers == [["X-Campaign", "autumn"]]
    assert (made.needs_tls, made.created_by, made.state) == (True, ben, "scheduled")
    assert bytes(made.attachments.get().data) == b"hello"
    assert list(made.lists.all()) == [news]


def test_a_time_is_read_in_the_zone_of_the_person(
    asagao: Customer, news: RecipientList, ben: Person, client_for: Open
) -> None:
    ben.time_zone = "America/New_York"
    ben.save(update_fields=["time_zone"])
    values = typed(lists=[news.pk], at="later", scheduled_at="2026-12-24T09:30")
    client_for(ben).post(f"/customers/{asagao.pk}/mailings/new/", values)
    assert Mailing.objects.get().scheduled_at == datetime(2026, 12, 24, 14, 30, tzinfo=UTC)


def test_recipients_given_by_hand_bring_their_fields(
    asagao: Customer, ben: Person, client_for: Open
) -> None:
    values = typed(recipients="name,Email\r\n花子,a@r.example\r\n太郎,b@r.example\r\n")
    client_for(ben).post(f"/customers/{asagao.pk}/mailings/new/", values)
    rows = MailingRecipient.objects.order_by("address").values_list("address", "fields")
    assert list(rows) == [("a@r.example", {"name": "花子"}), ("b@r.example", {"name": "太郎"})]


@pytest.mark.parametrize(
    "case",
    [
        ({"text": "{{ nmae }}"}, "text", "uses the merge field “nmae”"),
        ({"from_address": "nobody"}, "from_address", "has no @ sign"),
        ({"subject": ""}, "subject", "The subject is empty."),
        ({"headers": "no colon"}, "headers", "“no colon” is no header"),
        ({"at": "later"}, "scheduled_at", "Say when"),
        ({"recipients": "name\r\n花子"}, "recipients", "No column is named “email”"),
        ({"recipients": "a@r.example\r\nb@"}, "recipients", "Recipient 2 (b@)"),
    ],
)
def test_a_problem_stands_at_its_field_and_nothing_is_lost(
    case: tuple[dict[str, object], str, str], asagao: Customer, news: RecipientList, enter: Enter
) -> None:
    changes, field, sentence = case
    values = typed(lists=[news.pk]) | changes
    response = enter("ben").post(f"/customers/{asagao.pk}/mailings/new/", values)
    assert response.status_code == 400
    assert sentence in " ".join(response.context["form"].errors[field])
    assert "あさがお" in response.content.decode()
    assert not Mailing.objects.exists()
    assert not Delivery.objects.exists()


def test_every_line_that_is_no_header_is_told(
    asagao: Customer, news: RecipientList, enter: Enter
) -> None:
    headers = "no colon\r\nX-A: 1\r\nBcc: x@r.example\r\nBad Name: 2"
    values = typed(lists=[news.pk], headers=headers, subject="", from_address="")
    response = enter("ben").post(f"/customers/{asagao.pk}/mailings/new/", values)
    errors = response.context["form"].errors
    assert sorted(errors) == ["from_address", "headers", "subject"]  # all that is wrong, at once
    told = errors["headers"]
    assert [words.split(" ")[0] for words in told] == ["“no", "The", "“Bad"]
    assert "The header Bcc is written by Hatobin itself." in told[1]


def test_a_refused_form_is_logged_once(
    asagao: Customer, news: RecipientList, enter: Enter, capfd: pytest.CaptureFixture[str]
) -> None:
    for changes in ({"headers": "no colon"}, {"text": "{{ nmae }}"}):
        enter("ben").post(f"/customers/{asagao.pk}/mailings/new/", typed(lists=[news.pk]) | changes)
        assert capfd.readouterr().out.count("WARNING") == 1


def test_a_time_that_has_passed_stands_at_its_field(
    asagao: Customer, news: RecipientList, enter: Enter
) -> None:
    values = typed(lists=[news.pk], at="later", scheduled_at="2025-12-24T09:30")
    response = enter("ben").post(f"/customers/{asagao.pk}/mailings/new/", values)
    (told,) = response.context["form"].errors["scheduled_at"]
    assert told.startswith("The time 24 Dec 2025, 09:30 has passed.")
    assert not Mailing.objects.exists()


def test_an_empty_list_and_no_list_are_refused(
    asagao: Customer, ben: Person, client_for: Open
) -> None:
    client, url = client_for(ben), f"/customers/{asagao.pk}/mailings/new/"
    nobody = client.post(url, typed(text="x"))
    assert "choose a list or give recipients" in nobody.content.decode()
    empty = make_list(asagao, [], name="Empty")
    refused = client.post(url, typed(text="x", lists=[empty.pk]))
    assert "The list “Empty” is empty." in refused.content.decode()
    both = client.post(url, typed(text="{{ name }}", lists=[empty.pk]))
    assert list(both.context["form"].errors) == ["lists"]


def test_attachments_over_the_limit_are_refused_in_page_and_log(
    asagao: Customer, enter: Enter, settings: object, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ATTACHMENT_LIMIT_MB = 1  # type: ignore[attr-defined]
    file = SimpleUploadedFile("big.bin", b"x" * 1_500_000)
    values = typed(recipients="a@r.example", text="x", attachments=[file])
    with caplog.at_level(logging.WARNING, "delivery"):
        response = enter("ben").post(f"/customers/{asagao.pk}/mailings/new/", values)
    sentence = "The attachments are 1.5 MB together; at most 1 MB are allowed."
    assert sentence in response.content.decode()
    assert caplog.text.count(sentence) == 1
    assert not Mailing.objects.exists()


def test_the_list_of_another_customer_cannot_be_chosen(
    asagao: Customer, botan: Customer, ben: Person, client_for: Open
) -> None:
    foreign = make_list(botan, ["b@r.example"], name="Secret list")
    client, url = client_for(ben), f"/customers/{asagao.pk}/mailings/new/"
    assert "Secret list" not in client.get(url).content.decode()
    assert client.post(url, typed(lists=[foreign.pk])).status_code == 400


def test_an_editor_of_one_customer_has_nothing_to_choose(
    asagao: Customer, ben: Person, vera: Person, root: Person, client_for: Open
) -> None:
    response = client_for(ben).get("/mailings/new/")
    assert response["Location"] == f"/customers/{asagao.pk}/mailings/new/"
    assert "not make them" in client_for(vera).get("/mailings/new/").content.decode()
    Customer.objects.create(name="Kiku", slug="kiku")
    assert "Kiku" in client_for(root).get("/mailings/new/").content.decode()


def test_the_form_begins_with_the_list_and_the_sender_used_last(
    asagao: Customer, news: RecipientList, ben: Person, client_for: Open
) -> None:
    client, url = client_for(ben), f"/customers/{asagao.pk}/mailings/new/"
    client.post(url, typed(lists=[news.pk]))
    initial = client.get(f"{url}?list={news.pk}").context["form"].initial
    assert initial["from_address"] == "news@asagao.example"
    assert initial["lists"] == [news.pk]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("a@r.example\n\n b@r.example ", [Given("a@r.example"), Given("b@r.example")]),
        ("email,name\na@r.example", [Given("a@r.example", {"name": ""})]),
        ("name,メールアドレス\n花,a@r.example", [Given("a@r.example", {"name": "花"})]),
    ],
)
def test_given_recipients_are_read_from_csv(text: str, found: list[Given]) -> None:
    assert read_given(text) == found
