"""Imports from the file to the rows: what comes in, what is told, and what a crash leaves."""

import csv
from collections.abc import Iterator
from itertools import count

import pytest
import redis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone, translation

from customers import imports, suppressions
from customers.models import (
    AuditEntry,
    Basis,
    Contact,
    ContactStatus,
    Customer,
    ImportBatch,
    ImportRejection,
    Person,
    RecipientList,
    SuppressionReason,
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


@pytest.fixture
def one_megabyte(settings) -> None:
    settings.IMPORT_LIMIT_MB = 1


def receive(news: RecipientList, text: str | bytes, **changes: object) -> ImportBatch:
    data = text.encode() if isinstance(text, str) else text
    values = {"basis": Basis.OPT_IN, "by": "test", "now": timezone.now()} | changes
    file = SimpleUploadedFile("名簿.csv", data)
    return imports.receive(recipient_list=news, file=file, **values)  # type: ignore[arg-type]


def bring(news: RecipientList, text: str | bytes, **changes: object) -> ImportBatch:
    batch = receive(news, text, **changes)
    return imports.run(batch_id=batch.pk, now=timezone.now())


def contacts(news: RecipientList) -> dict[str, dict[str, str]]:
    return dict(news.contacts.order_by("key").values_list("address", "attributes"))


def rejected(batch: ImportBatch) -> list[tuple[int, str, str, str]]:
    rows = ImportRejection.objects.filter(batch=batch).order_by("row")
    return list(rows.values_list("row", "column", "value", "reason"))


def test_a_file_becomes_contacts(news, now):
    batch = bring(news, "email,氏名,会員 番号\r\nTaro@Example.JP,山田　太郎,1\r\nh@r.jp,花子,\r\n")
    assert (batch.state, batch.encoding, batch.failure) == ("done", "utf-8", "")
    assert (batch.added, batch.updated, batch.duplicates, batch.rejected) == (2, 0, 0, 0)
    assert (batch.rows_read, batch.bytes_read, batch.percent) == (2, batch.bytes_total, 100)
    assert contacts(news) == {
        "h@r.jp": {"氏名": "花子", "会員_番号": ""},
        "Taro@example.jp": {"氏名": "山田　太郎", "会員_番号": "1"},
    }
    contact = Contact.objects.get(key="taro@example.jp")
    assert (contact.domain, contact.basis, contact.status) == ("example.jp", "opt-in", "active")
    assert (contact.customer_id, contact.batch_id) == (news.customer_id, batch.pk)
    news.refresh_from_db()
    assert news.fields == ["氏名", "会員_番号"]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp932", "iso2022_jp", "utf-16"])
def test_japanese_comes_in_from_each_encoding(news, codec):
    bring(news, "メールアドレス,氏名\na@example.jp,髙橋\n".replace("髙", "高").encode(codec))
    assert contacts(news) == {"a@example.jp": {"氏名": "高橋"}}


def test_windows_characters_quotes_and_line_breaks_arrive_unchanged(news):
    odd = '①㈱髙 ﾃｽﾄ "引用" \\ 1行目\r\n\t2行目'
    quoted = odd.replace('"', '""')
    bring(news, f'メール,memo\na@example.jp,"{quoted}"\n'.encode("cp932"))
    assert contacts(news) == {"a@example.jp": {"memo": odd}}


def test_addresses_of_old_docomo_phones_come_in(news):
    batch = bring(news, "mail\n.taro..y.@docomo.ne.jp\n.taro@example.jp\n")
    assert list(contacts(news)) == [".taro..y.@docomo.ne.jp"]
    assert rejected(batch) == [(3, "mail", ".taro@example.jp", "dots")]


def test_every_rejected_row_is_kept_with_row_and_reason(news):
    batch = bring(
        news,
        "name,email\nA,a@example.jp\n\nB,A@EXAMPLE.jp\nC\nD,d\\d\nE,e@localhost\nF,f@example.jp\n",
    )
    assert list(contacts(news)) == ["a@example.jp", "f@example.jp"]
    assert (batch.rows_read, batch.added, batch.duplicates, batch.rejected) == (6, 2, 1, 3)
    assert rejected(batch) == [
        (4, "email", "A@example.jp", "duplicate"),
        (5, "", "C", "cells"),
        (6, "email", "d\\d", "no-at"),
        (7, "email", "e@localhost", "bad-domain"),
    ]
    assert contacts(news)["a@example.jp"] == {"name": "A"}


def test_the_rejected_rows_can_be_taken_home(news):
    batch = bring(news, 'email,x\n=cmd|x,1\n"+8,1",1\nb@x,"\t1"\n-a@b.example,1\nx,1,2\n')
    with translation.override("en"):
        text = "".join(imports.rejections_csv(batch))
    assert text.startswith("\ufeff")
    assert list(csv.reader(text[1:].splitlines()))[1:] == [
        ["2", "email", "'=cmd|x", "The address has no @ sign."],
        ["3", "email", "'+8,1", "The address has no @ sign."],
        ["4", "email", "b@x", "The part after the @ sign is no valid domain name."],
        ["6", "", "x,1,2", "The row has more or fewer cells than the header."],
    ]


def test_known_contacts_get_new_attributes_and_keep_their_status(news):
    bring(news, "email,氏名,街\na@r.jp,太郎,東京\nb@r.jp,次郎,大阪\nc@r.jp,三郎,\n")
    news.contacts.filter(key="a@r.jp").update(status=ContactStatus.UNSUBSCRIBED)
    batch = bring(news, "email,氏名,plan\nA@r.jp,太郎,gold\nd@r.jp,四郎,\n")
    assert (batch.added, batch.updated) == (1, 1)
    assert contacts(news)["a@r.jp"] == {"氏名": "太郎", "街": "東京", "plan": "gold"}
    assert contacts(news)["b@r.jp"] == {"氏名": "次郎", "街": "大阪"}
    assert news.contacts.get(key="a@r.jp").status == "unsubscribed"
    news.refresh_from_db()
    assert news.fields == ["氏名", "街", "plan"]


def test_the_same_file_again_changes_nothing_but_a_missing_basis(news):
    text = "email\na@r.jp\nb@r.jp\n"
    bring(news, text, basis=Basis.UNKNOWN)
    assert bring(news, text, basis=Basis.UNKNOWN).updated == 0
    assert bring(news, text, basis=Basis.EXISTING).updated == 2
    assert bring(news, text, basis=Basis.OPT_IN).updated == 0
    assert set(news.contacts.values_list("basis", flat=True)) == {"existing"}


def test_who_unsubscribed_comes_in_as_unsubscribed(news, now):
    other = Customer.objects.create(name="Other", slug="other")
    for key, customer_id, reason in (
        ("own@r.jp", news.customer_id, SuppressionReason.UNSUBSCRIBED),
        ("all@r.jp", None, SuppressionReason.UNSUBSCRIBED),
        ("manual@r.jp", news.customer_id, SuppressionReason.MANUAL),
        ("foreign@r.jp", other.pk, SuppressionReason.UNSUBSCRIBED),
    ):
        suppressions.add(
            customer_id=customer_id, key=key, reason=reason, evidence={}, by="test", now=now
        )
    bring(news, "email\nown@r.jp\nall@r.jp\nmanual@r.jp\nforeign@r.jp\n")
    ended = news.contacts.filter(status=ContactStatus.UNSUBSCRIBED)
    assert set(ended.values_list("key", flat=True)) == {"own@r.jp", "all@r.jp"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"email,x\na@r.jp,1\nb@r.jp,\xff\xff\n", "byte 25 in line 3"),
        (b"email,x\na@r.jp,1\nb@r.jp,\0\n", "Row 3, column 2"),
        (b'email,x\na@r.jp,1\nb@r.jp,"1\n', "Row 3: a quoted cell"),
        (b"name,x\na@r.jp,1\n", "names no address column"),
        (b"email,x,x\na@r.jp,1,2\n", "is the name of column 2 too"),
        (",".join(["email", *map(str, range(50))]).encode(), "has 51 columns"),
    ],
)
def test_a_broken_file_changes_nothing(news, data, words, django_capture_on_commit_callbacks):
    bring(news, "email,x\nold@r.jp,1\n")
    with django_capture_on_commit_callbacks(execute=True):
        batch = bring(news, data)
    assert (batch.state, batch.added, batch.rejected) == ("failed", 0, 0)
    assert words in batch.failure
    assert batch.finished_at is not None
    assert contacts(news) == {"old@r.jp": {"x": "1"}}
    assert rejected(batch) == []
    assert not imports.file_of(batch).exists()


