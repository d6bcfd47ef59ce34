"""Thresholds of customers' rates, and what was found above them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compliance.models.standing import StandingState
from customers.models import Customer


class Measure(models.TextChoices):
    UNKNOWN_USERS = "unknown-users", _("unknown users")  # dead addresses of all that was tried
    COMPLAINTS = "complaints", _("complaints")  # spam reports of all that was accepted


class Level(models.TextChoices):
    """From harmless to grave; `standing` is what the customer's becomes, None: it stays."""

    WARN = "warn", _("warning")
    WATCH = "watch", _("watch")
    QUARANTINE = "quarantine", _("quarantine")

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    @property
    def standing(self) -> StandingState | None:
        return {
            Level.WATCH: StandingState.WATCH,
            Level.QUARANTINE: StandingState.QUARANTINED,
        }.get(self)


class Mode(models.TextChoices):
    ACT = "act", _("at once")
    ASK = "ask", _("ask first")
    OFF = "off", _("off")


class Threshold(models.Model):
    """What operators set for one measure: for one customer, or (empty) for all without their own.

    Rates are shares, 0 to 1. Without a row the defaults of compliance.thresholds hold.
    """

    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="thresholds"
    )
    measure = models.CharField(max_length=16, choices=Measure)
    warn = models.FloatField()
    watch = models.FloatField()
    quarantine = models.FloatField()
    minimum = models.PositiveIntegerField()  # of the whole; below it nothing is judged
    hours = models.PositiveIntegerField()  # how far back it looks
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.ACT)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "measure"], name="threshold_unique", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(warn__gt=0, quarantine__lte=1, minimum__gte=1, hours__gte=1)
                & Q(warn__lte=F("watch"))
                & Q(watch__lte=F("quarantine")),
                name="threshold_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} of {self.customer_id or 'all'}"


class FindingState(models.TextChoices):
    NOTED = "noted", _("noted")  # a warning; nothing was changed
    PROPOSED = "proposed", _("waits for an answer")
    APPLIED = "applied", _("applied")  # the customer's standing was moved
    DISMISSED = "dismissed", _("dismissed")  # by a person; counting begins anew from there
    REVERSED = "reversed", _("taken back")  # the standing was put back; counting begins anew
    OVER = "over", _("over")  # the rate fell, a graver one took its place, or see `Finding.why`

    @property
    def is_open(self) -> bool:
        return self in {FindingState.NOTED, FindingState.PROPOSED, FindingState.APPLIED}


class Finding(models.Model):
    """One customer above one threshold: the figures it rests on, and what was done about it."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="findings")
    measure = models.CharField(max_length=16, choices=Measure)
    level = models.CharField(max_length=16, choices=Level)
    state = models.CharField(max_length=16, choices=FindingState)
    bad = models.IntegerField()
    total = models.IntegerField()
    limit = models.FloatField()  # the rate that was exceeded
    since = models.DateTimeField()  # the figures are from here to `at`
    at = models.DateTimeField(default=timezone.now)
    standing_before = models.CharField(max_length=16, choices=StandingState, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Whoever decided; of one that is over: whoever moved the standing back, else empty.
    why = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "measure"],
                condition=Q(state__in=["noted", "proposed", "applied"]),
                name="finding_one_open",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "at"], name="finding_state_at")]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.measure} {self.level} ({self.state})"

    @property
    def rate(self) -> float:
        """A share, 0 to 1."""
        return self.bad / self.total if self.total else 0.0
