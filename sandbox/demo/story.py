"""What the demo does: lists are imported, two mailings are made, their progress is watched."""

import os
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from customers import imports
from customers.models import Basis, Customer, ImportBatch, RecipientList
from delivery import mailings
from delivery.models import Mailing
from delivery.states import MAILING_MOVES, MailingState
from sandbox.demo import newsletters, people, platform

Say = Callable[[str], None]

FILES = {
    "asagao": people.upload(
        "会員一覧.csv", people.recipients(6000, seed=1), encoding="utf-8-sig", extra=people.DOTTED
    ),
    "botan": people.upload(
        "顧客リスト.csv", people.recipients(3491, seed=2), encoding="iso2022_jp"
    ),
    "chidori": people.upload(
        "キャンペーン応募者.csv", people.recipients(500, seed=3), encoding="cp932",
        extra=people.BROKEN,
    ),
}  # fmt: skip
MAILINGS = {"asagao": newsletters.ASAGAO, "botan": newsletters.BOTAN}


def password(directory: Path) -> str:
    """The demo's password, made once and kept where only this user reads it."""
    path = directory / "demo_password"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(8))
    return path.read_text(encoding="ascii").strip()


def load(*, now: datetime, password: str, say: Say) -> list[int]:
    """Build the platform, import the lists, make the mailings; their ids."""
    customers = platform.build(now=now, password=password)
    lists = {slug: _import(customer, now, say) for slug, customer in customers.items()}
    made = []
    for slug, draft in MAILINGS.items():
        mailing = mailings.create(
            customer=customers[slug], draft=draft, lists=[lists[slug]], by=platform.BY, now=now
        )
        say(f"Mailing {mailing.pk} of {customers[slug].name}: {draft.subject}")
        made.append(mailing.pk)
    return made


def _import(customer: Customer, now: datetime, say: Say) -> RecipientList:
    file = FILES[customer.slug]
    recipient_list, _ = RecipientList.objects.get_or_create(
        customer=customer, name=file.name.removesuffix(".csv")
    )
    batch = imports.accept(
        recipient_list=recipient_list,
        file=SimpleUploadedFile(file.name, file.data),
        basis=Basis.OPT_IN,
        by=platform.BY,
        now=now,
    )
    batch = imports.run(batch_id=batch.pk, now=now)
    say(_summary(batch))
    recipient_list.refresh_from_db()
    return recipient_list


def _summary(batch: ImportBatch) -> str:
    return (
        f"Imported {batch.file_name} ({batch.encoding}): {batch.added} added, "
        f"{batch.updated} updated, {batch.rejected} rows rejected"
    )


class Watch:
    """Tells how the mailings go; true once every recipient is in a final state."""

    def __init__(self, mailing_ids: list[int], *, say: Say, limit: float) -> None:
        self._ids = mailing_ids
        self._say = say
        self._limit = limit
        self._begun = timezone.now()
        self._told = 0.0

    def is_over(self) -> bool:
        """Ask once; also true when the time limit has passed."""
        seconds = (timezone.now() - self._begun).total_seconds()
        states = set(Mailing.objects.filter(pk__in=self._ids).values_list("state", flat=True))
        ended = all(not MAILING_MOVES[MailingState(state)] for state in states)
        if ended or seconds - self._told >= 5:
            self._told = seconds
            self._say(self._progress(seconds))
        return ended or seconds > self._limit

    def _progress(self, seconds: float) -> str:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FILTER (WHERE state NOT IN ('queued', 'sending', 'deferred')),"
                " count(*) FILTER (WHERE state IN ('accepted', 'bounced')),"
                " count(*) FILTER (WHERE state = 'bounced'), count(*)"
                " FROM delivery_delivery WHERE mailing_id = ANY(%s)",
                [self._ids],
            )
            final, accepted, bounced, total = cursor.fetchone()
        return (
            f"{seconds:4.0f} s: {final} of {total} recipients final, {accepted} accepted, "
            f"{bounced} of these bounced later"
        )
