"""From a mailing and one delivery to the octets that go out: merged, encoded, signed."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from django.conf import settings

from customers import unsubscribes
from delivery.composers import Shelf
from delivery.drafts import Draft
from delivery.models import DkimKey, Mailing, MailingKind, SendingDomain
from wire import addresses, dkim, mime, tokens

# The delivery's id in base 36 (36**13 is over 2**63) and its mark.
_MESSAGE_ID = re.compile(r"(?ai)<?([0-9a-z]{6,13})\.([a-z2-7]{16})@[^@<>\s]+>?")
_PURPOSE = "message-id"


@dataclass(frozen=True, slots=True)
class Recipient:
    """What a message depends on: one delivery, without its state."""

    delivery_id: int
    address: str
    fields: Mapping[str, str]
    queued_at: datetime
    leave_by: str = ""  # address to which an opt-out may be mailed


@dataclass(frozen=True, slots=True)
class Composer:
    """A mailing ready to be rendered for one recipient after another."""

    mailing_id: int
    customer_id: int
    is_bulk: bool
    sender_domain: str
    compiled: mime.Compiled
    octets: int  # about what it takes in memory

    def message(
        self, recipient: Recipient, signers: Sequence[dkim.Signer], *, now: datetime
    ) -> bytes:
        """The whole message with its DKIM signatures.

        Message-ID and Date depend on the delivery only: a retry repeats them, so a receiver (and
        our own reconciliation) can tell a duplicate.
        """
        to = addresses.parse(recipient.address)
        token = unsubscribes.token(self._opt_out(to))
        link = unsubscribes.link(token)
        rendered = self.compiled.render(
            to=to,
            values={**recipient.fields, "email": to.text, "unsubscribe_url": link},
            message_id=message_id(recipient.delivery_id, self.sender_domain),
            date=recipient.queued_at,
            headers=_list_headers(link, token, recipient.leave_by) if self.is_bulk else (),
        )
        signatures = b"".join(signer.sign(rendered.data, now=now) for signer in signers)
        return signatures + rendered.data

    def _opt_out(self, to: addresses.Address) -> unsubscribes.OptOut:
        return unsubscribes.OptOut(self.customer_id, self.mailing_id, to.key)


def message_id(delivery_id: int, domain: str) -> str:
    """`<id.mark@domain>`: the delivery's id in base 36, and what proves that we wrote it."""
    mark = tokens.mark(delivery_id, purpose=_PURPOSE, key=settings.SECRET_KEY.encode())
    return f"<{_base36(delivery_id)}.{mark}@{domain}>"


def read_message_id(text: str) -> int | None:
    """The delivery id in a Message-ID that `message_id` made; None for others. Old keys count."""
    found = _MESSAGE_ID.fullmatch(text.strip())
    number = int(found[1], 36) if found else 0
    if found is None or number >= 2**63:
        return None
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if tokens.is_marked(number, found[2], purpose=_PURPOSE, key=key.encode()):
            return number
    return None


def seems_ours(text: str) -> bool:
    """Whether a Message-ID has the form of ours, be it signed rightly or not."""
    return _MESSAGE_ID.fullmatch(text.strip()) is not None


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"


def _list_headers(link: str, token: str, leave_by: str) -> tuple[tuple[str, str], ...]:
    """One-click unsubscribe (RFC 8058); by mail for programs that know no other way (RFC 2369).

    A program takes the first way that it knows (RFC 2369 section 2). The subject of the mail has
    the link's token, which names the address itself: it works when the delivery is long gone.
    """
    mailed = f", <mailto:{leave_by}?subject=unsubscribe%20{token}>" if leave_by else ""
    return (
        ("List-Unsubscribe", f"<{link}>{mailed}"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )


def draft_of(mailing: Mailing, *, with_files: bool = True) -> Draft:
    """The content of a stored mailing; without its attachments where only the words matter."""
    files = mailing.attachments.order_by("id") if with_files else ()
    return Draft(
        subject=mailing.subject,
        from_address=mailing.from_address,
        text=mailing.text,
        html=mailing.html,
        from_name=mailing.from_name,
        reply_to=mailing.reply_to,
        headers=tuple((name, value) for name, value in mailing.headers),
        charset=cast("Literal['auto', 'utf-8', 'iso-2022-jp']", mailing.charset),
        kind=cast("Literal['bulk', 'transactional']", mailing.kind),
        needs_tls=mailing.needs_tls,
        attachments=tuple(
            mime.Attachment(row.file_name, row.content_type, bytes(row.data)) for row in files
        ),
    )


def fields_of(mailing: Mailing) -> frozenset[str]:
    """The merge fields that the content uses."""
    return mime.compile(draft_of(mailing).content()).fields


# Content never changes once stored. Of mailings without attachments, hundreds fit in.
_SHELF = Shelf[Composer](octets=32 * 1024 * 1024, size=lambda made: made.octets)


def composer(mailing_id: int) -> Composer:
    """A mailing, compiled once per process while it is in use."""
    return _SHELF.get(mailing_id, _compile)


def _compile(mailing_id: int) -> Composer:
    mailing = Mailing.objects.get(pk=mailing_id)
    content = draft_of(mailing).content()
    compiled = mime.compile(content)
    return Composer(
        mailing_id=mailing.pk,
        customer_id=mailing.customer_id,
        is_bulk=mailing.kind == MailingKind.BULK,
        sender_domain=content.from_address.domain,
        compiled=compiled,
        octets=_octets(content, compiled),
    )


def _octets(content: mime.Content, compiled: mime.Compiled) -> int:
    """Templates as text (Python takes up to four octets a character), fixed parts, attachments."""
    pieces = (*compiled.heads, *compiled.bodies)
    fixed = sum(len(octets) for piece in pieces for octets in piece.fixed.values())
    return 4 * (len(content.text) + len(content.html)) + fixed + len(compiled.attached)


def signers(domain: SendingDomain) -> tuple[dkim.Signer, ...]:
    """One signer for each active key of the domain."""
    keys = DkimKey.objects.filter(domain=domain, is_active=True).order_by("id")
    return tuple(
        dkim.Signer.from_pem(domain=domain.name, selector=key.selector, pem=key.private_key)
        for key in keys
    )


def envelope_sender(delivery_id: int, domain: SendingDomain) -> str:
    """The VERP address to which asynchronous bounces of this delivery come."""
    return tokens.bounce_address(
        delivery_id=delivery_id,
        domain=domain.envelope_domain,
        key=settings.SECRET_KEY.encode(),
    )


def unsubscribe_address(delivery_id: int, domain: SendingDomain) -> str:
    """Where this delivery's recipient may opt out by mail; "" unless the intake has a public name:
    before that, nobody could reach it.
    """
    if not settings.INTAKE_NAME:
        return ""
    return tokens.unsubscribe_address(
        delivery_id=delivery_id,
        domain=domain.envelope_domain,
        key=settings.SECRET_KEY.encode(),
    )


def delivery_of(envelope_sender: str) -> int | None:
    """The delivery that a VERP address names; None if it is not ours. Old keys still count."""
    return _named_by(tokens.read_bounce_address, envelope_sender)


def leaving(address: str) -> int | None:
    """The delivery that an unsubscribe address names; None if it is not ours. Old keys count."""
    return _named_by(tokens.read_unsubscribe_address, address)


def _named_by(read: Callable[..., int | None], address: str) -> int | None:
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if found := read(address, key=key.encode()):
            return found
    return None
