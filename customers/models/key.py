"""API keys: who a program acts for, what it may do, from where and until when."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models.customer import Customer

MARK = "hb_live"  # how every key begins: scanners of leaked secrets find it


class Scope(models.TextChoices):
    """What a key may do; writing does not include reading."""

    SUPPRESSIONS_READ = "suppressions:read", _("see suppressed addresses")
    SUPPRESSIONS_WRITE = "suppressions:write", _("suppress addresses and lift suppressions")


class ApiKey(models.Model):
    """A key of a customer; `customer` empty: of the platform's operators.

    The secret is not here, only its SHA-256: it has 238 random bits, so that nobody finds it by
    trying, and a slow hash such as scrypt would only make each request slow. `prefix` is public and
    finds the row. A revoked key stays, as the history of what it did.
    """

    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    secret_hash = models.CharField(max_length=64)
    scopes = ArrayField(models.CharField(max_length=40, choices=Scope))
    ip_ranges = ArrayField(models.CharField(max_length=49), default=list)  # empty: from anywhere
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)  # null: the setting's
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)  # to the minute
    last_used_from = models.GenericIPAddressField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values, scopes__len__gt=0),
                name="api_key_scopes_known",
            ),
            models.CheckConstraint(
                condition=Q(requests_per_minute=None) | Q(requests_per_minute__gt=0),
                name="api_key_rate_positive",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["customer", "id"], name="api_key_customer")]

    def __str__(self) -> str:
        return f"API key {self.shown} ({self.name})"

    @property
    def shown(self) -> str:
        """As much of the key as may be told."""
        return f"{MARK}_{self.prefix}"

    @property
    def can_operate(self) -> bool:
        """Whether it may do what only operators may; its scopes say what of that."""
        return self.customer_id is None

    @property
    def scope_words(self) -> list[str]:
        """In the language of now."""
        return [str(Scope(scope).label) for scope in self.scopes]

    def state(self, now: datetime) -> str:
        """active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class KeptAnswer(models.Model):
    """What was answered to a request with an Idempotency-Key, so that a repetition gets the same.

    `fingerprint` is the SHA-256 of method, address and content. Written in the transaction of the
    change itself: there is an answer exactly when there was a change.
    """

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    word = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    content = models.TextField()
    location = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "word"], name="kept_answer_unique")
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="kept_answer_created")]

    def __str__(self) -> str:
        return f"{self.word} of {self.key_id}"
