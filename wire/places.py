"""A set of mail hosts: the letters that wait for it, and how a connection to it comes about.

Knows fail-over between hosts and addresses (RFC 5321 5.1) and from STARTTLS to the clear; does not
know who delivers, or in what order.
"""

import ssl
from collections import deque
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from wire.calling import Door
from wire.dns import MailHost, Resolver
from wire.letters import Letter, Policy, Relay, Source, TlsMode
from wire.outcomes import Conversation, Outcome, Phase, Verdict
from wire.smtp import Session, open_session

# So many addresses are tried for one connection, as Postfix does: a domain with forty dead hosts
# would hold a berth for longer than the batch is leased.
MOST_DOORS = 5


@dataclass(frozen=True, slots=True)
class Terms:
    """What all rounds of a courier have in common."""

    resolver: Resolver
    source: Source
    policy: Policy
    relay: Relay | None
    context: ssl.SSLContext


@dataclass(slots=True)
class Queue:
    """Letters for one set of hosts that want the same of TLS; `live` connections serve it."""

    mode: TlsMode
    letters: deque[Letter] = field(default_factory=deque)
    live: int = 0


@dataclass(slots=True)
class Place:
    """A set of MX hosts and what waits for it. `failed` addresses are tried last."""

    hosts: tuple[MailHost, ...]
    queues: dict[TlsMode, Queue]
    berths: int = 0
    failed: set[str] = field(default_factory=set)
    cannot_tls: set[str] = field(default_factory=set)

    def next_queue(self) -> Queue | None:
        return next((queue for queue in self.queues.values() if queue.letters), None)

    async def open(self, terms: Terms, mode: TlsMode) -> Session | Outcome:
        """A connection to the first host that lets us in, or why the last one did not."""
        talk = Conversation()
        result = talk.outcome(Verdict.deferred, Phase.connect, "no-usable-address")
        for door in self._doors(terms, mode):
            opened = await self._knock(terms, door, talk)
            if isinstance(opened, Session):
                self.failed.discard(door.address)
                return opened
            self.failed.add(door.address)
            result = opened
        return result

    async def _knock(self, terms: Terms, door: Door, talk: Conversation) -> Session | Outcome:
        opportunistic = door.tls is TlsMode.opportunistic
        if opportunistic and door.address in self.cannot_tls:
            door = replace(door, tls=TlsMode.none)
        result = await open_session(
            door, source=terms.source, policy=terms.policy, context=terms.context, talk=talk
        )
        if opportunistic and isinstance(result, Outcome) and result.phase is Phase.starttls:
            # Better in the clear than not at all (RFC 7435 section 3).
            self.cannot_tls.add(door.address)
            return await self._knock(terms, door, talk)
        return result

    def _doors(self, terms: Terms, mode: TlsMode) -> list[Door]:
        relay = terms.relay
        doors = [
            Door(host.name, address, terms.policy.port, mode)
            for host in self.hosts
            for address in host.addresses
            if _same_family(terms.source.address, address)
        ]
        if relay is not None:
            doors = [
                replace(
                    door,
                    port=relay.port,
                    implicit_tls=relay.tls == "implicit",
                    username=relay.username,
                    password=relay.password,
                )
                for door in doors
            ]
        return sorted(doors, key=lambda door: door.address in self.failed)[:MOST_DOORS]


def _same_family(source: str, address: str) -> bool:
    return not source or ip_address(source).version == ip_address(address).version
