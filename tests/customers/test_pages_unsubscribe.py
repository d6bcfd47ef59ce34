"""The public unsubscribe page and the one-click endpoint of RFC 8058."""

import pytest
from django.test import Client

from customers import unsubscribes
from customers.models import Customer, Suppression
from customers.unsubscribes import OptOut

pytestmark = pytest.mark.django_db

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def url(asagao: Customer) -> str:
    token = unsubscribes.token(OptOut(asagao.pk, 7, "hanako@r.example"))
    return unsubscribes.link(token).partition("127.0.0.1:8000")[2]


@pytest.fixture
def stranger() -> Client:
    """As a mail program: no cookie, and nobody's CSRF token."""
    return Client(enforce_csrf_checks=True)


def test_looking_changes_nothing_and_says_what_will_happen(url: str, stranger: Client) -> None:
    response = stranger.get(url, headers=ENGLISH)
    page = response.content.decode()
    assert "<strong>Asagao</strong> sends nothing more to <strong>hanako@r.example</strong>" in page
    assert not Suppression.objects.exists()
    assert not response.cookies
    assert "配信を停止" in stranger.get(url, headers={"Accept-Language": "ja"}).content.decode()
    stranger.head(url)
    assert not Suppression.objects.exists()


def test_one_click_acts_at_once_without_page_redirect_or_cookie(url: str, stranger: Client) -> None:
    response = stranger.post(url, {"List-Unsubscribe": "One-Click"})
    assert (response.status_code, response.content) == (200, b"unsubscribed\n")
    assert response["Content-Type"].startswith("text/plain")
    assert not response.cookies
    found = Suppression.objects.get(key="hanako@r.example")
    assert found.evidence == {"mailing": 7, "channel": "one-click"}
    assert stranger.post(url, {"List-Unsubscribe": "One-Click"}).status_code == 200


def test_the_button_acts_and_the_page_says_so(url: str, stranger: Client) -> None:
    response = stranger.post(url, headers=ENGLISH)
    assert "You will get no more mail" in response.content.decode()
    assert Suppression.objects.get().evidence["channel"] == "page"
    assert "You will get no more mail" in stranger.get(url, headers=ENGLISH).content.decode()


@pytest.mark.parametrize("damage", [lambda url: url[:-3], lambda url: url[:4] + "x" + url[5:]])
def test_a_damaged_link_changes_nothing_and_says_what_to_do(
    damage: object, url: str, stranger: Client
) -> None:
    broken = damage(url)  # type: ignore[operator]
    response = stranger.get(broken, headers=ENGLISH)
    assert response.status_code == 404
    assert "Open it again from the mail itself" in response.content.decode()
    assert stranger.post(broken, {"List-Unsubscribe": "One-Click"}).status_code == 404
    assert not Suppression.objects.exists()


def test_the_link_of_a_customer_who_is_gone_is_not_found(
    url: str, asagao: Customer, stranger: Client
) -> None:
    Customer.objects.filter(pk=asagao.pk).delete()
    assert stranger.get(url).status_code == 404
