"""Writing what came in: one commit for all that waits (group commit), off the event loop.

A sender hears 250 only when its mail is committed. While one commit is under way, what comes in
meanwhile gathers for the next: a thousand connections cost few commits, one costs no wait.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

log = logging.getLogger(__name__)

# Of one commit: its rows are in memory, and all their senders wait for the last one.
MOST_AT_ONCE = 500

_COLUMNS = (
    "received_at", "due_at", "peer", "helo", "tls", "mail_from", "rcpt_to", "size", "raw",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Received:
    """One mail for one of its recipients, as it came; `mail_from` "" is the null sender."""

    received_at: datetime
    peer: str
    helo: str
    tls: str
    mail_from: str
    rcpt_to: str
    raw: bytes


class NotKept(Exception):
    """The database took nothing; whoever sent it has to keep it and come back."""


def write(batch: Sequence[Received]) -> None:
    """All or nothing, in one transaction. Raises what the database says."""
    with transaction.atomic(), connection.cursor() as cursor:
        statement = f"COPY delivery_report ({', '.join(_COLUMNS)}) FROM STDIN"
        with cursor.copy(statement) as copy:
            for mail in batch:
                copy.write_row(
                    (
                        mail.received_at, mail.received_at, mail.peer, _text(mail.helo), mail.tls,
                        _text(mail.mail_from), _text(mail.rcpt_to), len(mail.raw), mail.raw,
                    )
                )  # fmt: skip


class Keeper:
    """Gathers what the connections hand over; one thread writes. Belongs to one event loop."""

    def __init__(self, write: Callable[[Sequence[Received]], None] = write) -> None:
        self._write = write
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._waiting: list[tuple[Received, asyncio.Future[None]]] = []
        self._round: asyncio.Task[None] | None = None

    async def keep(self, mails: Sequence[Received]) -> None:
        """Returns when they are committed; raises NotKept."""
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in mails]
        self._waiting += zip(mails, futures, strict=True)
        if self._round is None:
            self._round = loop.create_task(self._write_all())
        for done in await asyncio.gather(*futures, return_exceptions=True):
            if isinstance(done, BaseException):
                raise done

    async def close(self) -> None:
        """Once nobody hands over any more: the last round is finished, the thread ended."""
        if self._round is not None:
            await self._round
        await asyncio.get_running_loop().run_in_executor(self._thread, _close)
        self._thread.shutdown()

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:MOST_AT_ONCE]
                del self._waiting[:MOST_AT_ONCE]
                await self._write_one(batch)
        finally:
            self._round = None

    async def _write_one(self, batch: Sequence[tuple[Received, asyncio.Future[None]]]) -> None:
        loop = asyncio.get_running_loop()
        mails = [mail for mail, _future in batch]
        try:
            await loop.run_in_executor(self._thread, self._write_checked, mails)
        except Exception:  # whatever it is, the senders wait for an answer
            log.exception("%s reports were not taken: they are not in the database.", len(mails))
            failure: NotKept | None = NotKept(f"{len(mails)} reports were not written")
        else:
            failure = None
        for _mail, future in batch:
            if future.done():  # its connection is gone
                continue
            if failure is None:
                future.set_result(None)
            else:
                future.set_exception(failure)

    def _write_checked(self, mails: Sequence[Received]) -> None:
        """In the thread. A connection that broke is not used again."""
        try:
            self._write(mails)
        except Exception:
            connection.close()
            raise


def _close() -> None:
    """That of the thread it is called in."""
    connection.close()


def _text(words: str) -> str:
    """What PostgreSQL stores as text: no NUL, no lone surrogates of undecodable octets."""
    return words.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
