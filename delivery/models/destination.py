"""Destination groups: recipient domains that are one receiver, with what it bears."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class Destination(models.Model):
    """Limits are per sending IP. The group "other" takes every domain named in no group."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    domains = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    max_connections = models.PositiveSmallIntegerField(default=10)
    messages_per_connection = models.PositiveIntegerField(default=100)
    source = models.TextField(blank=True)  # where the figures come from

    class Meta:
        indexes: ClassVar = [GinIndex(fields=["domains"], name="destination_domains")]

    def __str__(self) -> str:
        return self.name
