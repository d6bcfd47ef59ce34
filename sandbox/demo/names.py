"""The demo's domains in the DNS of the box: what `platform dns` prints, with one mistake."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from blacklist import health
from blacklist.health_plan import Planned
from blacklist.models import SetupKind
from sandbox.own_names import write
from sandbox.scenario import Record, RecordType

# The newest IP of pool B is not in its SPF record yet: what is forgotten most often.
FORGOTTEN = "127.0.11.5"
INTAKE = "127.0.0.1"  # where bounces come to


def publish(directory: Path) -> None:
    """For the box's next start."""
    write(directory, records())


def records() -> Iterator[Record]:
    """MTA-STS is left out, as on most platforms: it would need a web server."""
    hosts = set()
    for plan in health.plans():
        hosts.add(plan.mx)
        yield from map(_record, _published(plan.checks))
    for host in sorted(hosts):
        yield Record(host, "A", INTAKE)


def _published(checks: Iterable[Planned]) -> Iterator[Planned]:
    return (check for check in checks if check.kind is not SetupKind.MTA_STS)


def _record(check: Planned) -> Record:
    value = check.expected
    if check.kind is SetupKind.SPF:
        value = value.replace(f" ip4:{FORGOTTEN}", "")
    return Record(check.record.name, cast("RecordType", check.record.type), value)
