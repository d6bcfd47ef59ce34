"""Time and memory of `parse` are bounded, whatever comes; limits are seconds of processor time."""

import time
import tracemalloc

import pytest

from wire.reports import Kind, parse
from wire.reports.letter import DEEPEST, MOST_PARTS, read

FROM = b"From: MAILER-DAEMON@a.example\nTo: b@c.example\nSubject: Undelivered mail\n"
MEGABYTES = 10 * 1024 * 1024


def nested(levels: int) -> bytes:
    level = b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n'
    return b"".join(level % (number, number) for number in range(levels))


def status(recipients: int, words: bytes) -> bytes:
    fields = (
        b"Final-Recipient: rfc822; u%d@d.example\nAction: failed\nStatus: 5.1.1\n" + words + b"\n"
    )
    head = (
        b"Content-Type: multipart/report; boundary=b\n\n"
        b"--b\nContent-Type: message/delivery-status\n\n"
    )
    return head + b"".join(fields % number for number in range(recipients)) + b"--b--"


def lines(line: bytes) -> bytes:
    return b"\n" + (line[:2000] + b"\n") * (MEGABYTES // (len(line[:2000]) + 1))


def filled(piece: bytes) -> bytes:
    return b"\n" + piece * (MEGABYTES // len(piece))


BOMBS = {
    "nested multiparts": nested(170_000),
    "nested messages": b"Content-Type: message/rfc822\n\n" * 340_000,
    "one boundary nested": b"Content-Type: multipart/report; boundary=b\n\n--b\n" * 200_000,
    "many parts": b"Content-Type: multipart/mixed; boundary=b\n" + filled(b"--b\n\nx\n"),
    "almost boundaries": b"Content-Type: multipart/mixed; boundary=b\n" + filled(b"--bb\n"),
    "100,000 recipients": status(100_000, b"Diagnostic-Code: smtp; 550 5.1.1 no\n"),
    "1,000 long diagnostics": status(1000, b"Diagnostic-Code: smtp; " + b"x y " * 200 + b"\n"),
    "100,000 recipients in words": lines(b"<u@d.example>: 550 5.1.1 no such user"),
    "one line": filled(b"x"),
    "one line of signs": filled(b"@"),
    "lines of signs": lines(b"@" * 1999),
    "one line of addresses": filled(b"a@b.example "),
    "lines of labels": lines(b"address " * 200 + b"a@b.example"),
    "lines of labels and brackets": lines(b"mailbox (" * 200 + b"a@b.example"),
    "lines of failure": lines(b"not be " * 250 + b"a@b.example"),
    "lines of dots": lines(b"a." * 32 + b"@" + b"b." * 400),
    "lines of spaces": lines(b" " * 1500 + b"a@b.example"),
    "open quotes": filled(b'"a') + b"@b.example",
    "open brackets": lines(b"a@b.example (expanded from " + b"(" * 1900),
    "transcript": lines(b">>> RCPT TO:<a@b.example>\n<<< 550 no"),
    "base64": b"Content-Transfer-Encoding: base64\n" + filled(b"QEBA"),
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\n" + filled(b"=40="),
    "html of open tags": b"Content-Type: text/html\n" + filled(b"<a x@"),
    "html of styles": b"Content-Type: text/html\n" + filled(b"<style>"),
    "header flood": b"X-A: b\n" * 1_500_000,
    "folded header": b"X-A: b\n" + b" c\n" * 3_000_000,
    "encoded words": b"X-Failed-Recipients: " + b"=?utf-8?q?a?= " * 700_000,
    "parameters": b"Content-Type: multipart/mixed" + b"; a=b" * 2_000_000,
    "complaints": b"Content-Type: multipart/report; boundary=b\n\n--b\n"
    b"Content-Type: message/feedback-report\n" + filled(b"Original-Rcpt-To: a@b.example\n"),
    "deep JSON": b"x-amz-sns-message-id: 1\n" + filled(b'{"a":'),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_ten_megabytes_of_anything_take_less_than_a_second(bomb):
    raw = FROM + bomb
    begun = time.process_time()
    reports = parse(raw)
    # Coverage counts each line and slows this down several times; without it, all are under 1 s.
    assert time.process_time() - begun < 4
    assert 1 <= len(reports) <= 1000


def test_memory_is_a_few_times_the_mail():
    raw = FROM + nested(170_000)
    tracemalloc.start()
    try:
        parse(raw)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(raw)
    finally:
        tracemalloc.stop()


def test_levels_and_parts_are_counted():
    deep = read(FROM + nested(100))
    levels = 0
    while deep.parts:
        deep, levels = deep.parts[0], levels + 1
    assert levels == DEEPEST
    wide = read(FROM + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1000)
    assert len(list(wide.walk())) == MOST_PARTS


def test_what_stands_after_the_limit_of_recipients_is_told():
    reports = parse(FROM + status(1500, b""))
    assert len(reports) == 1000
    assert {report.note for report in reports} == {
        "Only the first recipients were read: the report names too many."
    }
    assert all(report.kind == Kind.bounce for report in reports)
