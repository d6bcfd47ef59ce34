"""One PostgreSQL and one Valkey for each run, and no way out of the machine.

The servers are the real ones: those of DATABASE_URL and REDIS_URL when both are set (the test
database is made beside, and Valkey's databases 1 and up are flushed), else the embedded ones in a
directory of their own, so that a running demo is not touched.
"""

import ipaddress
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from config import embedded

pytest_plugins = ["tests.support.cast", "tests.support.keys"]

SERVERS = pytest.StashKey[ExitStack]()

# What the developer's shell says about this machine must not change what the tests see.
FIXED = {
    "HATOBIN_ENV": "development",
    "DEBUG": "false",
    "LOOPBACK_ONLY": "true",
    "LOG_LEVEL": "INFO",
    "DATABASE_POOL": "0",
    "DNS_SERVERS": "127.0.0.1:9",  # the discard port: a forgotten resolver gets no answer
    "SANDBOX_DIRECTORY": "",
    "BASE_URL": "",
}


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[SERVERS] = start_servers()
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1
    os.environ["REDIS_URL"] = numbered(os.environ["REDIS_URL"], number)
    settle()


def pytest_sessionstart() -> None:
    # xdist starts its workers after this hook. Where pytest-django finds the variable at its
    # start, it loads the settings before pytest_configure has given the worker its REDIS_URL.
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVERS in config.stash:
        config.stash[SERVERS].close()


def start_servers() -> ExitStack:
    """Runs in the process that was started by hand; xdist's workers inherit the environment."""
    stack = ExitStack()
    var = Path(tempfile.mkdtemp(prefix="hatobin-tests-"))
    var.chmod(0o755)  # as root the servers run under another account, which has to enter
    stack.callback(shutil.rmtree, var, ignore_errors=True)
    os.environ.update(FIXED, VAR_DIRECTORY=str(var))
    stack.enter_context(embedded.services(var, durable=False))
    return stack


def numbered(url: str, number: int) -> str:
    """The same Valkey, another of its databases: nobody flushes what a neighbour uses."""
    if url.startswith("unix:"):
        return f"{url.partition('?')[0]}?db={number}"
    parts = url.split("/")
    return "/".join([*parts[:3], str(number)])


def settle() -> None:
    """Loads the settings, now that the servers are there, with two changes for speed."""
    from django.conf import settings

    if settings.configured:
        raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: the tests set it when it is time.")
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    plain = {"BACKEND": settings.PLAIN_STATIC}  # hashed names need a collected directory
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # WhiteNoise warns without it
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def now() -> datetime:
    """The moment at which every story begins: a Monday morning, 10:00 in Tokyo."""
    return datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.fixture
def valkey() -> Iterator["redis.Redis"]:
    """This worker's own Valkey database, empty but not new: see delivery/lua/connections.lua."""
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    client.flushdb()
    client.set("hatobin:connections-since", 0)
    yield client
    client.flushdb()
    client.close()


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-socket guards connect(); this guards name look-ups, datagrams and connect_ex().

    A look-up of a foreign name would already send a packet to the machine's DNS server.
    """
    look_up, send, probe = socket.getaddrinfo, socket.socket.sendto, socket.socket.connect_ex

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_unless_local(host)
        return look_up(host, *args, **kwargs)

    def guarded_send(sock: socket.socket, data: Any, *args: Any) -> int:
        refuse_unless_local(address_in(args[-1]))
        return send(sock, data, *args)

    def guarded_probe(sock: socket.socket, address: Any) -> int:
        refuse_unless_local(address_in(address))
        return probe(sock, address)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    monkeypatch.setattr(socket.socket, "sendto", guarded_send)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_probe)


class LeavesTheMachine(RuntimeError):
    """A test tried to reach an address outside loopback."""


def address_in(address: Any) -> Any:
    return address[0] if isinstance(address, tuple) else None  # a unix socket's path is local


def refuse_unless_local(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost", "0.0.0.0", "::", socket.gethostname()}:
        return
    try:
        local = ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = False
    if not local:
        raise LeavesTheMachine(f"A test tried to reach {name}: only loopback is allowed.")
