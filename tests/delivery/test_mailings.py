"""Making mailings: what is refused before anything is queued, what release writes, the moves."""

import logging
from datetime import datetime, timedelta

import pytest
from django.utils import timezone, translation

from customers import suppressions
from customers.models import AuditEntry, Customer, RecipientList, SuppressionReason
from delivery import closing, mailings
from delivery.drafts import Draft, Given, MailingRefused, Problem
from delivery.models import Delivery, Destination, Mailing, MailingRecipient
from delivery.problem_words import PROBLEMS
from delivery.states import MailingState
from tests.support.platform import DRAFT, make_customer, make_list, make_mailing, make_pool
from wire.mime import Attachment

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    return make_customer("Asagao", make_pool("A", "127.0.10.1"))


@pytest.fixture
def news(customer: Customer) -> RecipientList:
    addresses = ["a@r.example", "b@r.example", "c@docomo.ne.jp"]
    return make_list(customer, addresses, attributes={"name": "花子"})


def with_changes(**changes: object) -> Draft:
    values = {name: getattr(DRAFT, name) for name in Draft.__dataclass_fields__}
    return Draft(**values | changes)


def refused(customer: Customer, draft: Draft, *lists: RecipientList) -> list[str]:
    """The codes of the problems; nothing may have been stored."""
    with translation.override("en"), pytest.raises(MailingRefused) as caught:
        mailings.create(customer=customer, draft=draft, lists=lists, by="test", now=timezone.now())
    assert not Mailing.objects.exists()
    assert not Delivery.objects.exists()
    return [problem.code for problem in caught.value.problems]


def test_an_unknown_merge_field_is_refused_with_place_and_suggestion(
    customer: Customer, news: RecipientList, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), translation.override("en"):
        codes = refused(customer, with_changes(text="Dear {{ nmae }},"), news)
    assert codes == ["unknown-field"]
    assert "“nmae” (line 1, column 6)" in caplog.text
    assert "email, name, unsubscribe_url" in caplog.text


def test_an_empty_list_is_refused(customer: Customer) -> None:
    assert refused(customer, DRAFT, make_list(customer, [])) == ["empty-list"]


def test_a_mailing_to_nobody_is_refused(customer: Customer) -> None:
    assert refused(customer, DRAFT) == ["no-recipients"]


def test_a_time_that_has_passed_is_refused(customer: Customer, news: RecipientList) -> None:
    now = timezone.now()
    values = {"customer": customer, "draft": DRAFT, "lists": [news], "by": "test", "now": now}
    with translation.override("en"), pytest.raises(MailingRefused, match="has passed") as caught:
        mailings.create(scheduled_at=now - timedelta(minutes=6), **values)  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    assert (problem.field, problem.code) == ("scheduled_at", "past")
    assert not Mailing.objects.exists()
    late = mailings.create(scheduled_at=now - timedelta(minutes=4), **values)  # type: ignore[arg-type]
    assert mailings.due(now=now) == [late.pk]


def test_another_customers_list_is_refused(customer: Customer) -> None:
    foreign = make_list(make_customer("Botan"), ["x@r.example"], attributes={"name": "x"})
    assert refused(customer, DRAFT, foreign) == ["foreign-list"]


def test_an_oversized_attachment_is_refused(customer: Customer, news: RecipientList) -> None:
    large = Attachment("big.pdf", "application/pdf", b"x" * 10_000_001)
    assert refused(customer, with_changes(attachments=(large,)), news) == ["attachments-too-large"]


def test_everything_wrong_is_said_at_once(customer: Customer, news: RecipientList) -> None:
    draft = with_changes(subject=" ", from_address="nobody", text="{{ name", reply_to="x@")
    codes = refused(customer, draft, news)
    assert sorted(codes) == ["bad-from", "bad-reply-to", "field-not-closed", "no-subject"]


