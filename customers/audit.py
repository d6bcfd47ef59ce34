"""Writing the audit log. Called by verbs, inside the transaction of the change it tells of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from customers.models import ApiKey, AuditEntry, Person

# Who did it: a person, a program with a key, or the name of the part of the software that did.
Actor = Person | ApiKey | str


def record(
    *,
    verb: str,
    subject: str,
    by: Actor,
    now: datetime,
    customer_id: int | None = None,
    before: str = "",
    after: str = "",
    why: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add one entry. `subject` is "kind:id"."""
    return AuditEntry.objects.create(
        at=now,
        person=by if isinstance(by, Person) else None,
        by=str(by),
        verb=verb,
        subject=subject,
        customer_id=customer_id,
        before=before,
        after=after,
        why=why,
        evidence=dict(evidence or {}),
    )


def person_of(by: Actor) -> Person | None:
    """The person behind an actor, for *_by columns; None for a program and for the software."""
    return by if isinstance(by, Person) else None
