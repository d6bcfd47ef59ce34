"""People and what they may do: adding, operator roles, memberships, switching off. All audited."""

import secrets
from datetime import datetime

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from customers import audit
from customers.models import Customer, Membership, OperatorRole, Person, Role


class PersonRefused(ValueError):
    """A person that cannot be added or changed; the sentence says what is wrong and what to do."""


def first_password() -> str:
    """A random password to hand over once; 96 bits."""
    return secrets.token_urlsafe(12)


def checked_email(text: str) -> str:
    """The address in lower case; PersonRefused when nobody could sign in with it."""
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise PersonRefused(f"{text!r} is no e-mail address that a person can sign in with.") from (
            None
        )
    return email


@transaction.atomic
def add(
    *,
    email: str,
    password: str,
    name: str = "",
    language: str = "ja",
    by: audit.Actor,
    now: datetime,
) -> Person:
    """Add a person who may do nothing yet. PersonRefused: address, password, or there already."""
    email = checked_email(email)
    if language not in dict(settings.LANGUAGES):
        known = ", ".join(code for code, _ in settings.LANGUAGES)
        raise PersonRefused(f"Language {language!r} is not spoken here; use one of {known}.")
    if Person.objects.filter(email__iexact=email).exists():
        raise PersonRefused(f"{email} is there already.")
    _check_password(password, Person(email=email, name=name))
    person = Person.objects.create_user(
        email, password, name=name, language=language, created_at=now
    )
    _audit("person.add", person, by, now, after=language)
    return person


@transaction.atomic
def describe(
    *, person: Person, name: str, language: str, by: audit.Actor, now: datetime
) -> bool:  # fmt: skip
    """Change name and language. False when they were so already."""
    fields = {"name": name, "language": language}
    others = Person.objects.filter(pk=person.pk).exclude(**fields)
    if changed := bool(others.update(**fields)):
        _audit("person.describe", person, by, now, after=language)
    return changed


@transaction.atomic
def set_operator_role(
    *, person: Person, to: OperatorRole, by: audit.Actor, now: datetime
) -> bool:  # fmt: skip
    """Let a person operate the platform, or no longer. False when it was so already.

    PersonRefused when nobody would be left who may administrate.
    """
    found = _locked(person)
    if found.operator_role == to:
        return False
    if to != OperatorRole.ADMIN:
        _keep_an_administrator(found)
    Person.objects.filter(pk=found.pk).update(operator_role=to)
    _audit("person.operator", found, by, now, before=found.operator_role, after=to)
    return True


@transaction.atomic
def set_active(*, person: Person, to: bool, by: audit.Actor, now: datetime) -> bool:
    """Let a person sign in, or no longer; open sessions end at once. False when it was so already.

    PersonRefused when nobody would be left who may administrate.
    """
    found = _locked(person)
    if found.is_active == to:
        return False
    if not to:
        _keep_an_administrator(found)
    Person.objects.filter(pk=found.pk).update(is_active=to)
    _audit("person.enable" if to else "person.disable", found, by, now)
    return True


@transaction.atomic
def set_membership(
    *, person: Person, customer: Customer, role: Role, by: audit.Actor, now: datetime
) -> bool:  # fmt: skip
    """Give a person a role at a customer, in place of an earlier one. False when it was so."""
    before = Membership.objects.filter(person=person, customer=customer).first()
    if before is not None and before.role == role:
        return False
    Membership.objects.update_or_create(
        person=person, customer=customer, defaults={"role": role}, create_defaults={
            "role": role, "created_at": now,
        },
    )  # fmt: skip
    was = before.role if before else ""
    _audit("membership.set", person, by, now, customer=customer, before=was, after=role)
    return True


@transaction.atomic
def remove_membership(
    *, person: Person, customer: Customer, by: audit.Actor, now: datetime
) -> bool:  # fmt: skip
    """End a person's role at a customer. False when there was none."""
    gone, _ = Membership.objects.filter(person=person, customer=customer).delete()
    if gone:
        _audit("membership.remove", person, by, now, customer=customer)
    return bool(gone)


def _check_password(password: str, person: Person) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise PersonRefused(f"The password cannot be used: {' '.join(error.messages)}") from None


def _locked(person: Person) -> Person:
    """The person as stored now. All administrators are locked too: two of them must not end each
    other's role at the same moment.
    """
    admins = Person.objects.filter(operator_role=OperatorRole.ADMIN).order_by("pk")
    list(admins.select_for_update().values_list("pk"))
    return Person.objects.select_for_update().get(pk=person.pk)


def _keep_an_administrator(person: Person) -> None:
    admins = Person.objects.filter(operator_role=OperatorRole.ADMIN, is_active=True)
    if person.operator_role != OperatorRole.ADMIN or admins.exclude(pk=person.pk).exists():
        return
    raise PersonRefused(
        f"{person.email} is the last administrator: make somebody else one first "
        "(manage.py person operator EMAIL admin)."
    )


def _audit(
    verb: str,
    person: Person,
    by: audit.Actor,
    now: datetime,
    *,
    customer: Customer | None = None,
    before: str = "",
    after: str = "",
) -> None:
    audit.record(
        verb=verb,
        subject=f"person:{person.pk}",
        by=by,
        now=now,
        customer_id=customer.pk if customer else None,
        before=before,
        after=after,
        evidence={"email": person.email},
    )
