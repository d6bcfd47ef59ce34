"""Recipient lists: making one, and adding one contact by hand."""

from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from customers import audit, suppressions
from customers.csv_reading import field_name
from customers.import_rejections import ADDRESS_FAULTS
from customers.import_store import lock
from customers.models import (
    Basis,
    Contact,
    ContactStatus,
    Customer,
    RecipientList,
    SuppressionReason,
)
from wire.addresses import InvalidAddress, parse


class ListRefused(ValueError):
    """A list or a contact that cannot be made; a sentence for the page, in the language of now."""


def create(*, customer: Customer, name: str, by: audit.Actor, now: datetime) -> RecipientList:
    """Make an empty list. Raises ListRefused when the name is empty, too long or taken."""
    name = name.strip()
    if not 0 < len(name) <= 120:
        raise ListRefused(_("A list needs a name of 1 to 120 characters."))
    try:
        with transaction.atomic():
            made = RecipientList.objects.create(customer=customer, name=name, created_at=now)
            audit.record(
                verb="list.create",
                subject=f"list:{made.pk}",
                customer_id=customer.pk,
                by=by,
                now=now,
                after=name[:60],
            )
    except IntegrityError:
        words = _("%(customer)s has a list called “%(name)s” already: choose another name.")
        raise ListRefused(words % {"customer": customer.name, "name": name}) from None
    return made


@transaction.atomic
def add_contact(
    *,
    recipient_list: RecipientList,
    address: str,
    attributes: Mapping[str, str],
    basis: Basis,
    by: audit.Actor,
    now: datetime,
) -> Contact:
    """Add one address. Raises ListRefused for a bad address, or one that the list has already.

    Who unsubscribed from this customer comes in as unsubscribed.
    """
    try:
        parsed = parse(address)
    except InvalidAddress as error:
        raise ListRefused(str(ADDRESS_FAULTS[error.code])) from None
    values = {field_name(name): value for name, value in attributes.items()}
    if "" in values:
        raise ListRefused(
            _("An attribute has no name with letters or digits: name it, or drop it.")
        )
    found = lock(recipient_list.pk)
    contact, created = Contact.objects.get_or_create(
        recipient_list=found,
        key=parsed.key,
        defaults={
            "customer_id": found.customer_id,
            "address": parsed.text,
            "domain": parsed.domain,
            "attributes": values,
            "basis": basis,
            "status": _status(found.customer_id, parsed.key),
            "created_at": now,
        },
    )
    if not created:
        words = _("%(address)s is in the list “%(list)s” already.")
        raise ListRefused(words % {"address": parsed.text, "list": found.name})
    _add_fields(found, values)
    audit.record(
        verb="contact.add",
        subject=f"contact:{contact.pk}",
        customer_id=found.customer_id,
        by=by,
        now=now,
        evidence={"list": found.pk, "basis": basis},
    )
    return contact


def _status(customer_id: int, key: str) -> ContactStatus:
    reasons = suppressions.reasons(customer_id=customer_id, keys=[key])
    if reasons.get(key) == SuppressionReason.UNSUBSCRIBED:
        return ContactStatus.UNSUBSCRIBED
    return ContactStatus.ACTIVE


def _add_fields(found: RecipientList, values: Mapping[str, str]) -> None:
    found.fields = [*found.fields, *(name for name in values if name not in found.fields)]
    found.save(update_fields=["fields"])
