"""The whole box: its hosts, its DNS and its store, run in this loop or in a thread of a test."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256

from sandbox import store as stores
from sandbox.certificates import FILE, Authority, Identity
from sandbox.dns import NameServer, Zone
from sandbox.dnsbl import Blocklists
from sandbox.hosts import close, open_hosts
from sandbox.late_bounces import Address, Returns
from sandbox.policy_host import PREFIX, open_policy_host
from sandbox.scenario import Host, Record, Scenario, load
from sandbox.store import Store, Stored

DNS_HOST = "127.0.0.1"
# With port 0 all hosts share the port that was free on the first; another host may hold it.
PORT_TRIES = 20


class PortTaken(RuntimeError):
    """An address of the box is in use; the text says which, and what to do."""


class Internet:
    """An open box: `port` of all hosts, `dns` as (host, port)."""

    def __init__(self, scenario: Scenario, directory: Path) -> None:
        self.scenario = scenario
        self.store = Store(directory)
        self.names = NameServer(Zone(scenario))
        self.returns = Returns()
        self.authority = Authority()
        (directory / FILE).write_bytes(self.authority.pem)
        self.port = 0
        self._servers: list[asyncio.Server] = []

    @property
    def dns(self) -> tuple[str, int]:
        return self.names.address

    async def open(self, *, port: int, dns_port: int) -> None:
        """Listen on all; PortTaken if one address is not free."""
        try:
            await self.names.open(DNS_HOST, dns_port)
        except OSError as error:
            self.store.close()
            raise PortTaken(_sentence("DNS", DNS_HOST, dns_port, error)) from None
        try:
            await self._open_hosts(port)
        except OSError as error:
            self.close()
            raise PortTaken(_sentence("SMTP", "a mail host", port, error)) from None

    def close(self) -> None:
        close(self._servers)
        self.names.close()
        self.store.close()

    async def _open_hosts(self, port: int) -> None:
        identities = {host.name: self._identity(host) for host in self.scenario.hosts}
        for tries_left in reversed(range(PORT_TRIES if port == 0 else 1)):
            chosen = port or await _free_port(self.scenario)
            try:
                self._servers = await self._listen(chosen, identities)
            except OSError:
                if not tries_left:
                    raise
            else:
                self.port = chosen
                for record in tlsa_records(self.scenario, identities, chosen):
                    self.names.zone.add(record)
                return

    def _identity(self, host: Host) -> Identity:
        name = host.name if host.certificate == "valid" else "another.example"
        return self.authority.identity([name])

    async def _listen(self, port: int, identities: Mapping[str, Identity]) -> list[asyncio.Server]:
        contexts = {name: identity.context for name, identity in identities.items()}
        servers = await open_hosts(
            self.scenario, self.store, port=port, contexts=contexts, returns=self.returns
        )
        domains = self.scenario.domains
        if named := [PREFIX + domain.name for domain in domains.values() if domain.sts]:
            context = self.authority.identity(named).context
            try:
                servers.append(await open_policy_host(domains, port=port, context=context))
            except OSError:
                close(servers)
                raise
        return servers


async def run(
    scenario: Scenario,
    *,
    port: int,
    dns_port: int,
    directory: Path,
    stop: asyncio.Event,
    ready: Callable[[Internet], None] | None = None,
    bounces_to: Address | None = None,
) -> None:
    """Run the box until `stop` is set; `ready` is called once everything listens.

    Late bounces are sent to `bounces_to`, which has to be on this machine; None: to nobody.
    """
    internet = Internet(scenario, directory)
    internet.returns.to = bounces_to
    await internet.open(port=port, dns_port=dns_port)
    try:
        if ready is not None:
            ready(internet)
        await stop.wait()
    finally:
        internet.close()
        await _end_sessions()


async def require_ports(scenario: Scenario, *, port: int, dns_port: int) -> None:
    """Open and close everything once: PortTaken now, not in the middle of something long."""
    with tempfile.TemporaryDirectory() as directory:
        internet = Internet(scenario, Path(directory))
        await internet.open(port=port, dns_port=dns_port)
        internet.close()


class Sandbox:
    """The box in a thread, for tests and drills: `with Sandbox() as box: ... box.dns, box.port`.

    Without a directory it makes one, and removes it at the end.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        port: int = 0,
        dns_port: int = 0,
        directory: Path | None = None,
    ) -> None:
        self._scenario = scenario or load()
        self._ports = (port, dns_port)
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="sandbox-"))
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._internet: Internet | None = None

    @property
    def dns(self) -> tuple[str, int]:
        """Address and port of the box's nameserver."""
        return self._open().dns

    @property
    def port(self) -> int:
        """The SMTP port of all hosts."""
        return self._open().port

    @property
    def store(self) -> list[Stored]:
        """All messages taken so far, in order."""
        return list(self.read())

    def read(self) -> Iterator[Stored]:
        return stores.read(self.directory)

    def add_record(self, record: Record) -> None:
        """One more DNS record, such as a DKIM key, from now on."""
        internet = self._open()
        self._loop.call_soon_threadsafe(internet.names.zone.add, record)

    @property
    def blocklists(self) -> Blocklists:
        """What the box's blocklists hold, to be changed while they are asked."""
        return self._open().names.zone.blocklists

    def send_bounces_to(self, address: Address | None) -> None:
        """Where late bounces go, from now on."""
        returns = self._open().returns
        self._loop.call_soon_threadsafe(setattr, returns, "to", address)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _open(self) -> Internet:
        if self._internet is None:
            raise RuntimeError("the sandbox is not open; use it in a with statement")
        return self._internet

    def _run(self) -> None:
        # Not the process's loop policy: aiosmtpd's STARTTLS works on asyncio's own loop only.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            try:
                runner.run(self._live())
            except BaseException as error:  # noqa: BLE001  it is raised in the waiting thread
                self._failure = error
            finally:
                self._ready.set()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        port, dns_port = self._ports
        await run(
            self._scenario,
            port=port,
            dns_port=dns_port,
            directory=self.directory,
            stop=self._stop,
            ready=self._opened,
        )

    def _opened(self, internet: Internet) -> None:
        self._internet = internet
        self._ready.set()


def tlsa_records(
    scenario: Scenario, identities: Mapping[str, Identity], port: int
) -> Iterator[Record]:
    """The TLSA records of the hosts that have some (RFC 6698), by their certificates."""
    for host in scenario.hosts:
        digest = identities[host.name].certificate.fingerprint(SHA256()).hex()
        value = {
            "match": f"3 0 1 {digest}",
            "mismatch": f"3 0 1 {'00' * 32}",
            "unusable": f"1 0 1 {digest}",  # PKIX-EE says nothing to SMTP (RFC 7672 3.1.3)
        }.get(host.dane)
        if value is not None:
            yield Record(f"_{port}._tcp.{host.name}", "TLSA", value)


async def _free_port(scenario: Scenario) -> int:
    """A port that is free on the first host."""
    first = next(host.address for host in scenario.hosts if not host.down)
    server = await asyncio.start_server(lambda _reader, _writer: None, first, 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    return port


async def _end_sessions() -> None:
    """Sessions still open are cut; their clients see a lost connection."""
    current = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not current]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _sentence(what: str, where: str, port: int, error: OSError) -> str:
    variable = f"DNS_SERVERS={where}:{port + 1}" if what == "DNS" else f"SMTP_PORT={port + 1}"
    return (
        f"The sandbox cannot listen for {what} on {where}, port {port} ({error.strerror}); "
        f"stop what uses it, or choose another port: {variable}."
    )
