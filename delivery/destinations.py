"""Which destination group a domain belongs to: named, found by its MX hosts, or on its own.

What was found is kept (DomainGroup), so that the next mailing is sorted right from the start; what
is under way in the wrong lane is moved.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from django.db import connection
from django.db.models import Q

from delivery.models import Destination, DomainGroup

OTHER = "other"
# MX records change: what was found is looked for again after so long.
REMEMBERED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """A domain's group, and the MX host that told ("": the domain asked us to slow down)."""

    destination: str
    mx_host: str = ""


def group_of(hosts: Collection[str], patterns: Mapping[str, Sequence[str]]) -> Finding | None:
    """The first group whose patterns (such as "*.google.com") fit all of these MX hosts. Pure.

    `hosts` are those of the lowest preference. All have to fit: else anybody could put hosts of his
    own beside a large receiver's, and slow down our lane to that receiver by what they say.
    """
    names = [host.rstrip(".").lower() for host in hosts]
    for slug, own in patterns.items():
        if names and all(any(fnmatchcase(name, one) for one in own) for name in names):
            return Finding(slug, names[0])
    return None


def patterns() -> dict[str, list[str]]:
    """Slug -> patterns of MX hosts, of the groups that have some."""
    rows = Destination.objects.exclude(patterns=[]).order_by("slug")
    return dict(rows.values_list("slug", "patterns"))


def known(domains: Collection[str], *, now: datetime) -> dict[str, str]:
    """Domain -> slug, of those whose group was found lately."""
    rows = DomainGroup.objects.filter(domain__in=domains, seen_at__gt=now - REMEMBERED)
    return dict(rows.values_list("domain", "destination"))


def own_groups(*, now: datetime) -> list[DomainGroup]:
    """Domains that have a lane of their own since they asked us to slow down."""
    slugs = Destination.objects.values("slug")
    recent = Q(seen_at__gt=now - REMEMBERED) & ~Q(destination__in=slugs)
    return list(DomainGroup.objects.filter(recent).order_by("domain"))


def remember(findings: Mapping[str, Finding], *, now: datetime) -> None:
    """Keep what was found of these domains."""
    DomainGroup.objects.bulk_create(
        [
            DomainGroup(
                domain=domain,
                destination=finding.destination,
                mx_host=finding.mx_host,
                seen_at=now,
            )
            for domain, finding in sorted(findings.items())
        ],
        update_conflicts=True,
        unique_fields=["domain"],
        update_fields=["destination", "mx_host", "seen_at"],
    )


def move(*, targets: Mapping[int, str], token: str) -> int:
    """Give claimed deliveries back into other lanes: id -> slug. How many."""
    if not targets:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_delivery d SET destination = v.destination, claimed_until = NULL,"
            " claimed_by = '', state = CASE WHEN attempts = 0 THEN 'queued' ELSE 'deferred' END"
            " FROM unnest(%s::bigint[], %s::text[]) AS v(id, destination)"
            " WHERE d.id = v.id AND d.state = 'sending' AND d.claimed_by = %s",
            [list(targets), list(targets.values()), token],
        )
        return int(cursor.rowcount)
