from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("risk", "0009_frames_within_by_day"),
    ]

    operations = [
        migrations.CreateModel(
            name="AttributionRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("made", models.DateTimeField()),
                (
                    "desks",
                    models.JSONField(
                        help_text=(
                            "by desk: date, HPL, RTPL; US dollars, null where a day has no number"
                        )
                    ),
                ),
                ("notes", models.JSONField(help_text="what is left out, and why")),
                (
                    "of_trades",
                    models.JSONField(help_text="the same by trade and desk: for who may see all"),
                ),
            ],
        ),
    ]