@pytest.mark.parametrize(
    ("language", "words"),
    [("ja", "1行目にアドレスの列がありません"), ("en", "Row 1 names no address")],
)
def test_a_failure_speaks_the_language_of_who_uploaded(news, language, words):
    person = Person.objects.create(email="ada@asagao.example", language=language)
    assert bring(news, "name\nx\n", by=person).failure.startswith(words)


def test_a_header_alone_imports_nothing_and_changes_no_field(news):
    bring(news, "email,name\na@r.jp,A\n")
    batch = bring(news, "email,name,plan\n")
    assert (batch.state, batch.rows_read, batch.added, batch.failure) == ("done", 0, 0, "")
    news.refresh_from_db()
    assert news.fields == ["name"]


def test_an_import_is_audited_from_file_to_end(news):
    person = Person.objects.create(email="ada@asagao.example")
    batch = bring(news, "email\na@r.jp\n", by=person)
    entries = AuditEntry.objects.filter(subject=f"import:{batch.pk}").order_by("pk")
    assert [(e.verb, e.person, e.after) for e in entries] == [
        ("import.accept", person, "waiting"),
        ("import.store", person, "done"),
    ]
    assert entries[1].evidence["added"] == 1
    assert (batch.created_by, batch.customer_id) == (person, news.customer_id)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"x" * (1024**2 + 1), "a.csv has 1.0 MB and 1 MB are the most"),
        ("a.xlsx", b"PK\x03\x04...", "a.xlsx is an Excel workbook"),
    ],
)
@pytest.mark.usefixtures("one_megabyte")
def test_some_files_are_not_even_tried(news, now, name, data, words):
    with pytest.raises(imports.FileRefused, match=words):
        imports.accept(
            recipient_list=news,
            file=SimpleUploadedFile(name, data),
            basis=Basis.OPT_IN,
            by="test",
            now=now,
        )
    assert not ImportBatch.objects.exists()


def test_an_accepted_file_is_private_and_waits_for_a_worker(
    news, now, valkey: redis.Redis, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        batch = imports.accept(
            recipient_list=news,
            file=SimpleUploadedFile("../../etc/a.csv", b"email\na@r.jp\n"),
            basis=Basis.OPT_IN,
            by="test",
            now=now,
        )
    path = imports.file_of(batch)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"email\na@r.jp\n", 0o600)
    assert (batch.state, batch.file_name, batch.bytes_total) == ("waiting", "a.csv", 13)
    queued = valkey.lrange("hatobin:long", 0, -1)
    assert [imports.TASK.encode() in message for message in queued] == [True]
