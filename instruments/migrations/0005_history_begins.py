"""What stands in the tables becomes the first line of its history; no line is changed again."""

from __future__ import annotations

from itertools import islice

from django.db import migrations

REASON = "as it stood when the history began"
ROWS_AT_ONCE = 2_000

TABLES = (
    "bond",
    "bondposition",
    "book",
    "counterparty",
    "desk",
    "fixing",
    "fxrate",
    "issuer",
    "quarantine",
    "swap",
)

KEEP = """
CREATE FUNCTION instruments_history_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A deleted user leaves the line without a name; nothing else may change.
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'history_user_id' = to_jsonb(OLD) - 'history_user_id'
           AND to_jsonb(NEW) ->> 'history_user_id' IS NULL THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'history is only ever added to: % of % refused', TG_OP, TG_TABLE_NAME;
END $$;
"""
FREE = "DROP FUNCTION instruments_history_stays() CASCADE;"


def begin(apps, schema_editor):
    for name in TABLES:
        model = apps.get_model("instruments", name)
        history = apps.get_model("instruments", f"historical{name}")
        rows = model.objects.order_by("pk").iterator(ROWS_AT_ONCE)
        while lines := [_line(history, row) for row in islice(rows, ROWS_AT_ONCE)]:
            history.objects.bulk_create(lines)


def _line(history, row):
    fields = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    when = getattr(row, "updated", None) or row.since
    return history(history_type="+", history_date=when, history_change_reason=REASON, **fields)


def keep(apps, schema_editor):
    schema_editor.execute(KEEP, params=None)  # a % in it is PL/pgSQL's
    for name in (*TABLES, "desk_traders"):
        schema_editor.execute(
            f"CREATE TRIGGER history_stays BEFORE UPDATE OR DELETE ON "
            f"instruments_historical{name} "
            f"FOR EACH ROW EXECUTE FUNCTION instruments_history_stays();"
        )


def free(apps, schema_editor):
    schema_editor.execute(FREE)


class Migration(migrations.Migration):
    dependencies = [("instruments", "0004_parties_fx_history")]

    operations = [
        migrations.RunPython(begin, migrations.RunPython.noop),
        migrations.RunPython(keep, free),
    ]
