"""Deliveries have no priority of their own: transactional mail has lanes of its own."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("delivery", "0006_announcement")]

    operations: ClassVar = [migrations.RemoveField(model_name="delivery", name="priority")]