def test_each_bad_header_and_file_is_told_at_its_field(
    customer: Customer, news: RecipientList
) -> None:
    draft = with_changes(
        headers=(("Bcc", "x@r.example"), ("X Y", "1"), ("X-A", "{{ nmae }}"), ("X-B", "a\tb")),
        attachments=(Attachment("a\nb", "text/csv", b""), Attachment("m", "message/rfc822", b"")),
    )
    with pytest.raises(MailingRefused) as caught:
        mailings.create(customer=customer, draft=draft, lists=[news], by="test", now=timezone.now())
    assert sorted((found.field, found.code) for found in caught.value.problems) == [
        ("attachments", "attachment-multipart"), ("attachments", "attachment-name"),
        ("headers", "header-name"), ("headers", "header-reserved"), ("headers", "header-value"),
        ("headers", "unknown-field"),
    ]  # fmt: skip


def test_a_mailing_without_a_body_is_refused(customer: Customer, news: RecipientList) -> None:
    assert refused(customer, with_changes(text=" \n"), news) == ["no-body"]


def test_every_problem_has_words_in_both_languages(customer: Customer) -> None:
    params = dict.fromkeys(
        ("part", "field", "line", "column", "known", "character", "name", "type", "size", "limit",
         "list", "row", "value", "detail", "time"), "7",
    )  # fmt: skip
    for code in PROBLEMS:
        with translation.override("en"):
            english = str(Problem("text", code, params))
        with translation.override("ja"):
            assert str(Problem("text", code, params)) != english


def test_the_log_speaks_english_whoever_wrote(
    customer: Customer, news: RecipientList, caplog: pytest.LogCaptureFixture
) -> None:
    draft, now = with_changes(text="{{ name", from_address="x"), timezone.now()
    with translation.override("ja"), pytest.raises(MailingRefused) as caught:
        mailings.create(customer=customer, draft=draft, lists=[news], by="test", now=now)
    assert "The address has no @ sign." in caplog.text
    assert "is not closed" in caplog.text
    with translation.override("ja"):
        words = " ".join(map(str, caught.value.problems))
    assert "アドレスに@がありません。" in words
    assert "1行目、1文字目" in words


def test_html_alone_brings_its_text_along(customer: Customer, news: RecipientList) -> None:
    html = '<p>{{ name }}さま</p><a href="{{ unsubscribe_url }}">停止</a>'
    content = with_changes(text="", html=html).content()
    assert content.text == "{{ name }}さま\n\n停止 ({{ unsubscribe_url }})\n"
    assert with_changes(text="", html="<img src=x>").content().text == DRAFT.subject
    assert with_changes(text="x", html=html).content().text == "x"


def test_bulk_mail_without_the_link_is_noticed() -> None:
    assert DRAFT.bodies_without_link == ()
    assert with_changes(text="x", html="<p>y").bodies_without_link == ("text", "html")
    assert with_changes(text="", html="<p>y").bodies_without_link == ("html",)
    assert with_changes(text="x", kind="transactional").bodies_without_link == ()


def test_a_bad_given_recipient_is_named_by_row(customer: Customer) -> None:
    given = [Given("a@r.example"), Given("b@@r.example")]
    with translation.override("en"), pytest.raises(MailingRefused, match=r"Recipient 2 \(b@@"):
        mailings.create(
            customer=customer, draft=with_changes(text="Hi"), given=given, by="test",
            now=timezone.now(),
        )  # fmt: skip
    assert not MailingRecipient.objects.exists()


def test_release_writes_one_delivery_for_each_contact_with_the_fields_in_use(
    customer: Customer, news: RecipientList
) -> None:
    mailing = make_mailing(customer, news, now=timezone.now())
    rows = Delivery.objects.filter(mailing=mailing).order_by("address")
    assert [(row.address, row.destination, row.fields) for row in rows] == [
        ("a@r.example", "other", {"name": "花子"}),
        ("b@r.example", "other", {"name": "花子"}),
        ("c@docomo.ne.jp", "docomo", {"name": "花子"}),
    ]
    assert (mailing.state, mailing.handed_in, mailing.duplicates) == ("sending", 3, 0)
    assert (mailing.first_delivery, mailing.last_delivery) == (
        min(row.pk for row in rows), max(row.pk for row in rows)
    )  # fmt: skip


