from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("instruments", "0024_market_price_of_bond_futures"),
    ]

    operations = [
        migrations.AlterField(
            model_name="historicalscenarioshock",
            name="tenor",
            field=models.CharField(
                blank=True, help_text="empty for a parallel move", max_length=32
            ),
        ),
        migrations.AlterField(
            model_name="scenarioshock",
            name="tenor",
            field=models.CharField(
                blank=True, help_text="empty for a parallel move", max_length=32
            ),
        ),
    ]
