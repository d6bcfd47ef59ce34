"""The standing of a customer: how far the platform trusts its mail now."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models import Customer


class StandingState(models.TextChoices):
    NORMAL = "normal", _("normal")
    WATCH = "watch", _("watched")  # sends as usual, looked at more often
    QUARANTINED = "quarantined", _("quarantined")  # sends through quarantine pools only
    SUSPENDED = "suspended", _("suspended")  # its mail waits; nothing is lost


class Standing(models.Model):
    """A customer without a row here is normal."""

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, related_name="standing")
    state = models.CharField(max_length=16, choices=StandingState, default=StandingState.NORMAL)
    since = models.DateTimeField(default=timezone.now)
    why = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=StandingState.values), name="standing_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.state}"
