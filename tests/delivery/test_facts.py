"""What workers know by heart: a lane of its own is limited as the group it came from."""

import pytest
from django.utils import timezone

from customers.models import AuditEntry
from delivery import facts, limits
from delivery.models import Destination
from tests.support.platform import make_pool

pytestmark = pytest.mark.django_db


def test_a_domain_of_its_own_keeps_the_limits_of_the_group_other() -> None:
    pool = make_pool("A", "127.0.10.1")
    to = {"max_connections": 2, "messages_per_connection": 7, "messages_per_second": 3.0,
          "recipients_per_hour": 900}  # fmt: skip
    now = timezone.now()
    other = Destination.objects.get(slug="other")
    limits.change(destination=other, to=to, why="asked", by="test", now=now)
    assert AuditEntry.objects.get().evidence["after"] == to
    group = facts.read().group("busy.example")
    assert (group.slug, group.name, group.pk is None) == ("busy.example", "busy.example", True)
    found = limits.of(ip_id=pool.ips.get().pk, group=group, now=now)
    assert (found.connections, found.messages_per_connection) == (2, 7)
    assert (found.rate.per_second, found.rate.per_hour) == (3.0, 900)


def test_a_named_group_has_its_own_limits_and_without_other_the_defaults_hold() -> None:
    assert facts.read().group("yahoo-jp").max_connections == 2
    assert facts.group_of("busy.example", {}).max_connections == Destination().max_connections