def test_the_same_address_in_two_lists_gets_one_delivery(
    customer: Customer, news: RecipientList
) -> None:
    second = make_list(customer, ["A@r.example", "d@r.example"], name="More",
                       attributes={"name": "x"})  # fmt: skip
    mailing = make_mailing(customer, news, second, now=timezone.now())
    assert (mailing.handed_in, mailing.duplicates) == (4, 1)


def test_given_recipients_become_deliveries_and_go(customer: Customer) -> None:
    now = timezone.now()
    given = [Given("a@r.example", {"name": "A"}), Given("b@r.example", {"name": "B"})]
    mailing = mailings.create(customer=customer, draft=DRAFT, given=given, by="test", now=now)
    mailings.release(mailing_id=mailing.pk, now=now)
    fields = Delivery.objects.order_by("address").values_list("fields", flat=True)
    assert list(fields) == [{"name": "A"}, {"name": "B"}]
    assert not MailingRecipient.objects.exists()


def test_suppressed_addresses_end_as_suppressed_with_the_reason(
    customer: Customer, news: RecipientList
) -> None:
    now = timezone.now()
    for customer_id, key in ((customer.pk, "a@r.example"), (None, "b@r.example")):
        suppressions.add(
            customer_id=customer_id, key=key, reason=SuppressionReason.UNSUBSCRIBED,
            evidence={}, by="test", now=now,
        )  # fmt: skip
    make_mailing(customer, news, now=now)
    states = Delivery.objects.order_by("address").values_list("state", "reason")
    assert list(states) == [
        ("suppressed", "unsubscribed"), ("suppressed", "unsubscribed"), ("queued", ""),
    ]  # fmt: skip


def test_a_scheduled_mailing_waits_for_its_time(customer: Customer, news: RecipientList) -> None:
    now = timezone.now()
    later = now + timedelta(hours=1)
    mailing = mailings.create(
        customer=customer, draft=DRAFT, lists=[news], scheduled_at=later, by="test", now=now
    )
    assert mailings.due(now=now) == []
    assert mailings.release(mailing_id=mailing.pk, now=now) is None
    assert mailings.due(now=later) == [mailing.pk]
    assert mailings.release(mailing_id=mailing.pk, now=later) is not None
    assert mailings.release(mailing_id=mailing.pk, now=later) is None  # once only


def test_a_cancelled_mailing_ends_its_open_deliveries(
    customer: Customer, news: RecipientList
) -> None:
    now = timezone.now()
    mailing = make_mailing(customer, news, now=now)
    mailings.cancel(mailing_id=mailing.pk, by="test", now=now, why="wrong text")
    assert closing.close_cancelled(now=now) == 3
    assert set(Delivery.objects.values_list("state", "reason")) == {
        ("cancelled", "mailing-cancelled")
    }
    assert AuditEntry.objects.filter(verb="mailing.move", after="cancelled", why="wrong text")


def test_a_move_that_the_state_does_not_allow_is_refused(
    customer: Customer, news: RecipientList
) -> None:
    now = timezone.now()
    mailing = make_mailing(customer, news, now=now)
    mailings.cancel(mailing_id=mailing.pk, by="test", now=now)
    with pytest.raises(mailings.WrongState):
        mailings.resume(mailing_id=mailing.pk, by="test", now=now)
    assert Mailing.objects.get().state == MailingState.CANCELLED


