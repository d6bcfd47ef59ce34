"""Deliveries (one recipient of one mailing) and attempts (one try at one host).

Both tables are partitioned by day of id (delivery.ids), and made by hand in the first migration:
Django knows their columns, not their partitions. Their references carry no database constraint:
a foreign key would cost a lookup per row on the hottest tables; the verbs keep them right.
"""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Lower

from customers.models import Customer
from delivery.ids import NextId
from delivery.models.mailing import Mailing
from delivery.models.pools import Pool, SendingIp
from delivery.states import DUE, DeliveryState


def unbound(to: Any, **options: Any) -> Any:
    """A reference without constraint or index of its own."""
    return models.ForeignKey(
        to,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        **options,
    )


class Delivery(models.Model):
    """One recipient of one mailing, and where it stands."""

    id = models.BigIntegerField(primary_key=True, db_default=NextId("delivery_delivery_ids"))
    mailing = unbound(Mailing)
    customer = unbound(Customer)
    contact_id = models.BigIntegerField(null=True)
    address = models.TextField()
    domain = models.TextField()
    destination = models.TextField()  # slug of the destination group
    fields = models.JSONField(default=dict)  # the merge fields that the mailing uses
    state = models.TextField(choices=DeliveryState.choices, default=DeliveryState.QUEUED)
    reason = models.TextField(default="")  # why it is in that state
    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    claimed_by = models.TextField(default="")
    queued_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["mailing", "destination", "next_attempt_at"],
                condition=models.Q(state__in=sorted(DUE)),
                name="delivery_due",
            ),
            models.Index(
                fields=["claimed_until"],
                condition=models.Q(state=DeliveryState.SENDING),
                name="delivery_leases",
            ),
            models.Index(fields=["mailing", "state", "id"], name="delivery_mailing_state"),
            models.Index(Lower("address"), name="delivery_address"),
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.state})"


class AttemptVerdict(models.TextChoices):
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"  # the connection or the worker was lost before the final reply


class Attempt(models.Model):
    """One try: route, place, reply, and the conversation."""

    id = models.BigIntegerField(primary_key=True, db_default=NextId("delivery_attempt_ids"))
    delivery_id = models.BigIntegerField()
    mailing = unbound(Mailing)
    customer = unbound(Customer)
    address = models.TextField()
    destination = models.TextField()
    pool = unbound(Pool, null=True)
    ip = unbound(SendingIp, null=True)
    source = models.TextField()  # the IP as text: history outlives the row
    helo = models.TextField()
    envelope_sender = models.TextField()
    mx_host = models.TextField()
    mx_address = models.TextField()
    tls = models.TextField()
    phase = models.TextField()
    code = models.SmallIntegerField(null=True)
    enhanced = models.TextField()
    text = models.TextField()
    verdict = models.TextField(choices=AttemptVerdict.choices)
    category = models.TextField()  # what the reply means
    matched_list = models.TextField()  # the blocklist that the reply names
    blamed = models.TextField(default="", db_default="")  # whose failure it is; "" of a success
    resource = models.TextField(default="", db_default="")  # the IP, domain or URL that it names
    rule = models.TextField(default="", db_default="")  # the rule that read the reply
    reason = models.TextField()
    at = models.DateTimeField()
    seconds = models.FloatField()
    conversation = models.TextField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["delivery_id"], name="attempt_delivery"),
            models.Index(fields=["source", "at"], name="attempt_source_at"),
            models.Index(fields=["customer", "at"], name="attempt_customer_at"),
            models.Index(
                fields=["at"],
                condition=models.Q(category="unclassified"),
                name="attempt_unclassified",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.verdict} {self.code or ''} {self.mx_host}"
