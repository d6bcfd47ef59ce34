"""Addresses that must not be mailed, by one customer or by anyone."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models.customer import Customer


class SuppressionReason(models.TextChoices):
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")
    MANUAL = "manual", _("added by hand")


class Suppression(models.Model):
    """`customer` empty: for everyone. `evidence` says what caused it (mailing, channel, words)."""

    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="suppressions"
    )
    key = models.TextField(db_collation="C")
    reason = models.CharField(max_length=24, choices=SuppressionReason)
    evidence = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key", "customer"], name="suppression_unique", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.reason})"
