"""What workers know by heart of limits, shares and warm-ups, until the route epoch moves.

Who changes one of these announces it (delivery.live), as with routes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from delivery import destinations
from delivery.models import Assignment, Destination, WarmUp


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything by id or slug. `warming`: IPs that have a schedule."""

    groups: Mapping[str, Destination]
    patterns: Mapping[str, Sequence[str]]
    assignments: Mapping[int, Assignment]
    warming: frozenset[int]

    def group(self, slug: str) -> Destination:
        """A destination group; the defaults when it was removed, or is a domain of its own."""
        return self.groups.get(slug) or Destination(slug=slug, name=slug)


def read() -> Facts:
    """Four queries."""
    return Facts(
        groups={row.slug: row for row in Destination.objects.all()},
        patterns=destinations.patterns(),
        assignments={row.customer_id: row for row in Assignment.objects.all()},
        warming=frozenset(WarmUp.objects.values_list("ip_id", flat=True)),
    )
