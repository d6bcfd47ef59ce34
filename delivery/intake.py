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
from ipaddress import ip_address, ip_network
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
# aiosmtpd gathers a message line by line, each an object of about so many octets beyond its words.
LINE_COST = 180
# Octets of a line on average, at least, of a message with more lines than any report has.
SHORT_LINE, MANY_LINES = 32, 10_000
# Octets in memory, of all sessions: a host has room for it beside all else, a hundred large
# messages at the same time are nobody's bounces.
MEMORY = 256 * 2**20
NO_ROOM = b"421 4.3.1 Too much mail at the same time, come back later\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets of a message, connections in all and of one peer, seconds between two commands."""

    size: int
    connections: int
    per_peer: int
    timeout: float

    def allows(self, octets: int, lines: int) -> bool:
        """Whether a message may be so large, in so many lines."""
        most_lines = MANY_LINES + self.size // SHORT_LINE
        return octets <= self.size + SLACK and lines <= most_lines


class Visitors:
    """Who is connected now, and how much all together have in memory."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()
        self._held = 0

    def hold(self, octets: int) -> bool:
        """Count octets in memory, or with a negative number no more. False when that is too much:
        who reads on then would have the process killed, and everybody's mail with it.
        """
        self._held += octets
        return octets <= 0 or self._held <= max(MEMORY, 8 * self._limits.size)

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
        if refusal := self.directory().refusal(address):
            return cast("Porter", server).refuse(refusal)
        if address.lower() not in map(str.lower, envelope.rcpt_tos):
            if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
                return TOO_MANY_RECIPIENTS
            envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        first, *others = envelope.rcpt_tos
        mail = Received(
            received_at=datetime.now(UTC),
            peer=peer_of(session),
            helo=session.host_name or "",
            tls=_tls(session),
            mail_from=(envelope.mail_from or "").removeprefix("<>"),
            rcpt_to=first,
            raw=envelope.original_content or b"",
            also_to=tuple(others),
        )
        try:
            await self.keeper.keep(mail)
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
        self._octets = self._lines = self._held = 0
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
        peer = household(str(transport.get_extra_info("peername")[0]))
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
            self._release()
            self._entered = ""
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return super().eof_received() if self._entered else False

    def data_received(self, data: bytes) -> None:
        """Bounded here: aiosmtpd goes on reading what is too large, and gathers endless lines."""
        if not self._entered:
            return
        lines = data.count(b"\n")
        self._octets += len(data)
        self._lines += lines
        cost = len(data) + LINE_COST * lines
        self._held += cost
        has_room = self._visitors.hold(cost)
        if not self._limits.allows(self._octets, self._lines):
            self._end(TOO_MUCH)
        elif not has_room:
            self._end(NO_ROOM)
        else:
            super().data_received(data)

    def _end(self, reply: bytes) -> None:
        if self.transport is not None:
            transport = cast("asyncio.Transport", self.transport)
            transport.write(reply)
            transport.close()

    def _release(self) -> None:
        self._visitors.hold(-self._held)
        self._octets = self._lines = self._held = 0

    def _set_post_data_state(self) -> None:
        """At the beginning, after RSET and after each message."""
        self._release()
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


def household(peer: str) -> str:
    """Whom an address counts for: of IPv6, everybody has a /64 at least (RFC 6177 section 2)."""
    address = ip_address(peer.partition("%")[0])
    if address.version == 6 and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    prefix = 64 if address.version == 6 else 32
    return str(ip_network((address, prefix), strict=False).network_address)


def peer_of(session: Session) -> str:
    return str(session.peer[0]) if session.peer else ""


def _tls(session: Session) -> str:
    encrypted = (session.ssl or {}).get("ssl_object")
    return str(encrypted.version()) if encrypted is not None else ""
