"""A set of mail hosts: the letters that wait for it, and how a connection to it comes about.

Knows fail-over between hosts and addresses (RFC 5321 5.1) and from STARTTLS to the clear; does not
know who delivers, or in what order.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from wire.calling import Door
from wire.dns import MailHost, Resolver
from wire.letters import Letter, Policy, Relay, Source, TlsMode
from wire.outcomes import Conversation, Outcome, Phase, Verdict
from wire.security import UNPROVEN, Closed, Contexts, Demand, Rule, Trust, demand
from wire.smtp import Session, open_session
from wire.sts import Policies

# So many addresses are tried for one connection, as Postfix does: a domain with forty dead hosts
# would hold a berth for longer than the batch is leased.
MOST_DOORS = 5


# What makes two domains' mail one queue: the same hosts, of which the same is asked.
Key = tuple[tuple[int, str, bool, Rule], ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What all rounds of a courier have in common."""

    resolver: Resolver
    source: Source
    policy: Policy
    relay: Relay | None
    contexts: Contexts
    policies: Policies | None = None

    def context_for(self, asked: Demand) -> ssl.SSLContext:
        verify = self.policy.verify_tls or asked.trust is Trust.sts
        return self.contexts.get(verify=verify, minimum=self.policy.tls_minimum)


@dataclass(slots=True)
class Queue:
    """Letters for one set of hosts that want the same of TLS; `live` connections serve it."""

    mode: TlsMode
    letters: deque[Letter] = field(default_factory=deque)
    live: int = 0


@dataclass(slots=True)
class Place:
    """A set of MX hosts and what waits for it. `failed` addresses are tried last.

    `rules` are what MTA-STS says of each host; `unproven` addresses failed a policy in testing.
    """

    hosts: tuple[MailHost, ...]
    rules: tuple[Rule, ...]
    queues: dict[TlsMode, Queue]
    berths: int = 0
    failed: set[str] = field(default_factory=set)
    cannot_tls: set[str] = field(default_factory=set)
    unproven: set[str] = field(default_factory=set)

    def give_up(self) -> list[Letter]:
        """Take all letters out of the queues."""
        letters = [letter for queue in self.queues.values() for letter in queue.letters]
        for queue in self.queues.values():
            queue.letters.clear()
        return letters

    def next_queue(self) -> Queue | None:
        return next((queue for queue in self.queues.values() if queue.letters), None)

    async def open(self, terms: Terms, mode: TlsMode) -> Session | Outcome:
        """A connection to the first host that lets us in, or why the last one did not."""
        talk = Conversation()
        doors, closed = await self._doors(terms, mode)
        for host, why in closed:
            talk.event(f"{host}: {why.words}")
        reason = "no-usable-address"
        if len(closed) == len(self.hosts):
            reason = closed[0][1].reason
        result: Session | Outcome = talk.outcome(Verdict.deferred, Phase.connect, reason)
        try:
            async with asyncio.timeout(terms.policy.opening_timeout):
                for door in doors:
                    self.failed.add(door.address)  # until it lets us in
                    result = await self._knock(terms, door, talk)
                    if isinstance(result, Session):
                        self.failed.discard(door.address)
                        break
        except TimeoutError:
            # Each answer in its time, and yet no end: such a host must not hold the others' mail.
            talk.event(f"nobody has let us in within {terms.policy.opening_timeout:g} s")
            result = talk.outcome(Verdict.deferred, Phase.connect, "timeout", host=door.host)
        return result

    async def _knock(self, terms: Terms, door: Door, talk: Conversation) -> Session | Outcome:
        if door.demand.is_test and door.address in self.unproven:
            door = replace(door, demand=UNPROVEN)
        opportunistic = door.tls is TlsMode.opportunistic
        if opportunistic and door.address in self.cannot_tls:
            door = replace(door, tls=TlsMode.none)
        result = await _entered(terms, door, talk)
        if isinstance(result, Session) or result.phase is not Phase.starttls:
            return result
        if door.demand.is_test:
            talk.event("MTA-STS, in testing: once more without a valid certificate")
            self.unproven.add(door.address)
            return await self._knock(terms, door, talk)
        if opportunistic and door.tls is not TlsMode.none:
            # Better in the clear than not at all (RFC 7435 section 3).
            self.cannot_tls.add(door.address)
            return await self._knock(terms, door, talk)
        return result

    async def _doors(
        self, terms: Terms, mode: TlsMode
    ) -> tuple[list[Door], list[tuple[str, Closed]]]:
        """Where to knock, in order, and the hosts that must not be used."""
        asked = await asyncio.gather(
            *(
                demand(host, rule, mode=mode, resolver=terms.resolver, port=terms.policy.port)
                for host, rule in zip(self.hosts, self.rules, strict=True)
            )
        )
        doors: list[Door] = []
        closed: list[tuple[str, Closed]] = []
        for host, ask in zip(self.hosts, asked, strict=True):
            if isinstance(ask, Closed):
                closed.append((host.name, ask))
            else:
                doors += _doors_of(host, ask, mode, terms)
        return sorted(doors, key=lambda door: door.address in self.failed)[:MOST_DOORS], closed


def _doors_of(host: MailHost, ask: Demand, mode: TlsMode, terms: Terms) -> list[Door]:
    tls = TlsMode.required if ask.is_must else mode
    doors = [
        Door(host.name, address, terms.policy.port, tls, demand=ask)
        for address in host.addresses
        if _same_family(terms.source.address, address)
    ]
    return [_to_relay(door, terms.relay) for door in doors] if terms.relay else doors


async def _entered(terms: Terms, door: Door, talk: Conversation) -> Session | Outcome:
    try:
        context = terms.context_for(door.demand)
    except OSError as error:  # the file of authorities is not there, or is none
        talk.event(f"no certificate can be verified: {error}")
        return talk.outcome(Verdict.deferred, Phase.starttls, "sts-tls-failed", host=door.host)
    return await open_session(
        door, source=terms.source, policy=terms.policy, context=context, talk=talk
    )


def key_of(hosts: Sequence[MailHost], rules: Sequence[Rule]) -> Key:
    """The same for the same hosts in any order."""
    pairs = zip(hosts, rules, strict=True)
    return tuple(sorted((h.preference, h.name, bool(h.tlsa_bases), rule) for h, rule in pairs))


def _to_relay(door: Door, relay: Relay) -> Door:
    return replace(
        door,
        port=relay.port,
        implicit_tls=relay.tls == "implicit",
        username=relay.username,
        password=relay.password,
    )


def _same_family(source: str, address: str) -> bool:
    return not source or ip_address(source).version == ip_address(address).version
