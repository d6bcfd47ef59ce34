"""What operators say about blocklists: switches, keys, lists of their own."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from blacklist.catalogue import Impact
from customers.encryption import EncryptedTextField

LONGEST_IDENT = 253  # a domain name (RFC 1035 2.3.4), as text


class Said(models.Model):
    """Who said it last, and when."""

    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        abstract = True


class ListSetting(Said):
    """Where one list is to be other than the catalogue says; null or empty: as it says there."""

    ident = models.CharField(max_length=LONGEST_IDENT, unique=True)
    enabled = models.BooleanField(null=True)
    impact = models.CharField(max_length=16, choices=Impact, blank=True)
    cadence = models.PositiveIntegerField(null=True)  # seconds
    per_day = models.PositiveIntegerField(null=True)  # questions, 0 for no limit

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(impact__in=["", *Impact.values]), name="list_impact_known"
            ),
            models.CheckConstraint(
                condition=Q(cadence__isnull=True) | Q(cadence__gte=60), name="list_cadence_sane"
            ),
        ]

    def __str__(self) -> str:
        return self.ident


class OwnList(Said):
    """A list that the catalogue has not; `definition` is a [[list]] table of lists.toml."""

    ident = models.CharField(max_length=LONGEST_IDENT, unique=True)
    definition = models.JSONField()

    def __str__(self) -> str:
        return self.ident


class ListKey(Said):
    """The key of an account, with which all its lists are asked."""

    account = models.CharField(max_length=60, unique=True)
    secret = EncryptedTextField()

    def __str__(self) -> str:
        return self.account
