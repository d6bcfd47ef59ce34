"""The work on an import: the task, the progress, crashes, rivals, and the command."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count

import psycopg
import pytest
import redis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone, translation

from customers import import_store, imports, tasks
from customers.import_states import WrongState, move
from customers.models import (
    Basis,
    Customer,
    ImportBatch,
    ImportRejection,
    ImportState,
    RecipientList,
)

pytestmark = pytest.mark.django_db

NAMES = count(1)


@pytest.fixture(autouse=True)
def english(settings) -> Iterator[None]:
    """The language of this platform, for failures of files that no person uploaded."""
    settings.LANGUAGE_CODE = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def news() -> RecipientList:
    name = f"Asagao {next(NAMES)}"
    customer = Customer.objects.create(name=name, slug=name.lower().replace(" ", "-"))
    return RecipientList.objects.create(customer=customer, name="News")


def receive(news: RecipientList, text: str | bytes, **changes: object) -> ImportBatch:
    data = text.encode() if isinstance(text, str) else text
    values = {"basis": Basis.OPT_IN, "by": "test", "now": timezone.now()} | changes
    file = SimpleUploadedFile("名簿.csv", data)
    return imports.receive(recipient_list=news, file=file, **values)  # type: ignore[arg-type]


def contacts(news: RecipientList) -> dict[str, dict[str, str]]:
    return dict(news.contacts.order_by("key").values_list("address", "attributes"))


def rejected(batch: ImportBatch) -> list[tuple[int, str, str, str]]:
    rows = ImportRejection.objects.filter(batch=batch).order_by("row")
    return list(rows.values_list("row", "column", "value", "reason"))


def test_the_task_does_the_work_and_a_second_call_nothing(news):
    batch = receive(news, "email\na@r.jp\n")
    tasks.run_import(batch_id=batch.pk)
    news.contacts.all().delete()
    again = imports.run(batch_id=batch.pk, now=timezone.now())
    assert (again.state, again.added) == ("done", 1)
    assert contacts(news) == {}
    with pytest.raises(WrongState, match="cannot become reading"):
        move(again, ImportState.READING)


def test_unfinished_imports_are_begun_again(
    news, now, valkey: redis.Redis, django_capture_on_commit_callbacks
):
    batch = receive(news, "email\na@r.jp\n", now=now)
    receive(news, "email\nb@r.jp\n")  # of this minute: its own task will come
    with django_capture_on_commit_callbacks(execute=True):
        tasks.run_unfinished()
    (message,) = valkey.lrange("hatobin:long", 0, -1)
    assert isinstance(message, bytes)
    assert f'"argsrepr": "()", "kwargsrepr": "{{\'batch_id\': {batch.pk}}}"' in message.decode()


def test_a_file_that_is_gone_fails_the_import(news):
    batch = receive(news, "email\na@r.jp\n")
    imports.file_of(batch).unlink()
    batch = imports.run(batch_id=batch.pk, now=timezone.now())
    assert (batch.state, batch.failure) == (
        "failed", "The uploaded file is no longer on the server: upload it again."
    )  # fmt: skip


def test_a_fault_of_ours_fails_the_import_without_its_traceback(news, monkeypatch):
    monkeypatch.setattr(import_store, "_COLUMNS", "no_such_column")
    batch = receive(news, "email\na@r.jp\n")
    with pytest.raises(Exception, match="no_such_column"):
        imports.run(batch_id=batch.pk, now=timezone.now())
    batch.refresh_from_db()
    assert batch.failure.startswith("The import stopped by a fault of ours")
    assert "no_such_column" not in batch.failure
    assert contacts(news) == {}


def separate() -> "psycopg.Connection[tuple[object, ...]]":
    """A connection that is not the test's own: it sees only what is committed."""
    settings = connection.settings_dict
    return psycopg.connect(
        host=settings["HOST"], user=settings["USER"], dbname=settings["NAME"], autocommit=True
    )


BIG = "email,name\n" + "".join(f"user{n}@r.jp,名前{n}\n" for n in range(3000))


