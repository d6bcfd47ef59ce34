"""What workers know by heart of limits, shares and warm-ups, until the route epoch moves.

Who changes one of these announces it (delivery.live), as with routes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from delivery import destinations, limits
from delivery.destinations import OTHER
from delivery.models import Assignment, Destination, WarmUp


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything by id or slug. `warming`: IPs that have a schedule."""

    groups: Mapping[str, Destination]
    patterns: Mapping[str, Sequence[str]]
    assignments: Mapping[int, Assignment]
    warming: frozenset[int]

    def group(self, slug: str) -> Destination:
        """A destination group, by its own limits or by those that hold for it (`group_of`)."""
        return group_of(slug, self.groups)


def group_of(slug: str, groups: Mapping[str, Destination]) -> Destination:
    """The group. Pure; the limits of "other" hold for a domain of its own and a removed group."""
    if slug in groups:
        return groups[slug]
    other = groups.get(OTHER)
    own = {name: getattr(other, name) for name in limits.FIELDS} if other is not None else {}
    return Destination(slug=slug, name=slug, **own)


def read() -> Facts:
    """Four queries."""
    return Facts(
        groups={row.slug: row for row in Destination.objects.all()},
        patterns=destinations.patterns(),
        assignments={row.customer_id: row for row in Assignment.objects.all()},
        warming=frozenset(WarmUp.objects.values_list("ip_id", flat=True)),
    )
