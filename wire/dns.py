"""Where a domain's mail goes: lookups that keep "could not ask" apart from "there is none".

Knows DNS by dnspython; knows nothing of SMTP. A name that was not answered is Unknown, which
callers retry; it is never taken for a name that does not exist.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random, SystemRandom
from typing import Any, cast

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import dns.reversename
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TLSA import TLSA
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from wire.dns_answers import (
    AddressAnswer,
    Addresses,
    Found,
    MailAnswer,
    MailHost,
    NoMailHost,
    NoSuchDomain,
    NullMx,
    TextAnswer,
    Texts,
    Tlsa,
    TlsaAnswer,
    TlsaRecords,
    Unknown,
)

__all__ = [
    "AddressAnswer",
    "Addresses",
    "Found",
    "MailAnswer",
    "MailHost",
    "NoMailHost",
    "NoSuchDomain",
    "NullMx",
    "Resolver",
    "TextAnswer",
    "Texts",
    "Tlsa",
    "TlsaAnswer",
    "TlsaRecords",
    "Unknown",
    "is_loopback",
]

# A TTL of nought would make us ask for each batch; a TTL of weeks would outlive a moved host.
SHORTEST_TTL = 30
LONGEST_TTL = 3600
# A hostile zone may list hundreds of MX records; we look up the addresses of so many.
MOST_MAIL_HOSTS = 20
# What may stand in a certificate and in SNI. A name with other octets is no host's, and would make
# an error of ours of what the zone's owner wrote.
_HOST_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_-]{1,63}")


@dataclass(frozen=True, slots=True)
class _Records:
    values: tuple[Any, ...]
    secure: bool
    canonical: str


_RawAnswer = _Records | NoSuchDomain | Unknown
_Question = tuple[dns.name.Name, dns.rdatatype.RdataType]


def is_loopback(address: str) -> bool:
    """True for an address text in 127/8 or ::1."""
    return ip_address(address).is_loopback


def _require_loopback(nameservers: Sequence[tuple[str, int]]) -> None:
    for address, port in nameservers:
        if not is_loopback(address):
            raise ValueError(
                f"nameserver {address}:{port} is outside loopback, where this installation "
                "may not ask; name one in 127.0.0.0/8 or ::1"
            )


class Resolver:
    """Asks the given nameservers; remembers answers, also negative ones, for their TTL.

    `nameservers` are (IP address, port); `timeout` is in seconds for one question, all
    nameservers included. With `loopback_only` a nameserver outside 127/8 and ::1 is a ValueError.
    `validating`: the nameservers check DNSSEC and the way to them is safe, so that their AD bit is
    believed. May serve several event loops, one after the other.
    """

    def __init__(
        self,
        nameservers: Sequence[tuple[str, int]],
        *,
        timeout: float = 5.0,
        cache_size: int = 10_000,
        loopback_only: bool = False,
        validating: bool = False,
        random: Random | None = None,
    ) -> None:
        if loopback_only:
            _require_loopback(nameservers)
        self._stub = dns.asyncresolver.Resolver(configure=False)
        self._stub.nameservers = [dns.nameserver.Do53Nameserver(*pair) for pair in nameservers]
        self._stub.lifetime = timeout
        # Each nameserver gets its turn within the time, though those before it are dead.
        self._stub.timeout = min(2.0, timeout / max(len(nameservers), 1))
        if validating:
            # AD in a question asks for AD in the answer (RFC 6840 5.7).
            self._stub.set_flags(dns.flags.RD | dns.flags.AD)
        self._validating = validating
        self._cache_size = cache_size
        self._random = random or SystemRandom()
        self._cache: dict[_Question, tuple[float, _RawAnswer]] = {}
        self._asking: dict[_Question, asyncio.Task[_RawAnswer]] = {}

    async def mail_hosts(self, domain: str) -> MailAnswer:
        """Hosts for mail to a domain, U-labels or A-labels (RFC 5321 5.1, RFC 7505)."""
        name = _name(domain)
        if name is None:
            return NoSuchDomain()
        answer = await self._ask(name, dns.rdatatype.MX)
        if not isinstance(answer, _Records):
            return answer
        records = cast("tuple[MX, ...]", answer.values)
        if not records:
            return await self._implicit_host(name)
        exchanges = [record for record in records if record.exchange != dns.name.root]
        if not exchanges:
            return NullMx()
        return await self._explicit_hosts(exchanges, secure=answer.secure)

    async def txt(self, name: str) -> TextAnswer:
        """TXT records of a name, in the order of the answer."""
        asked = _name(name)
        if asked is None:
            return NoSuchDomain()
        answer = await self._ask(asked, dns.rdatatype.TXT)
        if not isinstance(answer, _Records):
            return answer
        records = cast("tuple[TXT, ...]", answer.values)
        return Texts(tuple(b"".join(r.strings).decode("utf-8", "replace") for r in records))

    async def addresses(self, name: str) -> AddressAnswer:
        """AAAA and A records of a host name; CNAMEs are followed."""
        asked = _name(name)
        return NoSuchDomain() if asked is None else await self._addresses(asked)

    async def names_of(self, address: str) -> TextAnswer:
        """Names that PTR records give an IP address, lower case, without final dots."""
        answer = await self._ask(dns.reversename.from_address(address), dns.rdatatype.PTR)
        if not isinstance(answer, _Records):
            return answer
        return Texts(tuple(_text(r.target) for r in cast("tuple[PTR, ...]", answer.values)))

    async def tlsa(self, base: str, port: int) -> TlsaAnswer:
        """Validated TLSA records for a TCP port of a host (RFC 7672 2.2). Unknown is no "none"."""
        asked = _name(f"_{port}._tcp.{base}")
        answer = NoSuchDomain() if asked is None else await self._ask(asked, dns.rdatatype.TLSA)
        if isinstance(answer, Unknown):
            return answer
        if isinstance(answer, NoSuchDomain) or not answer.secure:
            return TlsaRecords(())
        records = cast("tuple[TLSA, ...]", answer.values)
        return TlsaRecords(tuple(Tlsa(r.usage, r.selector, r.mtype, r.cert) for r in records))

    async def _implicit_host(self, name: dns.name.Name) -> MailAnswer:
        answer = await self._addresses(name)
        if not isinstance(answer, Addresses):
            return answer
        if not answer.values:
            return NoMailHost(f"{_text(name)} has neither MX nor address records")
        bases = _tlsa_bases(_text(name), answer)
        return Found((MailHost(_text(name), 0, answer.values, bases),), implicit=True)

    async def _explicit_hosts(self, records: list[MX], *, secure: bool) -> MailAnswer:
        self._random.shuffle(records)  # equal preferences share the load (RFC 5321 5.1)
        records = sorted(records, key=lambda record: record.preference)[:MOST_MAIL_HOSTS]
        answers = await asyncio.gather(*(self._addresses(r.exchange) for r in records))
        hosts = tuple(
            MailHost(name, record.preference, answer.values, bases if secure else ())
            for record, answer in zip(records, answers, strict=True)
            if isinstance(answer, Addresses) and answer.values
            if _HOST_NAME.fullmatch(name := _text(record.exchange))
            for bases in (_tlsa_bases(name, answer),)
        )
        if hosts:
            return Found(hosts, implicit=False)
        names = ", ".join(_text(record.exchange) for record in records)
        unknown = next((answer for answer in answers if isinstance(answer, Unknown)), None)
        return unknown or NoMailHost(f"no MX host has an address: {names}")

    async def _addresses(self, name: dns.name.Name) -> AddressAnswer:
        v6, v4 = await asyncio.gather(
            self._ask(name, dns.rdatatype.AAAA), self._ask(name, dns.rdatatype.A)
        )
        found = [answer for answer in (v6, v4) if isinstance(answer, _Records)]
        values = tuple(cast("AAAA | A", r).address for answer in found for r in answer.values)
        if values:
            secure = all(answer.secure for answer in found)
            return Addresses(values, secure, found[0].canonical if secure else "")
        unknown = next((a for a in (v4, v6) if isinstance(a, Unknown)), None)
        return unknown or (v4 if isinstance(v4, NoSuchDomain) else Addresses(()))

    async def _ask(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> _RawAnswer:
        question = (name, kind)
        kept = self._cache.get(question)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        task = self._asking.get(question)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(self._put_question(question))
            self._asking[question] = task
        # One asker who gives up must not take the answer away from the others.
        return await asyncio.shield(task)

    async def _put_question(self, question: _Question) -> _RawAnswer:
        try:
            answer, ttl = await _asked(self._stub, *question, validating=self._validating)
            if not isinstance(answer, Unknown):
                self._keep(question, answer, ttl)
            return answer
        finally:
            self._asking.pop(question, None)

    def _keep(self, question: _Question, answer: _RawAnswer, ttl: int) -> None:
        now = time.monotonic()
        if len(self._cache) >= self._cache_size:
            self._cache = {q: kept for q, kept in self._cache.items() if kept[0] > now}
        if len(self._cache) >= self._cache_size:
            # Dicts keep the order of insertion: the oldest answer leaves.
            del self._cache[next(iter(self._cache))]
        self._cache[question] = (now + min(max(ttl, SHORTEST_TTL), LONGEST_TTL), answer)


async def _asked(
    stub: dns.asyncresolver.Resolver,
    name: dns.name.Name,
    kind: dns.rdatatype.RdataType,
    *,
    validating: bool,
) -> tuple[_RawAnswer, int]:
    if not stub.nameservers:
        return Unknown("no nameserver is configured"), 0
    try:
        answer = await stub.resolve(name, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN as error:
        return NoSuchDomain(), _negative_ttl(error, name)
    except (dns.exception.DNSException, OSError) as error:
        return Unknown(f"{kind.name} of {_text(name)}: {error}"), 0
    secure = validating and bool(answer.response.flags & dns.flags.AD)
    chain = answer.chaining_result
    return _Records(tuple(answer), secure, _text(chain.canonical_name)), chain.minimum_ttl


def _tlsa_bases(name: str, answer: Addresses) -> tuple[str, ...]:
    """The end of a chain of CNAMEs first (RFC 7672 2.2.3)."""
    return tuple(dict.fromkeys((answer.canonical, name))) if answer.secure else ()


def _negative_ttl(error: dns.resolver.NXDOMAIN, name: dns.name.Name) -> int:
    """Seconds from the SOA of the answer (RFC 2308 5)."""
    response = cast("Any", error).response(name)
    return cast("dns.message.QueryMessage", response).resolve_chaining().minimum_ttl


def _name(text: str) -> dns.name.Name | None:
    codec = dns.name.IDNA_2008_Practical
    try:
        name = dns.name.from_text(text, idna_codec=codec)
    except (dns.exception.DNSException, UnicodeError):
        return None
    return None if name == dns.name.root else name.canonicalize()


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
