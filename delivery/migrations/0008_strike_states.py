"""Strikes keep what they were counted as, so that taking them back is exact."""

from typing import ClassVar

from django.db import migrations, models

# What was counted before this was kept is read from what the delivery and the attempt say now.
_STATES = """
UPDATE delivery_strike s SET state = CASE
    WHEN s.report_id IS NOT NULL THEN 'bounced'
    WHEN d.state = 'expired' THEN 'expired' ELSE 'refused' END
FROM delivery_delivery d WHERE d.id = s.delivery_id
"""
_PHASES = """
UPDATE delivery_strike s SET is_after_data = true FROM delivery_attempt a
WHERE a.id = s.attempt_id AND s.report_id IS NULL AND a.phase = 'end-of-data'
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("delivery", "0007_drop_priority")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="strike",
            name="state",
            field=models.TextField(default="refused"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="strike",
            name="is_after_data",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunSQL(_STATES, migrations.RunSQL.noop),
        migrations.RunSQL(_PHASES, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="strike",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["refused", "expired", "bounced", "complaint"])),
                name="strike_state_known",
            ),
        ),
    ]
