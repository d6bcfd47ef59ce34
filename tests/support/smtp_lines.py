"""A sender of a few lines, for receivers that need nothing more."""

import smtplib
from contextlib import suppress


def say(host: str, port: int, *message_ids: str) -> None:
    """One message for each Message-ID, over one connection; an unanswered one ends it."""
    with suppress(smtplib.SMTPServerDisconnected), smtplib.SMTP(host, port, timeout=5) as client:
        for one in message_ids:
            client.sendmail("a@x.example", ["b@y.example"], f"Message-ID: {one}\r\n\r\nhi\r\n")
