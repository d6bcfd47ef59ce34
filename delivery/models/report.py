"""Reports: mail that tells what became of our mail. Bounces, delays, complaints, opt-outs.

The table is partitioned by day of id like deliveries (delivery.ids), and made by hand in its
migration; its references carry no database constraint, for they may outlive what they name.
"""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from delivery.ids import NextId
from delivery.models.delivery import unbound
from delivery.models.mailing import Mailing


class ReportState(models.TextChoices):
    NEW = "new", _("not read yet")  # the raw mail is stored; nobody has read it
    MATCHED = "matched", _("matched")  # it belongs to the delivery it names, and counts
    UNMATCHED = "unmatched", _("unmatched")  # it names nothing of ours, or what is gone
    REFUSED = "refused", _("refused")  # it names a delivery, but does not prove it; no consequences
    FAILED = "failed", _("failed")  # reading it or acting on it broke; a person has to look


class ReportKind(models.TextChoices):
    """As wire.reports tells them apart."""

    BOUNCE = "bounce", _("bounce")
    DELAYED = "delayed", _("delayed")  # the receiver still tries
    COMPLAINT = "complaint", _("complaint")
    UNSUBSCRIBE = "unsubscribe", _("unsubscribe request")
    AUTO_REPLY = "auto-reply", _("automatic reply")
    OTHER = "other", _("other mail")


def _text(**options: Any) -> Any:
    """Empty until the report is read: the listener writes only what it knows."""
    return models.TextField(default="", db_default="", blank=True, **options)


class Report(models.Model):
    """One recipient's part of one mail that came in, and the delivery it is about.

    A mail about several recipients has a row for each; only the first holds the mail itself, the
    others name it in `mail_id`. `recipient` is what the report says: consequences act on the
    address of the delivery, never on this.
    """

    id = models.BigIntegerField(primary_key=True, db_default=NextId("delivery_report_ids"))
    received_at = models.DateTimeField()
    peer = _text()  # the IP that brought it
    helo = _text()
    tls = _text()  # protocol, "" in the clear
    mail_from = _text()  # "": the null sender
    rcpt_to = _text()
    size = models.IntegerField(default=0, db_default=0)  # octets
    raw = models.BinaryField(default=b"", db_default=b"")
    mail_id = models.BigIntegerField(null=True)

    state = models.TextField(
        choices=ReportState.choices, default=ReportState.NEW, db_default=ReportState.NEW.value
    )
    reason = _text()  # why it is in that state (delivery.wording)
    due_at = models.DateTimeField()  # not to be read before: its delivery is on the wire
    read_at = models.DateTimeField(null=True)

    kind = _text(choices=ReportKind.choices)
    recipient = _text()
    action = _text()  # RFC 3464 2.3.3: failed, delayed, delivered, relayed, expanded
    status = _text()  # RFC 3463
    diagnostic = _text()
    reporting_mta = _text()
    remote_mta = _text()
    original_message_id = _text()
    feedback_type = _text()  # RFC 5965 3.1
    source_ip = _text()
    arrival_date = models.DateTimeField(null=True)

    category = _text()  # the verdict of wire.replies on it, from here on
    permanence = _text()
    blamed = _text()
    matched_list = _text()
    resource = _text()
    lookup_url = _text()
    rule = _text()

    matched_by = _text()  # bounce-address, message-id
    delivery_id = models.BigIntegerField(null=True)
    attempt_id = models.BigIntegerField(null=True)  # the one in which a host took the message
    mailing = unbound(Mailing, null=True)
    customer = unbound(Customer, null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state=ReportState.NEW),
                name="report_unread",
            ),
            models.Index(fields=["delivery_id"], name="report_delivery"),
            models.Index(fields=["state", "id"], name="report_state"),
            models.Index(fields=["customer", "received_at"], name="report_customer_received"),
            models.Index(Lower("recipient"), name="report_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.received_at:%F %T} {self.kind or self.state} {self.recipient}"
