"""Destination groups: recipient domains that are one receiver, what it bears, how it bears us."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from delivery.models.pools import SendingIp


class Destination(models.Model):
    """Limits are per sending IP, shared by all workers; none where a field is empty.

    A domain belongs to the group that names it, or whose pattern fits its MX hosts; else to
    "other", where the limits are per set of MX hosts.
    """

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    patterns = ArrayField(models.CharField(max_length=253), default=list, blank=True)  # of MX hosts
    max_connections = models.PositiveSmallIntegerField(
        _("connections at once"), default=10, validators=[MinValueValidator(1)]
    )
    messages_per_connection = models.PositiveIntegerField(
        _("messages per connection"), default=100, validators=[MinValueValidator(1)]
    )
    messages_per_second = models.FloatField(
        _("messages per second"), null=True, blank=True, validators=[MinValueValidator(0.001)]
    )
    recipients_per_hour = models.PositiveIntegerField(
        _("recipients per hour"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    source = models.TextField(blank=True)  # where the figures come from

    class Meta:
        indexes: ClassVar = [GinIndex(fields=["domains"], name="destination_domains")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(max_connections__gte=1)
                & models.Q(messages_per_connection__gte=1)
                & (models.Q(messages_per_second=None) | models.Q(messages_per_second__gt=0))
                & (models.Q(recipients_per_hour=None) | models.Q(recipients_per_hour__gt=0)),
                name="destination_limits_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DomainGroup(models.Model):
    """The group that a domain turned out to belong to: by its MX hosts, or a group of its own."""

    domain = models.TextField(unique=True)
    destination = models.TextField()  # slug; the domain itself: it asked us to slow down
    mx_host = models.TextField(blank=True)  # the host that told
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.domain} -> {self.destination}"


class SlowDown(models.Model):
    """How much of its limits an IP uses towards a destination, since that one asked for less.

    `factor` holds as of `changed_at` and grows from there (see delivery.slowdowns).
    """

    ip = models.ForeignKey(SendingIp, on_delete=models.CASCADE, related_name="slow_downs")
    destination = models.TextField()
    factor = models.FloatField(default=1.0)
    base_rate = models.FloatField(default=1.0)  # messages per second that `factor` is a part of
    changed_at = models.DateTimeField()
    paused_until = models.DateTimeField(null=True, blank=True)
    pauses = models.PositiveSmallIntegerField(default=0)  # in a row
    reason = models.TextField(blank=True)  # a category of wire.replies, or a reason of wire
    reply = models.TextField(blank=True)  # what the receiver said

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ip", "destination"], name="slow_down_unique"),
            models.CheckConstraint(
                condition=models.Q(factor__gt=0) & models.Q(factor__lte=1),
                name="slow_down_factor_is_a_part",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ip_id} -> {self.destination}: {self.factor:.2f}"


class WarmUp(models.Model):
    """Daily allowances of a new IP towards one group; the day after the last, it is warm."""

    ip = models.ForeignKey(SendingIp, on_delete=models.CASCADE, related_name="warm_ups")
    destination = models.TextField()
    started_on = models.DateField()
    allowances = ArrayField(models.PositiveIntegerField())  # messages, the first day's first

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ip", "destination"], name="warm_up_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.ip_id} -> {self.destination} since {self.started_on}"
