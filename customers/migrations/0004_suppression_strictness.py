"""Who may lift a block by hand is kept with it; what the recipient asked for lasts."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("customers", "0003_api_keys")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="suppression",
            name="by_operator",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunSQL(
            "UPDATE customers_suppression s SET by_operator = true FROM customers_person p"
            " WHERE p.id = s.created_by_id AND p.operator_role NOT IN ('', 'viewer')",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "UPDATE customers_suppression SET expires_at = NULL WHERE expires_at IS NOT NULL"
            " AND reason IN ('unsubscribed', 'complaint')",
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at", None))
                | ~models.Q(("reason__in", ["unsubscribed", "complaint"])),
                name="suppression_wish_lasts",
            ),
        ),
    ]
