"""Checks of the senders' own set-up."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

KINDS = [
    ("spf", "SPF"),
    ("dkim", "DKIM"),
    ("dmarc", "DMARC"),
    ("mx", "MX"),
    ("tls-rpt", "TLS-RPT"),
    ("mta-sts", "MTA-STS"),
    ("ptr", "PTR"),
    ("helo", "HELO"),
]
VERDICTS = [("ok", "right"), ("wrong", "wrong"), ("missing", "missing"), ("unknown", "no answer")]
KEY = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("blacklist", "0002_listings"),
        ("delivery", "0007_drop_priority"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="SetupRun",
            fields=[
                ("id", KEY),
                ("is_open", models.BooleanField(default=True)),
                ("by", models.CharField(max_length=254)),
                ("asked_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_open", True)),
                        fields=("is_open",),
                        name="setup_run_one_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SetupCheck",
            fields=[
                ("id", KEY.clone()),
                ("kind", models.CharField(choices=KINDS, max_length=16)),
                ("name", models.CharField(max_length=253)),
                ("is_optional", models.BooleanField(default=False)),
                ("verdict", models.CharField(choices=VERDICTS, max_length=16)),
                ("found", models.JSONField(default=list)),
                ("expected", models.JSONField(default=list)),
                ("record", models.JSONField(default=list)),
                ("problems", models.JSONField(default=list)),
                ("advice", models.JSONField(default=list)),
                ("since", models.DateTimeField()),
                ("checked_at", models.DateTimeField()),
                ("settled", models.CharField(blank=True, choices=VERDICTS, max_length=16)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "domain",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="delivery.sendingdomain",
                    ),
                ),
                (
                    "ip",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="delivery.sendingip",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("domain", "ip", "kind", "name"),
                        name="setup_check_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["ok", "wrong", "missing", "unknown"])),
                        name="setup_check_verdict_known",
                    ),
                ],
            },
        ),
    ]
