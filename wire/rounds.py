"""One round of a courier: letters sorted by set of MX hosts, few connections, many letters each.

A crew of tasks shares the work. A task asks where a domain's mail goes, or serves a berth: the
right to one connection to one set of hosts. There is no task per letter.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence

from wire.dns import Found, MailHost
from wire.envelopes import Transaction
from wire.letters import Letter, TlsMode, is_safe
from wire.orders import Orders
from wire.outcomes import Conversation, Outcome, Phase, Verdict
from wire.places import Key, Place, Queue, Terms, key_of
from wire.security import rules
from wire.smtp import Session
from wire.sts import Policy
from wire.ways import dead_end, hosts_of

log = logging.getLogger(__name__)

# Fewer letters than this are not worth one more connection.
LETTERS_PER_BERTH = 5
# A round that would have to wait longer for its pace ends: others may use the time.
LONGEST_WAIT = 1.0
# Seconds between two questions for the permission to go on, while it waits.
LOOK = 0.2


class Round:
    """State of one `Courier.carry`; `work` is run by as many tasks as there may be sessions."""

    def __init__(self, terms: Terms, orders: Orders) -> None:
        self._terms = terms
        self._orders = orders
        self._domains: deque[tuple[str, list[Letter]]] = deque()
        self._locating = 0
        self._news = asyncio.Event()
        self._places: dict[Key, Place] = {}
        self._berths: deque[Place] = deque()
        self._turned_away: list[Letter] = []
        # By id(), for a key is the caller's: letters whose connection was gone when it was their
        # turn. It may happen once; a host that does it again gets its deferral.
        self._came_back: set[int] = set()

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
                outcome = talk.outcome(Verdict.refused, Phase.mail, "unsafe-address")
                self._orders.report(letter, outcome)
        self._domains.extend(by_domain.items())

    def left_over(self) -> list[Letter]:
        """Letters that were not tried."""
        waiting = [letters for _, letters in self._domains]
        queues = [queue for place in self._places.values() for queue in place.queues.values()]
        batches = (self._turned_away, *waiting, *(queue.letters for queue in queues))
        return [letter for batch in batches for letter in batch]

    async def work(self) -> None:
        """Do what there is to do until all is done or the round is over."""
        while not self._orders.is_over:
            if self._domains:
                await self._locate(*self._domains.popleft())
            elif self._berths:
                await self._serve(self._berths.popleft())
            elif self._locating:
                await self._news.wait()
            else:
                break
        self._orders.settle()

    async def _locate(self, domain: str, letters: list[Letter]) -> None:
        self._locating += 1
        try:
            await self._find_way(domain, letters)
        except Exception as error:  # a fault of ours about one domain must not stop the others
            log.exception("the way to %s", domain)
            self._close_off(letters, _fault(Phase.dns, error))
        finally:
            self._locating -= 1
            self._news.set()
            self._news = asyncio.Event()

    async def _find_way(self, domain: str, letters: list[Letter]) -> None:
        talk, relay = Conversation(), self._terms.relay
        answer, policy = await asyncio.gather(
            hosts_of(domain, resolver=self._terms.resolver, relay=relay), self._policy(domain)
        )
        if not isinstance(answer, Found):
            self._close_off(letters, dead_end(talk, domain, answer, is_relay=relay is not None))
        elif self._admits(domain, answer):
            self._file(answer.hosts, policy, letters)
        else:
            self._turned_away += letters

    def _admits(self, domain: str, answer: Found) -> bool:
        admits = self._terms.policy.admits
        if admits is None or self._terms.relay is not None:
            return True
        first = min(host.preference for host in answer.hosts)
        return admits(domain, [host.name for host in answer.hosts if host.preference == first])

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
            while not self._orders.is_over and (queue := place.next_queue()) is not None:
                if not await self._empty(place, queue):
                    return
        except Exception as error:  # a fault of ours at one place must not stop the others
            log.exception("letters for %s", place.hosts[0].name)
            self._close_off(place.give_up(), _fault(Phase.connect, error))
        finally:
            place.berths -= 1

    async def _empty(self, place: Place, queue: Queue) -> bool:
        """Deliver the letters of a queue; False if that is left to the other berths."""
        session: Session | None = None
        hand: deque[Letter] = deque()  # letters taken from the queue that have no report yet
        queue.live += 1
        try:
            while self._take(queue, hand):
                ready = await self._ready(place, queue, session)
                if isinstance(ready, Outcome):
                    return self._give_up(queue, hand, ready)
                session = ready
                if not await self._has_leave():
                    break
                await self._stream(session, queue, hand)
                _put_back(queue, hand)
        finally:
            _put_back(queue, hand)
            queue.live -= 1  # before the farewell: from here on we take no more letters
            if session is not None:
                await session.close()
        return True

    async def _stream(self, session: Session, queue: Queue, hand: deque[Letter]) -> None:
        """Deliver letter after letter, each begun behind the one before, until there is a gap."""
        begun: deque[Transaction] = deque([self._begun(session, hand[0])])

        def behind() -> None:
            if session.may_take_more and self._take_at_once(queue, hand):
                begun.append(self._begun(session, hand[-1]))

        while begun:
            outcome = await session.finish(begun.popleft(), behind, self._orders.may_leave)
            if outcome is None:
                self._came_back.add(id(hand[0]))
                return
            self._orders.report(hand.popleft(), outcome)
            if not session.is_open:
                return

    def _begun(self, session: Session, letter: Letter) -> Transaction:
        return session.begin(letter, may_come_back=id(letter) not in self._came_back)

    async def _ready(
        self, place: Place, queue: Queue, session: Session | None
    ) -> Session | Outcome:
        if session is not None:
            if await session.is_ready():
                return session
            await session.close()
        try:
            return await place.open(self._terms, queue.mode)
        except Exception as error:
            log.exception("opening to %s", place.hosts[0].name)
            return _fault(Phase.connect, error)

    def _take(self, queue: Queue, hand: deque[Letter]) -> bool:
        if not queue.letters or not self._orders.may_begin():
            return False
        hand.append(queue.letters.popleft())
        return True

    def _take_at_once(self, queue: Queue, hand: deque[Letter]) -> bool:
        """The next letter if it may go without waiting: the pace is asked for real letters only."""
        if self._orders.is_over or not queue.letters or self._orders.wait() > 0:
            return False
        return self._take(queue, hand)

    async def _has_leave(self) -> bool:
        """Wait for the pace to allow one letter; no when the round ends before that.

        A letter that waited for a slow host only goes even if no more may be begun: else a host
        that takes longer than a round would never get any.
        """
        while (wait := self._orders.wait()) > 0:
            if wait > LONGEST_WAIT:
                self._orders.end()
            else:
                await asyncio.sleep(min(wait, LOOK))
            if not self._orders.may_begin():
                return False
        return self._orders.may_leave()

    def _give_up(self, queue: Queue, hand: deque[Letter], outcome: Outcome) -> bool:
        """No connection came about. If others have one, or try, the letters are theirs."""
        if queue.live > 1:
            return False
        self._close_off([*hand, *queue.letters], outcome)
        hand.clear()
        queue.letters.clear()
        return True

    def _close_off(self, letters: Iterable[Letter], outcome: Outcome) -> None:
        for letter in letters:
            self._orders.report(letter, outcome)


def _put_back(queue: Queue, hand: deque[Letter]) -> None:
    queue.letters.extendleft(reversed(hand))
    hand.clear()


def _fault(phase: Phase, error: Exception) -> Outcome:
    """For letters that did not leave because of a fault of ours."""
    talk = Conversation()
    talk.event(f"a fault of this software: {error!r}")
    return talk.outcome(Verdict.deferred, phase, "internal-error")
