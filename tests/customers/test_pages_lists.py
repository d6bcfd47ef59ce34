"""The pages of lists and imports."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from customers import imports
from customers.models import (
    Contact,
    Customer,
    ImportBatch,
    ImportRejection,
    ImportState,
    Person,
    RecipientList,
)
from customers.templatetags.addresses import readable
from tests.support.platform import make_list

pytestmark = pytest.mark.django_db

Open = Callable[[Person], Client]
Enter = Callable[[str], Client]


@pytest.fixture(autouse=True)
def files(settings: object, tmp_path: object) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]


@pytest.fixture
def news(asagao: Customer) -> RecipientList:
    addresses = [f"user{number:03}@r.example" for number in range(55)]
    return make_list(asagao, addresses, attributes={"name": "花子"})


@pytest.fixture
def batch(news: RecipientList, ada: Person) -> ImportBatch:
    return ImportBatch.objects.create(
        customer=news.customer, recipient_list=news, file_name="会員.csv", created_by=ada,
        state=ImportState.READING, bytes_total=200, bytes_read=50, rows_read=1234,
    )  # fmt: skip


def pages(news: RecipientList, batch: ImportBatch) -> list[str]:
    one = f"/customers/{news.customer_id}/lists/{news.pk}/"
    return [one, f"/imports/{batch.pk}/", f"/imports/{batch.pk}/progress/",
            f"/imports/{batch.pk}/rejected.csv"]  # fmt: skip


def test_members_and_operators_open_them_strangers_and_visitors_do_not(
    news: RecipientList, batch: ImportBatch, client: Client, enter: Enter
) -> None:
    for url in pages(news, batch):
        assert enter("vera").get(url).status_code == 200
        assert enter("watcher").get(url).status_code == 200
        assert enter("cleo").get(url).status_code == 404
        assert client.get(url)["Location"].startswith("/accounts/login/")


def test_who_may_only_look_makes_and_imports_nothing(
    news: RecipientList, client: Client, enter: Enter
) -> None:
    one = f"/customers/{news.customer_id}/lists"
    for url in (f"{one}/new/", f"{one}/{news.pk}/imports/"):
        assert enter("vera").post(url, {"name": "X"}).status_code == 403
        assert enter("watcher").post(url, {"name": "X"}).status_code == 403
        assert enter("cleo").post(url, {"name": "X"}).status_code == 404
        assert client.post(url)["Location"].startswith("/accounts/login/")
    assert 'type="file"' not in enter("vera").get(f"{one}/{news.pk}/").content.decode()


def test_contacts_come_in_pages_and_are_searched_from_the_front(
    news: RecipientList, vera: Person, client_for: Open
) -> None:
    client, url = client_for(vera), f"/customers/{news.customer_id}/lists/{news.pk}/"
    first = client.get(url)
    assert len(first.context["contacts"]) == 50
    rest = client.get(url, {"after": first.context["next_key"]})
    assert [row.key for row in rest.context["contacts"]][-1] == "user054@r.example"
    found = client.get(url, {"q": "USER01"}).context["contacts"]
    assert len(found) == 10
    Contact.objects.filter(key="user003@r.example").update(status="unsubscribed")
    assert len(client.get(url, {"status": "unsubscribed"}).context["contacts"]) == 1
    assert "No contact fits" in client.get(url, {"q": "zzz"}).content.decode()
    assert len(client.get(url, {"status": "nonsense"}).context["contacts"]) == 50


def test_a_list_is_made_once(asagao: Customer, ben: Person, client_for: Open) -> None:
    client, url = client_for(ben), f"/customers/{asagao.pk}/lists/new/"
    assert client.get(url).status_code == 200
    response = client.post(url, {"name": "会員"})
    made = RecipientList.objects.get(name="会員")
    assert response["Location"] == f"/customers/{asagao.pk}/lists/{made.pk}/"
    assert "The list is empty." in client.get(response["Location"]).content.decode()
    again = client.post(url, {"name": "会員"})
    assert again.status_code == 400
    assert 'class="errors"' in again.content.decode()


def test_a_file_is_taken_imported_and_told_of(
    news: RecipientList, ben: Person, client_for: Open, now: datetime
) -> None:
    text = "email,name\r\nnew@r.example,新\r\nbroken,x\r\n".encode("cp932")
    client, url = client_for(ben), f"/customers/{news.customer_id}/lists/{news.pk}/imports/"
    values = {"file": SimpleUploadedFile("追加.csv", text), "basis": "opt-in"}
    response = client.post(url, values)
    batch = ImportBatch.objects.get()
    assert response["Location"] == f"/imports/{batch.pk}/"
    imports.run(batch_id=batch.pk, now=now)
    page = client.get(f"/imports/{batch.pk}/").content.decode()
    assert "The address has no @ sign." in page
    assert "Character encoding found: Shift_JIS" in page
    assert "hx-get" not in page
    csv = b"".join(client.get(f"/imports/{batch.pk}/rejected.csv").streaming_content)  # type: ignore[attr-defined]
    assert "broken" in csv.decode("utf-8-sig")


def test_a_file_with_a_header_alone_is_remarked_on(
    news: RecipientList, ben: Person, client_for: Open, now: datetime
) -> None:
    client, url = client_for(ben), f"/customers/{news.customer_id}/lists/{news.pk}/imports/"
    file = SimpleUploadedFile("empty.csv", b"email,name\r\n")
    page = client.post(url, {"file": file, "basis": "opt-in"})["Location"]
    imports.run(batch_id=ImportBatch.objects.get().pk, now=now)
    assert "The file has no row below the first line" in client.get(page).content.decode()


def test_the_basis_has_to_be_chosen(news: RecipientList, ben: Person, client_for: Open) -> None:
    client, url = client_for(ben), f"/customers/{news.customer_id}/lists/{news.pk}/"
    page = client.get(url).content.decode()
    assert '<option value="" selected>Choose one</option>' in page
    file = SimpleUploadedFile("a.csv", b"email\r\na@r.example\r\n")
    told = client.post(f"{url}imports/", {"file": file}, follow=True).content.decode()
    assert "Why they may be mailed: This field is required." in told
    assert not ImportBatch.objects.exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"basis": "opt-in"}, "This field is required."),
        ({"basis": "opt-in", "file": ("leer.csv", b"")}, "The submitted file is empty."),
    ],
)
def test_a_file_that_is_not_taken_is_explained(
    values: dict[str, object], sentence: str, news: RecipientList, ben: Person, client_for: Open
) -> None:
    if "file" in values:
        values = values | {"file": SimpleUploadedFile(*values["file"])}  # type: ignore[misc]
    url = f"/customers/{news.customer_id}/lists/{news.pk}/imports/"
    response = client_for(ben).post(url, values, follow=True)
    assert sentence in response.content.decode()
    assert not ImportBatch.objects.exists()


def test_a_file_over_the_limit_is_explained(
    news: RecipientList, ben: Person, client_for: Open, settings: object
) -> None:
    settings.IMPORT_LIMIT_MB = 1  # type: ignore[attr-defined]
    file = SimpleUploadedFile("big.csv", b"x" * 1_200_000)
    url = f"/customers/{news.customer_id}/lists/{news.pk}/imports/"
    response = client_for(ben).post(url, {"file": file, "basis": "opt-in"}, follow=True)
    assert "note-bad" in response.content.decode()
    assert not ImportBatch.objects.exists()


def test_the_progress_of_an_import_moves_and_stops(
    batch: ImportBatch, vera: Person, client_for: Open, now: datetime
) -> None:
    client, url = client_for(vera), f"/imports/{batch.pk}/progress/"
    moving = client.get(url)
    assert "every 1s" in moving.content.decode()
    assert "1,234" in moving.content.decode()
    assert "HX-Refresh" not in moving
    ImportBatch.objects.filter(pk=batch.pk).update(
        state="failed", failure="Row 7 has an open quote.", finished_at=now
    )
    ended = client.get(url)
    assert "hx-get" not in ended.content.decode()
    assert "Row 7 has an open quote. The list is as it was." in ended.content.decode()
    assert ended["HX-Refresh"] == "true"


def test_the_pages_ask_a_bounded_number_of_queries(
    news: RecipientList, batch: ImportBatch, vera: Person, client_for: Open,
    django_assert_max_num_queries: Callable[[int], object],
) -> None:  # fmt: skip
    ImportRejection.objects.bulk_create(
        ImportRejection(batch=batch, row=n, column="email", value="x", reason="no-at")
        for n in range(60)
    )
    client = client_for(vera)
    for url in pages(news, batch):
        with django_assert_max_num_queries(9):  # type: ignore[attr-defined]
            assert client.get(url).status_code == 200


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("a@xn--wgv71a119e.example", "a@日本語.example"),
        ("a@r.example", "a@r.example"),
        ("a@xn--zzzzzz-.example", "a@xn--zzzzzz-.example"),
    ],
)
def test_addresses_are_shown_as_people_write_them(address: str, shown: str) -> None:
    assert readable(address) == shown
