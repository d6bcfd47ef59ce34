"""A nameserver for tests: the sandbox's own, with the names that a test gives."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

from sandbox.dns import NameServer, Zone
from sandbox.scenario import Fault, Record, Scenario


class CountingZone(Zone):
    """Remembers what it was asked: ("MX shop.example.", whether over TCP)."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.asked: list[tuple[str, bool]] = []

    def answer(self, query, *, over_tcp):
        question = query.question[0]
        self.asked.append((f"{question.rdtype.name} {question.name}", over_tcp))
        return super().answer(query, over_tcp=over_tcp)


@dataclass
class Names:
    """A running nameserver; a fault that is taken away from `faults` is over."""

    address: tuple[str, int]
    asked: list[tuple[str, bool]]
    faults: dict[str, Fault]


@contextlib.asynccontextmanager
async def nameserver(
    *lines: str, faults: Mapping[str, Fault] | None = None, signed: Iterable[str] = ()
) -> AsyncIterator[Names]:
    """`lines` are "name TYPE value", for example "shop.example MX 10 mx.shop.example."; what is
    under a name in `signed` is answered as validated by DNSSEC.
    """
    records = []
    for line in lines:
        name, kind, value = line.split(" ", 2)
        records.append(Record(name, kind, value))  # type: ignore[arg-type]
    wrong = dict(faults or {})
    zone = CountingZone(
        Scenario((), {}, records=tuple(records), faults=wrong, signed=frozenset(signed))
    )
    server = NameServer(zone)
    await server.open("127.0.0.1", 0)
    try:
        yield Names(server.address, zone.asked, wrong)
    finally:
        server.close()
