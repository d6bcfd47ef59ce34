"""Checks of the senders' own set-up: what each found last, and the runs that look."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from delivery.models import SendingDomain, SendingIp


class SetupKind(models.TextChoices):
    SPF = "spf", "SPF"
    DKIM = "dkim", "DKIM"
    DMARC = "dmarc", "DMARC"
    MX = "mx", "MX"
    TLS_RPT = "tls-rpt", "TLS-RPT"
    MTA_STS = "mta-sts", "MTA-STS"
    PTR = "ptr", "PTR"
    HELO = "helo", "HELO"


class SetupVerdict(models.TextChoices):
    """The values of wire.health.findings.Verdict."""

    OK = "ok", _("right")
    WRONG = "wrong", _("wrong")
    MISSING = "missing", _("missing")
    UNKNOWN = "unknown", _("no answer")  # says nothing about the record


class SetupCheck(models.Model):
    """One record that the platform needs in DNS, and what was there when it was last looked at.

    `found`, `expected` and `record` are lists of texts: published values, ours, and lines of a zone
    file to publish. `problems` and `advice` are lists of [code, about]; blacklist.health_words
    has the sentences. `settled` is the last verdict that was an answer, and `settled_at` its time.
    """

    domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="+")
    ip = models.ForeignKey(SendingIp, null=True, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=16, choices=SetupKind)
    name = models.CharField(max_length=253)  # where the record is
    is_optional = models.BooleanField(default=False)
    verdict = models.CharField(max_length=16, choices=SetupVerdict)
    found = models.JSONField(default=list)
    expected = models.JSONField(default=list)
    record = models.JSONField(default=list)
    problems = models.JSONField(default=list)
    advice = models.JSONField(default=list)
    since = models.DateTimeField()  # of this verdict
    checked_at = models.DateTimeField()
    settled = models.CharField(max_length=16, choices=SetupVerdict, blank=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["domain", "ip", "kind", "name"],
                nulls_distinct=False,
                name="setup_check_once",
            ),
            models.CheckConstraint(
                condition=models.Q(verdict__in=SetupVerdict.values),
                name="setup_check_verdict_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.verdict}"

    @property
    def needs_work(self) -> bool:
        """Whether somebody has to change a record."""
        return self.verdict in {SetupVerdict.WRONG, SetupVerdict.MISSING} and not self.is_spared

    @property
    def is_spared(self) -> bool:
        """What is optional may be missing."""
        return self.is_optional and self.verdict == SetupVerdict.MISSING


class SetupRun(models.Model):
    """One look at everything; only one is open at a time."""

    is_open = models.BooleanField(default=True)
    by = models.CharField(max_length=254)  # a person, or the part of the software that asked
    asked_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    total = models.PositiveIntegerField(default=0)  # checks to make
    done = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_open"], condition=models.Q(is_open=True), name="setup_run_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asked_at:%F %T}: {self.done} of {self.total}"

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0

    @property
    def broke_off(self) -> bool:
        """Ended before everything was looked at."""
        return not self.is_open and (self.started_at is None or self.done < self.total)
