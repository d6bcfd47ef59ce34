"""Recipient lists, their contacts, and the import batches that brought them."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models.customer import Customer


class RecipientList(models.Model):
    """A named set of contacts of one customer; `fields` are the attribute names seen in it."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="lists")
    name = models.CharField(_("name"), max_length=120)
    fields = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer", "name"], name="list_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class ImportState(models.TextChoices):
    WAITING = "waiting", _("waiting")  # uploaded, no worker has it yet
    READING = "reading", _("reading")  # rows are being checked; nothing is in the list yet
    STORING = "storing", _("storing")  # the one transaction that changes the list
    DONE = "done", _("done")
    FAILED = "failed", _("failed")  # the list is as it was; `failure` says why

    @property
    def is_final(self) -> bool:
        return self in {ImportState.DONE, ImportState.FAILED}


class Basis(models.TextChoices):
    """Why this contact may be mailed (Act on Regulation of Specified Electronic Mail, Art. 3)."""

    OPT_IN = "opt-in", _("opted in")
    EXISTING = "existing", _("existing dealings")
    WRITTEN = "written", _("address given in writing")
    PUBLISHED = "published", _("business address published")
    UNKNOWN = "unknown", _("no basis recorded")


class ImportBatch(models.Model):
    """One uploaded file on its way into one list."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="imports")
    recipient_list = models.ForeignKey(
        RecipientList, on_delete=models.CASCADE, related_name="imports"
    )
    file_name = models.CharField(max_length=255)
    basis = models.CharField(max_length=16, choices=Basis, default=Basis.UNKNOWN)
    state = models.CharField(max_length=16, choices=ImportState, default=ImportState.WAITING)
    encoding = models.CharField(max_length=20, blank=True)
    bytes_total = models.BigIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    rows_read = models.IntegerField(default=0)
    added = models.IntegerField(default=0)
    updated = models.IntegerField(default=0)
    duplicates = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    failure = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.file_name} into {self.recipient_list_id}"

    @property
    def percent(self) -> int:
        """Progress, 0 to 100, by bytes of the file read."""
        if ImportState(self.state).is_final:
            return 100
        return min(99, 100 * self.bytes_read // max(1, self.bytes_total))


class ImportRejection(models.Model):
    """One row that was not imported: where, what stood there, why."""

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="rejections")
    row = models.IntegerField()  # 1 is the header line, as a spreadsheet counts
    column = models.CharField(max_length=60, blank=True)
    value = models.TextField()
    reason = models.CharField(max_length=40)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["batch", "row"], name="rejection_batch_row")]

    def __str__(self) -> str:
        return f"row {self.row}: {self.reason}"


class ContactStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    UNSUBSCRIBED = "unsubscribed", _("unsubscribed")  # asked not to be mailed; an import keeps it


class Contact(models.Model):
    """One address in one list. `key` is wire.addresses' canonical form."""

    # Without a database constraint: the look-up costs an import of a million rows several seconds.
    recipient_list = models.ForeignKey(
        RecipientList,
        on_delete=models.CASCADE,
        related_name="contacts",
        db_index=False,
        db_constraint=False,
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    address = models.TextField()
    key = models.TextField(db_collation="C")
    domain = models.TextField()
    attributes = models.JSONField(default=dict)
    basis = models.CharField(max_length=16, choices=Basis, default=Basis.UNKNOWN)
    status = models.CharField(max_length=16, choices=ContactStatus, default=ContactStatus.ACTIVE)
    batch = models.ForeignKey(
        ImportBatch,
        null=True,
        on_delete=models.SET_NULL,
        related_name="contacts",
        db_index=False,
        db_constraint=False,
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["recipient_list", "key"], name="contact_unique"),
        ]

    def __str__(self) -> str:
        return self.address