def test_a_mailing_with_nothing_open_is_done(customer: Customer, news: RecipientList) -> None:
    now = timezone.now()
    mailing = make_mailing(customer, news, now=now)
    assert closing.finish(now=now) == []
    Delivery.objects.update(state="accepted")
    assert closing.finish(now=now) == [mailing.pk]


def test_deliveries_still_due_at_the_time_limit_expire(
    customer: Customer, news: RecipientList
) -> None:
    now = timezone.now()
    make_mailing(customer, news, now=now)
    assert closing.expire_overdue(now=now + timedelta(hours=71)) == 0
    assert closing.expire_overdue(now=now + timedelta(hours=72, seconds=1)) == 3
    assert set(Delivery.objects.values_list("state", "reason")) == {("expired", "never-tried")}


def test_retention_of_reason_when_a_deferred_delivery_expires(
    customer: Customer, news: RecipientList, now: datetime
) -> None:
    make_mailing(customer, news, now=now)
    Delivery.objects.update(state="deferred", reason="mailbox-full")
    closing.expire_overdue(now=now + timedelta(days=4))
    assert set(Delivery.objects.values_list("state", "reason")) == {("expired", "mailbox-full")}


def test_a_senders_address_that_needs_smtputf8_is_refused(
    customer: Customer, news: RecipientList
) -> None:
    assert refused(customer, with_changes(from_address="花子@asagao.example"), news) == ["bad-from"]


@pytest.mark.parametrize("bad", ["a\x00b", "half \ud83d"])
def test_what_cannot_be_stored_or_sent_is_refused(
    customer: Customer, news: RecipientList, bad: str
) -> None:
    assert refused(customer, with_changes(text=bad), news) == ["bad-characters"]
    with pytest.raises(MailingRefused, match="name"):
        mailings.create(
            customer=customer,
            draft=DRAFT,
            given=[Given("a@r.example", {"name": bad})],
            by="test",
            now=timezone.now(),
        )


def test_field_names_meet_however_they_were_typed(customer: Customer) -> None:
    given = [Given("a@r.example", {"カ\u3099": "x"})]  # GA as a pair of characters
    mailing = mailings.create(
        customer=customer,
        draft=with_changes(text="{{ ガ }}"),
        given=given,
        by="test",
        now=timezone.now(),
    )
    mailings.release(mailing_id=mailing.pk, now=timezone.now())
    assert Delivery.objects.get().fields == {"ガ": "x"}


def test_a_mailing_cancelled_before_its_time_keeps_no_recipients(customer: Customer) -> None:
    now = timezone.now()
    mailing = mailings.create(
        customer=customer,
        draft=with_changes(text="Hi"),
        given=[Given("a@r.example")],
        scheduled_at=now + timedelta(hours=1),
        by="test",
        now=now,
    )
    mailings.cancel(mailing_id=mailing.pk, by="test", now=now)
    closing.close_cancelled(now=now)
    mailing.refresh_from_db()
    assert mailing.finished_at == now
    assert not MailingRecipient.objects.exists()


def test_a_domain_in_two_groups_does_not_double_its_recipients(
    customer: Customer, news: RecipientList
) -> None:
    Destination.objects.create(slug="twin", name="Twin", domains=["docomo.ne.jp"])
    mailing = make_mailing(customer, news, now=timezone.now())
    assert (mailing.handed_in, mailing.duplicates) == (3, 0)


@pytest.mark.parametrize(("kind", "state"), [("bulk", "suppressed"), ("transactional", "queued")])
def test_an_opt_out_ends_advertising_and_not_what_belongs_to_a_contract(
    customer: Customer, news: RecipientList, kind: str, state: str
) -> None:
    now = timezone.now()
    suppressions.add(
        customer_id=customer.pk,
        key="a@r.example",
        reason=SuppressionReason.UNSUBSCRIBED,
        evidence={},
        by="test",
        now=now,
    )
    make_mailing(customer, news, now=now, draft=with_changes(kind=kind))
    assert Delivery.objects.get(address="a@r.example").state == state
