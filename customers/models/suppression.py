"""Addresses that must not be mailed, by one customer or by anyone."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models.customer import Customer


class SuppressionReason(models.TextChoices):
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
    COMPLAINT = "complaint", _("complained")  # called a mail spam, by a feedback loop
    MANUAL = "manual", _("added by hand")
    UNKNOWN_USER = "unknown-user", _("address does not exist")
    NO_SUCH_DOMAIN = "no-such-domain", _("domain takes no mail")
    MAILBOX_DISABLED = "mailbox-disabled", _("mailbox is disabled")
    MAILBOX_FULL = "mailbox-full", _("mailbox stays full")
    RECIPIENT_POLICY = "recipient-policy", _("recipient refuses the mail")

    @property
    def is_wish(self) -> bool:
        """Whether the recipient asked for it: then only the recipient can take it back."""
        return self in {SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINT}


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def active(self) -> "SuppressionQuerySet":
        """Those that stop mail now."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), lifted_at=None)

    def holding_for(self, customer_id: int) -> "SuppressionQuerySet":
        """Those that stop the mail of this customer: its own and everyone's."""
        return self.active().filter(Q(customer_id=customer_id) | Q(customer=None))


class Suppression(models.Model):
    """One reason not to mail an address; `customer` empty: for everyone.

    An address may have several reasons, so that taking one back leaves the others. What caused it
    stands in `attempt_id` or `report_id` (rows of delivery, which lies above), else in `evidence`
    (mailing, channel, file, words). A lifted row stays, as the history of the address.
    """

    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="suppressions"
    )
    key = models.TextField(db_collation="C")
    reason = models.CharField(max_length=24, choices=SuppressionReason)
    evidence = models.JSONField(default=dict)
    attempt_id = models.BigIntegerField(null=True, blank=True)
    report_id = models.BigIntegerField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    # Added by an operator: if it was by hand, the customer cannot lift it.
    by_operator = models.BooleanField(default=False, db_default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    lifted_why = models.TextField(blank=True)
    lifted_cause = models.CharField(max_length=40, blank=True)  # "reversal:12", "expiry", ""

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key", "customer", "reason"],
                condition=Q(lifted_at=None),
                name="suppression_unlifted",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(reason__in=SuppressionReason.values), name="suppression_reason_known"
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | ~Q(reason__in=["unsubscribed", "complaint"]),
                name="suppression_wish_lasts",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["customer", "key"], name="suppression_customer_key"),
            models.Index(
                fields=["attempt_id"],
                condition=Q(attempt_id__isnull=False),
                name="suppression_attempt",
            ),
            models.Index(
                fields=["report_id"],
                condition=Q(report_id__isnull=False),
                name="suppression_report",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, lifted_at=None),
                name="suppression_expiry",
            ),
            models.Index(
                fields=["lifted_cause"], condition=~Q(lifted_cause=""), name="suppression_cause"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.reason})"

    @property
    def is_operators_only(self) -> bool:
        """Whether only operators may lift it."""
        by_hand = self.reason == SuppressionReason.MANUAL
        return self.customer_id is None or (self.by_operator and by_hand)
