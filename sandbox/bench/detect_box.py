"""The receivers of bench detect, in a process of their own: a nameserver with blocklists, and two
mail hosts that refuse whom the first of these lists.

Its standard input takes lines "list ZONE ADDRESS". Each is answered by a line.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import uvloop

from sandbox.bench.sinks import free_port, wait_for
from sandbox.dns import NameServer, Zone
from sandbox.scenario import parse
from wire.sink import Ledger, serve

DNS_HOST = "127.0.9.1"
HOSTS = {"mx1.r.example": "127.0.9.8", "mx2.r.example": "127.0.9.9"}
DOMAIN = "r.example"
NAMED = "zen.spamhaus.org"  # the one that receivers use, and name
QUIET = "bl.bench.example"  # one of the operator's own, that nobody refuses by


@dataclass(frozen=True, slots=True)
class Box:
    """A running box; its ports on the hosts above."""

    dns_port: int
    smtp_port: int
    process: "subprocess.Popen[str]"

    def enter(self, zone: str, address: str) -> None:
        """List an address; on return it is listed."""
        commands, answers = self.process.stdin, self.process.stdout
        if commands is None or answers is None:
            raise RuntimeError("The box was started without its pipes.")
        commands.write(f"list {zone} {address}\n")
        commands.flush()
        answers.readline()


@contextmanager
def box() -> Iterator[Box]:
    """A box with free ports."""
    dns_port, smtp_port = free_port(DNS_HOST), free_port(next(iter(HOSTS.values())))
    command = [sys.executable, "-m", "sandbox.bench.detect_box", str(dns_port), str(smtp_port)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii"
    )
    try:
        for host in HOSTS.values():
            wait_for(host, smtp_port)
        yield Box(dns_port, smtp_port, process)
    finally:
        process.terminate()
        process.communicate()


async def serve_all(dns_port: int, smtp_port: int, commands: IO[str], answers: IO[str]) -> None:
    """Until the commands end."""
    scenario = parse(
        {
            "host": [{"name": name, "address": address} for name, address in HOSTS.items()],
            "domain": [{"name": DOMAIN, "mx": [[10, name] for name in HOSTS]}],
            "blocklist": [{"zone": NAMED}, {"zone": QUIET}],
        }
    )
    names = NameServer(Zone(scenario))
    await names.open(DNS_HOST, dns_port)
    refused: set[str] = set()

    def reply(peer: str) -> bytes:
        words = f"554 5.7.1 Service unavailable; Client host [{peer}] blocked using {NAMED}"
        return words.encode() if peer in refused else b""

    for host in HOSTS.values():
        await serve(host, smtp_port, Ledger(refuses=reply))
    while line := await asyncio.to_thread(commands.readline):
        _verb, zone, address = line.split()
        names.zone.blocklists.enter(zone, address, "127.0.0.3", text="listed by the benchmark")
        if zone == NAMED:
            refused.add(address)
        answers.write("listed\n")
        answers.flush()
    names.close()


def main(dns_port: int, smtp_port: int) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_all(dns_port, smtp_port, sys.stdin, sys.stdout))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
