"""Receivers that take a message and return it later: a report (RFC 3464) by SMTP to our intake."""

import asyncio
import hashlib
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from ipaddress import ip_address

import aiosmtplib

from sandbox import store
from sandbox.scenario import Behaviour, Host
from sandbox.store import Stored

log = logging.getLogger(__name__)

Address = tuple[str, int]  # IP and port
# The intake may start after the box, or be busy.
TRIES = 5
WAIT_SECONDS = 2.0


@dataclass(slots=True)
class Returns:
    """What the hosts have to return. `to`: where bounces are taken; None: they are lost."""

    to: Address | None = None
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def later(self, host: Host, behaviour: Behaviour, *, recipient: str, message: Stored) -> None:
        """Return a message after the behaviour's seconds. In the loop of the box."""
        if not message.mail_from:
            return  # a bounce is never bounced (RFC 5321 4.5.5)
        task = asyncio.create_task(self._return(host, behaviour, recipient, message))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _return(
        self, host: Host, behaviour: Behaviour, recipient: str, message: Stored
    ) -> None:
        await asyncio.sleep(behaviour.seconds)
        bounce = report(
            host=host.name,
            said=f"{behaviour.code} {behaviour.text.replace('{recipient}', recipient)}",
            recipient=recipient,
            sender=message.mail_from,
            head=store.raw(message).partition(b"\r\n\r\n")[0],
            taken=message.at,
            now=datetime.now(UTC),
        )
        for _ in range(TRIES):
            try:
                if self.to is not None:
                    await send(bounce, host, to=self.to, recipient=message.mail_from)
            except (OSError, aiosmtplib.SMTPException) as error:
                log.warning("A bounce for %s was not taken: %s", message.mail_from, error)
                await asyncio.sleep(WAIT_SECONDS)
            else:
                return


async def send(bounce: bytes, host: Host, *, to: Address, recipient: str) -> None:
    """From the host's own address, with the null sender. Only to this machine: ValueError."""
    if not ip_address(to[0]).is_loopback:
        raise ValueError(f"The box sends bounces to this machine only, not to {to[0]}.")
    client = aiosmtplib.SMTP(
        hostname=to[0],
        port=to[1],
        source_address=(host.address, 0),
        local_hostname=host.name,
        start_tls=False,
        timeout=10,
    )
    async with client:
        await client.sendmail("", [recipient], bounce)


def report(
    *,
    host: str,
    said: str,
    recipient: str,
    sender: str,
    head: bytes,
    taken: datetime,
    now: datetime,
) -> bytes:
    """As Postfix writes it (RFC 3464), with the header of the returned message.

    `said` is the reply of the host behind: code, enhanced code, text.
    """
    identity = hashlib.sha256(sender.encode() + head).hexdigest()[:24]
    text = f"""\
From: MAILER-DAEMON@{host}
To: {sender}
Subject: Undelivered Mail Returned to Sender
Date: {format_datetime(now)}
Message-ID: <{identity}@{host}>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="{identity}/{host}"

--{identity}/{host}
Content-Type: text/plain; charset=us-ascii

This is the mail system at host {host}.

<{recipient}>: host store.{host} said: {said}

--{identity}/{host}
Content-Type: message/delivery-status

Reporting-MTA: dns; {host}
Arrival-Date: {format_datetime(taken)}

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822;{recipient}
Action: failed
Status: {said.split(" ")[1]}
Remote-MTA: dns; store.{host}
Diagnostic-Code: smtp; {said}

--{identity}/{host}
Content-Type: text/rfc822-headers

"""
    end = f"\r\n\r\n--{identity}/{host}--\r\n"
    return text.replace("\n", "\r\n").encode() + head + end.encode()
