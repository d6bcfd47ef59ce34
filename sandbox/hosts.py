"""The mail hosts of the box: real SMTP servers that do what `behaviour` decides.

All of them run in one event loop, which must be asyncio's own: aiosmtpd's STARTTLS needs it.
"""

import asyncio
import hmac
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sandbox.behaviour import Act, act, behaviour_for
from sandbox.late_bounces import Returns
from sandbox.scenario import Host, Moment, Scenario
from sandbox.store import Store

FirstTries = dict[tuple[str, str, str], float]


# Without slots: with them aiosmtpd fails on Python 3.11.2, where it looks through the members.
@dataclass
class Counter:
    """What the sessions of one host share: aiosmtpd calls the hooks by name.

    `first_tries` remembers, for greylisting, when a (sender, recipient, peer) was first seen.
    """

    host: Host
    scenario: Scenario
    store: Store
    first_tries: FirstTries
    returns: Returns

    async def handle_EHLO(  # noqa: N802  named by aiosmtpd
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        unwanted = ("250-AUTH", "250 HELP") if not self.host.login else ("250 HELP",)
        kept = [line for line in responses if not line.startswith(unwanted)]
        return [*kept, "250 ENHANCEDSTATUSCODES"]

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        _rcpt_options: list[str],
    ) -> str:
        behaviour = behaviour_for(self.scenario, self.host, address)
        waited = self._waited(envelope.mail_from or "", address, _peer(session))
        reply = await perform(server, act([behaviour], "rcpt", recipient=address, waited=waited))
        if not reply:
            envelope.rcpt_tos.append(address)
        return reply or "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if reply := await self.at(server, envelope, "after-data"):
            return reply
        content = envelope.original_content or b""
        stored = self.store.append(
            content,
            at=datetime.now(UTC),
            host=self.host.name,
            address=self.host.address,
            peer=_peer(session),
            helo=session.host_name or "",
            tls=_tls(session),
            mail_from=(envelope.mail_from or "").removeprefix("<>"),
            recipients=tuple(envelope.rcpt_tos),
        )
        if reply := await self.at(server, envelope, "after-store"):
            return reply
        for recipient in envelope.rcpt_tos:
            behaviour = behaviour_for(self.scenario, self.host, recipient)
            if behaviour.kind == "bounce":
                self.returns.later(self.host, behaviour, recipient=recipient, message=stored)
        return f"250 2.0.0 OK: queued as {stored.sha256[:12]}"

    async def at(self, server: SMTP, envelope: Envelope, moment: Moment) -> str:
        """Do what the recipients' behaviours want at a moment after RCPT."""
        recipients = envelope.rcpt_tos
        behaviours = [behaviour_for(self.scenario, self.host, name) for name in recipients]
        recipient = recipients[0] if recipients else ""
        return await perform(server, act(behaviours, moment, recipient=recipient))

    def log_in(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        expected = (self.host.login.encode(), self.host.password.encode())
        given = (data.login, data.password) if isinstance(data, LoginPassword) else (b"", b"")
        same = [hmac.compare_digest(a, b) for a, b in zip(given, expected, strict=True)]
        return AuthResult(success=all(same), handled=False)

    def _waited(self, sender: str, recipient: str, peer: str) -> float | None:
        now = time.monotonic()
        first = self.first_tries.setdefault((sender, recipient, peer), now)
        return None if first == now else now - first


class Porter(SMTP):
    """aiosmtpd's session, with what it has no hooks for: banner, DATA command, broken TLS."""

    def __init__(self, counter: Counter, context: ssl.SSLContext) -> None:
        host = counter.host
        self._counter = counter
        super().__init__(
            counter,
            data_size_limit=host.size,
            enable_SMTPUTF8=host.smtputf8,
            hostname=host.name,
            ident="ESMTP",
            tls_context=None if host.tls == "none" else context,
            auth_required=bool(host.login),
            authenticator=counter.log_in,
            loop=asyncio.get_running_loop(),
        )

    async def _handle_client(self) -> None:
        reply = await perform(self, act([self._counter.host.banner], "connect"))
        if not reply:
            await super()._handle_client()
            return
        await self.push(reply)
        if self.transport is not None:
            self.transport.close()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        envelope = self.envelope
        if envelope is not None and (reply := await self._counter.at(self, envelope, "data")):
            await self.push(reply)
            return
        await super().smtp_DATA(arg)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        if self._counter.host.tls != "broken":
            await super().smtp_STARTTLS(arg)
            return
        await self.push("220 2.0.0 Ready to start TLS")
        await self.push("this is no TLS handshake")
        if self.transport is not None:
            self.transport.close()


async def perform(server: SMTP, todo: Act) -> str:
    """Wait and hang up as told; the reply to say, "" for none."""
    if todo.wait:
        await asyncio.sleep(todo.wait)
    if todo.drop:
        if server.transport is not None:
            cast("asyncio.Transport", server.transport).abort()
        return "421 4.3.2 Dropped"  # nobody hears it; aiosmtpd wants one
    return todo.reply


async def open_hosts(
    scenario: Scenario,
    store: Store,
    *,
    port: int,
    contexts: Mapping[str, ssl.SSLContext],
    returns: Returns,
) -> list[asyncio.Server]:
    """Listen on every host that is not down; `contexts` by host name. OSError names the address
    that is taken.
    """
    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []
    first_tries: FirstTries = {}  # of all hosts: a letter may come back to another MX
    try:
        for host in scenario.hosts:
            if not host.down:
                counter = Counter(host, scenario, store, first_tries, returns)
                porters = _porters(counter, contexts[host.name])
                listener = await loop.create_server(porters, host.address, port)
                servers.append(listener)
    except OSError:
        close(servers)
        raise
    return servers


def close(servers: Sequence[asyncio.Server]) -> None:
    for server in servers:
        server.close()


def _porters(counter: Counter, context: ssl.SSLContext) -> Any:
    return lambda: Porter(counter, context)


def _peer(session: Session) -> str:
    return str(session.peer[0]) if session.peer else ""


def _tls(session: Session) -> str:
    encrypted = (session.ssl or {}).get("ssl_object")
    return str(encrypted.version()) if encrypted is not None else ""
