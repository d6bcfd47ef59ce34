"""The journal: each final reply, in a stream in Valkey, until its rows are in PostgreSQL.

Outcomes are written to PostgreSQL in bulk, so a worker that dies takes some with it that no row
tells of, and their messages would be sent again. Therefore each is written here first, before the
next message is begun on its connection, and deleted when its bulk is committed. What is left
behind, `replay` records. Valkey may lose it all: then the outcomes still come from the memory of
the workers, unless they die in the same moment.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, cast

import redis
from django.conf import settings

from delivery import outcomes, unstored
from delivery.outcomes import Carrier, Result
from wire import replies
from wire.outcomes import Outcome, Phase, Reply, Verdict

log = logging.getLogger(__name__)

KEY = "hatobin:journal"
FORM = 2  # of an entry; one of another form cannot be read
# How old an entry is before somebody else than its writer looks at it. Writers need half a second.
GRACE_SECONDS = 2.0
PAGE = 500
# Valkey answers within microseconds, or it does not answer at all.
ANSWER_SECONDS = 1.0
# After a failure, so long nothing is tried: a batch must not wait again for each of its letters.
PAUSE_SECONDS = 1.0

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_XADD = b"*5\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n$1\r\n*\r\n$1\r\nr\r\n" % (len(KEY), KEY.encode())


@dataclass(frozen=True, slots=True)
class Entry:
    """What is left in the journal: one outcome, its route, and the claim under which it was got."""

    token: str
    carrier: Carrier
    result: Result


class Journal:
    """The writing side: one connection of its own. Used by the loop and by recorders' threads."""

    def __init__(self, url: str) -> None:
        pool = redis.ConnectionPool.from_url(
            url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        )
        self._connection: Any = pool.make_connection()  # redis-py gives it no types
        self._lock = threading.Lock()
        self._pause_ends = 0.0

    def write(self, data: bytes) -> bytes | None:
        """Append; its id once the server has it. None: Valkey cannot be reached now."""
        command = b"%b$%d\r\n%b\r\n" % (_XADD, len(data), data)
        return cast("bytes | None", self._ask(command))

    def delete(self, ids: Sequence[bytes]) -> None:
        """Take out what is recorded. What stays because Valkey is away, `replay` takes out."""
        if ids:
            self._ask(*self._connection.pack_command("XDEL", KEY, *ids))

    def close(self) -> None:
        self._connection.disconnect()

    def _ask(self, *packed: bytes) -> object:
        with self._lock:
            if time.monotonic() < self._pause_ends:
                return None
            try:
                return self._answer(packed)
            except redis.RedisError as error:
                log.warning("The outcome journal in Valkey cannot be written: %s", error)
                self._connection.disconnect()
                self._pause_ends = time.monotonic() + PAUSE_SECONDS
                return None

    def _answer(self, packed: Sequence[bytes]) -> object:
        """Of a server that was restarted meanwhile, too: its first answer is a broken connection.

        An entry that is written twice by this is recorded once.
        """
        was_connected = self._connection.is_connected
        try:
            self._connection.send_packed_command(packed, check_health=False)
            return self._connection.read_response()
        except redis.ConnectionError:
            if not was_connected:
                raise
            self._connection.disconnect()
            self._connection.send_packed_command(packed, check_health=False)
            return self._connection.read_response()


def journal() -> Journal:
    """The journal of this process."""
    return _journal(settings.REDIS_URL, os.getpid())  # a forked child has no share in the parent's


@lru_cache(maxsize=1)
def _journal(url: str, _pid: int) -> Journal:
    return Journal(url)


def pack(result: Result, *, carrier: Carrier, token: str) -> bytes:
    """One outcome as an entry's octets."""
    outcome, reply = result.outcome, result.outcome.reply
    values = (
        FORM, token, carrier.pool_id, carrier.ip_id, carrier.source, carrier.helo,
        result.attempt_id, result.delivery_id, result.mailing_id, result.customer_id,
        result.address, result.destination, result.attempts, result.envelope_sender,
        result.expires_at.isoformat(), _judged(result.judged), outcome.verdict, outcome.phase,
        (reply.code, reply.enhanced, reply.text) if reply else None, outcome.reason,
        outcome.mx_host, outcome.mx_address, outcome.tls, outcome.started.isoformat(),
        outcome.seconds, outcome.conversation,
    )  # fmt: skip
    return _encode(values).encode()


