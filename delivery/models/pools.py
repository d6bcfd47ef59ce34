"""Sending domains, IP segments, sending IPs, relays, pools and their ladders of fallbacks."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.encryption import EncryptedTextField
from customers.models import Customer


class SendingDomain(models.Model):
    """A domain of the platform: what a receiver sees in HELO, envelope and DKIM at once."""

    name = models.CharField(_("domain"), max_length=253, unique=True)  # d= of DKIM
    helo = models.CharField(_("HELO name"), max_length=253)  # for IPs that have none of their own
    envelope_domain = models.CharField(_("envelope domain"), max_length=253)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class DkimKind(models.TextChoices):
    RSA = "rsa-2048", "RSA 2048"
    ED25519 = "ed25519", "Ed25519"


class DkimKey(models.Model):
    """One selector of a sending domain. All active keys sign (RFC 8463: RSA beside Ed25519)."""

    domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="dkim_keys")
    selector = models.CharField(max_length=63)
    kind = models.CharField(max_length=16, choices=DkimKind)
    private_key = EncryptedTextField()  # PKCS#8 PEM, encrypted at rest
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["domain", "selector"], name="dkim_selector_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


class IpSegment(models.Model):
    """A network block: what one listing of a range takes down together."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    network = models.CharField(_("network"), max_length=49, unique=True)  # CIDR

    def __str__(self) -> str:
        return f"{self.name} ({self.network})"


class RelayTls(models.TextChoices):
    NONE = "none", _("no TLS")
    STARTTLS = "starttls", "STARTTLS"
    IMPLICIT = "implicit", _("implicit TLS")


class Relay(models.Model):
    """A smart host that takes a pool's mail in place of the recipients' MX hosts."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    host = models.CharField(_("host"), max_length=253)
    port = models.PositiveIntegerField(
        default=587, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    tls = models.CharField(max_length=16, choices=RelayTls, default=RelayTls.STARTTLS)
    username = models.CharField(max_length=254, blank=True)
    password = EncryptedTextField(blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.host}:{self.port})"


class PoolRole(models.TextChoices):
    NORMAL = "normal", _("normal")
    FALLBACK = "fallback", _("fallback")  # carries a normal pool's mail when that one cannot
    QUARANTINE = "quarantine", _("quarantine")  # for quarantined customers only


class PoolState(models.TextChoices):
    ACTIVE = "active", _("active")
    FROZEN = "frozen", _("frozen")  # takes no new claims; its mail goes down the ladder


class TlsUse(models.TextChoices):
    NONE = "none", _("never")
    OPPORTUNISTIC = "opportunistic", _("when offered")
    REQUIRED = "required", _("always")


class TlsMinimum(models.TextChoices):
    TLS12 = "TLSv1.2", "TLS 1.2"
    TLS13 = "TLSv1.3", "TLS 1.3"


class Pool(models.Model):
    """Sending IPs that carry mail together under one sending domain."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    role = models.CharField(max_length=16, choices=PoolRole, default=PoolRole.NORMAL)
    state = models.CharField(max_length=16, choices=PoolState, default=PoolState.ACTIVE)
    domain = models.ForeignKey(SendingDomain, on_delete=models.PROTECT, related_name="pools")
    tls = models.CharField(max_length=16, choices=TlsUse, default=TlsUse.OPPORTUNISTIC)
    tls_minimum = models.CharField(max_length=16, choices=TlsMinimum, default=TlsMinimum.TLS12)
    carries_attachments = models.BooleanField(default=True)
    relay = models.ForeignKey(
        Relay, null=True, blank=True, on_delete=models.PROTECT, related_name="pools"
    )
    fallbacks = models.ManyToManyField(
        "self", through="PoolFallback", symmetrical=False, related_name="falls_back_from"
    )

    def __str__(self) -> str:
        return self.name

    @property
    def can_tls(self) -> bool:
        return self.tls != TlsUse.NONE


class PoolFallback(models.Model):
    """One rung of a pool's ladder; the lowest rank is asked first."""

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="ladder")
    fallback = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="+")
    rank = models.PositiveSmallIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["pool", "rank"], name="ladder_rank_unique"),
            models.UniqueConstraint(fields=["pool", "fallback"], name="ladder_rung_unique"),
            models.CheckConstraint(
                condition=~models.Q(pool=models.F("fallback")), name="ladder_not_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool_id} -> {self.fallback_id} ({self.rank})"


class IpState(models.TextChoices):
    ACTIVE = "active", _("active")
    RESTING = "resting", _("resting")  # taken out by hand, comes back by hand
    LISTED = "listed", _("listed")  # out of rotation while a blocklist has it
    RETIRED = "retired", _("retired")  # kept for the history only


class SendingIp(models.Model):
    """A source address with its HELO name. IPv4 or IPv6."""

    address = models.GenericIPAddressField(_("address"), unique=True)
    helo = models.CharField(_("HELO name"), max_length=253, blank=True)
    segment = models.ForeignKey(IpSegment, on_delete=models.PROTECT, related_name="ips")
    pool = models.ForeignKey(
        Pool, null=True, blank=True, on_delete=models.PROTECT, related_name="ips"
    )
    state = models.CharField(max_length=16, choices=IpState, default=IpState.ACTIVE)
    weight = models.PositiveSmallIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )

    def __str__(self) -> str:
        return self.address


class Assignment(models.Model):
    """The pool a customer's mail goes through while all is well, and the customer's share of it."""

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, related_name="assignment")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="assignments")
    weight = models.PositiveSmallIntegerField(  # against other customers with mail in a lane
        default=10, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    messages_per_hour = models.PositiveIntegerField(null=True, blank=True)  # by the clock
    messages_per_day = models.PositiveIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.customer_id} -> {self.pool_id}"


class Announcement(models.Model):
    """A change that workers have yet to hear of (delivery.announcements)."""

    made_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"change of {self.made_at:%F %T}"
