"""Making lists, and adding contacts by hand."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.utils import translation

from customers import lists, suppressions
from customers.models import AuditEntry, Basis, Contact, Customer, RecipientList, SuppressionReason

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def customer() -> Customer:
    return Customer.objects.create(name="Asagao", slug="asagao")


@pytest.fixture
def news(customer: Customer, now: datetime) -> RecipientList:
    return lists.create(customer=customer, name=" News ", by="test", now=now)


def add(news: RecipientList, address: str, now: datetime, **attributes: str) -> Contact:
    return lists.add_contact(
        recipient_list=news,
        address=address,
        attributes=attributes,
        basis=Basis.OPT_IN,
        by="test",
        now=now,
    )


def test_a_new_list_is_empty_and_audited(customer, news, now):
    assert (news.name, news.fields, news.created_at) == ("News", [], now)
    entry = AuditEntry.objects.get(verb="list.create")
    assert (entry.subject, entry.by, entry.customer_id) == (f"list:{news.pk}", "test", customer.pk)


@pytest.mark.parametrize(
    ("name", "words"),
    [(" ", "1 to 120 characters"), ("x" * 121, "1 to 120"), ("News", "a list called “News”")],
)
def test_a_list_without_a_good_name_is_refused(customer, news, now, name, words):
    with pytest.raises(lists.ListRefused, match=words):
        lists.create(customer=customer, name=name, by="test", now=now)
    assert RecipientList.objects.count() == 1


def test_an_added_contact_has_the_form_that_mail_needs(news, now):
    contact = add(news, "Taro..Y@DoCoMo.ne.jp", now, 氏名="太郎")
    contact.refresh_from_db()
    assert (contact.address, contact.key) == ("Taro..Y@docomo.ne.jp", "taro..y@docomo.ne.jp")
    assert (contact.domain, contact.attributes) == ("docomo.ne.jp", {"氏名": "太郎"})
    assert (contact.status, contact.basis) == ("active", "opt-in")
    news.refresh_from_db()
    assert news.fields == ["氏名"]
    assert AuditEntry.objects.filter(verb="contact.add", subject=f"contact:{contact.pk}").exists()


def test_the_same_address_twice_is_refused(news, now):
    add(news, "a@example.jp", now)
    with pytest.raises(lists.ListRefused, match="in the list “News” already"):
        add(news, "A@example.JP", now)
    assert Contact.objects.count() == 1


def test_a_bad_address_is_refused_with_its_fault(news, now):
    with pytest.raises(lists.ListRefused, match="has no @ sign"):
        add(news, "taro", now)


def test_a_refusal_is_in_the_language_of_the_page(customer, news, now):
    with translation.override("ja"):
        with pytest.raises(lists.ListRefused, match="Asagaoには「News」というリストが"):
            lists.create(customer=customer, name="News", by="test", now=now)
        with pytest.raises(lists.ListRefused, match="アドレスに@がありません"):
            add(news, "taro", now)


def test_an_attribute_without_a_name_is_refused(news, now):
    with pytest.raises(lists.ListRefused, match="An attribute has no name"):
        add(news, "a@example.jp", now, **{"()": "x"})


def test_who_unsubscribed_comes_in_as_unsubscribed(customer, news, now):
    suppressions.add(
        customer_id=customer.pk,
        key="a@example.jp",
        reason=SuppressionReason.UNSUBSCRIBED,
        evidence={},
        by="recipient",
        now=now,
    )
    assert add(news, "a@example.jp", now).status == "unsubscribed"
