"""Listings, their history, and how far each list's sweep has come."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("blacklist", "0001_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ListSweep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ident", models.CharField(max_length=253, unique=True)),
                ("swept_until", models.DateTimeField(null=True)),
                ("unanswered", models.JSONField(default=dict)),
                ("trouble", models.CharField(blank=True, max_length=16)),
                ("why", models.TextField(blank=True)),
                ("trouble_since", models.DateTimeField(null=True)),
                ("asked_on", models.DateField()),
                ("asked", models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Listing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("resource", models.CharField(max_length=253)),
                ("blocklist", models.CharField(max_length=253)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("clear", "clear"),
                            ("suspected", "suspected"),
                            ("listed", "listed"),
                            ("clearing", "clearing"),
                        ],
                        default="clear",
                        max_length=16,
                    ),
                ),
                ("since", models.DateTimeField()),
                (
                    "impact",
                    models.CharField(
                        choices=[
                            ("critical", "critical"),
                            ("major", "major"),
                            ("minor", "minor"),
                            ("info", "for information"),
                        ],
                        max_length=16,
                    ),
                ),
                ("is_ours", models.BooleanField(default=True)),
                ("opened_at", models.DateTimeField(null=True)),
                (
                    "opened_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("dns", "query of the list"),
                            ("smtp", "replies of receivers"),
                            ("person", "a person"),
                        ],
                        max_length=16,
                    ),
                ),
                ("listed_at", models.DateTimeField(null=True)),
                ("codes", models.JSONField(default=list)),
                ("text", models.TextField(blank=True)),
                ("lookup_url", models.TextField(blank=True)),
                ("listed_answers", models.PositiveIntegerField(default=0)),
                ("clean_answers", models.PositiveIntegerField(default=0)),
                ("clean_since", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("unanswered_why", models.TextField(blank=True)),
                ("replies", models.PositiveIntegerField(default=0)),
                ("first_reply_at", models.DateTimeField(null=True)),
                ("last_reply_at", models.DateTimeField(null=True)),
                ("destinations", models.JSONField(default=list)),
                ("next_check_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "clear"), _negated=True),
                        fields=["blocklist"],
                        name="listing_open",
                    ),
                    models.Index(
                        condition=models.Q(("next_check_at__isnull", False)),
                        fields=["next_check_at"],
                        name="listing_due",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("resource", "blocklist"), name="listing_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["clear", "suspected", "listed", "clearing"])
                        ),
                        name="listing_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state", "clear"), ("opened_at__isnull", False), _connector="OR"
                        ),
                        name="listing_open_has_beginning",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ListingMove",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "before",
                    models.CharField(
                        choices=[
                            ("clear", "clear"),
                            ("suspected", "suspected"),
                            ("listed", "listed"),
                            ("clearing", "clearing"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "after",
                    models.CharField(
                        choices=[
                            ("clear", "clear"),
                            ("suspected", "suspected"),
                            ("listed", "listed"),
                            ("clearing", "clearing"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("dns", "query of the list"),
                            ("smtp", "replies of receivers"),
                            ("person", "a person"),
                        ],
                        max_length=16,
                    ),
                ),
                ("by", models.TextField()),
                ("why", models.TextField(blank=True)),
                ("evidence", models.JSONField(default=dict)),
                (
                    "listing",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="moves",
                        to="blacklist.listing",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["listing", "at"], name="listing_history")],
            },
        ),
    ]
