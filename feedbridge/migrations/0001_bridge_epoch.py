"""A sequence that gives each bridge its own epoch, higher than every one before."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.RunSQL(
            sql="CREATE SEQUENCE feedbridge_epoch MAXVALUE 2097151",
            reverse_sql="DROP SEQUENCE feedbridge_epoch",
        ),
    ]
