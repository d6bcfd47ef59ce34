"""Listings: one resource on one list, its history, and how far the sweep of each list has come."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from blacklist.catalogue import Impact
from blacklist.listing_states import Channel, ListingState

LONGEST_NAME = 253  # a domain name (RFC 1035 2.3.4), as text


class Listing(models.Model):
    """What both sources have said about one resource on one list, since it was first named there.

    There is no row for what no source ever named. `opened_*` are of the present episode, from the
    first sign to the return to clear. `listed_answers` and `clean_answers` are answers in a row.
    """

    resource = models.CharField(max_length=LONGEST_NAME)  # an address, or a domain in A-labels
    blocklist = models.CharField(max_length=LONGEST_NAME)  # the list's ident, or a provider's name
    state = models.CharField(max_length=16, choices=ListingState, default=ListingState.CLEAR)
    since = models.DateTimeField()  # in this state
    impact = models.CharField(max_length=16, choices=Impact)
    is_ours = models.BooleanField(default=True)  # False: a customer's domain, for information
    opened_at = models.DateTimeField(null=True)
    opened_by = models.CharField(max_length=16, choices=Channel, blank=True)
    listed_at = models.DateTimeField(null=True)
    codes = models.JSONField(default=list)  # of the last listing answer
    text = models.TextField(blank=True)  # its TXT record
    lookup_url = models.TextField(blank=True)  # as a reply named it
    listed_answers = models.PositiveIntegerField(default=0)
    clean_answers = models.PositiveIntegerField(default=0)
    clean_since = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)  # the last listing or clean answer
    unanswered_why = models.TextField(blank=True)  # why there has been none since
    replies = models.PositiveIntegerField(default=0)  # in this episode
    first_reply_at = models.DateTimeField(null=True)
    last_reply_at = models.DateTimeField(null=True)
    destinations = models.JSONField(default=list)  # groups whose hosts said so, in this episode
    next_check_at = models.DateTimeField(null=True)  # out of turn; null: by the sweep only

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["resource", "blocklist"], name="listing_once"),
            models.CheckConstraint(
                condition=Q(state__in=ListingState.values), name="listing_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=ListingState.CLEAR) | Q(opened_at__isnull=False),
                name="listing_open_has_beginning",
            ),
        ]
        indexes: ClassVar = [
            # What is not clear is a handful among many; pages and checks look for nothing else.
            models.Index(
                fields=["blocklist"],
                condition=~Q(state=ListingState.CLEAR),
                name="listing_open",
            ),
            models.Index(
                fields=["next_check_at"],
                condition=Q(next_check_at__isnull=False),
                name="listing_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} on {self.blocklist}: {self.state}"


class ListingMove(models.Model):
    """One change of a listing's state, with what showed it."""

    listing = models.ForeignKey(Listing, on_delete=models.CASCADE, related_name="moves")
    at = models.DateTimeField()
    before = models.CharField(max_length=16, choices=ListingState)
    after = models.CharField(max_length=16, choices=ListingState)
    channel = models.CharField(max_length=16, choices=Channel)
    by = models.TextField()  # the part of the software, or the person's name
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    why = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["listing", "at"], name="listing_history")]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.before} -> {self.after} ({self.channel})"


class ListSweep(models.Model):
    """How far the sweep of one list has come: one row for a list, however many its targets.

    Each target has its own moment within the list's cadence (sweep.phase); all those up to
    `swept_until` have been asked about. `unanswered` names the exceptions: resource -> when its
    last answer came, in seconds since 1970, or null. `trouble` says why the list tells nothing.
    """

    ident = models.CharField(max_length=LONGEST_NAME, unique=True)
    swept_until = models.DateTimeField(null=True)  # null: nobody has been answered for yet
    unanswered = models.JSONField(default=dict)
    trouble = models.CharField(max_length=16, blank=True)
    why = models.TextField(blank=True)
    trouble_since = models.DateTimeField(null=True)
    asked_on = models.DateField()  # the day, in UTC, of `asked`
    asked = models.PositiveIntegerField(default=0)  # questions

    def __str__(self) -> str:
        return f"{self.ident}, swept until {self.swept_until or None}"
