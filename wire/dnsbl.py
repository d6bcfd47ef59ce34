"""The blocklist watch: asks DNS blocklists (RFC 5782) about addresses and domains.

Fast, and slow to believe: a listing counts only where the list has just proved to the same
resolver that it lists its test entry and does not list what was made up. Knows nothing of what a
listing means for the sender.

    async with Watch([("127.0.0.1", 53)], tell=print) as watch:
        await watch.check(rule, target("192.0.2.7"))
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from random import Random, SystemRandom
from types import TracebackType
from typing import Self

from wire.dnsbl_answers import (
    CLEAN,
    Clean,
    Kind,
    Listed,
    Refused,
    Result,
    Rule,
    Trouble,
    Unknown,
    judge,
)
from wire.dnsbl_health import PASSING, Health, Notice, Policy, Tell, as_result
from wire.dnsbl_memory import Memory
from wire.dnsbl_names import TXT, A, BadTarget, Target, question, tail, target
from wire.dnsbl_pace import Paces
from wire.dnsbl_packets import Absent, Found, Reply, Silent
from wire.dnsbl_resolvers import public_operator, require_loopback
from wire.dnsbl_server import Server, read_reply

__all__ = [
    "BadTarget",
    "Clean",
    "Health",
    "Kind",
    "Listed",
    "Notice",
    "Policy",
    "Refused",
    "Result",
    "Rule",
    "Target",
    "Trouble",
    "Unknown",
    "Watch",
    "judge",
    "public_operator",
    "target",
]

REMEMBERED = Absent(0)
PACED_ASKERS = 4  # of a list with a rate: so many may wait for an answer at once

Seen = Callable[[Rule, Target, Result], None]


class Watch:
    """Asks the given resolvers, (IP address, port); open it with `async with`.

    `tell` hears of lists and resolvers that go out of use and come back. `spent` are the questions
    that each list (by name) was asked today before. With `loopback_only` a resolver outside 127/8
    and ::1 is a ValueError. May serve several event loops, one after the other: what it knows of
    the lists' health, and the clean answers, stay.
    """

    def __init__(
        self,
        resolvers: Sequence[tuple[str, int]],
        *,
        tell: Tell,
        policy: Policy | None = None,
        spent: Mapping[str, int] | None = None,
        loopback_only: bool = False,
        random: Random | None = None,
    ) -> None:
        if loopback_only:
            require_loopback(resolvers)
        self._policy = policy or Policy()
        self._random = random or SystemRandom()
        self._order = Random(self._random.getrandbits(64))  # noqa: S311  # of no secret
        self._paces = Paces(spent or {}, random=self._random)
        self._tails: dict[str, bytes] = {}
        self._failed: dict[str, int] = {}
        self._memory = Memory(self._policy.cache_size, self._policy.longest_ttl)
        self._servers = [
            Server(pair, policy=self._policy, random=self._random, turn=self._paces.turn, tell=tell)
            for pair in resolvers
        ]

    async def __aenter__(self) -> Self:
        for server in self._servers:
            server.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self._servers:
            await server.close()

    @property
    def health(self) -> dict[tuple[str, str], Health]:
        """By (list, resolver), the list "" for the resolver itself; so far as they were asked."""
        held = {
            (name, server.name): health
            for server in self._servers
            for name, health in server.lists.items()
        }
        own = {("", server.name): server.own for server in self._servers}
        return held | {key: health for key, health in own.items() if health is not None}

    @property
    def asked(self) -> dict[str, int]:
        """Questions to each list today, for `spent` of the next watch."""
        return self._paces.asked

    async def test(self, rule: Rule) -> list[Health]:
        """The self-test of a list through each resolver, in their order, now."""
        return list(await asyncio.gather(*(server.test(rule) for server in self._servers)))

    async def check(self, rule: Rule, target: Target, *, fresh: bool = False) -> Result:
        """What a list says of one target now. `fresh`: not from our memory of clean answers.

        Raises ValueError when the list has no such kind of target.
        """
        if target.kind not in rule.kinds:
            raise ValueError(f"{rule.name} holds no {target.kind}; ask it of {sorted(rule.kinds)}")
        if fresh and (asked := question(target, self._tail(rule))):
            self._memory.forget(asked)
        (result,) = await self._check(rule, [target])
        return result

    async def sweep(self, work: Iterable[tuple[Rule, Sequence[Target]]], seen: Seen) -> None:
        """Check each list's targets, those of its kinds; `seen` hears each result as it comes.

        No list waits for another; its targets are asked in an order of chance.
        """
        async with asyncio.TaskGroup() as group:
            for rule, targets in work:
                fitting = [one for one in targets if one.kind in rule.kinds]
                self._order.shuffle(fitting)
                left = iter(fitting)
                for _ in range(PACED_ASKERS if rule.per_second else 1):
                    group.create_task(self._sweep_some(rule, left, seen))

    async def _sweep_some(self, rule: Rule, left: Iterator[Target], seen: Seen) -> None:
        """One after the other at the list's pace, or as many at once as the list may be asked."""
        size = 1 if rule.per_second else rule.parallel
        while some := list(islice(left, size)):
            for one, result in zip(some, await self._check(rule, some), strict=True):
                seen(rule, one, result)

    async def _check(self, rule: Rule, targets: Sequence[Target]) -> list[Result]:
        """One question for each, all at once; more is asked only where a reply is not plain."""
        servers = self._turns(rule)
        own = self._tail(rule)
        asked = [question(one, own) for one in targets]
        replies = await self._ask_once(servers, rule, asked)
        results: list[Result] = [CLEAN] * len(targets)
        rest, clean = [], []
        for place, reply in enumerate(replies):
            if reply is REMEMBERED:
                continue
            if isinstance(reply, Absent) and (one := asked[place]) is not None:
                clean.append((one, reply.ttl))
            else:
                rest.append(place)
        self._memory.keep(clean)
        if servers:
            servers[0].count(asked=len(clean), lost=0)
        found = await asyncio.gather(
            *(self._insist(servers, rule, targets[p], asked[p], replies[p]) for p in rest)
        )
        for place, result in zip(rest, found, strict=True):
            results[place] = result
        self._count_failures(rule, results)
        return results

    async def _ask_once(
        self, servers: Sequence[Server], rule: Rule, asked: Sequence[bytes | None]
    ) -> list[Reply | None]:
        """Replies of the first resolver; None for what was not asked of it."""
        replies: list[Reply | None] = [None] * len(asked)
        if not servers:
            return replies
        health = await servers[0].health(rule, within=self._policy.retest)
        if health.trouble is not None:
            return replies
        places = []
        for place, one in enumerate(asked):
            if one is not None and self._memory.holds(one):
                replies[place] = REMEMBERED
            elif one is not None:
                places.append(place)
        places = places[: await self._paces.turns(rule, len(places))]
        wanted = [one for place in places if (one := asked[place]) is not None]
        for place, reply in zip(places, await servers[0].ask(wanted), strict=True):
            replies[place] = reply
        return replies

    def _turns(self, rule: Rule) -> list[Server]:
        """As many as `attempts` say, each resolver once at least; those in trouble come last."""
        servers = sorted(self._servers, key=lambda server: server.is_doubtful(rule))
        count = max(self._policy.attempts, len(servers)) if servers else 0
        return [servers[number % len(servers)] for number in range(count)]

    async def _insist(
        self,
        servers: Sequence[Server],
        rule: Rule,
        target: Target,
        asked: bytes | None,
        first: Reply | None,
    ) -> Result:
        """Resolver after resolver, until one has something to say. `first` is the first's reply."""
        if asked is None:
            return Unknown(Trouble.unaskable, f"{target.text} is too long a name under {rule.name}")
        result: Result = Unknown(Trouble.no_answer, "no resolver is configured; set DNS_SERVERS")
        tried: list[tuple[Server, Reply | None]] = []
        for server in servers:
            result, reply = await self._try(server, rule, target, asked, first)
            tried.append((server, reply))
            first = None
            if isinstance(result, Listed | Clean):
                _count_losses(tried)
                break
        return result

    async def _try(
        self, server: Server, rule: Rule, target: Target, asked: bytes, reply: Reply | None
    ) -> tuple[Result, Reply | None]:
        """One question through one resolver, unless its reply is here already."""
        health = await server.health(rule, within=self._policy.retest)
        if health.trouble is not None:
            return as_result(health), reply
        if reply is None:
            if not await self._paces.turn(rule):
                why = f"{rule.name}: today's questions are used up"
                return Unknown(Trouble.over_quota, why), None
            (reply,) = await server.ask([asked])
        result = read_reply(rule, reply)
        if isinstance(reply, Absent):
            self._memory.keep([(asked, reply.ttl)])
        elif isinstance(result, Listed):
            result = await self._confirmed(server, rule, target, result)
        else:
            server.conclude(rule, result)
        return result, reply

    async def _confirmed(
        self, server: Server, rule: Rule, target: Target, listed: Listed
    ) -> Result:
        """A list may have died since its self-test: what it lists is believed after a new one."""
        health = await server.health(rule, within=self._policy.trust)
        if health.trouble is not None:
            return as_result(health)
        asked = question(target, tail(rule.zone, TXT))
        if asked is None or not await self._paces.turn(rule):
            return listed
        reply = await server.insist(asked)
        texts = reply.values if isinstance(reply, Found) else ()
        return Listed(listed.codes, rule.without_key(" ".join(texts)))

    def _count_failures(self, rule: Rule, results: Sequence[Result]) -> None:
        """A list that stopped answering must not hold up a sweep for its whole length."""
        count = self._failed.get(rule.name, 0)
        for result in results:
            passing = isinstance(result, Unknown) and result.trouble in PASSING
            count = count + 1 if passing else 0
            if count >= self._policy.gives_up and isinstance(result, Unknown):
                count = 0
                for server in self._servers:
                    server.put_out(rule, result.trouble, result.why)
        self._failed[rule.name] = count

    def _tail(self, rule: Rule) -> bytes:
        held = self._tails.get(rule.zone)
        if held is None:
            held = self._tails[rule.zone] = tail(rule.zone, A)
        return held


def _count_losses(tried: Sequence[tuple[Server, Reply | None]]) -> None:
    for server, reply in tried:
        if reply is not None:
            server.count(asked=1, lost=int(isinstance(reply, Silent)))
