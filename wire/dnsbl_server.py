"""One resolver of the blocklist watch: its own health, and that of each list asked through it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random

from wire.dnsbl_answers import CLEAN, Refused, Result, Rule, Trouble, Unknown, judge
from wire.dnsbl_channel import Channel
from wire.dnsbl_health import (
    Control,
    Finding,
    Health,
    Notice,
    Policy,
    Tell,
    assess,
    controls,
    following,
    random_label,
)
from wire.dnsbl_names import A, plain_question, question, tail
from wire.dnsbl_packets import Absent, Broken, Denied, Found, Reply, Silent

# A resolver that rewrites NXDOMAIN may leave .invalid alone (RFC 6761 6.4), or all but "www".
PROBES = ("{}.invalid", "www.{}.com")
PROBE_SECONDS = 60.0
SILENT_IN_A_ROW = 10  # then it is probed at once
BLOCK = 100  # answered questions, of which the lost ones are counted
LOSSY, SOUND = 0.2, 0.1

Turn = Callable[[Rule], Awaitable[bool]]


def read_reply(rule: Rule, reply: Reply) -> Result:
    """What a nameserver's reply says of a resource on a list."""
    match reply:
        case Found(values):
            return judge(rule, values)
        case Absent():
            return CLEAN
        case Denied(why):
            return Refused(f"{rule.name} refuses to answer us ({why})")
        case Broken(why):
            return Unknown(Trouble.failing, f"{rule.name} fails: {why}")
        case _:
            why = reply.why if isinstance(reply, Silent) else "truncated"
            return Unknown(Trouble.no_answer, f"{rule.name}: {why}")


