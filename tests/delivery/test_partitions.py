"""Day partitions: made ahead, found by id, dropped past retention only when nothing is open."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from delivery import ids, partitions
from delivery.models import Delivery
from tests.support.platform import make_customer, make_list, make_mailing, make_pool


def test_ids_carry_their_time() -> None:
    at = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    assert ids.time_of(ids.floor_of(at)) == at
    assert ids.time_of(ids.floor_of(at) + 12345) == at


def test_a_day_begins_where_the_day_before_ends() -> None:
    day = date(2026, 3, 1)
    assert partitions.bounds(day)[1] == partitions.bounds(day + timedelta(days=1))[0]


@pytest.mark.django_db
def test_the_migration_made_partitions_from_yesterday_to_a_week_ahead() -> None:
    now = timezone.now()
    assert partitions.ensure(now=now, ahead=7) == []
    assert len(partitions.existing()) >= 2 * 9


@pytest.mark.django_db
def test_a_missing_day_is_made_once() -> None:
    now = timezone.now() + timedelta(days=40)
    made = partitions.ensure(now=now, ahead=0)
    assert len(made) == 6  # yesterday and today, of three tables
    assert partitions.ensure(now=now, ahead=0) == []


@pytest.mark.django_db
def test_a_new_delivery_lands_in_the_partition_of_its_day() -> None:
    now = timezone.now()
    customer = make_customer("Asagao", make_pool("A", "127.0.10.1"))
    make_mailing(customer, make_list(customer, ["a@r.example"], attributes={"name": "x"}), now=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, id FROM delivery_delivery")
        [(table, identity)] = cursor.fetchall()
    assert table == partitions.name_of("delivery_delivery", ids.time_of(identity).date())


def test_only_days_before_the_limit_are_past_retention() -> None:
    names = ["delivery_attempt_20260301", "delivery_delivery_20260302"]
    found = partitions.expired(names, today=date(2026, 5, 31), keep_days=90)
    assert found == ["delivery_attempt_20260301"]


@pytest.mark.django_db
def test_a_day_with_open_deliveries_is_kept_and_one_without_is_dropped() -> None:
    now = timezone.now()
    customer = make_customer("Asagao", make_pool("A", "127.0.10.1"))
    make_mailing(customer, make_list(customer, ["a@r.example"], attributes={"name": "x"}), now=now)
    later = now + timedelta(days=5)
    table = partitions.name_of("delivery_delivery", now.astimezone(UTC).date())
    assert table not in partitions.drop_expired(now=later, keep_days=2)
    Delivery.objects.update(state="accepted")
    assert table in partitions.drop_expired(now=later, keep_days=2)
