"""The box's blocklists in a process of their own: `python -m sandbox.bench.dnsbl_server HOST PORT`.

Lists come as JSON on standard input: zone -> {"tests": {resource: code}, "entries": {...}}. A plain
loop on one socket, without asyncio: what is measured must wait for it as little as can be.
"""

import json
import socket
import sys
from collections.abc import Mapping
from typing import NoReturn

from sandbox.dns import Zone, respond
from sandbox.scenario import Blocklist, Scenario

Lists = Mapping[str, Mapping[str, Mapping[str, str]]]
RECEIVE_BUFFER = 4 << 20
LARGEST = 512


def serve(host: str, port: int, lists: Lists) -> NoReturn:
    """Over UDP, until the process ends. A TCP connection is taken only to show that it is there."""
    held = tuple(
        Blocklist(zone, entries=one["entries"], tests=one["tests"]) for zone, one in lists.items()
    )
    zone = Zone(Scenario((), {}, blocklists=held))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_server((host, port)),
    ):
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        udp.bind((host, port))
        while True:
            query, peer = udp.recvfrom(LARGEST)
            if (answer := respond(zone, query, over_tcp=False)) is not None:
                udp.sendto(answer, peer)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), json.load(sys.stdin))
