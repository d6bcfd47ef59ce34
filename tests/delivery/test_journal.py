"""The journal: what is written there survives its writer, is recorded once, and then goes."""

import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.utils import timezone

from customers.models import AuditEntry
from delivery import claims, journal, outcomes, recovery, unstored
from delivery.models import Attempt, Delivery
from tests.delivery.test_claims import claim, make_due
from tests.delivery.test_outcomes import CARRIER, outcome
from tests.support.faults import nowhere
from wire.outcomes import Outcome, Phase, Verdict

TOKEN = "1/1/t"


def results(count: int = 1, verdict: Verdict = Verdict.accepted) -> list[outcomes.Result]:
    """Outcomes of freshly claimed deliveries."""
    until = timezone.now() + timedelta(hours=1)
    code = 250 if verdict == Verdict.accepted else 450
    return [
        outcomes.result_of(
            item, outcome(verdict, code), envelope_sender="b-x@bounce.example", expires_at=until
        )
        for item in claim(make_due(count=count), token=TOKEN)
    ]


def leave_behind(left: list[outcomes.Result], token: str = TOKEN) -> list[bytes | None]:
    """What a worker wrote before it died."""
    return [
        journal.journal().write(journal.pack(one, carrier=CARRIER, token=token)) for one in left
    ]


def replay(grace: float = 0) -> int:
    return journal.replay(now=timezone.now(), grace=grace)


@pytest.mark.django_db
def test_an_entry_comes_back_as_it_was_written() -> None:
    [result] = results()
    entry = journal.unpack(journal.pack(result, carrier=CARRIER, token=TOKEN))
    assert entry == journal.Entry(TOKEN, CARRIER, result)


@pytest.mark.django_db
def test_an_outcome_without_reply_comes_back_without_reply() -> None:
    [item] = claim(make_due(count=1))
    none = Outcome(
        Verdict.deferred, Phase.connect, None, "timeout", "mx.例.example", "127.0.2.1", "",
        datetime(2026, 3, 2, 1, 2, 3, 4, UTC), 30.5, '+0ms -- 待つ\n+1ms -- "x"',
    )  # fmt: skip
    result = outcomes.result_of(item, none, envelope_sender="", expires_at=timezone.now())
    assert journal.unpack(journal.pack(result, carrier=CARRIER, token=TOKEN)).result == result


@pytest.mark.django_db
def test_what_a_lost_worker_left_behind_is_recorded_and_deleted(valkey: Any) -> None:
    leave_behind(results(count=3))
    assert valkey.xlen(journal.KEY) == 3
    assert replay() == 3
    assert set(Delivery.objects.values_list("state", "attempts")) == {("accepted", 1)}
    assert Attempt.objects.get(delivery_id=Delivery.objects.first().pk).conversation  # type: ignore[union-attr]
    assert Attempt.objects.count() == 3
    assert (valkey.xlen(journal.KEY), replay()) == (0, 0)


@pytest.mark.django_db
def test_what_is_young_is_left_to_its_writer(valkey: Any) -> None:
    leave_behind(results())
    assert replay(grace=journal.GRACE_SECONDS) == 0
    assert valkey.xlen(journal.KEY) == 1


@pytest.mark.django_db
def test_what_was_recorded_before_is_not_recorded_again(valkey: Any) -> None:
    made = results(count=2)
    leave_behind(made)
    outcomes.record(results=made[:1], carrier=CARRIER, token=TOKEN, now=timezone.now())
    assert replay() == 2
    assert Attempt.objects.count() == 2
    assert set(Delivery.objects.values_list("state", "attempts")) == {("accepted", 1)}


@pytest.mark.django_db
def test_an_old_entry_does_not_move_what_has_been_claimed_again(valkey: Any) -> None:
    made = results(verdict=Verdict.deferred)
    leave_behind(made)
    outcomes.record(results=made, carrier=CARRIER, token=TOKEN, now=timezone.now())
    Delivery.objects.update(reason="worker-lost")  # since then another worker died with it
    assert replay() == 1
    assert Delivery.objects.get().reason == "worker-lost"


