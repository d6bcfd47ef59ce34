"""Hosts that take a message and return it later: to a host of the box in place of our intake."""

import smtplib
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sandbox import late_bounces, store
from sandbox.internet import Sandbox
from sandbox.management.commands.sandbox import intake
from sandbox.scenario import Host, parse
from sandbox.store import Stored
from wire import reports

TAKER = "127.0.8.21"
SCENE = {
    "host": [
        {"name": "mx.late.example", "address": "127.0.8.20", "tls": "none"},
        {"name": "mx.sender.example", "address": TAKER, "tls": "none"},
    ],
    "domain": [
        {"name": "late.example", "mx": [[10, "mx.late.example"]],
         "behaviour": {"kind": "bounce", "seconds": 0.05, "code": 552,
                       "text": "5.2.2 <{recipient}>: Mailbox full"}},
        {"name": "sender.example", "mx": [[10, "mx.sender.example"]],
         "rule": [{"prefix": "no-", "kind": "refuse"}]},
    ],
}  # fmt: skip
HEAD = "From: news@sender.example\r\nSubject: hello\r\nMessage-ID: <7@sender.example>\r\n"
MESSAGE = f"{HEAD}\r\nHello.\r\n"


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(late_bounces, "WAIT_SECONDS", 0.02)
    with Sandbox(parse(SCENE)) as opened:
        yield opened


def send(box: Sandbox, sender: str) -> None:
    with smtplib.SMTP("127.0.8.20", box.port, timeout=5) as client:
        client.sendmail(sender, ["hanako@late.example"], MESSAGE)


def returned(box: Sandbox) -> list[Stored]:
    return [one for one in box.store if one.host == "mx.sender.example"]


def test_a_taken_message_comes_back_as_a_report_from_its_host(box: Sandbox) -> None:
    box.send_bounces_to((TAKER, box.port))
    send(box, "b-1@sender.example")
    ends = time.monotonic() + 5
    while not returned(box) and time.monotonic() < ends:
        time.sleep(0.02)
    [message] = returned(box)
    assert (message.mail_from, message.recipients) == ("", ("b-1@sender.example",))
    assert (message.peer, message.helo) == ("127.0.8.20", "mx.late.example")
    [report] = reports.parse(store.raw(message))
    assert (report.kind, report.recipient) == (reports.Kind.bounce, "hanako@late.example")
    assert (report.status, report.original_message_id) == ("5.2.2", "<7@sender.example>")
    assert report.verdict is not None
    assert report.verdict.category == "mailbox-full"


@pytest.mark.parametrize(
    ("sender", "to"), [("", TAKER), ("no-1@sender.example", TAKER), ("b-1@sender.example", None)]
)
def test_nothing_comes_back_where_nothing_may(box: Sandbox, sender: str, to: str | None) -> None:
    box.send_bounces_to((to, box.port) if to else None)
    send(box, sender)
    time.sleep(0.4)
    assert [one.host for one in box.store] == ["mx.late.example"]


async def test_bounces_never_leave_the_machine() -> None:
    host = Host("mx.late.example", "127.0.8.20")
    with pytest.raises(ValueError, match=r"not to 192\.0\.2\.1"):
        await late_bounces.send(b"", host, to=("192.0.2.1", 25), recipient="b@sender.example")


def test_a_report_says_what_the_host_behind_said() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    raw = late_bounces.report(
        host="mx.r.example", said="550 5.1.1 User unknown", recipient="a@r.example",
        sender="b@s.example", head=b"From: x@s.example", taken=now, now=now,
    )  # fmt: skip
    assert b"Status: 5.1.1\r\n" in raw
    assert b"Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n" in raw
    assert raw.count(b"\n") == raw.count(b"\r\n")


@pytest.mark.parametrize(
    ("host", "address"), [("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("127.0.0.5",) * 2]
)
def test_the_box_finds_our_intake(host: str, address: str, settings: object) -> None:
    settings.INTAKE_HOST, settings.INTAKE_PORT = host, 2599  # type: ignore[attr-defined]
    assert intake() == (address, 2599)
