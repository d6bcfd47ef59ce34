"""The intake as a process: listens until it is told to stop, and keeps its directory fresh."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from django.conf import settings
from django.db import connection

from delivery.intake import Desk, Limits, listen
from delivery.intake_addresses import Directory
from delivery.intake_store import Keeper
from delivery.models import SendingDomain
from delivery.recorder import AWAY, PATIENCE_SECONDS

log = logging.getLogger(__name__)

# A new sending domain gets its bounces after so many seconds at the latest; its mail takes longer.
FRESH_SECONDS = 10.0
# How long sessions may finish their message when the process is told to stop.
LAST_SECONDS = 3.0


def directory() -> Directory:
    """As the database has it now."""
    rows = SendingDomain.objects.values_list("name", "envelope_domain")
    domains = {(name.lower(), envelope.lower()) for name, envelope in rows}
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return Directory(
        bounce_domains=frozenset(envelope for _name, envelope in domains),
        other_domains=frozenset(name for name, _envelope in domains),
        keys=[key.encode() for key in keys],
    )


def limits() -> Limits:
    """As the settings have it."""
    return Limits(
        size=settings.INTAKE_SIZE_LIMIT_MB * 2**20,
        connections=settings.INTAKE_CONNECTIONS,
        per_peer=settings.INTAKE_CONNECTIONS_PER_PEER,
        timeout=settings.INTAKE_TIMEOUT,
    )


def certificate() -> ssl.SSLContext | None:
    """None without one. OSError (of which ssl.SSLError is one) when the files cannot be used."""
    if not settings.INTAKE_CERTIFICATE:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.INTAKE_CERTIFICATE, settings.INTAKE_CERTIFICATE_KEY)
    return context


async def run(*, stop: asyncio.Event, ready: Callable[[int], None]) -> None:
    """Serve until `stop` is set; `ready` hears the port.

    At the beginning PostgreSQL is waited for; OperationalError when that takes too long. OSError
    when it cannot listen.
    """
    first = await _when_it_answers(stop)
    if first is None:
        return
    held = Held(first)
    keeper = Keeper()
    server = await _listen(Desk(keeper, held.get))
    fresh = asyncio.create_task(held.keep_fresh())
    ready(server.sockets[0].getsockname()[1])
    try:
        await stop.wait()
    finally:
        server.close()
        fresh.cancel()
        await _end_sessions(fresh)
        await keeper.close()


async def _listen(desk: Desk) -> asyncio.Server:
    return await listen(
        host=settings.INTAKE_HOST,
        port=settings.INTAKE_PORT,
        name=settings.INTAKE_NAME or "localhost",
        limits=limits(),
        desk=desk,
        context=certificate(),
    )


class Held:
    """The directory that sessions ask, replaced as a whole."""

    def __init__(self, first: Directory) -> None:
        self._directory = first

    def get(self) -> Directory:
        return self._directory

    async def keep_fresh(self) -> None:
        """For ever. While the database is away, the last one holds."""
        while True:
            await asyncio.sleep(FRESH_SECONDS)
            try:
                self._directory = await asyncio.to_thread(_ask)
            except AWAY as error:
                log.warning(
                    "PostgreSQL cannot be reached, the last sending domains hold: %s", error
                )
            except Exception:
                log.exception("The sending domains could not be read again; the last ones hold.")


async def _when_it_answers(stop: asyncio.Event) -> Directory | None:
    """The first directory, as soon as PostgreSQL gives it; None when told to stop before that.

    With a pool, one try takes as long as the pool waits for a connection.
    """
    ends, wait = monotonic() + PATIENCE_SECONDS, 0.05
    while not stop.is_set():
        try:
            return await asyncio.to_thread(_ask)
        except AWAY as error:
            if monotonic() + wait > ends:
                raise
            log.warning("PostgreSQL cannot be reached, trying again: %s", str(error).strip())
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)
        wait = min(1.0, wait * 2)
    return None


def _ask() -> Directory:
    """In a thread of the pool, whose connection nobody else closes."""
    try:
        return directory()
    finally:
        connection.close()


async def _end_sessions(*done: asyncio.Task[None]) -> None:
    """What is being stored is answered; then the rest is cut, and its senders come back."""
    mine = {asyncio.current_task(), *done}
    tasks = [task for task in asyncio.all_tasks() if task not in mine]
    if tasks:
        _ended, open_still = await asyncio.wait(tasks, timeout=LAST_SECONDS)
        for task in open_still:
            task.cancel()
        await asyncio.gather(*open_still, return_exceptions=True)
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*done)
