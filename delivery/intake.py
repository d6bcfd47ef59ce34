"""The listener for bounces and complaints: SMTP in, raw mail into PostgreSQL, nothing else.

It takes mail for our own addresses only, never passes any on, and says 250 when the mail is
committed. Reading what came is the workers' part (delivery.reports).
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from delivery.intake_addresses import Directory
from delivery.intake_store import Keeper, NotKept, Received

TOO_MANY = b"421 4.7.0 Too many connections, come back later\r\n"
TOO_MUCH = b"552 5.3.4 The message is too large\r\n"
# A report is about one message to one recipient; several recipients are somebody's mistake.
MOST_RECIPIENTS = 10
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients, send the rest in another transaction"
NOT_KEPT = "451 4.3.0 Your mail could not be stored, keep it and come back"
# Commands of one connection before it is ended: a returning sender has many mails, no reader of
# addresses by guessing has.
CALLS = {"*": 10, "EHLO": 5, "HELO": 5, "STARTTLS": 2, "NOOP": 100, "RSET": 2000}
CALLS |= {"MAIL": 2000, "RCPT": 4000, "DATA": 2000, "QUIT": 1}
REFUSED_RECIPIENTS = 50
GUESSING = "421 4.7.0 Too many unknown recipients"
# What a session may send beyond its message: commands, and the message's ends of lines.
SLACK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets of a message, connections in all and of one peer, seconds between two commands."""

    size: int
    connections: int
    per_peer: int
    timeout: float


class Visitors:
    """Who is connected now."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()

    def enter(self, peer: str) -> bool:
        """False when there is no room; then nothing is counted."""
        full = self._open.total() >= self._limits.connections
        if full or self._open[peer] >= self._limits.per_peer:
            return False
        self._open[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]


# Without slots: with them aiosmtpd fails on Python 3.11.2, where it looks through the members.
@dataclass
class Desk:
    """What all sessions share: aiosmtpd calls the hooks by name."""

    keeper: Keeper
    directory: Callable[[], Directory]

    async def handle_EHLO(  # noqa: N802  named by aiosmtpd
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        kept = [line[4:] for line in responses if line[4:8] not in {"AUTH", "HELP"}]
        return [*(f"250-{words}" for words in kept[:-1]), f"250 {kept[-1]}"]

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _rcpt_options: list[str],
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return TOO_MANY_RECIPIENTS
        if refusal := self.directory().refusal(address):
            return cast("Porter", server).refuse(refusal)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        now = datetime.now(UTC)
        mails = [
            Received(
                received_at=now,
                peer=peer_of(session),
                helo=session.host_name or "",
                tls=_tls(session),
                mail_from=(envelope.mail_from or "").removeprefix("<>"),
                rcpt_to=recipient,
                raw=envelope.original_content or b"",
            )
            for recipient in envelope.rcpt_tos
        ]
        try:
            await self.keeper.keep(mails)
        except NotKept:
            return NOT_KEPT
        return "250 2.0.0 OK, it is stored"

    async def handle_exception(self, _error: Exception) -> str:
        """A bug is nothing that a stranger should read, and nothing to lose a bounce for."""
        return NOT_KEPT


class Porter(SMTP):
    """One session. Beyond aiosmtpd: bounds on visitors, on octets, on guessing."""

    # Bounces quote lines of any length; the size limit bounds them.
    line_length_limit = 256 * 1024

    def __init__(
        self,
        desk: Desk,
        *,
        visitors: Visitors,
        limits: Limits,
        name: str,
        context: ssl.SSLContext | None,
    ) -> None:
        self._visitors = visitors
        self._limits = limits
        self._entered = ""
        self._octets = 0
        self._refused = 0
        super().__init__(
            desk,
            data_size_limit=limits.size,
            enable_SMTPUTF8=True,
            hostname=name,
            ident="ESMTP",
            tls_context=context,
            timeout=limits.timeout,
            command_call_limit=CALLS,
            loop=asyncio.get_running_loop(),
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Also called again when TLS begins."""
        peer = str(transport.get_extra_info("peername")[0])
        if not self._entered and not self._visitors.enter(peer):
            plain = cast("asyncio.Transport", transport)
            plain.write(TOO_MANY)
            plain.close()
            return
        self._entered = peer
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._entered:
            self._visitors.leave(self._entered)
            self._entered = ""
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._entered else False

    def data_received(self, data: bytes) -> None:
        """Bounded here: aiosmtpd goes on reading what is too large, and gathers endless lines."""
        if not self._entered:
            return
        self._octets += len(data)
        if self._octets <= self._limits.size + SLACK:
            super().data_received(data)
        elif self.transport is not None:
            transport = cast("asyncio.Transport", self.transport)
            transport.write(TOO_MUCH)
            transport.close()

    def _set_post_data_state(self) -> None:
        """At the beginning, after RSET and after each message."""
        self._octets = 0
        super()._set_post_data_state()  # type: ignore[no-untyped-call]

    def refuse(self, reply: str) -> str:
        """The reply to an unknown recipient; after so many the session ends with it."""
        self._refused += 1
        if self._refused < REFUSED_RECIPIENTS or self.transport is None:
            return reply
        self.loop.call_soon(cast("asyncio.Transport", self.transport).close)
        return GUESSING


async def listen(
    *,
    host: str,
    port: int,
    name: str,
    limits: Limits,
    desk: Desk,
    context: ssl.SSLContext | None = None,
) -> asyncio.Server:
    """A listening server; OSError when the port is taken.

    The loop has to be asyncio's own: aiosmtpd's STARTTLS works on no other.
    """
    visitors = Visitors(limits)

    def porter() -> Any:
        return Porter(desk, visitors=visitors, limits=limits, name=name, context=context)

    return await asyncio.get_running_loop().create_server(porter, host, port, backlog=1024)


def peer_of(session: Session) -> str:
    return str(session.peer[0]) if session.peer else ""


def _tls(session: Session) -> str:
    encrypted = (session.ssl or {}).get("ssl_object")
    return str(encrypted.version()) if encrypted is not None else ""
