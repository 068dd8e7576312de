"""What a person said of a breach is only ever added to."""

from django.db import migrations

KEEP = """
CREATE FUNCTION risk_reviews_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A deleted user leaves the review without its user; the name stays, and nothing else may change.
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'user_id' = to_jsonb(OLD) - 'user_id' AND NEW.user_id IS NULL THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'reviews are only ever added to: % of % refused', TG_OP, TG_TABLE_NAME;
END $$;
CREATE TRIGGER reviews_stay BEFORE UPDATE OR DELETE ON risk_limitreview
    FOR EACH ROW EXECUTE FUNCTION risk_reviews_stay();
"""
FREE = "DROP FUNCTION risk_reviews_stay() CASCADE;"


def keep(apps, schema_editor):
    schema_editor.execute(KEEP, params=None)  # a % in it is PL/pgSQL's


def free(apps, schema_editor):
    schema_editor.execute(FREE)


class Migration(migrations.Migration):
    dependencies = (("risk", "0006_day_report"),)

    operations = (migrations.RunPython(keep, free),)
