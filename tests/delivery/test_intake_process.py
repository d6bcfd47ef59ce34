"""The intake as a process of its own: it waits for PostgreSQL, and outlives its restart."""

import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from delivery import composition, intake_process
from delivery.models import Report, SendingDomain
from tests.support.forwarding import Way
from tests.support.intake import dsn, session
from tests.support.platform import make_pool
from tests.support.workers import ROOT, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = dsn("hanako@r.example")


@pytest.fixture
def domain(transactional_db: None) -> SendingDomain:
    return make_pool("A", "127.0.10.1").domain


@pytest.fixture
def way() -> Iterator[Way]:
    made = Way()
    yield made
    made.cut()


@contextmanager
def process(way: Way, log: Path, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as file:
        running = subprocess.Popen(
            [sys.executable, "manage.py", "intake"], cwd=ROOT, stdout=file, stderr=file,
            env=os.environ | {"DATABASE_URL": way.url} | settings,
        )  # fmt: skip
        try:
            yield running
        finally:
            running.kill()
            running.wait()


def answer(port: int, address: str) -> int:
    """The reply to a bounce; 0 where nobody listens."""
    try:
        with session(port) as client:
            client.sendmail("", [address], MAIL)
    except ConnectionRefusedError:
        return 0
    except smtplib.SMTPDataError as error:
        return error.smtp_code
    return 250


def test_it_waits_for_postgresql_and_outlives_its_restart(
    domain: SendingDomain, way: Way, tmp_path: Path
) -> None:
    address = composition.envelope_sender(77 << 32 | 1, domain)
    log, port = tmp_path / "log", Way().port
    with process(way, log, INTAKE_PORT=str(port), DATABASE_POOL="0") as running:
        wait_until(lambda: b"PostgreSQL cannot be reached, trying again" in log.read_bytes())
        way.open()
        wait_until(lambda: answer(port, address) == 250)
        way.cut()
        assert answer(port, address) == 451
        way.open()
        wait_until(lambda: answer(port, address) == 250)
        assert running.poll() is None
    assert Report.objects.count() == 2
    assert b"Traceback" not in log.read_bytes()


def test_it_ends_at_once_while_it_waits(way: Way, tmp_path: Path, domain: SendingDomain) -> None:
    log = tmp_path / "log"
    with process(way, log, INTAKE_PORT=str(Way().port), DATABASE_POOL="0") as running:
        wait_until(lambda: b"trying again" in log.read_bytes())
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=10) == 0
    assert b"listens" not in log.read_bytes()


def test_when_it_has_waited_long_enough_it_says_so(
    settings: Any, monkeypatch: pytest.MonkeyPatch, domain: SendingDomain
) -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(intake_process, "directory", away)
    monkeypatch.setattr(intake_process, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(CommandError, match="waited for PostgreSQL in vain"):
        call_command("intake")