def unpack(data: bytes) -> Entry:
    """Raises ValueError when it was written by another version."""
    form, token, *rest = json.loads(data)
    if form != FORM or len(rest) != 24:
        raise ValueError(f"an entry of form {form} with {len(rest)} values")
    *facts, expires_at, judged = rest[4:14]
    values = [*facts, datetime.fromisoformat(expires_at), _outcome(rest[14:]), _verdict(judged)]
    return Entry(token, Carrier(*rest[:4]), Result(*values))


def _judged(verdict: replies.Verdict) -> tuple[str, ...]:
    """By hand: dataclasses.astuple would take longer than all the rest of an entry."""
    return (
        verdict.category, verdict.permanence, verdict.blamed, verdict.list, verdict.resource,
        verdict.lookup_url, verdict.rule,
    )  # fmt: skip


def _verdict(values: Sequence[str]) -> replies.Verdict:
    category, permanence, blamed, *named = values
    return replies.Verdict(category, replies.Permanence(permanence), replies.Party(blamed), *named)


def _outcome(values: Sequence[Any]) -> Outcome:
    verdict, phase, reply, reason, host, address, tls, started, seconds, conversation = values
    return Outcome(
        Verdict(verdict),
        Phase(phase),
        Reply(*reply) if reply else None,
        reason,
        mx_host=host,
        mx_address=address,
        tls=tls,
        started=datetime.fromisoformat(started),
        seconds=seconds,
        conversation=conversation,
    )


def replay(*, now: datetime, grace: float = GRACE_SECONDS) -> int:
    """Record what was left behind more than `grace` seconds ago; how many entries that were.

    Safe while their writer lives and records them too, and when two do it at once: see
    `outcomes.record`. Raises redis.RedisError when Valkey cannot be asked.
    """
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=10)
    with client:
        seconds, _ = client.time()  # the ids are of Valkey's clock
        last = f"{int((seconds - grace) * 1000)}" if grace else "+"
        done = 0
        while page := cast("list[tuple[bytes, Any]]", client.xrange(KEY, "-", last, count=PAGE)):
            lost = _record([fields[b"r"] for _, fields in page], now=now)
            unstored.set_aside(client, lost)
            client.xdel(KEY, *(identity for identity, _ in page))
            done += len(page)
    if done:
        log.warning("%d outcomes were found in the journal, left there by a lost worker.", done)
    return done


def _record(page: Iterable[bytes], *, now: datetime) -> list[bytes]:
    """By claim: what one statement writes has one token and one route. Those that cannot be stored
    come back.
    """
    entries, lost = _read(page)
    for (token, _), group in groupby(sorted(entries, key=_claim_of), key=_claim_of):
        found = list(group)
        results = [entry.result for entry in found]
        try:
            outcomes.record(results=results, carrier=found[0].carrier, token=token, now=now)
        except unstored.OF_THE_OUTCOME:
            lost += [
                pack(entry.result, carrier=entry.carrier, token=token)
                for entry in found
                if not _record_alone(entry, now=now)
            ]
    return lost


def _claim_of(entry: Entry) -> tuple[str, int]:
    return entry.token, entry.carrier.ip_id


def _read(page: Iterable[bytes]) -> tuple[list[Entry], list[bytes]]:
    """The entries, and those that cannot be read: they must not stand before all others for ever.

    Those of another version may be read by it again.
    """
    entries, lost = [], []
    for data in page:
        try:
            entries.append(unpack(data))
        except (ValueError, TypeError):
            log.exception("A journal entry cannot be read and is set aside: %r", data)
            lost.append(data)
    return entries, lost


def _record_alone(entry: Entry, *, now: datetime) -> bool:
    result, carrier = entry.result, entry.carrier
    try:
        outcomes.record(results=[result], carrier=carrier, token=entry.token, now=now)
    except unstored.OF_THE_OUTCOME as error:
        unstored.tell(error, delivery_id=result.delivery_id, pool_id=carrier.pool_id, now=now)
        return False
    return True
