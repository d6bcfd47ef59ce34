"""Questions to one nameserver: what is lost, forged or truncated, and whence they come."""

import asyncio
import socket

import pytest

from sandbox.dnsbl import ListFault
from tests.support.blocklists import FREE, LISTED, ZONE, box
from wire import dnsbl_channel
from wire.dnsbl_channel import Channel
from wire.dnsbl_names import TXT, A, question, tail, target
from wire.dnsbl_packets import Absent, Broken, Found, Silent


def asked(resource, kind=A):
    return question(target(resource), tail(ZONE, kind))


class Peer(asyncio.DatagramProtocol):
    """A nameserver that answers as it is told, and notes who asked."""

    def __init__(self, answers):
        self.answers, self.peers = answers, set()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.peers.add(addr[1])
        for answer in self.answers(data):
            self.transport.sendto(answer, addr)


async def peer(answers):
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Peer(answers), local_addr=("127.0.0.1", 0)
    )
    return transport, protocol, transport.get_extra_info("sockname")


def nothing_there(data):
    return data[:2] + b"\x81\x83" + data[4:]


async def test_replies_come_in_the_order_of_the_questions():
    async with box() as held:
        channel = Channel(held.server.address, timeout=1.0, window=3)
        questions = [asked(FREE), asked(LISTED), asked(LISTED, TXT), asked("198.18.0.8")]
        replies = await channel.ask(questions)
        channel.close()
    assert replies[1:3] == [Found(("127.0.0.4",)), Found(("http://bl.box.test/66",))]
    assert [type(reply) for reply in replies] == [Absent, Found, Found, Absent]


async def test_a_truncated_answer_is_asked_for_over_tcp():
    async with box(ListFault("truncates")) as held:
        channel = Channel(held.server.address, timeout=1.0, window=3)
        assert await channel.ask([asked(LISTED)]) == [Found(("127.0.0.4",))]
        channel.close()


async def test_a_truncated_answer_without_tcp_is_no_answer():
    transport, _, address = await peer(lambda data: [data[:2] + b"\x83\x80" + data[4:]])
    channel = Channel(address, timeout=0.2, window=3)
    (reply,) = await channel.ask([asked(LISTED)])
    assert reply == Silent("TCP failed (ConnectionRefusedError)")
    channel.close()
    transport.close()


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"\0\x05short", Silent("TCP failed (IncompleteReadError)")),
        (b"", Silent("no answer within 0.2 s")),
        (b"\0\x0cwrong length", Broken("over TCP it answers another question, or not in full")),
    ],
)
async def test_what_comes_over_tcp_is_looked_at_too(sent, reply):
    async def serve(reader, writer):
        await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        writer.write(sent[:6] if b"short" in sent else sent)
        await (reader.read() if not sent else writer.drain())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    channel = Channel(server.sockets[0].getsockname(), timeout=0.2, window=3)
    assert await channel._ask_tcp(asked(LISTED)) == reply
    channel.close()
    server.close()
    await asyncio.sleep(0.02)


async def test_a_forged_answer_is_passed_over_and_the_true_one_taken():
    def answers(data):
        other = data[:12] + b"\x013" + data[14:]
        return [nothing_there(other), b"\0\0" + nothing_there(data)[2:], b"", nothing_there(data)]

    transport, _, address = await peer(answers)
    channel = Channel(address, timeout=1.0, window=3)
    assert await channel.ask([asked(FREE)]) == [Absent(0)]
    channel.close()
    transport.close()


async def test_questions_leave_from_several_ports_which_are_replaced(monkeypatch):
    monkeypatch.setattr(dnsbl_channel, "QUESTIONS_A_SOCKET", 5)
    transport, protocol, address = await peer(lambda data: [nothing_there(data)])
    channel = Channel(address, timeout=0.4, window=3)
    for _ in range(150):
        await channel.ask([asked(FREE)])
    assert len(protocol.peers) >= 20
    await asyncio.sleep(0.1)
    assert channel._leaving == []
    channel.close()
    transport.close()


async def test_no_more_are_on_their_way_than_the_window_allows():
    waiting = []

    def answers(data):
        waiting.append(data)
        return []

    transport, _, address = await peer(answers)
    channel = Channel(address, timeout=0.2, window=4)
    asking = [asyncio.create_task(channel.ask([asked(FREE)] * 3)) for _ in range(2)]
    asking.append(asyncio.create_task(channel.ask([asked(FREE)] * 9)))
    await asyncio.sleep(0.1)
    assert len(waiting) == 3
    for replies in await asyncio.gather(*asking):
        assert set(replies) == {Silent("no answer within 0.2 s")}
    channel.close()
    transport.close()


async def test_a_port_without_a_server_is_told_at_once():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    channel = Channel(address, timeout=5.0, window=3)
    async with asyncio.timeout(1):
        (reply,) = await channel.ask([asked(FREE)])
    assert reply == Silent("nobody listens there (Connection refused)")
    channel.close()


async def test_who_waits_when_it_closes_is_told():
    transport, _, address = await peer(lambda data: [])
    channel = Channel(address, timeout=5.0, window=3)
    asking = asyncio.create_task(channel.ask([asked(FREE)]))
    await asyncio.sleep(0.02)
    channel.close()
    assert await asking == [Silent("the channel was closed")]
    transport.close()


async def test_a_nameserver_may_have_an_ipv6_address():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Peer(lambda data: [nothing_there(data)]), local_addr=("::1", 0)
    )
    channel = Channel(transport.get_extra_info("sockname")[:2], timeout=1.0, window=3)
    assert await channel.ask([asked(FREE)]) == [Absent(0)]
    channel.close()
    transport.close()
