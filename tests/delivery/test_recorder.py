"""The recorder: journal first, then PostgreSQL, whatever falls over meanwhile."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from delivery import journal, outcomes, recorder
from delivery.leases import Lease
from delivery.models import Attempt, Delivery
from delivery.recorder import Recorder, patiently
from tests.delivery.test_journal import TOKEN, results
from tests.delivery.test_outcomes import CARRIER
from tests.support.faults import cut_other_connections, nowhere

pytestmark = pytest.mark.django_db(transaction=True)


def recording(made: list[outcomes.Result], *, patience: float = 10.0) -> Recorder:
    lease = Lease(token=TOKEN, ids=[one.delivery_id for one in made])
    return Recorder(carrier=CARRIER, lease=lease, patience=patience)


def away(**_: object) -> int:
    raise OperationalError("the server is not there")


def states() -> set[str]:
    return set(Delivery.objects.values_list("state", flat=True))


def wait_until(true: Any, *, seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "waited long enough"
        time.sleep(0.01)


def test_a_result_is_in_the_journal_when_add_returns(valkey: Any) -> None:
    made = results(count=2)
    with recording(made) as recorder_:
        recorder_.add(made[0])
        [(_, fields)] = valkey.xrange(journal.KEY)
        assert journal.unpack(fields[b"r"]).result == made[0]
    assert valkey.xlen(journal.KEY) == 0
    assert Attempt.objects.get().delivery_id == made[0].delivery_id


def test_results_are_seen_after_half_a_second_however_slowly_they_come(valkey: Any) -> None:
    made = results(count=3)
    with recording(made) as recorder_:
        for one in made:
            recorder_.add(one)
            time.sleep(0.2)
        wait_until(lambda: "accepted" in states(), seconds=0.3)


def test_a_cut_connection_to_postgresql_loses_nothing(valkey: Any) -> None:
    made = results(count=5)
    with recording(made) as recorder_:
        for one in made:
            assert cut_other_connections() >= 0
            recorder_.add(one)
    assert states() == {"accepted"}
    assert (Attempt.objects.count(), valkey.xlen(journal.KEY)) == (5, 0)


def test_without_valkey_results_go_to_postgresql_at_once(
    settings: Any, tmp_path: Path, valkey: Any
) -> None:
    settings.REDIS_URL = nowhere(tmp_path)
    made = results(count=2)
    with recording(made) as recorder_:
        recorder_.add(made[0])
        wait_until(lambda: "accepted" in states(), seconds=0.3)
        recorder_.add(made[1])
    assert states() == {"accepted"}


def test_what_postgresql_does_not_take_in_time_stays_in_the_journal(
    valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = results()
    writing = recording(made, patience=0.1)
    with monkeypatch.context() as broken:
        broken.setattr(outcomes, "record", away)
        writing.__enter__().add(made[0])
        with pytest.raises(OperationalError):
            writing.__exit__(None, None, None)
    assert states() == {"sending"}
    assert journal.replay(now=timezone.now(), grace=0) == 1
    assert states() == {"accepted"}


def test_no_letter_is_begun_while_nothing_can_be_recorded(
    valkey: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = results()
    unreachable = SimpleNamespace(
        ensure_connection=away,
        close=lambda: None,
        in_atomic_block=False,
        settings_dict={"OPTIONS": {}},
    )
    monkeypatch.setattr(recorder, "connection", unreachable)
    with pytest.raises(OperationalError):
        recording(made, patience=0.1).__enter__()


def test_a_slow_receiver_keeps_its_lease(valkey: Any, settings: Any) -> None:
    settings.LEASE_SECONDS = 1
    made = results()
    Delivery.objects.update(claimed_until=timezone.now() + timedelta(seconds=1))
    with recording(made):
        time.sleep(1.2)
        assert Delivery.objects.get().claimed_until > timezone.now()  # type: ignore[operator]


def test_patience_ends_with_the_error_of_the_last_try() -> None:
    tries = []

    def fail() -> None:
        tries.append(threading.get_ident())
        raise OperationalError("away")

    with pytest.raises(OperationalError, match="away"):
        patiently(fail, seconds=0.2)
    assert len(tries) > 1
