"""The listener: what it takes is in the database before it says so, and it takes little."""

import smtplib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from delivery import composition, intake_process, reports_found, reports_rows
from delivery.intake_store import Keeper
from delivery.models import Report, SendingDomain
from tests.support.intake import Listener, dsn, listening, session
from tests.support.platform import make_pool
from tests.support.tls import write_certificate
from tests.support.workers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = dsn("hanako@r.example")


@pytest.fixture
def domain(transactional_db: None) -> SendingDomain:
    return make_pool("A", "127.0.10.1").domain


@pytest.fixture
def address(domain: SendingDomain) -> str:
    return composition.envelope_sender(77 << 32 | 1, domain)


@pytest.fixture
def intake(domain: SendingDomain, settings: Any) -> Iterator[Listener]:
    settings.INTAKE_PORT = 0
    settings.INTAKE_TIMEOUT = 5
    with listening() as listener:
        yield listener


def test_a_bounce_is_stored_as_it_came(intake: Listener, address: str) -> None:
    with session(intake.port) as client:
        client.sendmail("", [address.upper()], MAIL)
    row = Report.objects.get()
    assert bytes(row.raw) == MAIL
    assert (row.state, row.kind, row.size) == ("new", "", len(MAIL))
    assert (row.peer, row.helo, row.tls, row.mail_from) == ("127.0.2.9", "mx.r.example", "", "")
    assert row.rcpt_to == address.upper()


def test_dots_and_long_lines_come_through_unchanged(intake: Listener, address: str) -> None:
    mail = b"Subject: x\r\n\r\n.\r\n..two\r\n" + b"x" * 20_000 + b"\r\n"
    with session(intake.port) as client:
        client.sendmail("postmaster@r.example", [address], mail)
    row = Report.objects.get()
    assert bytes(row.raw) == mail
    assert row.mail_from == "postmaster@r.example"


@pytest.mark.parametrize(
    ("recipient", "code", "words"),
    [
        ("b-aaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bounce.a.mail.example", 550, b"5.1.1"),
        ("anybody@gmail.example", 550, b"5.7.1"),
        ("", 550, b"5.7.1"),
    ],
)
def test_a_foreign_or_forged_recipient_is_refused_at_once(
    intake: Listener, recipient: str, code: int, words: bytes
) -> None:
    with session(intake.port) as client:
        client.ehlo()
        client.mail("")
        reply = client.rcpt(recipient)
        assert reply[0] == code
        assert reply[1].startswith(words)
        assert client.docmd("DATA")[0] == 503
    assert not Report.objects.exists()


def test_one_mail_for_two_of_our_addresses_is_stored_for_each(
    intake: Listener, address: str
) -> None:
    with session(intake.port) as client:
        client.sendmail("", [address, "fbl@a.mail.example"], MAIL)
    first, second = Report.objects.order_by("id")
    assert (first.rcpt_to, second.rcpt_to) == (address, "fbl@a.mail.example")
    assert (bytes(first.raw), bytes(second.raw)) == (MAIL, b"")
    assert (first.mail_id, second.mail_id) == (None, first.pk)
    assert [bytes(mail.raw) for mail in claimed()] == [MAIL, MAIL]
    assert reports_found.raw_of(second) == MAIL


def claimed() -> list[reports_rows.Mail]:
    with transaction.atomic():
        return reports_rows.claim(most=10, now=timezone.now())


def test_a_recipient_named_ten_times_gets_the_mail_once(intake: Listener, address: str) -> None:
    with session(intake.port) as client:
        client.sendmail("", [address, address.upper()] * 5, MAIL)
    assert [row.rcpt_to for row in Report.objects.all()] == [address]


def bounces_of(number: int, domain: SendingDomain) -> str:
    return composition.envelope_sender(77 << 32 | number, domain)


def test_more_recipients_than_a_report_has_come_later(
    intake: Listener, domain: SendingDomain
) -> None:
    with session(intake.port) as client:
        client.ehlo()
        client.mail("")
        replies = [client.rcpt(bounces_of(number, domain))[0] for number in range(1, 13)]
    assert replies == [250] * 10 + [452] * 2


def test_who_guesses_addresses_is_sent_away(intake: Listener, domain: SendingDomain) -> None:
    with session(intake.port) as client:
        client.ehlo()
        client.mail("")
        for number in range(49):
            assert client.rcpt(f"guess{number}@{domain.envelope_domain}")[0] == 550
        assert client.rcpt(f"the.last@{domain.envelope_domain}")[0] == 421
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()


def test_what_is_too_large_is_refused_and_not_stored(
    intake: Listener, address: str, settings: Any
) -> None:
    large = settings.INTAKE_SIZE_LIMIT_MB * 2**20 + 1
    with session(intake.port) as client:
        assert client.ehlo()[0] == 250
        assert client.esmtp_features["size"] == str(large - 1)
        assert client.mail("", [f"SIZE={large}"])[0] == 552
    assert not Report.objects.exists()


