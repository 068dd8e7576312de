from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("risk", "0001_initial"),)

    operations = (
        migrations.AddField(
            model_name="frameclose",
            name="head",
            field=models.BinaryField(
                default=b"", help_text="what the book was made of, MessagePack"
            ),
        ),
    )
