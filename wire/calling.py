"""The opening of one SMTP connection: connect, banner, EHLO, STARTTLS, AUTH.

Knows RFC 5321 3.1, 3207 and 4954 by aiosmtplib; what is sent over the connection is not its affair.
"""

import asyncio
import errno
import socket
import ssl
from dataclasses import dataclass, field
from typing import cast

import aiosmtplib

from wire.dns import is_loopback
from wire.letters import Policy, Source, TlsMode
from wire.outcomes import Conversation, Phase, Reply, read_reply
from wire.security import UNASKED, Demand, Trust


@dataclass(frozen=True, slots=True)
class Door:
    """Where to knock, and how: one address of one host."""

    host: str
    address: str
    port: int
    tls: TlsMode
    implicit_tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    demand: Demand = UNASKED


class Broken(Exception):
    """The connection is of no more use: why, and what the receiver said if it said it."""

    def __init__(self, phase: Phase, reason: str, reply: Reply | None = None) -> None:
        super().__init__(reason)
        self.phase = phase
        self.reason = reason
        self.reply = reply


# What is wrong when TLS does not come about, by what the host had to prove.
_FAILURES = {Trust.sts: "sts-tls-failed", Trust.dane: "dane-failed"}


class Caller:
    """The opening of one connection, up to where MAIL may be said; `phase` is how far it is."""

    def __init__(
        self,
        door: Door,
        source: Source,
        policy: Policy,
        context: ssl.SSLContext,
        talk: Conversation,
    ) -> None:
        self.door = door
        self.source = source
        self.policy = policy
        self.context = context
        self.talk = talk
        self.phase = Phase.connect

    async def call(self) -> aiosmtplib.SMTP:
        sock = await self._connected()
        client = aiosmtplib.SMTP(
            hostname=self.door.demand.names[0] if self.door.demand.names else self.door.host,
            sock=sock,
            local_hostname=self.source.helo,
            timeout=self.policy.command_timeout,
            use_tls=self.door.implicit_tls,
            start_tls=False,
            tls_context=self.context,
        )
        transport: asyncio.BaseTransport | None = None
        try:
            await self._welcomed(client)
            transport = client.transport
            await self._introduced(client)
            if self.door.tls is not TlsMode.none and not self.door.implicit_tls:
                await self._encrypted(client)
            transport = client.transport
            if self.door.username:
                await self._logged_in(client)
        except BaseException:
            hang_up(client, transport)
            raise
        return client

    async def _connected(self) -> socket.socket:
        door, source = self.door, self.source
        self.talk.event(
            f"connect to {door.host} [{door.address}]:{door.port} from {source.address or 'any'}"
        )
        if self.policy.loopback_only and not is_loopback(door.address):
            raise Broken(Phase.connect, "refused-destination")
        family = socket.AF_INET6 if ":" in door.address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if source.address:
                sock.bind((source.address, 0))
            async with asyncio.timeout(self.policy.connect_timeout):
                loop = asyncio.get_running_loop()
                await loop.sock_connect(sock, (door.address, door.port))
        except OSError as error:
            sock.close()
            self.talk.event(str(error) or type(error).__name__)
            raise Broken(Phase.connect, _connect_reason(error)) from error
        except BaseException:
            sock.close()
            raise
        return sock

    async def _welcomed(self, client: aiosmtplib.SMTP) -> None:
        self.phase = Phase.banner
        try:
            banner = await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            if isinstance(error.__cause__, ssl.SSLError):
                self.talk.event(str(error.__cause__))
                raise Broken(Phase.starttls, "tls-failed") from error
            raise self._heard(error) from error
        self.talk.heard(read_reply(*banner))

    async def _introduced(self, client: aiosmtplib.SMTP) -> None:
        self.phase = Phase.ehlo
        self.talk.said(f"EHLO {self.source.helo}")
        try:
            answer = await client.ehlo()
        except aiosmtplib.SMTPHeloError as error:
            # A host of before 1995 does not know EHLO; any other "no" it will say again.
            if error.code not in (500, 502, 504) or not client.is_connected:
                raise self._heard(error) from error
            self.talk.heard(read_reply(error.code, error.message))
            await self._introduced_plainly(client)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._heard(error) from error
        else:
            self.talk.heard(read_reply(*answer))

    async def _introduced_plainly(self, client: aiosmtplib.SMTP) -> None:
        self.talk.said(f"HELO {self.source.helo}")
        try:
            answer = await client.helo()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._heard(error) from error
        self.talk.heard(read_reply(*answer))

    async def _encrypted(self, client: aiosmtplib.SMTP) -> None:
        trust = self.door.demand.trust
        if not client.supports_extension("starttls"):
            if self.door.tls is TlsMode.required:
                raise Broken(Phase.starttls, _FAILURES.get(trust, "tls-required"))
            if self.door.demand.is_test:
                self.talk.event("MTA-STS, in testing: the host offers no TLS")
            return
        self.phase = Phase.starttls
        self.talk.said("STARTTLS")
        try:
            self.talk.heard(read_reply(*await client.starttls(tls_context=self.context)))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # ValueError: the host's name is none that SNI can carry.
            end = self._heard(error)
            self.talk.event(f"TLS failed: {error}")
            reason = _FAILURES.get(trust, "tls-failed")
            raise Broken(Phase.starttls, reason, end.reply) from error
        self.talk.event(security_of(client, self.door.demand))
        if trust is Trust.dane and not self.door.demand.fits(encryption_of(client)):
            self.talk.event("the certificate is none of those in the TLSA records")
            raise Broken(Phase.starttls, "dane-failed")
        # What was offered in the clear is forgotten (RFC 3207 4.2).
        await self._introduced(client)

    async def _logged_in(self, client: aiosmtplib.SMTP) -> None:
        self.phase = Phase.auth
        self.talk.said("AUTH ********")
        try:
            answer = await client.login(self.door.username, self.door.password)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
            raise self._heard(error) from error
        except (aiosmtplib.SMTPException, ValueError) as error:
            end = self._heard(error)
            self.talk.event(f"log-in failed: {error}")
            raise Broken(Phase.auth, "auth-failed", end.reply) from error
        self.talk.heard(read_reply(*answer))

    def _heard(self, error: BaseException) -> Broken:
        end = broken(self.phase, error)
        if end.reply is not None:
            self.talk.heard(end.reply)
        return end


