import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

KEEP = """
CREATE FUNCTION market_history_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- What may change: a quote is superseded once, and a deleted user leaves no name.
    free text[] := CASE TG_TABLE_NAME
        WHEN 'market_history_curvequote' THEN ARRAY['superseded_by_id']
        ELSE ARRAY['loaded_by_id'] END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - free = to_jsonb(OLD) - free
           AND (free = ARRAY['loaded_by_id']
                OR to_jsonb(OLD) ->> 'superseded_by_id' IS NULL) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'history is only ever added to: % of % refused', TG_OP, TG_TABLE_NAME;
END $$;
CREATE TRIGGER history_stays BEFORE UPDATE OR DELETE ON market_history_curvequote
    FOR EACH ROW EXECUTE FUNCTION market_history_stays();
CREATE TRIGGER history_stays BEFORE UPDATE OR DELETE ON market_history_curvefile
    FOR EACH ROW EXECUTE FUNCTION market_history_stays();
"""
FREE = "DROP FUNCTION market_history_stays() CASCADE;"


def keep(apps, schema_editor):
    schema_editor.execute(KEEP, params=None)  # a % in it is PL/pgSQL's


def free(apps, schema_editor):
    schema_editor.execute(FREE)


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="CurveFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("publisher", models.CharField(max_length=64)),
                ("name", models.CharField(help_text="name of the file", max_length=200)),
                (
                    "sha256",
                    models.CharField(blank=True, help_text="of the file's bytes", max_length=64),
                ),
                (
                    "label",
                    models.CharField(
                        choices=[
                            ("official", "official"),
                            ("proxy", "proxy"),
                            ("synthetic", "synthetic"),
                        ],
                        max_length=9,
                    ),
                ),
                (
                    "retrieved_at",
                    models.DateTimeField(help_text="when it was downloaded from the publisher"),
                ),
                (
                    "loaded_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        help_text="since then its quotes are known",
                    ),
                ),
                (
                    "forced_reason",
                    models.CharField(
                        blank=True,
                        help_text="why it was taken in spite of a warning",
                        max_length=400,
                    ),
                ),
                (
                    "loaded_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ("-loaded_at", "-pk")},
        ),
        migrations.CreateModel(
            name="CurveQuote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("date", models.DateField()),
                ("curve", models.CharField(max_length=32)),
                (
                    "quote_id",
                    models.CharField(help_text="the tenor, such as 10Y", max_length=16),
                ),
                (
                    "rate",
                    models.DecimalField(
                        decimal_places=10, help_text="decimal per year", max_digits=12
                    ),
                ),
                (
                    "quote_kind",
                    models.CharField(help_text="as the curve's conventions name it", max_length=16),
                ),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quotes",
                        to="market_history.curvefile",
                    ),
                ),
                (
                    "superseded_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="superseded",
                        to="market_history.curvefile",
                    ),
                ),
            ],
            options={
                "ordering": ("curve", "date", "quote_id"),
                "indexes": [models.Index(fields=["curve", "date"], name="quotes_of_curve_by_date")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("superseded_by", None)),
                        fields=("curve", "date", "quote_id"),
                        name="one_current_quote_per_tenor_and_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rate__gte", "-0.05"), ("rate__lte", "0.5")),
                        name="quote_is_a_decimal_rate",
                    ),
                ],
            },
        ),
        migrations.RunPython(keep, free),
    ]
