"""From a claimed delivery to the letter that wire carries: envelope, and the message on demand."""

import logging
from collections.abc import Callable
from functools import partial

from django.utils import timezone

from delivery import composition
from delivery.claims import Claimed
from delivery.known import Known
from wire.addresses import parse
from wire.letters import Letter, TlsMode

log = logging.getLogger(__name__)


def letter_of(
    item: Claimed, *, known: Known, pool_id: int, needs_tls: bool, begin: Callable[[int], object]
) -> Letter:
    """`begin` is told the delivery's id before its message is rendered: from then on it may be
    sent. What comes from the database is read here, not inside the event loop.
    """
    address = parse(item.address)
    return Letter(
        key=item.id,
        sender=composition.envelope_sender(item.id, known.pool(pool_id).domain),
        recipient=address.mailbox,
        domain=address.domain,
        build=_builder(item, known, pool_id, begin),
        needs_smtputf8=address.needs_smtputf8,
        tls=TlsMode.required if needs_tls else None,
    )


def _builder(
    item: Claimed, known: Known, pool_id: int, begin: Callable[[int], object]
) -> Callable[[], bytes]:
    try:
        composer = composition.composer(item.mailing_id)
        signers = known.signers(pool_id)
    except Exception as error:  # noqa: BLE001 - one bad mailing must not take the lane's others down
        return _failing(item, error)
    domain = known.pool(pool_id).domain
    leave_by = composition.unsubscribe_address(item.id, domain) if composer.is_bulk else ""
    recipient = composition.Recipient(item.id, item.address, item.fields, item.queued_at, leave_by)

    def build() -> bytes:
        begin(item.id)
        try:
            return composer.message(recipient, signers, now=timezone.now())
        except Exception:
            log.exception("Delivery %s cannot be built", item.id)
            raise

    return build


def _failing(item: Claimed, error: Exception) -> Callable[[], bytes]:
    """For a mailing that cannot be composed: its letters are deferred as build-failed."""
    log.error("Mailing %s cannot be composed", item.mailing_id, exc_info=error)
    return partial(_fail, error)


def _fail(error: Exception) -> bytes:
    raise error
