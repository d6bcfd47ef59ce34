"""Making mailings and moving them through their states."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from celery import current_app
from django.conf import settings
from django.db import transaction

from customers import audit
from customers.models import Customer, RecipientList
from delivery import announcements, composition, partitions, recipients
from delivery.drafts import (
    Draft,
    Given,
    MailingRefused,
    Problem,
    problems_of,
    recipient_problems,
    time_problems,
)
from delivery.models import Mailing, MailingAttachment, MailingRecipient
from delivery.states import MAILING_MOVES, MailingState

log = logging.getLogger(__name__)

RELEASE_TASK = "delivery.tasks.release"
# Released by programs of their own: more given recipients than this, and all lists.
LARGE = 1000
LONG_QUEUE = "long"


class WrongState(RuntimeError):
    """A mailing is not in a state that allows the move. `str()` is English, for logs."""

    def __init__(self, before: MailingState, to: MailingState) -> None:
        super().__init__(f"A mailing that is {before.value} cannot become {to.value}.")
        self.before = before
        self.to = to


def create(
    *,
    customer: Customer,
    draft: Draft,
    lists: Sequence[RecipientList] = (),
    given: Sequence[Given] = (),
    scheduled_at: datetime | None = None,
    by: audit.Actor,
    now: datetime,
) -> Mailing:
    """Check a draft and store it, to be released at `scheduled_at` (default: now).

    Raises MailingRefused with every problem found; then nothing was stored or queued.
    """
    addresses, problems = recipient_problems(given)
    list_problems = _list_problems(customer, lists, given)
    problems += [*list_problems, *time_problems(scheduled_at, now=now)]
    problems += problems_of(
        draft,
        known=None if list_problems else _known_fields(lists, given),
        attachment_limit=settings.ATTACHMENT_LIMIT_MB * 1_000_000,
    )
    if problems:
        refusal = MailingRefused(problems)
        log.warning("Mailing of %s not queued: %s", customer.slug, refusal)
        raise refusal
    with transaction.atomic():
        mailing = _store(customer, draft, scheduled_at or now, by, now)
        mailing.lists.set(lists)
        if given:
            recipients.store_given(mailing_id=mailing.pk, given=given, addresses=addresses)
        _audit(mailing, "mailing.create", by, now, after=MailingState.SCHEDULED)
        if mailing.scheduled_at <= now:
            # robust: without Redis the mailing waits for the look at those that are due.
            transaction.on_commit(partial(enqueue_release, mailing.pk), robust=True)
    return mailing


def enqueue_release(mailing_id: int) -> None:
    """Send the task; that of a large mailing to where it holds up nobody else's."""
    queue = LONG_QUEUE if _is_large(mailing_id) else None
    current_app.send_task(RELEASE_TASK, kwargs={"mailing_id": mailing_id}, queue=queue)


def _is_large(mailing_id: int) -> bool:
    given = MailingRecipient.objects.filter(mailing=mailing_id)
    lists = RecipientList.objects.filter(mailings=mailing_id)
    return lists.exists() or given[LARGE : LARGE + 1].exists()


def _store(
    customer: Customer, draft: Draft, scheduled_at: datetime, by: audit.Actor, now: datetime
) -> Mailing:
    mailing = Mailing.objects.create(
        customer=customer,
        kind=draft.kind,
        subject=draft.subject,
        from_name=draft.from_name,
        from_address=draft.from_address,
        reply_to=draft.reply_to,
        text=draft.text,
        html=draft.html,
        headers=[list(header) for header in draft.headers],
        charset=draft.charset,
        needs_tls=draft.needs_tls,
        scheduled_at=scheduled_at,
        created_by=audit.person_of(by),
        created_at=now,
    )
    MailingAttachment.objects.bulk_create(
        MailingAttachment(
            mailing=mailing,
            file_name=attachment.filename,
            content_type=attachment.content_type,
            data=attachment.data,
            size=len(attachment.data),
        )
        for attachment in draft.attachments
    )
    return mailing


def _list_problems(
    customer: Customer, lists: Sequence[RecipientList], given: Sequence[Given]
) -> list[Problem]:
    if not lists and not given:
        return [Problem("lists", "no-recipients")]
    found = []
    for chosen in lists:
        if chosen.customer_id != customer.pk:
            found.append(Problem("lists", "foreign-list"))
        elif not chosen.contacts.exists():
            found.append(Problem("lists", "empty-list", {"list": chosen.name}))
    return found


