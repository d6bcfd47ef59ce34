"""What all pages share: language, time zone, theme, navigation, error pages, sign-in."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from customers.models import Customer, Person
from tests.support.cast import PASSWORD, join

pytestmark = pytest.mark.django_db

Open = Callable[[Person], Client]


def test_the_sign_in_has_the_look_of_the_product_and_no_sign_up(client: Client) -> None:
    page = client.get("/accounts/login/", headers={"Accept-Language": "en"}).content.decode()
    assert 'class="wordmark"' in page
    assert "Sign in" in page
    assert "/accounts/signup/" not in page


def test_japanese_pages_have_one_word_for_signing_in_and_for_the_second_factor(
    ada: Person, client: Client
) -> None:
    assert "ログイン" in client.get("/accounts/login/").content.decode()
    client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    Person.objects.filter(pk=ada.pk).update(language="ja")
    for path in ("/accounts/2fa/", "/accounts/logout/", "/accounts/reauthenticate/"):
        page = client.get(path).content.decode()
        assert re.search("ログアウト|二段階認証|パスワード", page)
        assert not re.search("サインイン|サインアウト|多要素|二要素", page)


def test_a_person_signs_in_with_address_and_password(ada: Person, client: Client) -> None:
    wrong = client.post("/accounts/login/", {"login": ada.email, "password": "wrong"})
    assert 'class="errors"' in wrong.content.decode() or "note-bad" in wrong.content.decode()
    right = client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert right["Location"] == "/"


@pytest.mark.parametrize(
    "path",
    ["/accounts/logout/", "/accounts/password/change/", "/accounts/2fa/",
     "/accounts/reauthenticate/"],
)  # fmt: skip
def test_the_pages_of_the_account_have_the_look_too(path: str, ada: Person, client: Client) -> None:
    client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    response = client.get(path)
    assert response.status_code == 200
    assert 'class="wordmark"' in response.content.decode()
    assert not re.search(r'\sstyle="| onclick="|<script>', response.content.decode())


def test_the_second_factor_is_set_up_after_the_password_is_given_again(
    ada: Person, client: Client
) -> None:
    client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    asked = client.get("/accounts/2fa/totp/activate/")
    page = client.post(asked["Location"], {"password": PASSWORD}, follow=True).content.decode()
    assert 'class="wordmark"' in page
    assert 'src="data:image/svg+xml' in page
    assert not re.search(r'\sstyle="| onclick="|<script>', page)


def test_the_forgotten_password_has_the_look_too(client: Client) -> None:
    assert 'class="wordmark"' in client.get("/accounts/password/reset/").content.decode()


def test_the_page_speaks_the_language_of_the_person(ada: Person, client_for: Open) -> None:
    client = client_for(ada)
    assert '<html lang="en"' in client.get("/customers/").content.decode()
    client.post("/preferences/", {"language": "ja", "next": "/customers/"})
    page = client.get("/customers/")
    assert '<html lang="ja"' in page.content.decode()
    assert "顧客" in page.content.decode()
    ada.refresh_from_db()
    assert ada.language == "ja"


def test_a_visitor_chooses_language_and_theme_and_they_are_remembered(client: Client) -> None:
    client.post("/preferences/", {"language": "en", "next": "/accounts/login/"})
    response = client.post("/preferences/", {"theme": "dark", "next": "/accounts/login/"})
    assert response["Location"] == "/accounts/login/"
    page = client.get("/accounts/login/").content.decode()
    assert '<html lang="en" data-bs-theme="dark">' in page


def test_the_way_back_never_leads_away(client: Client) -> None:
    response = client.post("/preferences/", {"theme": "pink", "next": "https://evil.example/"})
    assert response["Location"] == "/"
    assert "hatobin_theme" not in response.cookies


def test_an_unknown_zone_or_language_falls_back_to_the_platform_s(
    ada: Person, client_for: Open
) -> None:
    Person.objects.filter(pk=ada.pk).update(time_zone="Mars/Base", language="xx")
    assert '<html lang="ja"' in client_for(ada).get("/customers/").content.decode()


def test_the_navigation_shows_only_what_may_be_opened(
    asagao: Customer, botan: Customer, ada: Person, root: Person, client_for: Open
) -> None:
    member = client_for(ada).get("/customers/").content.decode()
    assert 'href="/pools/"' not in member
    assert 'href="/customers/"' not in member  # a list of one is no choice
    assert f'href="/customers/{asagao.pk}/"' in member
    one = client_for(ada).get(f"/customers/{asagao.pk}/").content.decode()
    assert f'href="/customers/{asagao.pk}/" aria-current="page"' in one
    assert 'class="crumbs"' not in one
    join(ada, botan, "viewer")
    two = client_for(ada).get("/customers/").content.decode()
    assert re.search(r'href="/customers/" aria-current="page"', two)
    assert 'href="/pools/"' in client_for(root).get("/customers/").content.decode()


def test_what_is_not_there_says_so_in_the_product_s_look(ada: Person, client_for: Open) -> None:
    response = client_for(ada).get("/customers/999999/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_a_failure_is_shown_even_without_a_database(settings: object) -> None:
    from django.test import RequestFactory
    from django.views.defaults import server_error

    page = server_error(RequestFactory().get("/")).content.decode()
    assert 'class="wordmark"' in page


def test_no_page_carries_what_the_policy_forbids(
    asagao: Customer, root: Person, client_for: Open
) -> None:
    client = client_for(root)
    paths = ["/", "/mailings/", "/pools/", "/customers/", f"/customers/{asagao.pk}/mailings/new/"]
    for path in paths:
        response = client.get(path)
        page = response.content.decode()
        assert not re.search(r'\s(style|on[a-z]+)="|<style|<script>', page), path
        assert "default-src 'self'" in response["Content-Security-Policy"]
        assert "unsafe" not in response["Content-Security-Policy"]


def test_a_person_of_no_customer_is_told_what_to_do(db: None, client_for: Open) -> None:
    from tests.support.cast import make_person

    page = client_for(make_person("new@r.example")).get("/", follow=True).content.decode()
    assert "You belong to no customer yet." in page
