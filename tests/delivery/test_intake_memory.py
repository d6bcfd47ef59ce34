"""What strangers can make the listener hold in memory."""

import resource
import smtplib
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from delivery import composition, intake
from delivery.intake import household
from delivery.models import Report
from tests.support.intake import dsn, listening, session
from tests.support.platform import make_pool

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def address(transactional_db: None, settings: Any) -> str:
    settings.INTAKE_PORT = 0
    return composition.envelope_sender(77 << 32 | 1, make_pool("A", "127.0.10.1").domain)


def most_so_far() -> int:
    """The most memory that this process has had, in octets."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def reply_to(client: smtplib.SMTP, address: str, octets: bytes) -> int:
    """The answer to a message that may be cut off; 0 when the connection was reset before it."""
    client.ehlo()
    client.mail("")
    client.rcpt(address)
    assert client.docmd("DATA")[0] == 354
    try:
        client.send(octets)
        return client.getreply()[0]
    except (OSError, smtplib.SMTPServerDisconnected):
        return 0


def test_millions_of_empty_lines_are_cut_off(address: str) -> None:
    before = most_so_far()
    with listening() as listener, session(listener.port) as client:
        octets = b"\r\n" * (5 * 2**20) + b".\r\n"
        assert reply_to(client, address, octets) in {0, 552}
    assert most_so_far() - before < 200 * 2**20  # without the bound 900 MiB
    assert not Report.objects.exists()


def test_a_large_mail_in_lines_of_usual_length_is_taken(address: str) -> None:
    body = b"Subject: x\r\n\r\n" + (b"x" * 60 + b"\r\n") * 160_000
    with listening() as listener, session(listener.port) as client:
        assert reply_to(client, address, body + b".\r\n") == 250
    assert Report.objects.get().size == len(body)


def test_all_sessions_together_hold_what_there_is_room_for(
    address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INTAKE_SIZE_LIMIT_MB = 1
    monkeypatch.setattr(intake, "MEMORY", 2**20)  # then eight messages of the largest size
    part = (b"x" * 70 + b"\r\n") * 12_000  # 3 MB in memory
    with listening() as listener:
        with ExitStack() as stack:
            first, second, third = (stack.enter_context(session(listener.port)) for _ in range(3))
            for client in (first, second):
                hold(client, address, part)
            assert reply_to(third, address, part) in {0, 421}
        with session(listener.port) as client:
            client.sendmail("", [address], dsn("hanako@r.example"))
    assert Report.objects.count() == 1


def hold(client: smtplib.SMTP, address: str, octets: bytes) -> None:
    """A message without its end: NOOP cannot be answered within it, so wait for nothing."""
    client.ehlo()
    client.mail("")
    client.rcpt(address)
    client.docmd("DATA")
    with suppress(OSError):
        client.send(octets)


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("127.0.2.9", "127.0.2.9"),
        ("::ffff:127.0.2.9", "127.0.2.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("fe80::1%lo", "fe80::"),
    ],
)
def test_who_has_a_whole_network_counts_once(peer: str, counted: str) -> None:
    assert household(peer) == counted
