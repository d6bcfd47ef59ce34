"""Who may open which page of delivery, and who may post: one line for each address."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from customers.models import Customer, Person
from delivery.models import Delivery, Mailing
from tests.support.platform import make_list, make_mailing

pytestmark = pytest.mark.django_db

Open = Callable[[Person], Client]

OWN_PAGES = [
    "/mailings/{mailing}/",
    "/mailings/{mailing}/progress/",
    "/mailings/{mailing}/html/",
    "/mailings/{mailing}/recipients/",
    "/mailings/{mailing}/recipients.csv",
    "/deliveries/{delivery}/",
    "/customers/{customer}/",
]
PLATFORM_PAGES = ["/pools/", "/pools/{pool}/"]
POSTS = [
    "/mailings/{mailing}/pause/",
    "/mailings/{mailing}/cancel/",
    "/customers/{customer}/mailings/new/",
]
PLATFORM_POSTS = ["/pools/{pool}/frozen/", "/pools/{pool}/ips/{ip}/resting/"]
EVERYWHERE = ["/", "/mailings/", "/mailings/new/", "/recipients/", "/customers/"]


@pytest.fixture
def places(asagao: Customer, ada: Person, now: datetime) -> dict[str, int]:
    mailing = make_mailing(
        asagao, make_list(asagao, ["hanako@r.example"], attributes={"name": "花子"}), now=now
    )
    pool = asagao.assignment.pool
    return {
        "mailing": mailing.pk,
        "delivery": Delivery.objects.get(mailing=mailing).pk,
        "customer": asagao.pk,
        "pool": pool.pk,
        "ip": pool.ips.values_list("pk", flat=True)[0],
    }


def address(path: str, places: dict[str, int]) -> str:
    return path.format(**places)


@pytest.mark.parametrize("path", OWN_PAGES)
def test_a_member_opens_the_pages_of_the_own_customer(
    path: str, places: dict[str, int], vera: Person, client_for: Open
) -> None:
    assert client_for(vera).get(address(path, places)).status_code == 200


@pytest.mark.parametrize("path", OWN_PAGES)
def test_a_stranger_finds_nothing_there(
    path: str, places: dict[str, int], cleo: Person, client_for: Open
) -> None:
    assert client_for(cleo).get(address(path, places)).status_code == 404


@pytest.mark.parametrize("path", [*OWN_PAGES, *PLATFORM_PAGES, *EVERYWHERE])
def test_an_anonymous_visitor_is_sent_to_the_sign_in(
    path: str, places: dict[str, int], client: Client
) -> None:
    response = client.get(address(path, places))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("path", [*OWN_PAGES, *PLATFORM_PAGES, *EVERYWHERE])
def test_an_operator_who_only_looks_opens_everything(
    path: str, places: dict[str, int], watcher: Person, client_for: Open
) -> None:
    assert client_for(watcher).get(address(path, places)).status_code == 200


@pytest.mark.parametrize("path", PLATFORM_PAGES)
def test_a_member_finds_no_pages_of_the_platform(
    path: str, places: dict[str, int], ada: Person, client_for: Open
) -> None:
    assert client_for(ada).get(address(path, places)).status_code == 404


@pytest.mark.parametrize("path", POSTS)
def test_who_may_only_look_cannot_post(
    path: str, places: dict[str, int], vera: Person, watcher: Person, client_for: Open
) -> None:
    for person in (vera, watcher):
        assert client_for(person).post(address(path, places)).status_code == 403
    assert Mailing.objects.get().state == "sending"


@pytest.mark.parametrize("path", [*POSTS, *PLATFORM_POSTS])
def test_a_stranger_cannot_post(
    path: str, places: dict[str, int], cleo: Person, client_for: Open
) -> None:
    response = client_for(cleo).post(address(path, places), {"why": "curious"})
    assert response.status_code == 404


@pytest.mark.parametrize("path", PLATFORM_POSTS)
def test_an_operator_who_only_looks_changes_no_pool(
    path: str, places: dict[str, int], watcher: Person, client_for: Open
) -> None:
    response = client_for(watcher).post(address(path, places), {"why": "curious"})
    assert response.status_code == 403


@pytest.mark.parametrize("path", ["/mailings/{mailing}/pause/", "/pools/{pool}/frozen/"])
def test_a_change_is_never_a_get(
    path: str, places: dict[str, int], root: Person, client_for: Open
) -> None:
    assert client_for(root).get(address(path, places)).status_code == 405


def test_a_form_without_its_token_is_refused(places: dict[str, int], ada: Person) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    response = strict.post(address("/mailings/{mailing}/pause/", places))
    assert response.status_code == 403
    assert "The form has expired" in response.content.decode()
