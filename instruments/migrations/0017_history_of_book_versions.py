"""Stamp each line of history with the change it belongs to, and note which version it led to.

A change is what one transaction wrote. Lines of history and the book version that they led to are
joined by the number of the change, which is random: numbers of transactions begin anew in a
restored database. ``instruments/book_history.py`` reads it, and has each table of history stamped
after every ``migrate``.
"""

from __future__ import annotations

from django.db import migrations

MADE = """
CREATE TABLE instruments_bookchange (
    number bigint NOT NULL,
    change uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (number, change)
);
CREATE INDEX instruments_bookchange_change ON instruments_bookchange (change);
CREATE INDEX instruments_bookchange_at ON instruments_bookchange (at);

CREATE FUNCTION instruments_this_change() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    -- Ends with the transaction, and with a savepoint that is rolled back.
    made text := current_setting('liverisk.change', true);
BEGIN
    IF made IS NULL OR made = '' THEN
        made := gen_random_uuid()::text;
        PERFORM set_config('liverisk.change', made, true);
    END IF;
    RETURN made::uuid;
END $$;

CREATE FUNCTION instruments_stamp_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.change := instruments_this_change();
    RETURN NEW;
END $$;

CREATE FUNCTION instruments_note_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO instruments_bookchange (number, change)
    VALUES (NEW.number, instruments_this_change()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER note_version AFTER INSERT OR UPDATE ON instruments_bookversion
    FOR EACH ROW EXECUTE FUNCTION instruments_note_version();

-- Fixings that were overwritten in bulk have no line of what they are now.
INSERT INTO instruments_historicalfixing
    (id, version, created, updated, index, date, rate, source,
     history_date, history_change_reason, history_type)
SELECT id, version, created, updated, index, date, rate, source,
       updated, 'as it stood when the history began', '~'
FROM instruments_fixing f
WHERE NOT EXISTS (
    SELECT 1 FROM instruments_historicalfixing h
    WHERE h.id = f.id AND h.version = f.version AND h.rate = f.rate AND h.source = f.source
);
"""

GONE = """
DO $$
DECLARE
    lines regclass;
BEGIN
    FOR lines IN
        SELECT oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
          AND relname LIKE 'instruments\\_historical%'
    LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS stamp_line ON %s', lines);
        EXECUTE format('ALTER TABLE %s DROP COLUMN IF EXISTS change', lines);
    END LOOP;
END $$;
DROP FUNCTION instruments_stamp_line CASCADE;
DROP FUNCTION instruments_note_version CASCADE;
DROP FUNCTION instruments_this_change CASCADE;
DROP TABLE instruments_bookchange;
"""


def make(apps, schema_editor):
    schema_editor.execute(MADE, params=None)  # a % in it is PL/pgSQL's


def drop(apps, schema_editor):
    schema_editor.execute(GONE, params=None)


class Migration(migrations.Migration):
    dependencies = (("instruments", "0016_scenario_shock"),)
    operations = (migrations.RunPython(make, drop),)
