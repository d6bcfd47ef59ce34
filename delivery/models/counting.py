"""What outcomes leave behind: counts, strikes against addresses, evidence of listings, reversals.

Written in the transaction that records the attempts, so without foreign keys: each would cost a
look-up per row. Every row knows the attempt or the report that caused it.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, RecipientList
from delivery.models.delivery import unbound
from delivery.models.pools import Pool, SendingIp


class _Counted(models.Model):
    """What is told apart in counts. `state` is the delivery's after it; "complaint" for those."""

    customer = unbound(Customer)
    recipient_list = unbound(RecipientList, null=True)
    pool = unbound(Pool, null=True)
    ip = unbound(SendingIp, null=True)
    destination = models.TextField()
    category = models.TextField()
    blamed = models.TextField()
    state = models.TextField()
    count = models.IntegerField()  # below zero: taken back by a reversal

    class Meta:
        abstract = True


class Tally(_Counted):
    """One batch's outcomes of one sort. Only ever appended, then moved into a `Count`."""

    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.category} {self.count}"


class Count(_Counted):
    """All outcomes of one sort in the `counters.BUCKET` that begins at `bucket`."""

    bucket = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["bucket", "customer", "recipient_list", "pool", "ip", "destination",
                        "category", "blamed", "state"],
                name="count_unique",
                nulls_distinct=False,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.bucket:%F %T} {self.category} {self.count}"


class Reversal(models.Model):
    """One decision that errors counted against addresses were not theirs; can itself be undone."""

    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    why = models.TextField()
    strikes = models.IntegerField(default=0)
    suppressions = models.IntegerField(default=0)
    undone_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"reversal {self.pk}: {self.why}"


class Strike(models.Model):
    """One failure that was the address's own, or one complaint from it.

    Open until a reversal ends it, or a success; a success does not end a complaint.
    """

    customer = unbound(Customer)
    key = models.TextField(db_collation="C")
    category = models.TextField()
    delivery_id = models.BigIntegerField()
    attempt_id = models.BigIntegerField(null=True)
    report_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    state = models.TextField()  # what it was counted as: the delivery's then, or a complaint
    is_after_data = models.BooleanField(default=False, db_default=False)
    decayed_at = models.DateTimeField(null=True)
    decayed_by = models.BigIntegerField(null=True)  # the attempt that was accepted
    reversal = models.ForeignKey(
        Reversal, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["key", "customer"],
                condition=Q(decayed_at=None, reversal=None),
                name="strike_open",
            ),
            models.Index(
                fields=["decayed_by"], condition=Q(decayed_by__isnull=False), name="strike_decayed"
            ),
            models.Index(
                fields=["reversal"], condition=Q(reversal__isnull=False), name="strike_reversed"
            ),
            models.Index(fields=["at"], name="strike_at"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["attempt_id"], condition=Q(report_id=None), name="strike_attempt_once"
            ),
            models.UniqueConstraint(fields=["report_id"], name="strike_report_once"),
            models.CheckConstraint(
                condition=Q(attempt_id__isnull=False) | Q(report_id__isnull=False),
                name="strike_has_a_cause",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["refused", "expired", "bounced", "complaint"]),
                name="strike_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.category}"


class ListingEvidence(models.Model):
    """One reply or report that blames our route: what it names, for whom it was, on which way.

    Blocklist watch reads these; so does re-sending, for the deliveries that failed because of us.
    """

    at = models.DateTimeField()
    delivery_id = models.BigIntegerField()
    attempt_id = models.BigIntegerField(null=True)
    report_id = models.BigIntegerField(null=True)
    customer = unbound(Customer)
    pool = unbound(Pool, null=True)
    ip = unbound(SendingIp, null=True)
    source = models.TextField()  # the sending IP
    destination = models.TextField()
    category = models.TextField()
    blamed = models.TextField()
    matched_list = models.TextField()  # "" when the reply names none
    resource = models.TextField()  # the IP, domain or URL that it names, or ""
    lookup_url = models.TextField()
    state = models.TextField()  # of the delivery after it

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["at"], name="evidence_at"),
            models.Index(fields=["matched_list", "resource", "at"], name="evidence_list"),
            models.Index(fields=["source", "at"], name="evidence_source"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["report_id"], name="evidence_report_once"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.source} {self.category} {self.matched_list}"


class SuppressionScope(models.TextChoices):
    NONE = "none", _("nobody")
    CUSTOMER = "customer", _("that customer")
    EVERYONE = "everyone", _("all customers")


class ConsequenceChange(models.Model):
    """What operators decided otherwise than `consequences_table.TABLE` for one category."""

    category = models.CharField(max_length=40, unique=True)
    scope = models.CharField(max_length=16, choices=SuppressionScope)
    strikes = models.PositiveSmallIntegerField()
    strikes_after_data = models.PositiveSmallIntegerField()
    within_days = models.PositiveIntegerField()
    lasts_days = models.PositiveIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(strikes__gte=1, strikes_after_data__gte=1, within_days__gte=1)
                & (Q(lasts_days=None) | Q(lasts_days__gte=1)),
                name="consequence_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.category


class OwnRule(models.Model):
    """A rule of the operators: asked before the shipped ones, the newest first."""

    name = models.SlugField(max_length=60)
    category = models.CharField(max_length=40)
    table: Any = models.JSONField()  # the rule with its samples, as wire.reply_rules reads it
    why = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(withdrawn_at=None), name="own_rule_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name
