"""What is said of the books: balanced, still open, or wrong."""

import json
from dataclasses import replace

import pytest
from django.core.management import call_command
from django.utils import timezone

from customers.models import Customer
from delivery.reconcile import Books
from sandbox.reconcile import Comparison, Verdict
from tests.support.platform import make_list, make_mailing

BOOKS = Books(1, 10, {"accepted": 9, "refused": 1}, (), 0)
OPEN = replace(BOOKS, states={"accepted": 7, "queued": 3})
SEEN = Comparison(stored=9, missing=0, foreign=0, duplicates=0, wrong_source=0)


@pytest.mark.parametrize(
    ("books", "seen", "word"),
    [
        (BOOKS, None, "balanced"),
        (BOOKS, SEEN, "balanced"),
        (OPEN, SEEN, "still open"),
        (OPEN, replace(SEEN, foreign=3), "still open"),  # stored, and not yet recorded by us
        (OPEN, replace(SEEN, foreign=4), "does not balance"),
        (OPEN, replace(SEEN, missing=1), "does not balance"),
        (replace(OPEN, crooked=(1,)), None, "does not balance"),
        (replace(OPEN, handed_in=11), None, "does not balance"),
        (BOOKS, replace(SEEN, duplicates=1), "does not balance"),
        (replace(BOOKS, accepted_without_attempt=1), None, "does not balance"),
    ],
)
def test_open_deliveries_are_told_from_wrong_books(
    books: Books, seen: Comparison | None, word: str
) -> None:
    assert Verdict(books, seen).word == word


@pytest.mark.django_db
def test_the_command_says_it_in_a_sentence_and_in_json(
    asagao: Customer, capsys: pytest.CaptureFixture[str]
) -> None:
    news = make_list(asagao, ["a@r.example"], attributes={"name": "A"})
    make_mailing(asagao, news, now=timezone.now())
    for arguments in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            call_command("reconcile", *arguments)
        assert ended.value.code == 1
    text, _, line = capsys.readouterr().out.strip().rpartition("\n")
    assert "Still open: nothing is wrong so far, 1 deliveries are not final yet." in text
    assert json.loads(line)["verdict"] == "still open"