@pytest.mark.django_db(transaction=True)
def test_others_see_the_progress_and_no_contact_before_the_end(news, monkeypatch):
    monkeypatch.setattr(imports, "PROGRESS_SECONDS", 0.0)
    seen: list[tuple[object, ...]] = []
    batch = receive(news, BIG)

    def look(_batch: ImportBatch) -> None:
        query = "SELECT state, rows_read, (SELECT count(*) FROM customers_contact)"
        with separate() as other:
            found = other.execute(f"{query} FROM customers_importbatch WHERE id = {batch.pk}")
            seen.append(found.fetchone() or ())

    done = imports.run(batch_id=batch.pk, now=timezone.now(), on_progress=look)
    assert [rows for _, rows, _ in seen] == [500, 1000, 1500, 2000, 2500, 3000, 3000]
    assert {(state, stored) for state, _, stored in seen} == {("reading", 0)}
    assert (done.state, done.added, imports.file_of(done).exists()) == ("done", 3000, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["reading", "storing"])
def test_an_import_whose_connection_dies_is_begun_again(news, monkeypatch, moment):
    batch = receive(news, BIG)
    copied = import_store._copy

    def end(*_: object) -> None:
        with separate() as other:
            (pid,) = connection.cursor().execute("SELECT pg_backend_pid()").fetchone()
            other.execute(f"SELECT pg_terminate_backend({pid}, 5000)")

    def copy_and_end(*values: object) -> int:
        rows = copied(*values)  # type: ignore[arg-type]
        end()
        return rows

    if moment == "storing":
        monkeypatch.setattr(import_store, "_copy", copy_and_end)
    with pytest.raises(OperationalError):
        imports.run(
            batch_id=batch.pk,
            now=timezone.now(),
            on_progress=end if moment == "reading" else None,
        )
    monkeypatch.undo()
    connection.close()
    batch.refresh_from_db()
    assert (batch.state, contacts(news), rejected(batch)) == (moment, {}, [])
    again = imports.run(batch_id=batch.pk, now=timezone.now())
    assert (again.state, again.added, again.rows_read) == ("done", 3000, 3000)


def in_thread(batch_id: int, *, wait: bool) -> "Future[str]":
    """The state that another worker finds; its connection is closed in its own thread."""

    def work() -> str:
        try:
            return imports.run(batch_id=batch_id, now=timezone.now(), wait=wait).state
        finally:
            connection.close()

    executor = ThreadPoolExecutor(1)
    future = executor.submit(work)
    executor.shutdown(wait=False)
    return future


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_import_one_file_twice(news):
    batch = receive(news, BIG)
    waiting: list[Future[str]] = []
    states: list[str] = []

    def meet(_batch: ImportBatch) -> None:
        if not waiting:
            states.append(in_thread(batch.pk, wait=False).result())
            waiting.append(in_thread(batch.pk, wait=True))

    imports.run(batch_id=batch.pk, now=timezone.now(), on_progress=meet)
    assert (states, waiting[0].result()) == (["reading"], "done")
    assert len(contacts(news)) == 3000


def test_the_command_imports_and_tells(news, tmp_path, capsys):
    path = tmp_path / "list.csv"
    path.write_text("email\na@r.jp\nbad\n")
    slug = news.customer.slug
    call_command(
        "import_contacts", "--customer", slug, "--list", "New", "--basis", "opt-in",
        "--rejected", str(tmp_path / "bad.csv"), str(path),
    )  # fmt: skip
    said = capsys.readouterr().out
    assert "2 rows read" in said
    assert "into New: 1 added, 0 updated, 0 duplicates, 1 rejected." in said
    assert RecipientList.objects.get(name="New").contacts.get().basis == "opt-in"
    assert (tmp_path / "bad.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("slug", "data", "words"),
    [
        ("nobody", b"email\n", "There is no customer nobody"),
        ("", b"", "is empty"),
        ("", None, "cannot be read"),
        ("", b"name\nx\n", "names no address column"),
    ],
)
def test_the_command_fails_with_a_sentence(news, tmp_path, slug, data, words):
    path = tmp_path / "list.csv"
    if data is not None:
        path.write_bytes(data)
    arguments = ["--customer", slug or news.customer.slug, "--list", "News", os.fspath(path)]
    with pytest.raises(CommandError, match=words):
        call_command("import_contacts", *arguments)
    assert contacts(news) == {}
