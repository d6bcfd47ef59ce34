"""Where a domain's mail goes: lookups that keep "could not ask" apart from "there is none".

Knows DNS by dnspython; knows nothing of SMTP. A name that was not answered is Unknown, which
callers retry; it is never taken for a name that does not exist.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random, SystemRandom
from typing import Any, cast

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

# A TTL of nought would make us ask for each batch; a TTL of weeks would outlive a moved host.
SHORTEST_TTL = 30
LONGEST_TTL = 3600
# A hostile zone may list hundreds of MX records; we look up the addresses of so many.
MOST_MAIL_HOSTS = 20


@dataclass(frozen=True, slots=True)
class MailHost:
    """One host that takes a domain's mail; addresses are texts, IPv6 before IPv4."""

    name: str
    preference: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Hosts to try, in order; implicit when they come from the domain's own A or AAAA."""

    hosts: tuple[MailHost, ...]
    implicit: bool


@dataclass(frozen=True, slots=True)
class NullMx:
    """The domain says that it takes no mail (RFC 7505)."""


@dataclass(frozen=True, slots=True)
class NoSuchDomain:
    """The name does not exist (NXDOMAIN), or cannot: it breaks the rules for names."""


@dataclass(frozen=True, slots=True)
class NoMailHost:
    """The domain exists, but no host for its mail does."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody could tell: SERVFAIL, timeout, refused. Ask again later."""

    why: str


@dataclass(frozen=True, slots=True)
class Texts:
    """TXT records, each with its strings joined; empty when the name has none."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """IPv6, then IPv4 addresses of a name; empty when it has none."""

    values: tuple[str, ...]


MailAnswer = Found | NullMx | NoSuchDomain | NoMailHost | Unknown
TextAnswer = Texts | NoSuchDomain | Unknown
AddressAnswer = Addresses | NoSuchDomain | Unknown


@dataclass(frozen=True, slots=True)
class _Records:
    values: tuple[Any, ...]


_RawAnswer = _Records | NoSuchDomain | Unknown
_Question = tuple[dns.name.Name, dns.rdatatype.RdataType]


def is_loopback(address: str) -> bool:
    """True for an address text in 127/8 or ::1."""
    return ip_address(address).is_loopback


class Resolver:
    """Asks the given nameservers; remembers answers, also negative ones, for their TTL.

    `nameservers` are (IP address, port); `timeout` is in seconds for one question, all
    nameservers included. With `loopback_only` a nameserver outside 127/8 and ::1 is a ValueError.
    May serve several event loops, one after the other.
    """

    def __init__(
        self,
        nameservers: Sequence[tuple[str, int]],
        *,
        timeout: float = 5.0,
        cache_size: int = 10_000,
        loopback_only: bool = False,
        random: Random | None = None,
    ) -> None:
        for address, port in nameservers:
            if loopback_only and not is_loopback(address):
                raise ValueError(
                    f"nameserver {address}:{port} is outside loopback, where this installation "
                    "may not ask; name one in 127.0.0.0/8 or ::1"
                )
        self._stub = dns.asyncresolver.Resolver(configure=False)
        self._stub.nameservers = [dns.nameserver.Do53Nameserver(*pair) for pair in nameservers]
        self._stub.lifetime = timeout
        # Each nameserver gets its turn within the time, though those before it are dead.
        self._stub.timeout = min(2.0, timeout / max(len(nameservers), 1))
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
        return await self._explicit_hosts(exchanges)

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

    async def _implicit_host(self, name: dns.name.Name) -> MailAnswer:
        answer = await self._addresses(name)
        if not isinstance(answer, Addresses):
            return answer
        if not answer.values:
            return NoMailHost(f"{_text(name)} has neither MX nor address records")
        return Found((MailHost(_text(name), 0, answer.values),), implicit=True)

    async def _explicit_hosts(self, records: list[MX]) -> MailAnswer:
        self._random.shuffle(records)  # equal preferences share the load (RFC 5321 5.1)
        records = sorted(records, key=lambda record: record.preference)[:MOST_MAIL_HOSTS]
        answers = await asyncio.gather(*(self._addresses(r.exchange) for r in records))
        hosts = tuple(
            MailHost(_text(record.exchange), record.preference, answer.values)
            for record, answer in zip(records, answers, strict=True)
            if isinstance(answer, Addresses) and answer.values
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
        values = tuple(
            cast("AAAA | A", record).address
            for answer in (v6, v4)
            if isinstance(answer, _Records)
            for record in answer.values
        )
        if values:
            return Addresses(values)
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
            answer, ttl = await _asked(self._stub, *question)
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
    stub: dns.asyncresolver.Resolver, name: dns.name.Name, kind: dns.rdatatype.RdataType
) -> tuple[_RawAnswer, int]:
    if not stub.nameservers:
        return Unknown("no nameserver is configured"), 0
    try:
        answer = await stub.resolve(name, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN as error:
        return NoSuchDomain(), _negative_ttl(error, name)
    except (dns.exception.DNSException, OSError) as error:
        return Unknown(f"{kind.name} of {_text(name)}: {error}"), 0
    return _Records(tuple(answer)), answer.chaining_result.minimum_ttl


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