def octets_taken(client: smtplib.SMTP, *, most: int) -> int:
    """How many octets of one line go out before the other side hangs up."""
    taken, sock = 0, client.sock
    assert sock is not None
    while taken < most:
        try:
            sock.sendall(b"x" * 2**20)
        except OSError:
            return taken
        taken += 2**20
    return taken


def test_a_line_without_an_end_is_cut_off(intake: Listener, address: str) -> None:
    with session(intake.port) as client:
        client.ehlo()
        client.mail("")
        client.rcpt(address)
        client.docmd("DATA")
        assert octets_taken(client, most=100 * 2**20) < 30 * 2**20
    assert not Report.objects.exists()


def test_one_peer_gets_so_many_connections_and_others_still_get_theirs(
    domain: SendingDomain, settings: Any
) -> None:
    settings.INTAKE_PORT, settings.INTAKE_CONNECTIONS_PER_PEER = 0, 2
    settings.INTAKE_CONNECTIONS = 3
    with listening() as intake, session(intake.port), session(intake.port) as second:
        with pytest.raises(smtplib.SMTPConnectError) as told, session(intake.port):
            pass
        assert told.value.smtp_code == 421
        with session(intake.port, source="127.0.3.3") as other:
            assert other.noop()[0] == 250
            with pytest.raises(smtplib.SMTPConnectError), session(intake.port, source="127.0.4.4"):
                pass
        second.quit()
        time.sleep(0.2)
        with session(intake.port) as again:
            assert again.noop()[0] == 250


def test_who_says_nothing_is_disconnected(domain: SendingDomain, settings: Any) -> None:
    settings.INTAKE_PORT, settings.INTAKE_TIMEOUT = 0, 1
    with listening() as intake, socket.create_connection(("127.0.0.1", intake.port)) as silent:
        silent.settimeout(5)
        assert silent.recv(100).startswith(b"220 ")
        assert silent.recv(100) == b""


def test_tls_is_offered_with_a_certificate(address: str, settings: Any, tmp_path: Any) -> None:
    settings.INTAKE_PORT = 0
    chain, key = write_certificate(tmp_path, "mx.mail.example")
    settings.INTAKE_CERTIFICATE, settings.INTAKE_CERTIFICATE_KEY = str(chain), str(key)
    with listening() as intake, session(intake.port) as client:
        assert client.ehlo()[0] == 250
        assert client.starttls()[0] == 220
        client.sendmail("", [address], MAIL)
    assert Report.objects.get().tls == "TLSv1.3"


def test_without_a_certificate_nothing_is_offered_that_is_not_there(intake: Listener) -> None:
    with session(intake.port) as client:
        assert client.ehlo()[1].splitlines()[0] == b"localhost"
        assert not client.has_extn("starttls")
        assert not client.has_extn("auth")
        assert client.has_extn("smtputf8")
        assert client.has_extn("8bitmime")


@contextmanager
def out_of_order(table: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


def test_it_is_not_called_stored_when_the_database_took_nothing(
    intake: Listener, address: str
) -> None:
    with out_of_order("delivery_report"), session(intake.port) as client:
        with pytest.raises(smtplib.SMTPDataError) as told:
            client.sendmail("", [address], MAIL)
        assert told.value.smtp_code == 451
    with session(intake.port) as client:
        client.sendmail("", [address], MAIL)
    assert Report.objects.count() == 1


def test_a_bug_costs_no_bounce_and_tells_strangers_nothing(
    intake: Listener, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keeper, "keep", lambda *_: 1 / 0)
    with session(intake.port) as client:
        with pytest.raises(smtplib.SMTPDataError) as told:
            client.sendmail("", [address], MAIL)
        assert told.value.smtp_code == 451
        assert b"ZeroDivision" not in told.value.smtp_error


def refusal(port: int, recipient: str) -> int:
    with session(port) as client:
        client.ehlo()
        client.mail("")
        return client.rcpt(recipient)[0]


def test_a_new_domain_is_known_soon_even_after_the_database_was_away(
    domain: SendingDomain, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INTAKE_PORT = 0
    monkeypatch.setattr(intake_process, "FRESH_SECONDS", 0.05)
    with listening() as intake:
        assert refusal(intake.port, "abuse@b.mail.example") == 550
        with out_of_order("delivery_sendingdomain"):
            time.sleep(0.2)
            assert refusal(intake.port, "abuse@a.mail.example") == 250
        make_pool("B")
        wait_until(lambda: refusal(intake.port, "abuse@b.mail.example") == 250, seconds=5)


def test_a_silent_session_does_not_hold_up_the_end(
    domain: SendingDomain, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INTAKE_PORT = 0
    monkeypatch.setattr(intake_process, "LAST_SECONDS", 0.1)
    with listening() as intake:
        silent = socket.create_connection(("127.0.0.1", intake.port))
        assert silent.recv(100).startswith(b"220 ")
        began = time.monotonic()
    assert time.monotonic() - began < 2
    silent.close()


def test_a_taken_port_is_said_in_one_sentence(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.INTAKE_PORT = server.getsockname()[1]
        with pytest.raises(CommandError, match=r"The intake cannot listen on .*set INTAKE_PORT"):
            call_command("intake")
