"""Blocklists of a box, and a watch that asks them, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sandbox.dns import NameServer, Zone
from sandbox.scenario import Scenario
from wire.dnsbl import Kind, Notice, Policy, Result, Rule, Unknown, Watch, target

ZONE = "bl.box.test"
LISTED, FREE = "198.18.0.66", "198.18.0.7"
# Everything that takes time takes little.
QUICK = Policy(timeout=0.2, pause=0.15, passing_pause=0.15, longest_pause=0.5)


def rule(name: str = ZONE, **changes) -> Rule:
    """A list of IPv4 addresses that publishes 127.0.0.2 and 127.0.0.4."""
    held = {
        "name": name,
        "zone": name,
        "kinds": frozenset({Kind.ip4}),
        "codes": {"127.0.0.2": "spam", "127.0.0.4": "virus"},
        "listed": {Kind.ip4: "127.0.0.2"},
        "unlisted": {Kind.ip4: "127.0.0.1"},
    }
    return Rule(**{**held, **changes})


@dataclass
class Box:
    """A nameserver with one list, on which LISTED is."""

    server: NameServer
    notices: list[Notice] = field(default_factory=list)

    @property
    def lists(self):
        return self.server.zone.blocklists

    def told(self) -> list[str]:
        """Troubles in the order in which they were told, "" for being back."""
        return [str(notice.trouble or "") for notice in self.notices]

    def watch(self, *others: "Box", policy: Policy = QUICK, **options) -> Watch:
        addresses = [box.server.address for box in (self, *others)]
        return Watch(addresses, tell=self.notices.append, policy=policy, **options)


@asynccontextmanager
async def box(fault=None, *, rewriting: str = "", zone: str = ZONE) -> AsyncIterator[Box]:
    """Listening on a free port of 127.0.0.1."""
    server = NameServer(Zone(Scenario((), {}), rewriting=rewriting))
    server.zone.blocklists.add(zone)
    server.zone.blocklists.enter(zone, LISTED, "127.0.0.4", text="http://bl.box.test/66")
    server.zone.blocklists.break_down(zone, fault)
    await server.open("127.0.0.1", 0)
    try:
        yield Box(server)
    finally:
        server.close()


def troubles(results: list[Result]) -> list[str]:
    """Why each of them tells nothing; the name of its kind for one that tells something."""
    return [one.trouble if isinstance(one, Unknown) else type(one).__name__ for one in results]


async def check(watch: Watch, held: Rule, *resources: str) -> list[Result]:
    """One after the other."""
    return [await watch.check(held, target(resource)) for resource in resources]