def _known_fields(lists: Sequence[RecipientList], given: Sequence[Given]) -> frozenset[str]:
    """The merge fields that every list and every given recipient has."""
    sources = [frozenset(chosen.fields) for chosen in lists]
    sources += [frozenset(names) for names in {tuple(sorted(item.fields)) for item in given}]
    return frozenset.intersection(*sources) if sources else frozenset()


# States in which running batches must not go on. Others need no word to the workers: each claim
# reads which mailings are being sent.
_STOPPING = frozenset({MailingState.PAUSED, MailingState.CANCELLED})


def move(
    *, mailing_id: int, to: MailingState, by: audit.Actor, now: datetime, why: str = ""
) -> MailingState:
    """Change the state; returns the former one. Raises WrongState when it does not allow that."""
    allowed = [state for state, targets in MAILING_MOVES.items() if to in targets]
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update().get(pk=mailing_id)
        before = MailingState(mailing.state)
        if before not in allowed:
            raise WrongState(before, to)
        # A cancelled mailing is finished when its last delivery is: see closing.
        changed = {"state": to} | ({"finished_at": now} if to == MailingState.DONE else {})
        Mailing.objects.filter(pk=mailing_id).update(**changed)
        _audit(mailing, "mailing.move", by, now, before=before, after=to, why=why)
        if to in _STOPPING:
            announcements.make()
    return before


def pause(*, mailing_id: int, by: audit.Actor, now: datetime, why: str = "") -> None:
    """Stop claiming; running batches stop within a second. Open deliveries stay open."""
    move(mailing_id=mailing_id, to=MailingState.PAUSED, by=by, now=now, why=why)


def resume(*, mailing_id: int, by: audit.Actor, now: datetime) -> None:
    """Go on after a pause."""
    move(mailing_id=mailing_id, to=MailingState.SENDING, by=by, now=now)


def cancel(*, mailing_id: int, by: audit.Actor, now: datetime, why: str = "") -> None:
    """End a mailing. `closing.close_cancelled` ends what is not on the wire now."""
    move(mailing_id=mailing_id, to=MailingState.CANCELLED, by=by, now=now, why=why)


def due(*, now: datetime) -> list[int]:
    """Ids of scheduled mailings whose time has come, and of releases that a crash cut short."""
    waiting = Mailing.objects.filter(state=MailingState.SCHEDULED, scheduled_at__lte=now)
    return list(waiting.order_by("scheduled_at").values_list("id", flat=True))


def release(*, mailing_id: int, now: datetime) -> recipients.Expansion | None:
    """Write the deliveries and let workers claim them. None when it was not waiting any more.

    One transaction: after a crash the mailing is still scheduled and nothing of it exists.
    """
    partitions.ensure(now=now, ahead=settings.PARTITION_DAYS_AHEAD)
    with transaction.atomic():
        mailing = Mailing.objects.select_for_update(skip_locked=True).filter(pk=mailing_id).first()
        if mailing is None or mailing.state != MailingState.SCHEDULED or mailing.scheduled_at > now:
            return None
        move(mailing_id=mailing.pk, to=MailingState.PREPARING, by="release", now=now)
        used = composition.fields_of(mailing)
        expansion = recipients.expand(mailing=mailing, used_fields=used, now=now)
        Mailing.objects.filter(pk=mailing.pk).update(
            released_at=now,
            expires_at=now + timedelta(seconds=settings.RETRY_LIMIT),
            first_delivery=expansion.first,
            last_delivery=expansion.last,
            handed_in=expansion.handed_in,
            duplicates=expansion.duplicates,
        )
        move(mailing_id=mailing.pk, to=MailingState.SENDING, by="release", now=now)
    return expansion


def _audit(mailing: Mailing, verb: str, by: audit.Actor, now: datetime, **more: str) -> None:
    audit.record(
        verb=verb,
        subject=f"mailing:{mailing.pk}",
        customer_id=mailing.customer_id,
        by=by,
        now=now,
        **more,  # type: ignore[arg-type]
    )
