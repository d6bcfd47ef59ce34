"""How a reporting mail is built, and its subject: what decides whether words are believed."""

import pytest

from tests.support.intake import complaint, dsn
from wire.reports import Form, parse, subject_of, writer_of

STATUS = b"message/delivery-status"


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (dsn("a@r.example"), Form.status),
        (dsn("a@r.example").replace(STATUS, b"message/global-delivery-status"), Form.status),
        (dsn("a@r.example").replace(b"multipart/report", b"multipart/mixed"), Form.words),
        (complaint(returned="To: a@r.example"), Form.feedback),
        (b"From: MAILER-DAEMON@r.example\r\nSubject: failure\r\n\r\n<a@r.example>: 550 no\r\n",
         Form.words),
        (b"Content-Type: multipart/report; boundary=B\r\n\r\n--B\r\n\r\nhello\r\n--B--\r\n",
         Form.words),
        (b"", Form.words),
    ],
)  # fmt: skip
def test_the_form_is_told_by_the_structure_alone(raw, form):
    assert {report.form for report in parse(raw)} == {form}


def test_a_report_that_a_gateway_passes_on_keeps_its_form():
    inner = dsn("a@r.example")
    raw = (
        b'From: gw@r.example\r\nContent-Type: multipart/mixed; boundary="O"\r\n\r\n--O\r\n\r\n'
        b"passed on\r\n--O\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--O--\r\n"
    )
    [report] = parse(raw)
    assert (report.recipient, report.form) == ("a@r.example", Form.status)


@pytest.mark.parametrize(
    ("raw", "subject"),
    [
        (b"Subject: unsubscribe\r\n abc\r\n\r\n", "unsubscribe abc"),
        (b"Subject: =?utf-8?B?6YCA5Lya?=\r\n\r\n", "退会"),
        (b"\xff\x00", ""),
    ],
)
def test_a_subject_is_unfolded_and_decoded(raw, subject):
    assert subject_of(raw) == subject


@pytest.mark.parametrize(
    ("raw", "writer"),
    [
        (b"From: Hanako <h@r.example>\r\n\r\n", "h@r.example"),
        (b"Reply-To: h@r.example\r\n\r\n", "h@r.example"),
        (b"From: nobody\r\n\r\n", ""),
    ],
)
def test_who_wrote_it_is_in_the_header(raw, writer):
    assert writer_of(raw) == writer
