"""The audit log: who or what changed what, when, why, on which evidence."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from customers.models.customer import Customer


class AuditEntry(models.Model):
    """One change. `person` empty: the software did it, and `by` names the part that did."""

    at = models.DateTimeField(default=timezone.now)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    by = models.CharField(max_length=254)
    verb = models.CharField(max_length=60)  # "mailing.pause"
    subject = models.CharField(max_length=120)  # "mailing:42"
    customer = models.ForeignKey(Customer, null=True, on_delete=models.CASCADE, related_name="+")
    before = models.CharField(max_length=60, blank=True)
    after = models.CharField(max_length=60, blank=True)
    why = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["subject", "at"], name="audit_subject_at"),
            models.Index(fields=["at"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"
