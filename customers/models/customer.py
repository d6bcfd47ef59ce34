"""Customers (the senders) and who of them may do what."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Customer(models.Model):
    """A tenant. Everything that belongs to one carries its id."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a person may do for one customer."""

    OWNER = "owner", _("owner")  # people and keys too
    EDITOR = "editor", _("editor")  # lists and mailings
    VIEWER = "viewer", _("viewer")  # looks only

    @property
    def can_edit(self) -> bool:
        return self is not Role.VIEWER


class Membership(models.Model):
    """One person's role at one customer."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="memberships")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=16, choices=Role)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer", "person"], name="membership_unique"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} ({self.role}) at {self.customer}"
