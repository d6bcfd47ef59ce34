"""Builds a small platform in the test database: pools with IPs, customers, lists, mailings."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from customers.models import Contact, Customer, RecipientList
from delivery import mailings
from delivery.drafts import Draft
from delivery.models import (
    Assignment,
    DkimKey,
    IpSegment,
    Mailing,
    Pool,
    PoolFallback,
    SendingDomain,
    SendingIp,
)
from wire import dkim
from wire.addresses import parse

# Making a 2048-bit key takes a tenth of a second: one serves all tests.
RSA_KEY = dkim.generate("rsa-2048")


def make_pool(name: str, *addresses: str, signed: bool = False, **fields: Any) -> Pool:
    """A pool with its own domain and one active IP for each address."""
    slug = name.lower().replace(" ", "-")
    domain = SendingDomain.objects.create(
        name=f"{slug}.mail.example", helo=f"mx.{slug}.mail.example",
        envelope_domain=f"bounce.{slug}.mail.example",
    )  # fmt: skip
    if signed:
        DkimKey.objects.create(domain=domain, selector="h1", kind="rsa-2048", private_key=RSA_KEY)
    pool = Pool.objects.create(name=name, domain=domain, **fields)
    for number, address in enumerate(addresses):
        make_ip(pool, address, helo=f"out{number}.{slug}.mail.example")
    return pool


def make_ip(pool: Pool, address: str, **fields: Any) -> SendingIp:
    network = f"{address}/128" if ":" in address else address.rpartition(".")[0] + ".0/24"
    segment, _ = IpSegment.objects.get_or_create(network=network, defaults={"name": network})
    return SendingIp.objects.create(address=address, segment=segment, pool=pool, **fields)


def make_ladder(pool: Pool, *fallbacks: Pool) -> None:
    for rank, fallback in enumerate(fallbacks, start=1):
        PoolFallback.objects.create(pool=pool, fallback=fallback, rank=rank)


def make_customer(name: str, pool: Pool | None = None) -> Customer:
    customer = Customer.objects.create(name=name, slug=name.lower())
    if pool is not None:
        Assignment.objects.create(customer=customer, pool=pool)
    return customer


def make_list(
    customer: Customer, addresses: Sequence[str], *, name: str = "News",
    attributes: Mapping[str, str] | None = None,
) -> RecipientList:  # fmt: skip
    """A list whose contacts all have the same attributes."""
    recipient_list = RecipientList.objects.create(
        customer=customer, name=name, fields=sorted(attributes or {})
    )
    parsed = [parse(address) for address in addresses]
    Contact.objects.bulk_create(
        Contact(recipient_list=recipient_list, customer=customer, address=address.text,
                key=address.key, domain=address.domain, attributes=dict(attributes or {}))
        for address in parsed
    )  # fmt: skip
    return recipient_list


DRAFT = Draft(
    subject="今月のお知らせ",
    from_address="news@asagao.example",
    from_name="あさがお商店",
    text="{{ name | お客様 }}へ\n\n配信停止: {{ unsubscribe_url }}\n",
)


def make_mailing(
    customer: Customer, *lists: RecipientList, now: datetime, draft: Draft = DRAFT
) -> Mailing:
    """A mailing whose deliveries are written and may be claimed."""
    mailing = mailings.create(customer=customer, draft=draft, lists=lists, by="test", now=now)
    mailings.release(mailing_id=mailing.pk, now=now)
    mailing.refresh_from_db()
    return mailing
