"""Nothing leaves the machine: the guards of the test run, proven."""

import socket

import pytest
from pytest_socket import SocketConnectBlockedError

from tests.conftest import LeavesTheMachine

pytestmark = pytest.mark.filterwarnings("ignore:A test tried to use")

# Documentation addresses (RFC 5737, RFC 3849): were a guard missing, nobody would be bothered.
OUTSIDE_V4 = ("192.0.2.1", 25)
OUTSIDE_V6 = ("2001:db8::1", 25)


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, OUTSIDE_V4), (socket.AF_INET6, OUTSIDE_V6)]
)
def test_no_connection_leaves_the_machine(family, address):
    with socket.socket(family) as sock, pytest.raises(SocketConnectBlockedError):
        sock.connect(address)
    with socket.socket(family) as sock, pytest.raises(LeavesTheMachine):
        sock.connect_ex(address)


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, OUTSIDE_V4), (socket.AF_INET6, OUTSIDE_V6)]
)
def test_no_datagram_leaves_the_machine(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as sock, pytest.raises(LeavesTheMachine):
        sock.sendto(b"", address)


def test_no_name_is_looked_up_outside():
    with pytest.raises(LeavesTheMachine):
        socket.getaddrinfo("mx.example.com", 25)
    with pytest.raises(LeavesTheMachine):
        socket.create_connection(("mx.example.com", 25))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.45.6.7"])
def test_every_loopback_address_can_be_reached(host):
    with socket.create_server((host, 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection((host, port)) as client:
            assert client.getpeername()[0] == host


def test_unix_sockets_can_be_reached(tmp_path):
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "door"))
        server.listen()
        client.connect(str(tmp_path / "door"))