class Server:
    """Asks one nameserver (IP address, port), for which lists and it have proved themselves.

    `turn` is awaited before each question to a list; False ends it. Open only within a loop.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        policy: Policy,
        random: Random,
        turn: Turn,
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        host, port = address
        self.name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.lists: dict[str, Health] = {}
        self.own: Health | None = None
        self._lossy_until = 0.0
        self._told_lossy = False
        self._address, self._policy, self._random = address, policy, random
        self._probing = replace(policy, retest=PROBE_SECONDS)
        self._turn, self._tell, self._clock = turn, tell, clock
        self._channel: Channel | None = None
        self._testing: dict[str, asyncio.Task[Health]] = {}
        self._odd: set[str] = set()
        self._silent = self._asked = self._lost = 0

    def open(self) -> None:
        policy = self._policy
        self._channel = Channel(self._address, timeout=policy.timeout, window=policy.window)

    async def close(self) -> None:
        tasks = list(self._testing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    async def ask(self, questions: Sequence[bytes]) -> list[Reply]:
        """Each question, once."""
        if self._channel is None:
            raise RuntimeError(f"{self.name} is not open: ask within `async with`")
        replies = await self._channel.ask(questions)
        self._watch_silence(replies)
        return replies

    def _watch_silence(self, replies: Sequence[Reply]) -> None:
        if not all(isinstance(reply, Silent) for reply in replies):
            self._silent = 0
            return
        before, self._silent = self._silent, self._silent + len(replies)
        if before < SILENT_IN_A_ROW <= self._silent and self.own is not None:
            self.own = replace(self.own, due=0.0)

    async def insist(self, asked: bytes) -> Reply:
        """One question, again while there is no answer, up to `attempts` times."""
        (reply,) = await self.ask([asked])
        for _ in range(self._policy.attempts - 1):
            if not isinstance(reply, Silent):
                break
            (reply,) = await self.ask([asked])
        return reply

    def known(self, rule: Rule, *, within: float) -> Health | None:
        """The health of a list here, if tested in the last `within` seconds; else None."""
        now = self._clock()
        if self.own is None or self.own.due <= now:
            return None
        if self.own.trouble is not None:
            return self.own
        held = self.lists.get(rule.name)
        if held is None or held.due <= now:
            return None
        return held if held.trouble is not None or held.checked + within > now else None

    async def health(self, rule: Rule, *, within: float) -> Health:
        """The same, tested now where that is too long ago. Those who ask at once share a test."""
        held = self.known(rule, within=within)
        if held is not None:
            return held
        now = self._clock()
        if self.own is None or self.own.due <= now:
            own = await self._once("", self._probe)
            if own.trouble is not None:
                return own
        held = self.known(rule, within=within)
        return held or await self._once(rule.name, self._tester(rule))

    async def test(self, rule: Rule) -> Health:
        """The same, tested now in any case."""
        own = await self._once("", self._probe)
        return own if own.trouble is not None else await self._once(rule.name, self._tester(rule))

    def put_out(self, rule: Rule, trouble: Trouble, why: str) -> None:
        """Out of use until a self-test passes. Many questions may find out at once; one counts."""
        held = self.lists.get(rule.name)
        if held is None or held.trouble is None:
            self._settle(rule.name, Finding(trouble, why, proven=False))

    def is_doubtful(self, rule: Rule) -> bool:
        """Others are asked before it: it is out of use and no test is due, or it loses much."""
        now = self._clock()
        healths = (self.own, self.lists.get(rule.name))
        return self._lossy_until > now or any(
            health is not None and health.trouble is not None and health.due > now
            for health in healths
        )

    def conclude(self, rule: Rule, result: Result) -> None:
        """What one resource's answer means for the list."""
        match result:
            case Refused(why):
                self.put_out(rule, Trouble.refused, why)
            case Unknown(Trouble.rewritten, why):
                self.put_out(rule, Trouble.rewritten, why)
            case Unknown(Trouble.odd_code, why):
                self._remark_odd(rule, why)
            case _:
                pass

    def _remark_odd(self, rule: Rule, why: str) -> None:
        """Told once between two self-tests; the list stays in use."""
        if rule.name not in self._odd:
            self._odd.add(rule.name)
            self._tell(Notice(rule.name, self.name, Trouble.odd_code, why))

    def count(self, *, asked: int, lost: int) -> None:
        """Questions that were answered in the end, and how many were lost here before.

        Those that were never answered do not count: a dead list must not look like a bad line.
        """
        self._asked += asked
        self._lost += lost
        if self._asked < BLOCK:
            return
        share = self._lost / self._asked
        why = f"the resolver left {self._lost} of {self._asked} questions unanswered"
        self._asked = self._lost = 0
        if share > LOSSY:
            self._lossy_until = self._clock() + self._policy.pause
        if share > LOSSY and not self._told_lossy:
            self._told_lossy = True
            self._tell(Notice("", self.name, Trouble.lossy, why))
        elif share < SOUND and self._told_lossy:
            self._told_lossy = False
            self._tell(Notice("", self.name, None, why))

    async def _once(self, name: str, test: Callable[[], Awaitable[Health]]) -> Health:
        task = self._testing.get(name)
        if task is None:
            task = self._testing[name] = asyncio.ensure_future(self._ended(name, test))
        # One asker who gives up must not take the test away from the others.
        return await asyncio.shield(task)

    async def _ended(self, name: str, test: Callable[[], Awaitable[Health]]) -> Health:
        try:
            return await test()
        finally:
            del self._testing[name]

    async def _probe(self) -> Health:
        label = random_label(self._random)
        questions = [plain_question(probe.format(label), A) for probe in PROBES]
        replies = await asyncio.gather(*(self.insist(asked) for asked in questions))
        self.own = self._moved("", self.own, probed(replies), self._probing)
        return self.own

    def _tester(self, rule: Rule) -> Callable[[], Awaitable[Health]]:
        async def test() -> Health:
            points = controls(rule, self._random)
            results = await asyncio.gather(*(self._point(rule, control) for control in points))
            self._odd.discard(rule.name)
            return self._settle(rule.name, assess(list(zip(points, results, strict=True))))

        return test

    async def _point(self, rule: Rule, control: Control) -> Result:
        asked = question(control.target, tail(rule.zone, A))
        if asked is None:
            return CLEAN
        if not await self._turn(rule):
            return Unknown(Trouble.over_quota, f"{rule.name}: today's questions are used up")
        return read_reply(rule, await self.insist(asked))

    def _settle(self, name: str, found: Finding) -> Health:
        held = self._moved(name, self.lists.get(name), found, self._policy)
        self.lists[name] = held
        return held

    def _moved(self, name: str, before: Health | None, found: Finding, policy: Policy) -> Health:
        """Operators hear of each change, and of nothing twice."""
        was = before.trouble if before else None
        if found.trouble is not was:
            self._tell(Notice(name, self.name, found.trouble, found.why))
        return following(before, found, now=self._clock(), policy=policy)


def probed(replies: list[Reply]) -> Finding:
    """What the answers to made-up names say of a resolver. Pure."""
    for reply in replies:
        if isinstance(reply, Found):
            why = f"the resolver answers {reply.values[0]} for a name that does not exist"
            return Finding(Trouble.rewritten, why, proven=False)
        if isinstance(reply, Denied):
            why = f"the resolver does not answer us ({reply.why})"
            return Finding(Trouble.refused, why, proven=False)
    if not all(isinstance(reply, Broken | Silent) for reply in replies):
        return Finding(None, "", proven=True)
    silent = all(isinstance(reply, Silent) for reply in replies)
    trouble = Trouble.no_answer if silent else Trouble.failing
    whys = [reply.why for reply in replies if isinstance(reply, Broken | Silent)]
    return Finding(trouble, f"the resolver tells nothing: {whys[0]}", proven=False)
