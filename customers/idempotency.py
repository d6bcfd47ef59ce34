"""Answers kept for repeated requests, so that a change asked for twice is made once.

The pattern of draft-ietf-httpapi-idempotency-key-header: the client makes up a word for a change
and sends it again when it did not see the answer.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection

from customers.models import ApiKey, KeptAnswer

KEPT_FOR: Final = timedelta(hours=24)
MOST_CHARACTERS: Final = 255


class AnotherRequest(ValueError):
    """The word was used for a request that differs from this one."""


class UnderWay(RuntimeError):
    """A request with that word is being worked on now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, content (JSON text) and Location of what was answered."""

    status: int
    content: str
    location: str = ""


def fingerprint(*, method: str, path: str, content: Any) -> str:
    """SHA-256 of a request; JSON that differs only in order and blanks is the same. Pure."""
    text = json.dumps([method, path, content], sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def begin(*, key: ApiKey, word: str, fingerprint: str, now: datetime) -> Answer | None:
    """What this key was answered to the same request before; None for the first.

    Belongs into the transaction of the change: the lock that it takes ends with it. Raises
    AnotherRequest and UnderWay.
    """
    if not _locked(f"{key.pk}:{word}"):
        raise UnderWay(word)
    KeptAnswer.objects.filter(key=key, word=word, created_at__lte=now - KEPT_FOR).delete()
    kept = KeptAnswer.objects.filter(key=key, word=word).first()
    if kept is None:
        return None
    if kept.fingerprint != fingerprint:
        raise AnotherRequest(word)
    return Answer(kept.status, kept.content, kept.location)


def keep(*, key: ApiKey, word: str, fingerprint: str, answer: Answer, now: datetime) -> None:
    """Remember an answer; in the same transaction as its `begin`."""
    KeptAnswer.objects.create(
        key=key,
        word=word,
        fingerprint=fingerprint,
        status=answer.status,
        content=answer.content,
        location=answer.location,
        created_at=now,
    )


def forget(*, now: datetime) -> int:
    """Delete what is older than a day; how many."""
    old = KeptAnswer.objects.filter(created_at__lte=now - KEPT_FOR)
    counts: Mapping[str, int] = old.delete()[1]
    return sum(counts.values())


def _locked(name: str) -> bool:
    digest = hashlib.sha256(f"idempotency:{name}".encode()).digest()
    number = int.from_bytes(digest[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])
