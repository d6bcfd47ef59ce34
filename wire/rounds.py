"""One round of a courier: letters sorted by set of MX hosts, few connections, many letters each.

A crew of tasks shares the work. A task asks where a domain's mail goes, or serves a berth: the
right to one connection to one set of hosts. There is no task per letter.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from wire.dns import (
    Addresses,
    Found,
    MailAnswer,
    MailHost,
    NoMailHost,
    NoSuchDomain,
    NullMx,
    Unknown,
)
from wire.envelopes import Transaction
from wire.letters import Letter, TlsMode, is_safe
from wire.outcomes import Conversation, Outcome, Phase, Verdict
from wire.places import Key, Place, Queue, Terms, key_of
from wire.security import rules
from wire.smtp import Session
from wire.sts import Policy

# Fewer letters than this are not worth one more connection.
LETTERS_PER_BERTH = 5
# Seconds after which the permission to go on is asked for anew, when opening took so long.
STALE = 1.0
# A round that would have to wait longer for its pace ends: others may use the time.
LONGEST_WAIT = 1.0
# Seconds between two questions for the permission to go on, while it waits.
LOOK = 0.2


class Round:
    """State of one `Courier.carry`; `work` is run by as many tasks as there may be sessions."""

    def __init__(
        self,
        terms: Terms,
        report: Callable[[Letter, Outcome], None],
        may_continue: Callable[[], bool],
    ) -> None:
        self._terms = terms
        self._report = report
        self._may_continue = may_continue
        self._stopped = False
        self._domains: deque[tuple[str, list[Letter]]] = deque()
        self._locating = 0
        self._news = asyncio.Event()
        self._places: dict[Key, Place] = {}
        self._berths: deque[Place] = deque()
        self._turned_away: list[Letter] = []

    def sort(self, letters: Sequence[Letter]) -> None:
        """Take the letters in, by domain; report those that must not be spoken of on the wire."""
        by_domain: dict[str, list[Letter]] = {}
        for letter in letters:
            if is_safe(letter):
                domain = "" if self._terms.relay else letter.domain.lower()
                by_domain.setdefault(domain, []).append(letter)
            else:
                talk = Conversation()
                talk.event("sender or recipient holds characters that could end the command")
                self._report(letter, talk.outcome(Verdict.refused, Phase.mail, "unsafe-address"))
        self._domains.extend(by_domain.items())

    def left_over(self) -> list[Letter]:
        """Letters that were not tried."""
        waiting = [letters for _, letters in self._domains]
        queues = [queue for place in self._places.values() for queue in place.queues.values()]
        batches = (self._turned_away, *waiting, *(queue.letters for queue in queues))
        return [letter for batch in batches for letter in batch]

    async def work(self) -> None:
        """Do what there is to do until all is done or the round is stopped."""
        while not self._stopped:
            if self._domains:
                await self._locate(*self._domains.popleft())
            elif self._berths:
                await self._serve(self._berths.popleft())
            elif self._locating:
                await self._news.wait()
            else:
                return

    async def _locate(self, domain: str, letters: list[Letter]) -> None:
        talk = Conversation()
        self._locating += 1
        answer, policy = await asyncio.gather(self._hosts(domain), self._policy(domain))
        self._locating -= 1
        if isinstance(answer, Found):
            if self._admits(domain, answer):
                self._file(answer.hosts, policy, letters)
            else:
                self._turned_away += letters
        else:
            outcome = _dead_end(talk, domain, answer, is_relay=self._terms.relay is not None)
            for letter in letters:
                self._report(letter, outcome)
        self._wake()

    def _admits(self, domain: str, answer: Found) -> bool:
        admits = self._terms.policy.admits
        if admits is None or self._terms.relay is not None:
            return True
        return admits(domain, [host.name for host in answer.hosts])

    async def _hosts(self, domain: str) -> MailAnswer:
        relay, resolver = self._terms.relay, self._terms.resolver
        if relay is None:
            return await resolver.mail_hosts(domain)
        if _is_address(relay.host):
            return Found((MailHost(relay.host, 0, (relay.host,)),), implicit=True)
        answer = await resolver.addresses(relay.host)
        if not isinstance(answer, Addresses):
            return answer
        if not answer.values:
            return NoMailHost(f"{relay.host} has no address")
        return Found((MailHost(relay.host, 0, answer.values),), implicit=True)

    async def _policy(self, domain: str) -> Policy | None:
        policies = self._terms.policies
        return None if policies is None or self._terms.relay else await policies.of(domain)

    def _file(
        self, hosts: tuple[MailHost, ...], policy: Policy | None, letters: list[Letter]
    ) -> None:
        asked = rules(policy, hosts)
        key = key_of(hosts, asked)
        place = self._places.get(key)
        if place is None:
            place = Place(hosts, asked, {mode: Queue(mode) for mode in TlsMode})
            self._places[key] = place
        for letter in letters:
            place.queues[self._mode(letter)].letters.append(letter)
        waiting = sum(len(queue.letters) for queue in place.queues.values())
        wanted = min(self._terms.policy.max_connections, -(-waiting // LETTERS_PER_BERTH))
        for _ in range(place.berths, wanted):
            place.berths += 1
            self._berths.append(place)

    def _mode(self, letter: Letter) -> TlsMode:
        relay = self._terms.relay
        if relay is None:
            return letter.tls or self._terms.policy.tls
        must = relay.tls == "starttls" or letter.tls is TlsMode.required
        return TlsMode.required if must else TlsMode.none

    async def _serve(self, place: Place) -> None:
        try:
            while not self._stopped and (queue := place.next_queue()) is not None:
                if not await self._empty(place, queue):
                    return
        finally:
            place.berths -= 1

    async def _empty(self, place: Place, queue: Queue) -> bool:
        """Deliver the letters of a queue; False if that is left to the other berths."""
        session: Session | None = None
        queue.live += 1
        try:
            while (letter := self._next(queue)) is not None:
                ready = await self._ready(place, queue, session)
                if isinstance(ready, Outcome):
                    return self._give_up(queue, letter, ready)
                session = ready
                if not await self._has_leave():
                    queue.letters.appendleft(letter)
                    break
                await self._stream(session, queue, letter)
        finally:
            queue.live -= 1  # before the farewell: from here on we take no more letters
            if session is not None:
                await session.close()
        return True

    async def _stream(self, session: Session, queue: Queue, letter: Letter) -> None:
        """Deliver letter after letter, each begun behind the one before, until there is a gap."""
        begun: deque[Transaction] = deque([session.begin(letter)])

        def behind() -> None:
            following = self._next_at_once(queue) if session.may_take_more else None
            if following is not None:
                begun.append(session.begin(following))

        while begun:
            transaction = begun.popleft()
            outcome = await session.finish(transaction, behind)
            if outcome is None:
                begun.appendleft(transaction)
                break
            self._report(transaction.letter, outcome)
            if not session.is_open:
                break
        queue.letters.extendleft(transaction.letter for transaction in reversed(begun))

    async def _ready(
        self, place: Place, queue: Queue, session: Session | None
    ) -> Session | Outcome:
        if session is not None:
            if await session.is_ready():
                return session
            await session.close()
        return await self._opened(place, queue)

    async def _opened(self, place: Place, queue: Queue) -> Session | Outcome:
        begun = time.monotonic()
        opened = await place.open(self._terms, queue.mode)
        if isinstance(opened, Session) and time.monotonic() - begun > STALE:
            self._is_permitted()
        return opened

    def _next(self, queue: Queue) -> Letter | None:
        if self._stopped or not queue.letters or not self._is_permitted():
            return None
        return queue.letters.popleft()

    def _next_at_once(self, queue: Queue) -> Letter | None:
        """The next letter if it may go without waiting: the pace is asked for real letters only."""
        pace = self._terms.policy.pace
        if pace is not None and (self._stopped or not queue.letters or pace() > 0):
            return None
        return self._next(queue)

    async def _has_leave(self) -> bool:
        """Wait for the pace to allow one letter; no when the round ends before that."""
        pace = self._terms.policy.pace
        while not self._stopped and pace is not None and (wait := pace()) > 0:
            if wait > LONGEST_WAIT:
                self._stop()
            else:
                await asyncio.sleep(min(wait, LOOK))
                self._is_permitted()
        return not self._stopped

    def _is_permitted(self) -> bool:
        if not self._may_continue():
            self._stop()
        return not self._stopped

    def _stop(self) -> None:
        self._stopped = True
        self._wake()

    def _give_up(self, queue: Queue, letter: Letter, outcome: Outcome) -> bool:
        """No connection came about. If others have one, or try, the letters are theirs."""
        queue.letters.appendleft(letter)
        if queue.live > 1:
            return False
        while queue.letters:
            self._report(queue.letters.popleft(), outcome)
        return True

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _dead_end(
    talk: Conversation,
    domain: str,
    answer: NullMx | NoSuchDomain | NoMailHost | Unknown,
    *,
    is_relay: bool,
) -> Outcome:
    talk.event(f"mail hosts of {domain or 'the relay'}: {answer}")
    if is_relay:  # our own setting is wrong, or our resolver: no fault of any recipient
        return talk.outcome(Verdict.deferred, Phase.dns, "relay-unresolvable")
    match answer:
        case NoSuchDomain():
            return talk.outcome(Verdict.refused, Phase.dns, "no-such-domain")
        case NullMx():
            return talk.outcome(Verdict.refused, Phase.dns, "null-mx")
        case NoMailHost():
            return talk.outcome(Verdict.refused, Phase.dns, "no-mail-host")
        case Unknown():
            return talk.outcome(Verdict.deferred, Phase.dns, "dns-failure")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
