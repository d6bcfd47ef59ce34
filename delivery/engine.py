"""What a worker process keeps from task to task: the event loop, the resolver, routes and keys.

Made on first use, after the fork, and thrown away with the process.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeVar

import dns.resolver
import uvloop
from django.conf import settings

from delivery import composition, facts, live, partitions, routing, tls_policies
from delivery.models import Pool
from wire import dkim
from wire.courier import Courier
from wire.dns import Resolver, is_loopback
from wire.letters import Policy, Relay, Source, TlsMode
from wire.security import Contexts
from wire.sts import Policies

T = TypeVar("T")

# Connections of one batch to all hosts together, where the destination sets no bound of its own.
MOST_SESSIONS = 50


class Engine:
    """One per worker process. Not shared between threads."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._resolver: Resolver | None = None
        self._contexts = Contexts(settings.TLS_AUTHORITIES)
        self._policies: Policies | None = None
        self._epoch = ""
        self._partitions_of: date | None = None
        self._table: routing.Table | None = None
        self._facts: facts.Facts | None = None
        self._pools: dict[int, Pool] = {}
        self._signers: dict[int, tuple[dkim.Signer, ...]] = {}

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the loop that stays: caches and timers of earlier tasks live on."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """End the loop; for tests and for the end of the process."""
        self._runner.close()

    @property
    def epoch(self) -> str:
        """The route epoch that `table` and the pools were read at."""
        return self._epoch

    def table(self) -> routing.Table:
        """The routes, read again when the epoch has moved."""
        epoch = live.epoch()
        if self._table is None or epoch != self._epoch:
            self._table, self._epoch = routing.table(), epoch
            self._facts = None
            self._pools.clear()
            self._signers.clear()
        return self._table

    def facts(self) -> facts.Facts:
        """Limits, shares and warm-ups, read again when the epoch has moved."""
        self.table()
        if self._facts is None:
            self._facts = facts.read()
        return self._facts

    def keep_partitions(self, now: datetime) -> None:
        """Once a day, also after a long stop: without its partition no attempt can be recorded."""
        today = now.astimezone(UTC).date()
        if self._partitions_of != today:
            partitions.ensure(now=now, ahead=settings.PARTITION_DAYS_AHEAD)
            self._partitions_of = today

    def pool(self, pool_id: int) -> Pool:
        if pool_id not in self._pools:
            self._pools[pool_id] = Pool.objects.select_related("domain", "relay").get(pk=pool_id)
        return self._pools[pool_id]

    def signers(self, pool_id: int) -> tuple[dkim.Signer, ...]:
        """The DKIM signers of a pool's domain, keys parsed once."""
        if pool_id not in self._signers:
            self._signers[pool_id] = composition.signers(self.pool(pool_id).domain)
        return self._signers[pool_id]

    def courier(
        self,
        pool_id: int,
        ip: routing.Ip,
        *,
        connections: int,
        letters: int,
        sessions: int = MOST_SESSIONS,
        pace: Callable[[], float] | None = None,
        admits: Callable[[str, Sequence[str]], bool] | None = None,
    ) -> Courier:
        """A courier from one IP; bounds are the destination's (see wire.letters.Policy)."""
        pool = self.pool(pool_id)
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
        if self._resolver is None:
            servers = settings.DNS_SERVERS or _system_nameservers()
            # What a nameserver of this very machine says of DNSSEC nobody can have changed.
            own = all(is_loopback(address) for address, _ in servers)
            self._resolver = Resolver(
                servers,
                loopback_only=settings.LOOPBACK_ONLY,
                validating=settings.DNS_VALIDATING or own,
            )
        return self._resolver

    def _sts(self) -> Policies:
        if self._policies is None:
            self._policies = tls_policies.policies(self._resolve(), self._contexts)
        return self._policies


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
