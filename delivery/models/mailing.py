"""Mailings: content once, recipients many."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, RecipientList
from delivery.states import MailingState


class MailingKind(models.TextChoices):
    BULK = "bulk", _("bulk")  # carries List-Unsubscribe
    TRANSACTIONAL = "transactional", _("transactional")  # goes before bulk


class Charset(models.TextChoices):
    UTF8 = "utf-8", "UTF-8"
    JIS = "iso-2022-jp", "ISO-2022-JP"
    AUTO = "auto", _("automatic")


class Mailing(models.Model):
    """One message to many. Its recipients become deliveries when it is released."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="mailings")
    kind = models.CharField(max_length=16, choices=MailingKind, default=MailingKind.BULK)
    subject = models.TextField(_("subject"))
    from_name = models.CharField(_("sender name"), max_length=120, blank=True)
    from_address = models.CharField(_("sender address"), max_length=320)
    reply_to = models.CharField(_("reply to"), max_length=320, blank=True)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    headers = models.JSONField(default=list, blank=True)  # [[name, value], ...]
    charset = models.CharField(max_length=16, choices=Charset, default=Charset.UTF8)
    needs_tls = models.BooleanField(default=False)
    lists = models.ManyToManyField(RecipientList, blank=True, related_name="mailings")

    state = models.CharField(max_length=16, choices=MailingState, default=MailingState.SCHEDULED)
    scheduled_at = models.DateTimeField(default=timezone.now)
    released_at = models.DateTimeField(null=True, blank=True)  # its deliveries exist since
    expires_at = models.DateTimeField(null=True, blank=True)  # open deliveries expire then
    finished_at = models.DateTimeField(null=True, blank=True)
    first_delivery = models.BigIntegerField(null=True, blank=True)  # ids: prune partitions
    last_delivery = models.BigIntegerField(null=True, blank=True)
    handed_in = models.IntegerField(default=0)  # recipients after de-duplication
    duplicates = models.IntegerField(default=0)  # same address in several lists or twice given
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["customer", "-created_at"], name="mailing_customer_created"),
            models.Index(
                fields=["scheduled_at"],
                condition=models.Q(state=MailingState.SCHEDULED),
                name="mailing_waiting",
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=[MailingState.SENDING, MailingState.PAUSED]),
                name="mailing_open",
            ),
        ]

    def __str__(self) -> str:
        return self.subject


class MailingAttachment(models.Model):
    """A file that every recipient of the mailing gets."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="attachments")
    file_name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=120)
    data = models.BinaryField()
    size = models.IntegerField()

    def __str__(self) -> str:
        return self.file_name


class MailingRecipient(models.Model):
    """A recipient given with the mailing; becomes a delivery at release and goes then."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="given")
    address = models.TextField()
    key = models.TextField(db_collation="C")
    domain = models.TextField()
    fields = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailing", "key"], name="given_mailing_key")]

    def __str__(self) -> str:
        return self.address
