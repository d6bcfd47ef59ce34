"""People who sign in: operators of the platform and people of customers."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class OperatorRole(models.TextChoices):
    """What a person may do on the operators' side."""

    NONE = "", _("not an operator")
    VIEWER = "viewer", _("viewer")  # sees everything, changes nothing
    OPERATOR = "operator", _("operator")  # day-to-day changes
    APPROVER = "approver", _("approver")  # approves automatic actions too
    ADMIN = "admin", _("administrator")  # people, keys and settings too


class PersonManager(BaseUserManager["Person"]):
    """Creates people with a normalised e-mail address and a hashed password."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "Person":
        person = self.model(email=email.strip().lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)  # new row
        return person

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "Person":
        return self.create_user(email, password, operator_role=OperatorRole.ADMIN, **fields)

    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(email=(username or "").strip().lower())


class Person(AbstractBaseUser):
    """One human with one e-mail address; memberships say for which customers."""

    email = models.EmailField(_("e-mail"), max_length=254)
    name = models.CharField(_("name"), max_length=100, blank=True)
    language = models.CharField(max_length=8, default="ja")
    time_zone = models.CharField(max_length=64, default="Asia/Tokyo")
    operator_role = models.CharField(
        max_length=16, choices=OperatorRole, default=OperatorRole.NONE, blank=True
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="person_email_unique"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_operator(self) -> bool:
        """May open the operators' pages."""
        return self.is_active and self.operator_role != OperatorRole.NONE

    @property
    def can_operate(self) -> bool:
        """May change things on the operators' side."""
        return self.is_operator and self.operator_role != OperatorRole.VIEWER

    @property
    def can_administer(self) -> bool:
        """May manage people, keys and settings of the platform too."""
        return self.is_active and self.operator_role == OperatorRole.ADMIN
