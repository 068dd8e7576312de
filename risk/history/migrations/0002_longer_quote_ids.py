"""Let a stored quote be a swap of given dates, whose id has 25 characters."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("market_history", "0001_initial"),)

    operations = (
        migrations.AlterField(
            model_name="curvequote",
            name="quote_id",
            field=models.CharField(
                help_text="the tenor, such as 10Y, or another id of a quote", max_length=32
            ),
        ),
    )
