"""MTA-STS (RFC 8461): what a domain says about the TLS of its mail hosts, found and remembered.

A policy is public, so it is kept where all workers see it: the caller passes a `Cache`. A domain's
word stands until it lapses or is replaced; that it cannot be read just now takes nothing back.
"""

import asyncio
import contextlib
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wire.dns import Addresses, Resolver, Texts
from wire.https import NotFetched, Page, fetch

PATH = "/.well-known/mta-sts.txt"
LONGEST_AGE = 31_557_600  # seconds, RFC 8461 3.2
# A policy of a few minutes would make us ask for each batch; RFC 8461 wants weeks.
SHORTEST_AGE = 3600
# Seconds until a domain's record is looked at again, also after a failed fetch (RFC 8461 5.1).
RECHECK = 300.0
FETCH_SECONDS = 10.0
MOST_REMEMBERED = 20_000  # domains
MOST_PATTERNS = 100

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_PATTERN = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]")


class Mode(StrEnum):
    enforce = "enforce"
    testing = "testing"
    none = "none"


@dataclass(frozen=True, slots=True)
class Policy:
    """One domain's policy: `hosts` are lower-case names, the first label may be `*`."""

    id: str
    mode: Mode
    hosts: tuple[str, ...]
    max_age: int  # seconds

    def allows(self, host: str) -> bool:
        """Whether an MX host may be used; `*` stands for exactly one label (RFC 8461 4.1)."""
        name = host.lower().rstrip(".")
        parent = "*." + name.partition(".")[2]
        return name in self.hosts or parent in self.hosts


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy and when it lapses, in seconds since 1970."""

    policy: Policy
    until: float


class Cache(Protocol):
    """Where workers share policies. Losing it loses no mail; failing may raise OSError."""

    async def get(self, domain: str) -> Kept | None: ...

    async def put(self, domain: str, kept: Kept) -> None: ...


class BadPolicy(ValueError):
    """A policy file that counts as none; the sentence says which line is wrong."""


def record_id(texts: tuple[str, ...]) -> str | None:
    """The id in `_mta-sts` TXT records; None unless there is just one record (RFC 8461 3.1)."""
    records = [text for text in texts if re.match(r"v=STSv1\s*(?:;|$)", text)]
    if len(records) != 1:
        return None
    for field in records[0].split(";"):
        name, _, value = field.partition("=")
        if name.strip() == "id":
            return value.strip() if _ID.fullmatch(value.strip()) else None
    return None


def read_policy(text: str, *, id: str) -> Policy:  # noqa: A002 - RFC 8461 calls it so
    """The policy in a file (RFC 8461 3.2); of a key that may stand once, the first counts."""
    once: dict[str, str] = {}
    hosts: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if name == "mx":
            hosts.append(value.lower().rstrip("."))
        elif colon:
            once.setdefault(name, value)
    if once.get("version") != "STSv1":
        raise BadPolicy(f"version is {once.get('version')!r}, not STSv1")
    if once.get("mode") not in set(Mode):
        raise BadPolicy(f"mode is {once.get('mode')!r}, none of {', '.join(Mode)}")
    mode = Mode(once["mode"])
    return Policy(id, mode, _hosts(hosts, mode), _age(once.get("max_age", "")))


def _hosts(hosts: list[str], mode: Mode) -> tuple[str, ...]:
    if wrong := [host for host in hosts if not _PATTERN.fullmatch(host)]:
        raise BadPolicy(f"mx {wrong[0][:80]!r} is no host name or *.name")
    if not hosts and mode is not Mode.none:
        raise BadPolicy("there is no mx line")
    return tuple(hosts[:MOST_PATTERNS])


def _age(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise BadPolicy(f"max_age is {text[:20]!r}, not a number of seconds")
    return min(int(text), LONGEST_AGE)


@dataclass(frozen=True, slots=True)
class Terms:
    """How policy files are fetched. `context` verifies certificates."""

    resolver: Resolver
    context: Callable[[], ssl.SSLContext]
    port: int = 443
    seconds: float = FETCH_SECONDS
    loopback_only: bool = False


class Policies:
    """Answers "what does this domain ask for", from memory, the shared cache, or the domain."""

    def __init__(
        self, terms: Terms, cache: Cache, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._terms = terms
        self._cache = cache
        self._clock = clock
        self._memory: dict[str, tuple[float, Kept | None]] = {}
        self._asking: dict[str, asyncio.Task[Kept | None]] = {}

    async def of(self, domain: str) -> Policy | None:
        """The policy in force, of any mode; None without one. `domain` is a lower-case A-label."""
        look_again, kept = self._memory.get(domain, (0.0, None))
        if look_again <= self._clock():
            kept = await self._shared(domain)
        return kept.policy if kept is not None and kept.until > self._clock() else None

    async def _shared(self, domain: str) -> Kept | None:
        """One look for all who ask at once."""
        task = self._asking.get(domain)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = asyncio.create_task(self._look(domain))
            self._asking[domain] = task
        return await asyncio.shield(task)

    async def _look(self, domain: str) -> Kept | None:
        try:
            kept = await self._current(domain, await self._recall(domain))
            if len(self._memory) >= MOST_REMEMBERED:
                del self._memory[next(iter(self._memory))]
            self._memory[domain] = (self._clock() + RECHECK, kept)
            return kept
        finally:
            self._asking.pop(domain, None)

    async def _recall(self, domain: str) -> Kept | None:
        try:
            kept = await self._cache.get(domain)
        except OSError:
            kept = self._memory.get(domain, (0.0, None))[1]
        return kept if kept is not None and kept.until > self._clock() else None

    async def _current(self, domain: str, known: Kept | None) -> Kept | None:
        answer = await self._terms.resolver.txt(f"_mta-sts.{domain}")
        found = record_id(answer.values) if isinstance(answer, Texts) else None
        if found is None or (
            known is not None and known.policy.id == found and self._is_young(known)
        ):
            return known
        try:
            policy = read_policy(await download(domain, self._terms), id=found)
        except (NotFetched, BadPolicy, OSError):  # OSError: no file of authorities
            return known
        kept = Kept(policy, self._clock() + max(policy.max_age, SHORTEST_AGE))
        with contextlib.suppress(OSError):
            await self._cache.put(domain, kept)
        return kept

    def _is_young(self, kept: Kept) -> bool:
        """Past half of its time a policy is fetched anew, so that it does not lapse in between."""
        return kept.until - self._clock() > kept.policy.max_age / 2


async def download(domain: str, terms: Terms) -> str:
    """The text of a domain's policy file; NotFetched says why there is none."""
    host = f"mta-sts.{domain}"
    answer = await terms.resolver.addresses(host)
    if not isinstance(answer, Addresses) or not answer.values:
        raise NotFetched(f"{host} has no address")
    page = await _page(host, answer.values, terms)
    if page.media_type != "text/plain":
        raise NotFetched(f"{host}: {page.media_type}, where only text/plain counts")
    return page.body.decode("utf-8", "replace")


async def _page(host: str, addresses: tuple[str, ...], terms: Terms) -> Page:
    """From the first of two addresses that has it, of both IP versions where possible."""
    why = NotFetched(host)
    for address in (addresses[0], *addresses[:0:-1])[:2]:
        try:
            return await fetch(
                host,
                PATH,
                address=address,
                port=terms.port,
                context=terms.context(),
                seconds=terms.seconds,
                loopback_only=terms.loopback_only,
            )
        except NotFetched as error:
            why = error
    raise why
