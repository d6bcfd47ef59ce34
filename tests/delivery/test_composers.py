"""Compiled mailings are kept while they fit; those with large files make room for each other."""

import threading
import time

import pytest
from django.utils import timezone

from delivery import composition
from delivery.composers import Shelf
from delivery.models import MailingAttachment
from tests.support.platform import make_customer, make_list, make_mailing, make_pool


class Maker:
    """Makes values of as many octets as their key says, and remembers how often."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.made: list[int] = []
        self.at_once = self.most_at_once = 0
        self._seconds = seconds

    def __call__(self, key: int) -> bytes:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self._seconds)
        self.made.append(key)
        self.at_once -= 1
        return bytes(key)


def test_what_was_not_used_for_longest_goes_when_it_gets_too_much() -> None:
    shelf, make = Shelf[bytes](octets=100, size=len), Maker()
    for key in (40, 50, 40, 30, 40, 50):  # 30 does not fit beside both: 50 goes
        assert len(shelf.get(key, make)) == key
    assert make.made == [40, 50, 30, 50]


def test_one_that_is_larger_than_the_shelf_is_kept_alone() -> None:
    shelf, make = Shelf[bytes](octets=100, size=len), Maker()
    for key in (10, 500, 500, 10):
        shelf.get(key, make)
    assert make.made == [10, 500, 10]


def test_lanes_that_need_the_same_wait_for_one_that_makes_it() -> None:
    shelf, make = Shelf[bytes](octets=100, size=len), Maker(seconds=0.01)
    threads = [
        threading.Thread(target=shelf.get, args=[key, make]) for key in (1, 2, 3) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(make.made) == [1, 2, 3]
    assert make.most_at_once == 1


def test_what_cannot_be_made_is_tried_again_the_next_time() -> None:
    shelf = Shelf[bytes](octets=100, size=len)
    with pytest.raises(ZeroDivisionError):
        shelf.get(1, lambda key: bytes(key // 0))
    assert shelf.get(1, bytes) == b"\0"


@pytest.mark.django_db
def test_a_mailing_is_weighed_with_its_encoded_attachments() -> None:
    customer = make_customer("Asagao", make_pool("A", "127.0.10.1"))
    people = make_list(customer, ["a@r.example"], attributes={"name": "x"})
    mailing = make_mailing(customer, people, now=timezone.now())
    data = bytes(300_000)
    MailingAttachment.objects.create(
        mailing=mailing, file_name="a.bin", content_type="application/octet-stream", data=data,
        size=len(data),
    )  # fmt: skip
    made = composition.composer(mailing.pk)
    assert 400_000 < made.octets < 450_000
    assert composition.composer(mailing.pk) is made
