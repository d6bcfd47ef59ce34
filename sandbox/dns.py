"""The DNS of the box: answers from a scenario, over UDP and TCP, and fails where it is told to.

It answers like a recursive resolver: CNAMEs are followed, every name it does not know does not
exist, and it asks nobody.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from sandbox.dnsbl import Blocklists
from sandbox.policy_host import ADDRESS as POLICY_HOST
from sandbox.scenario import Fault, Record, Scenario

TTL = 60
MOST_CNAMES = 8
PORT_TRIES = 20
# Without EDNS an answer over UDP has no more room than this (RFC 1035 4.2.1).
PLAIN_UDP = 512
SOA = "ns.sandbox.test. hostmaster.sandbox.test. 1 3600 600 86400 60"


class Zone:
    """All names of the box, its blocklists among them.

    `rewriting` is an address that it gives for every name that does not exist, as some do.
    """

    def __init__(self, scenario: Scenario, *, rewriting: str = "") -> None:
        self.blocklists = Blocklists()
        for held in scenario.blocklists:
            self.blocklists.add(held.zone, tests=held.tests, fault=held.fault)
            for resource, code in held.entries.items():
                self.blocklists.enter(held.zone, resource, code)
        self._rewriting = rewriting
        self._values: dict[str, dict[str, list[str]]] = {}
        self._faults = scenario.faults
        self._signed = scenario.signed
        for record in (*_records(scenario), *scenario.records):
            self.add(record)

    def add(self, record: Record) -> None:
        """One more record; a name that did not exist does from now on."""
        name = record.name.lower().rstrip(".")
        self._values.setdefault(name, {}).setdefault(record.type, []).append(record.value)
        # Names above an existing one exist too, without records (RFC 8020).
        while "." in name:
            name = name.partition(".")[2]
            self._values.setdefault(name, {})

    def fault(self, name: dns.name.Name) -> Fault | None:
        return self._faults.get(_key(name))

    def answer(self, query: dns.message.Message, *, over_tcp: bool) -> dns.message.Message | None:
        """The response to a query, None to say nothing."""
        response = dns.message.make_response(query, recursion_available=True)
        if not query.question:
            response.set_rcode(dns.rcode.FORMERR)
            return response
        question = query.question[0]
        match self.fault(question.name):
            case "timeout":
                return None
            case "servfail":
                response.set_rcode(dns.rcode.SERVFAIL)
            case "refused":
                response.set_rcode(dns.rcode.REFUSED)
            case "truncate" if not over_tcp:
                response.flags |= dns.flags.TC
            case _:
                self._fill(response, question.name, question.rdtype)
        return response

    def _is_signed(self, name: dns.name.Name) -> bool:
        labels = _key(name).split(".")
        return any(".".join(labels[start:]) in self._signed for start in range(len(labels)))

    def _fill(
        self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> None:
        # As a validating resolver: every name on the way must be signed (RFC 4035 3.2.3).
        response.flags |= dns.flags.AD
        for _ in range(MOST_CNAMES):
            if not self._is_signed(name):
                response.flags &= ~dns.flags.AD
            held = self._values.get(_key(name))
            if held is None and self._rewriting and kind is dns.rdatatype.A:
                response.answer.append(_rrset(name, "A", [self._rewriting]))
                return
            if held is None:
                response.set_rcode(dns.rcode.NXDOMAIN)
                break
            if values := held.get(kind.name):
                response.answer.append(_rrset(name, kind.name, values))
                return
            if not (target := held.get("CNAME")):
                break
            response.answer.append(_rrset(name, "CNAME", target[:1]))
            name = dns.name.from_text(target[0])
        response.authority.append(_rrset(dns.name.root, "SOA", [SOA]))


def respond(zone: Zone, wire: bytes, *, over_tcp: bool) -> bytes | None:
    """Octets to octets; None where the server keeps silent, also to what is no query."""
    ours, answer = zone.blocklists.respond(wire, over_tcp=over_tcp)
    if ours:
        return answer
    try:
        query = dns.message.from_wire(wire)
        response = zone.answer(query, over_tcp=over_tcp)
    except dns.exception.DNSException:
        return None
    if response is None:
        return None
    if over_tcp:
        return response.to_wire()
    room = max(query.payload, PLAIN_UDP)
    try:
        return response.to_wire(max_size=room)
    except dns.exception.TooBig:
        short = dns.message.make_response(query, recursion_available=True)
        short.flags |= dns.flags.TC
        return short.to_wire()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, for asyncio's own datagram transport is not derived from the abstract one.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = respond(self._zone, data, over_tcp=False)
        if response is not None:
            self._transport.sendto(response, addr)


class NameServer:
    """Zone on a port, UDP and TCP; `port` 0 takes a free one."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.address = ("", 0)

    async def open(self, host: str, port: int) -> None:
        """Listen; OSError names the address that is taken."""
        for tries_left in reversed(range(PORT_TRIES if port == 0 else 1)):
            try:
                await self._open(host, port)
            except OSError:  # the port that was free for TCP may be taken for UDP
                if not tries_left:
                    raise
            else:
                return

    async def _open(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve, host, port)
        self.address = self._tcp.sockets[0].getsockname()[:2]
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Udp(self.zone), local_addr=self.address
            )
        except OSError:
            self._tcp.close()
            raise
        # A burst of questions must find room while Python is busy with the ones before.
        socket_ = self._udp.get_extra_info("socket")
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)

    def close(self) -> None:
        self._tcp.close()
        self._udp.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                response = respond(self.zone, await reader.readexactly(length), over_tcp=True)
                if response is None:
                    return
                writer.write(struct.pack("!H", len(response)) + response)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


def _records(scenario: Scenario) -> Iterator[Record]:
    for host in scenario.hosts:
        yield Record(host.name, "AAAA" if ":" in host.address else "A", host.address)
        pointer = dns.reversename.from_address(host.address)
        yield Record(_key(pointer), "PTR", f"{host.name}.")
    for domain in scenario.domains.values():
        if domain.sts is not None:
            yield Record(f"_mta-sts.{domain.name}", "TXT", f"v=STSv1; id={domain.sts.id};")
            yield Record(f"mta-sts.{domain.name}", "A", POLICY_HOST)
        for preference, target in domain.mx:
            yield Record(domain.name, "MX", f"{preference} {target.rstrip('.')}.")


def _rrset(name: dns.name.Name, kind: str, values: Sequence[str]) -> dns.rrset.RRset:
    if kind == "TXT":
        values = [_quoted(value) for value in values]
    return dns.rrset.from_text_list(name, TTL, dns.rdataclass.IN, kind, values)


def _quoted(text: str) -> str:
    """TXT strings hold 255 octets at most (RFC 1035 3.3.14)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return " ".join(f'"{escaped[i : i + 250]}"' for i in range(0, max(len(escaped), 1), 250))


def _key(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
