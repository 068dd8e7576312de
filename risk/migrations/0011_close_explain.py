"""The P&L explain of each close."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("risk", "0010_attribution_run"),)

    operations = (
        migrations.CreateModel(
            name="FrameCloseExplain",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "frame",
                    models.BigIntegerField(help_text="number of the close's frame that it is of"),
                ),
                (
                    "explain",
                    models.BinaryField(help_text="terms and moves, MessagePack, compressed"),
                ),
                (
                    "close",
                    models.OneToOneField(
                        on_delete=models.deletion.CASCADE,
                        related_name="explain",
                        to="risk.frameclose",
                    ),
                ),
            ],
        ),
    )
