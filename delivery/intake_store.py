"""Writing what came in: one commit for all that waits (group commit), off the event loop.

A sender hears 250 only when its mail is committed. While one commit is under way, what comes in
meanwhile gathers for the next: a thousand connections cost few commits, one costs no wait.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, takewhile

from django.db import connection, transaction

from delivery.recorder import AWAY

log = logging.getLogger(__name__)

# Of one commit, mails and octets: they are in memory, and all their senders wait for the last one.
MOST_AT_ONCE = 500
MOST_OCTETS = 16 * 2**20
# Octets that wait for commits while the database is slow; also of senders that have hung up.
MOST_WAITING = 256 * 2**20

_COLUMNS = (
    "id", "mail_id", "received_at", "due_at", "peer", "helo", "tls", "mail_from", "rcpt_to", "size",
    "raw",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Received:
    """One mail as it came; `mail_from` "" is the null sender.

    `rcpt_to` is its first recipient, `also_to` are the others.
    """

    received_at: datetime
    peer: str
    helo: str
    tls: str
    mail_from: str
    rcpt_to: str
    raw: bytes
    also_to: tuple[str, ...] = ()


class NotKept(Exception):
    """The database took nothing; whoever sent it has to keep it and come back."""


def write(batch: Sequence[Received]) -> None:
    """All or nothing, in one transaction. Raises what the database says.

    A row for each recipient; the first holds the octets, the others name it.
    """
    rows = sum(1 + len(mail.also_to) for mail in batch)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT hatobin_id('delivery_report_ids') FROM generate_series(1, %s)", [rows]
        )
        ids = iter([row[0] for row in cursor.fetchall()])
        with cursor.copy(f"COPY delivery_report ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
            for mail in batch:
                for row in _rows(mail, ids):
                    copy.write_row(row)


def _rows(mail: Received, ids: Iterator[int]) -> Iterator[tuple[object, ...]]:
    holder = None
    for recipient in (mail.rcpt_to, *mail.also_to):
        row_id = next(ids)
        yield (
            row_id, holder, mail.received_at, mail.received_at, mail.peer, _text(mail.helo),
            mail.tls, _text(mail.mail_from), _text(recipient), len(mail.raw),
            b"" if holder else mail.raw,
        )  # fmt: skip
        holder = holder or row_id


class Keeper:
    """Gathers what the connections hand over; one thread writes. Belongs to one event loop."""

    def __init__(self, write: Callable[[Sequence[Received]], None] = write) -> None:
        self._write = write
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._waiting: list[tuple[Received, asyncio.Future[None]]] = []
        self._round: asyncio.Task[None] | None = None
        self._octets = 0  # of those that wait and of those being written

    async def keep(self, mail: Received) -> None:
        """Returns when it is committed; raises NotKept, at once when too much is waiting."""
        if self._octets + len(mail.raw) > MOST_WAITING:
            raise NotKept("too much is waiting for the database already")
        self._octets += len(mail.raw)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((mail, future))
        if self._round is None:
            self._round = loop.create_task(self._write_all())
        await future

    async def close(self) -> None:
        """Once nobody hands over any more: the last round is finished, the thread ended."""
        if self._round is not None:
            await self._round
        await asyncio.get_running_loop().run_in_executor(self._thread, _close)
        self._thread.shutdown()

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                count = how_many([len(mail.raw) for mail, _future in self._waiting])
                batch, self._waiting = self._waiting[:count], self._waiting[count:]
                await self._write_one(batch)
                self._octets -= sum(len(mail.raw) for mail, _future in batch)
        finally:
            self._round = None

    async def _write_one(self, batch: Sequence[tuple[Received, asyncio.Future[None]]]) -> None:
        loop = asyncio.get_running_loop()
        mails = [mail for mail, _future in batch]
        try:
            await loop.run_in_executor(self._thread, self._write_checked, mails)
        except AWAY as error:
            log.warning("PostgreSQL cannot be reached, %s reports wait: %s", len(mails), error)
            failure: NotKept | None = NotKept(f"{len(mails)} reports were not written")
        except Exception:  # whatever it is, the senders wait for an answer
            log.exception("%s reports were not taken: they are not in the database.", len(mails))
            failure = NotKept(f"{len(mails)} reports were not written")
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


def how_many(sizes: Sequence[int]) -> int:
    """How many of the first mails, by their octets, fit in one commit; at least one."""
    sums = accumulate(sizes[:MOST_AT_ONCE])
    return max(1, sum(1 for _ in takewhile(lambda octets: octets <= MOST_OCTETS, sums)))


def _close() -> None:
    """That of the thread it is called in."""
    connection.close()


def _text(words: str) -> str:
    """What PostgreSQL stores as text: no NUL, no lone surrogates of undecodable octets."""
    return words.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
