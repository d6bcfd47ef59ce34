"""A running intake in a thread of the test, and what comes to it: DSNs, complaints, plain mail."""

import asyncio
import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from delivery import intake_process


class Listener(threading.Thread):
    """`intake_process.run` on a loop of its own, as the command runs it."""

    def __init__(self) -> None:
        super().__init__(name="intake-under-test", daemon=True)
        self.port = 0
        self.failure: BaseException | None = None
        self._up = threading.Event()

    def run(self) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            try:
                runner.run(self._serve())
            except OSError as error:
                self.failure = error
            finally:
                self._up.set()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        await intake_process.run(stop=self._over, ready=self._listens)

    def _listens(self, port: int) -> None:
        self.port = port
        self._up.set()

    def wait(self) -> None:
        self._up.wait()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self.join()


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()
    listener.start()
    listener.wait()
    try:
        yield listener
    finally:
        listener.stop()


@contextmanager
def session(port: int, *, source: str = "127.0.2.9") -> Iterator[smtplib.SMTP]:
    """A receiver's host that has something to say."""
    client = smtplib.SMTP(
        "127.0.0.1", port, local_hostname="mx.r.example", source_address=(source, 0), timeout=10
    )
    try:
        yield client
    finally:
        client.close()


def dsn(
    recipient: str, *, action: str = "failed", status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 User unknown", original: str = "",
    message_id: str = "", extra: str = "",
) -> bytes:  # fmt: skip
    """A delivery status notification (RFC 3464) as Postfix writes it."""
    if original:
        extra += f"Original-Recipient: rfc822;{original}\r\n"
    return (
        f"""\
From: MAILER-DAEMON@mx.r.example
To: bounce@mail.example
Subject: Undelivered Mail Returned to Sender
Date: Mon, 02 Mar 2026 10:05:00 +0900
Message-ID: <dsn-1@mx.r.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

<{recipient}>: {diagnostic}

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.r.example
Arrival-Date: Mon, 02 Mar 2026 10:00:00 +0900

Final-Recipient: rfc822; {recipient}
{extra}Action: {action}
Status: {status}
Remote-MTA: dns; store.r.example
Diagnostic-Code: {diagnostic}

--B
Content-Type: text/rfc822-headers

From: news@asagao.example
To: {recipient}
Subject: =?utf-8?B?5LuK5pyI?=
Message-ID: {message_id or "<unknown@elsewhere.example>"}

--B--
""".replace("\r\n", "\n")
        .replace("\n", "\r\n")
        .encode()
    )


def complaint(*, returned: str, kind: str = "abuse") -> bytes:
    """A feedback report (RFC 5965) whose recipient is blacked out; `returned` are header lines."""
    return f"""\
From: feedback@r.example
To: fbl@mail.example
Subject: FW: news
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="B"

--B
Content-Type: text/plain

This is an abuse report.

--B
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Feedback/1.0
Version: 1
Source-IP: 127.0.10.1

--B
Content-Type: text/rfc822-headers

From: news@asagao.example
Date: Mon, 02 Mar 2026 10:00:00 +0900
Subject: news
MIME-Version: 1.0
{returned}

--B--
""".replace("\n", "\r\n").encode()