def hang_up(client: aiosmtplib.SMTP, transport: asyncio.BaseTransport | None) -> None:
    """Cut the connection. `close` alone waits until the host has read all, and answered in TLS."""
    client.close()
    if transport is not None:
        cast("asyncio.Transport", transport).abort()


def broken(phase: Phase, error: BaseException) -> Broken:
    """What an error of aiosmtplib or of the network means for the connection."""
    if isinstance(error, TimeoutError):
        return Broken(phase, "timeout")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        reply = read_reply(error.code, error.message)
        # aiosmtplib gives -1 to what is no reply at all.
        reason = "smtp-reply" if 400 <= reply.code < 600 else "protocol-error"
        return Broken(phase, reason, reply if reply.code > 0 else None)
    if isinstance(error, OSError):
        return Broken(phase, "connection-lost")
    return Broken(phase, "protocol-error")


def encryption_of(client: aiosmtplib.SMTP) -> ssl.SSLObject | None:
    """The TLS of a connection; None when it is in the clear."""
    transport = client.transport
    found = transport.get_extra_info("ssl_object") if transport is not None else None
    return cast("ssl.SSLObject | None", found)


def security_of(client: aiosmtplib.SMTP, demand: Demand) -> str:
    """Such as "TLSv1.3 TLS_AES_256_GCM_SHA384, verified: none"; "" when all is in the clear."""
    encrypted = encryption_of(client)
    if encrypted is None:
        return ""
    proof = demand.proof
    if demand.trust is Trust.none and encrypted.context.verify_mode is ssl.CERT_REQUIRED:
        proof = "pkix"
    cipher = encrypted.cipher()
    return f"{encrypted.version()} {cipher[0] if cipher else '?'}, verified: {proof}"


def _connect_reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "connection-refused"
    # The address is not (or no longer) one of this machine: ours to repair, no fault of the host.
    return "source-unusable" if error.errno == errno.EADDRNOTAVAIL else "connection-failed"
