"""The box's blocklists in a process of their own: `python -m sandbox.bench.dnsbl_server HOST PORT`.

Lists come as JSON on standard input: zone -> {"tests": {resource: code}, "entries": {...}}.
"""

import asyncio
import json
import sys
from collections.abc import Mapping

import uvloop

from sandbox.dns import NameServer, Zone
from sandbox.scenario import Blocklist, Scenario

Lists = Mapping[str, Mapping[str, Mapping[str, str]]]


async def serve(host: str, port: int, lists: Lists) -> None:
    """Until the process ends."""
    held = tuple(
        Blocklist(zone, entries=one["entries"], tests=one["tests"]) for zone, one in lists.items()
    )
    server = NameServer(Zone(Scenario((), {}, blocklists=held)))
    await server.open(host, port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2]), json.load(sys.stdin)))
