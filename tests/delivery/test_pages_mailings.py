"""The pages of mailings: list, progress, recipients, actions, preview."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.test import Client

from customers.models import Customer, Person
from delivery import mailings
from delivery.drafts import Draft
from delivery.models import Delivery, Mailing
from tests.support.attempts import settle
from tests.support.platform import DRAFT, make_list, make_mailing
from wire.mime import Attachment

pytestmark = pytest.mark.django_db

Open = Callable[[Person], Client]
Enter = Callable[[str], Client]
Bound = Callable[[int], object]

ADDRESSES = ["hanako@docomo.ne.jp", "taro@r.example", "=cmd@r.example", "jiro@r.example"]
NAME = {"name": "花子"}


@pytest.fixture
def mailing(asagao: Customer, now: datetime) -> Mailing:
    """Four recipients: one accepted, one refused, two queued."""
    made = make_mailing(asagao, make_list(asagao, ADDRESSES, attributes=NAME), now=now)
    first, second = Delivery.objects.filter(mailing=made).order_by("address")[1:3]
    settle(first, state="accepted", reason="accepted", at=now)
    settle(second, state="refused", reason="unknown-user", at=now)
    return made


def words(response: object) -> str:
    """What the page says, blanks and tags between words removed."""
    from html import unescape
    from re import sub

    text = response.content.decode()  # type: ignore[attr-defined]
    return unescape(" ".join(sub(r"<[^>]+>", " ", text).split()))


def test_the_page_tells_how_far_it_is_and_why(
    mailing: Mailing, vera: Person, client_for: Open
) -> None:
    text = words(client_for(vera).get(f"/mailings/{mailing.pk}/"))
    assert "2 of 4 recipients are in a final state." in text
    assert "refused The address does not exist there 1 25.0" in text
    assert "NTT docomo" in text
    assert "Route now Sakura" in text


def test_the_moving_part_goes_on_while_it_is_sent_and_stops_at_the_end(
    mailing: Mailing, vera: Person, client_for: Open, now: datetime
) -> None:
    url, client = f"/mailings/{mailing.pk}/progress/?state=sending", client_for(vera)
    moving = client.get(url, headers={"HX-Request": "true"})
    assert "every 2s" in moving.content.decode()
    assert "<html" not in moving.content.decode()
    assert "HX-Refresh" not in moving
    mailings.cancel(mailing_id=mailing.pk, by="test", now=now)
    ended = client.get(url, headers={"HX-Request": "true"})
    assert "hx-get" not in ended.content.decode()
    assert ended["HX-Refresh"] == "true"


def test_an_editor_pauses_resumes_and_cancels(
    mailing: Mailing, ben: Person, client_for: Open
) -> None:
    client = client_for(ben)
    for action, state in (("pause", "paused"), ("resume", "sending"), ("cancel", "cancelled")):
        response = client.post(f"/mailings/{mailing.pk}/{action}/", {"why": "ask Ada"}, follow=True)
        mailing.refresh_from_db()
        assert mailing.state == state
    text = words(response)
    assert "State changed → paused" in text
    assert "Ben ask Ada" in text
    assert "Cancel this mailing" not in text


def test_what_the_state_does_not_allow_is_explained(
    mailing: Mailing, ben: Person, client_for: Open, now: datetime
) -> None:
    mailings.cancel(mailing_id=mailing.pk, by="test", now=now)
    response = client_for(ben).post(f"/mailings/{mailing.pk}/pause/", follow=True)
    assert "A mailing that is cancelled cannot become paused." in words(response)


def test_a_viewer_sees_no_buttons(mailing: Mailing, vera: Person, client_for: Open) -> None:
    page = client_for(vera).get(f"/mailings/{mailing.pk}/").content.decode()
    assert f"/mailings/{mailing.pk}/pause/" not in page
    assert "/mailings/new/" not in page


def test_a_mailing_without_a_pool_says_why_it_waits(
    mailing: Mailing, vera: Person, client_for: Open, asagao: Customer
) -> None:
    asagao.assignment.delete()
    text = words(client_for(vera).get(f"/mailings/{mailing.pk}/"))
    assert "Held: The customer has no pool: assign one" in text


def test_the_html_is_shown_where_it_can_do_no_harm(
    asagao: Customer, vera: Person, client_for: Open, now: datetime
) -> None:
    draft = Draft(
        subject="S", from_address="a@asagao.example", html="<p>Hi</p><script>x()</script>",
        attachments=(Attachment("見積.html", "text/html", b"<script>"),),
    )  # fmt: skip
    news = make_list(asagao, ["a@r.example"])
    made = mailings.create(customer=asagao, draft=draft, lists=[news], by="test", now=now)
    client = client_for(vera)
    assert 'sandbox title="Preview' in client.get(f"/mailings/{made.pk}/").content.decode()
    preview = client.get(f"/mailings/{made.pk}/html/")
    assert preview.content == b"<p>Hi</p><script>x()</script>"
    policy = preview["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert preview["X-Frame-Options"] == "SAMEORIGIN"
    file = client.get(f"/mailings/{made.pk}/attachments/{made.attachments.get().pk}/")
    assert file["Content-Type"] == "application/octet-stream"
    assert file["Content-Disposition"].startswith("attachment")


def test_the_list_is_filtered_by_customer_state_and_subject(
    mailing: Mailing, botan: Customer, root: Person, client_for: Open, now: datetime
) -> None:
    draft = Draft(subject="Botan's news", from_address="b@botan.example", text="x")
    other = make_mailing(botan, make_list(botan, ["b@r.example"]), now=now, draft=draft)
    mailings.pause(mailing_id=other.pk, by="test", now=now)
    client = client_for(root)
    for query in (f"customer={botan.pk}", "state=paused", "q=BOTAN"):
        text = words(client.get(f"/mailings/?{query}"))
        assert "Botan's news" in text
        assert "今月のお知らせ" not in text
    assert "No mailing fits" in words(client.get("/mailings/?q=nowhere"))


def test_progress_and_reasons_are_of_one_moment(
    mailing: Mailing, vera: Person, client_for: Open, now: datetime
) -> None:
    first = Delivery.objects.filter(state="queued").first()
    assert first is not None
    settle(first, state="sending", reason="rate-limit", at=now)
    page = client_for(vera).get(f"/mailings/{mailing.pk}/progress/?state=sending")
    assert "2 of 4 recipients are in a final state." in words(page)
    assert "The address does not exist there" in words(page)
    assert "The receiver asks to send more slowly" not in words(page)
    shown = client_for(vera).get(f"/mailings/{mailing.pk}/recipients/?state=sending")
    assert "The receiver asks to send more slowly" not in words(shown)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"charset": "utf-8"}, "Character encoding UTF-8 "),
        ({"charset": "iso-2022-jp", "text": "あ"}, "Character encoding ISO-2022-JP "),
        ({"charset": "auto"}, "ISO-2022-JP; UTF-8 where a recipient's fields cannot be written"),
        ({"charset": "iso-2022-jp", "text": "①"}, "UTF-8, since the content cannot be written"),
        ({"text": "x"}, "The text has no {{ unsubscribe_url }}: the way out is in the header"),
        ({"text": "", "html": "<p>Hi <b>you</b>"}, "Text, made from the HTML Hi you"),
    ],
)
def test_the_page_says_what_is_sent_where_it_is_not_what_was_written(
    changes: dict[str, str], sentence: str, asagao: Customer, now: datetime, enter: Enter
) -> None:
    draft = replace(DRAFT, **changes)  # type: ignore[arg-type]
    made = make_mailing(asagao, make_list(asagao, ADDRESSES, attributes=NAME), now=now, draft=draft)
    assert sentence in words(enter("vera").get(f"/mailings/{made.pk}/"))


def test_japanese_addresses_are_found_and_shown_as_people_write_them(
    asagao: Customer, vera: Person, client_for: Open, now: datetime
) -> None:
    news = make_list(asagao, ["hato@日本語.example"], attributes=NAME)
    made = make_mailing(asagao, news, now=now)
    client = client_for(vera)
    wire = "hato@xn--wgv71a119e.example"
    for url in (f"/mailings/{made.pk}/recipients/?address=", "/recipients/?q="):
        for typed in ("hato@日本語.example", "ＨＡＴＯ＠日本語．example", wire):
            page = words(client.get(url + typed))
            assert "hato@日本語.example" in page.partition("Show")[2] or "Queued" in page
    one = words(client.get(f"/deliveries/{Delivery.objects.get().pk}/"))
    assert f"Address in DNS and SMTP {wire}" in one
    contacts = client.get(f"/customers/{asagao.pk}/lists/{news.pk}/?q=hato@日本語.example")
    assert "hato@日本語.example" in words(contacts).partition("Contacts")[2]
    saved = client.get(f"/mailings/{made.pk}/recipients.csv")
    assert wire in b"".join(saved.streaming_content).decode()  # type: ignore[attr-defined]


def test_a_japanese_page_has_japanese_words(
    mailing: Mailing, ben: Person, client_for: Open, now: datetime
) -> None:
    Person.objects.filter(pk=ben.pk).update(language="ja")
    client = client_for(ben)
    mailings.cancel(mailing_id=mailing.pk, by="demo", now=now)
    page = words(client.get(f"/mailings/{mailing.pk}/"))
    assert "その他" in page
    assert "Hatobin（デモ）" in page
    refused = client.post(f"/mailings/{mailing.pk}/pause/", follow=True)
    assert "「取り消し」の配信を「一時停止」にすることはできません。" in words(refused)


def test_what_cannot_be_undone_is_confirmed_in_the_colour_of_danger(
    mailing: Mailing, asagao: Customer, root: Person, client_for: Open
) -> None:
    client = client_for(root)
    for url in (f"/mailings/{mailing.pk}/", f"/pools/{asagao.assignment.pool.pk}/"):
        form = client.get(url).content.decode().partition('class="ask-form"')[2]
        assert 'class="btn btn-danger"' in form.partition("</form>")[0]


def test_recipients_are_found_by_state_reason_and_address(
    mailing: Mailing, vera: Person, client_for: Open
) -> None:
    client, url = client_for(vera), f"/mailings/{mailing.pk}/recipients/"
    for query in ("state=refused", "reason=unknown-user"):
        text = words(client.get(f"{url}?{query}"))
        assert "The address does not exist there" in text
        assert "queued" not in text.partition("Show")[2]
    text = words(client.get(f"{url}?address=TARO@r.example"))
    assert "taro@r.example" in text
    assert "jiro@r.example" not in text
    assert "No recipient fits" in words(client.get(f"{url}?state=expired"))
    assert "taro@r.example" in words(client.get(f"{url}?state=nonsense"))


def test_many_recipients_come_in_pages(
    asagao: Customer, vera: Person, client_for: Open, now: datetime
) -> None:
    addresses = [f"user{number:03}@r.example" for number in range(60)]
    made = make_mailing(asagao, make_list(asagao, addresses, attributes=NAME), now=now)
    client, url = client_for(vera), f"/mailings/{made.pk}/recipients/"
    first = client.get(url)
    assert len(first.context["page"].rows) == 50
    second = client.get(f"{url}?after={first.context['page'].next_id}")
    assert len(second.context["page"].rows) == 10
    assert second.context["page"].next_id is None


def test_the_csv_holds_every_recipient_and_no_formula(
    mailing: Mailing, vera: Person, client_for: Open
) -> None:
    response = client_for(vera).get(f"/mailings/{mailing.pk}/recipients.csv")
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["address"].lstrip("'") for row in rows} == set(ADDRESSES)
    assert [row["state"] for row in rows if row["reason"] == "unknown-user"] == ["refused"]
    assert "'=cmd@r.example" in text


def test_the_number_of_queries_does_not_grow_with_the_rows(
    mailing: Mailing, now: datetime, enter: Enter, django_assert_max_num_queries: Bound
) -> None:
    asagao = mailing.customer
    for number in range(12):
        make_mailing(
            asagao, make_list(asagao, ADDRESSES, name=f"L{number}", attributes=NAME), now=now
        )
    client = enter("root")
    bounds = {
        "/": 22, "/mailings/": 16, f"/mailings/{mailing.pk}/": 20,
        f"/mailings/{mailing.pk}/progress/": 17, f"/mailings/{mailing.pk}/recipients/": 5,
        f"/customers/{asagao.pk}/": 12, "/customers/": 5,
    }  # fmt: skip
    for url, most in bounds.items():
        with django_assert_max_num_queries(most):  # type: ignore[attr-defined]
            assert client.get(url).status_code == 200


def test_a_scheduled_mailing_waits_for_its_time(
    asagao: Customer, vera: Person, client_for: Open, now: datetime
) -> None:
    draft = Draft(subject="Later", from_address="a@asagao.example", text="x")
    news, later = make_list(asagao, ["a@r.example"]), now + timedelta(days=1)
    made = mailings.create(
        customer=asagao, draft=draft, lists=[news], scheduled_at=later, by="test", now=now
    )
    text = words(client_for(vera).get(f"/mailings/{made.pk}/"))
    assert "It starts by itself at its time." in text
    assert "3 Mar 2026, 10:00" in text
