"""What a worker process keeps from task to task: the event loop, the resolver, routes and keys.

Made on first use, after the fork, and thrown away with the process. The loop has a thread of its
own; the lanes' threads hand it what goes over the network, and wait without holding anything up.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeVar

import dns.resolver
import uvloop
from django.conf import settings

from delivery import known, live, partitions, routing, tls_policies
from delivery.models import Pool
from wire.courier import Courier
from wire.dns import Resolver, is_loopback
from wire.letters import Policy, Relay, Source, TlsMode
from wire.security import Contexts
from wire.sts import Policies

T = TypeVar("T")

# Connections of one batch to all hosts together, where the destination sets no bound of its own.
MOST_SESSIONS = 50


class Engine:
    """One per worker process, shared by the threads of its lanes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._resolver: Resolver | None = None
        self._contexts = Contexts(settings.TLS_AUTHORITIES)
        self._policies: Policies | None = None
        self._known: known.Known | None = None
        self._partitions_of: date | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the loop that stays: caches and timers of earlier batches live on. Waits."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._running_loop()).result()

    def close(self) -> None:
        """End the loop; for tests and for the end of the process."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = uvloop.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="network", daemon=True
                )
                self._thread.start()
            return self._loop

    def known(self) -> known.Known:
        """Routes, limits and keys; read again when the epoch has moved."""
        epoch = live.epoch()
        with self._lock:
            if self._known is None or self._known.epoch != epoch:
                self._known = known.read(epoch)
            return self._known

    def keep_partitions(self, now: datetime) -> None:
        """Once a day, also after a long stop: without its partition no attempt can be recorded."""
        today = now.astimezone(UTC).date()
        if self._partitions_of != today:
            partitions.ensure(now=now, ahead=settings.PARTITION_DAYS_AHEAD)
            self._partitions_of = today

    def courier(
        self,
        pool: Pool,
        ip: routing.Ip,
        *,
        connections: int,
        letters: int,
        sessions: int = MOST_SESSIONS,
        pace: Callable[[], float] | None = None,
        admits: Callable[[str, Sequence[str]], bool] | None = None,
    ) -> Courier:
        """A courier from one IP; bounds are the destination's (see wire.letters.Policy)."""
        policy = Policy(
            port=settings.SMTP_PORT,
            tls=TlsMode(pool.tls),
            tls_minimum=ssl.TLSVersion[pool.tls_minimum.replace(".", "_")],
            max_connections=connections,
            max_sessions=sessions,
            messages_per_connection=letters,
            pace=pace,
            admits=admits,
            loopback_only=settings.LOOPBACK_ONLY,
            # A password goes to nobody but the relay whose name the certificate proves.
            verify_tls=pool.relay is not None and bool(pool.relay.username),
            connect_timeout=settings.SMTP_CONNECT_TIMEOUT,
            command_timeout=settings.SMTP_COMMAND_TIMEOUT,
        )
        return Courier(
            resolver=self._resolve(),
            source=Source(ip.address, ip.helo),
            policy=policy,
            relay=_relay(pool),
            contexts=self._contexts,
            policies=self._sts(),
        )

    def _resolve(self) -> Resolver:
        with self._lock:
            if self._resolver is None:
                self._resolver = new_resolver()
            return self._resolver

    def _sts(self) -> Policies:
        with self._lock:
            if self._policies is None:
                self._policies = tls_policies.policies(self._resolve(), self._contexts)
            return self._policies


def new_resolver() -> Resolver:
    """One that asks the servers of the settings, and has nothing in its memory yet."""
    servers = settings.DNS_SERVERS or _system_nameservers()
    # What a nameserver of this very machine says of DNSSEC nobody can have changed.
    own = all(is_loopback(address) for address, _ in servers)
    return Resolver(
        servers,
        loopback_only=settings.LOOPBACK_ONLY,
        validating=settings.DNS_VALIDATING or own,
    )


def _system_nameservers() -> list[tuple[str, int]]:
    """Those of resolv.conf."""
    return [(str(address), 53) for address in dns.resolver.Resolver().nameservers]


def _relay(pool: Pool) -> Relay | None:
    if pool.relay is None:
        return None
    relay = pool.relay
    return Relay(relay.host, relay.port, relay.tls, relay.username, relay.password)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The engine of this process."""
    return Engine()
