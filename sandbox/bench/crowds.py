"""Customers with many recipients, for measuring how they share the platform."""

from django.db import connection

from customers.models import Customer, RecipientList
from delivery import live
from delivery.models import Assignment, Pool


def customer(name: str, pool: Pool, *, weight: int = 10) -> Customer:
    """A customer whose mail goes through that pool."""
    made = Customer.objects.create(name=name, slug=name.lower())
    Assignment.objects.create(customer=made, pool=pool, weight=weight)
    live.announce()  # the workers run already
    return made


def crowd(
    owner: Customer, count: int, *, domain: str = "r.example", name: str = "people"
) -> RecipientList:
    """A list of `count` made-up addresses, which begin with the owner's slug."""
    people = RecipientList.objects.create(
        customer=owner, name=f"{count} {name}", fields=["name", "place"]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_contact (recipient_list_id, customer_id, address, key,"
            " domain, attributes, basis, status, created_at)"
            " SELECT %s, %s, a, a, %s,"
            " jsonb_build_object('name', '山田 太郎' || n, 'place', '東京都'),"
            " 'opt-in', 'active', now()"
            " FROM (SELECT n, %s || '-' || n || '@' || %s a FROM generate_series(1, %s) n) s",
            [people.pk, owner.pk, domain, owner.slug, domain, count],
        )
        cursor.execute("ANALYZE customers_contact")
    return people