@pytest.mark.django_db(transaction=True)
def test_the_owner_and_two_finders_record_each_outcome_once(valkey: Any) -> None:
    made = results(count=40)
    leave_behind(made)
    barrier = threading.Barrier(3)
    failures: list[BaseException] = []

    def work(record: Any) -> None:
        barrier.wait()
        try:
            record()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    def own() -> None:
        outcomes.record(results=made, carrier=CARRIER, token=TOKEN, now=timezone.now())

    threads = [threading.Thread(target=work, args=[what]) for what in (own, replay, replay)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Attempt.objects.count() == 40
    assert set(Delivery.objects.values_list("state", "attempts")) == {("accepted", 1)}
    assert valkey.xlen(journal.KEY) == 0


@pytest.mark.django_db
def test_entries_that_cannot_be_read_do_not_stand_in_the_way(valkey: Any) -> None:
    for broken in (b"\xff", b"[]", b'{"form": 1}', b'[2, "token"]'):
        journal.journal().write(broken)
    leave_behind(results())
    assert replay() == 5
    assert Delivery.objects.get().state == "accepted"
    assert valkey.lrange(unstored.KEY, 0, 0) == [b"\xff"]
    assert valkey.llen(unstored.KEY) == 4


@pytest.mark.django_db
def test_one_outcome_that_cannot_be_stored_takes_no_other_with_it(valkey: Any) -> None:
    good, bad = results(count=2)
    object.__setattr__(bad, "envelope_sender", "nul\x00")
    leave_behind([good, bad])
    assert replay() == 2
    states = Delivery.objects.in_bulk()
    assert states[good.delivery_id].state == "accepted"
    assert states[bad.delivery_id].state == "sending"


def without_partition(result: outcomes.Result) -> outcomes.Result:
    """An attempt of a day that has no table (any more)."""
    return replace(result, attempt_id=result.attempt_id - (1000 * 86_400 << 32))


@pytest.mark.django_db
def test_an_outcome_of_a_day_without_partition_is_set_aside_and_told_of(valkey: Any) -> None:
    good, bad, worse = results(count=3)
    leave_behind([without_partition(bad), good, without_partition(worse)])
    assert replay() == 3
    states = Delivery.objects.in_bulk()
    assert states[good.delivery_id].state == "accepted"
    assert states[bad.delivery_id].state == "sending"
    aside = [journal.unpack(data) for data in valkey.lrange(unstored.KEY, 0, -1)]
    assert {entry.result.delivery_id for entry in aside} == {bad.delivery_id, worse.delivery_id}
    entry = AuditEntry.objects.get(verb="pool.unstored")  # once, not for each
    assert (entry.subject, entry.by) == ("pool:1", "recovery")
    assert entry.why.startswith("no partition of relation")
    assert (valkey.xlen(journal.KEY), replay()) == (0, 0)


@pytest.mark.django_db
def test_leases_come_back_although_an_outcome_cannot_be_stored(valkey: Any) -> None:
    [bad] = results()
    leave_behind([without_partition(bad)])
    Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    with patch.object(claims, "has_expired", return_value=True):  # PostgreSQL has just started
        assert recovery.recover(now=timezone.now()) == recovery.Recovered(1, 1)
    assert Delivery.objects.get().reason == "worker-lost"


@pytest.mark.django_db
def test_the_list_of_what_was_set_aside_does_not_grow_for_ever(
    valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unstored, "MOST", 2)
    unstored.set_aside(valkey, [b"1", b"2", b"3"])
    unstored.set_aside(valkey, [])
    assert valkey.lrange(unstored.KEY, 0, -1) == [b"2", b"3"]


@pytest.mark.django_db
def test_recorded_entries_are_deleted_in_one_call(valkey: Any) -> None:
    places = leave_behind(results(count=3))
    journal.journal().delete([place for place in places if place is not None])
    assert valkey.xlen(journal.KEY) == 0
    journal.journal().delete([])


def test_without_valkey_writing_says_so_and_does_not_wait(tmp_path: Path) -> None:
    lonely = journal.Journal(nowhere(tmp_path))
    assert [lonely.write(b"x") for _ in range(1000)] == [None] * 1000
    lonely.close()


def test_no_outcome_is_missed_when_valkey_was_restarted(valkey: Any, settings: Any) -> None:
    mine = journal.Journal(settings.REDIS_URL)
    assert mine.write(b"before")
    mine._connection._sock.shutdown(socket.SHUT_RDWR)
    assert mine.write(b"after")
    assert [fields[b"r"] for _, fields in valkey.xrange(journal.KEY)] == [b"before", b"after"]
    mine.close()


def test_an_answer_that_is_an_error_is_no_place_in_the_journal(
    valkey: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PAUSE_SECONDS", 0.0)
    mine = journal.Journal(settings.REDIS_URL)
    valkey.set(journal.KEY, "not a stream")
    assert mine.write(b"x") is None
    valkey.delete(journal.KEY)
    assert mine.write(b"x") is not None
    mine.close()
