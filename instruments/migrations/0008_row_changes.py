"""Note each written row of what pricing reads, so that a reader can read what has changed.

A row of ``instruments_rowchange`` names a row of another table, and the transaction that wrote it.
Triggers write it, whoever writes: forms, bulk loads, SQL by hand. ``instruments/row_changes.py``
reads it.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import migrations

NAMES = {
    "instruments_swap": "trade_id",
    "instruments_bondposition": "trade_id",
    "instruments_quarantine": "trade_id",
    "instruments_bond": "id",
    "instruments_book": "id",
    "instruments_desk": "id",
    "instruments_fixing": "index",
    "instruments_fxrate": "currency",
}
"""By table, the column that names a row."""

TABLE = """
CREATE TABLE instruments_rowchange (
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    began timestamptz NOT NULL DEFAULT now(),
    of_table text NOT NULL,
    name text
);
CREATE INDEX instruments_rowchange_transaction ON instruments_rowchange (transaction);
CREATE FUNCTION instruments_note_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO instruments_rowchange (of_table) VALUES (TG_TABLE_NAME);
        RETURN NULL;
    END IF;
    EXECUTE format(
        'INSERT INTO instruments_rowchange (of_table, name)'
        ' SELECT DISTINCT %L, %I::text FROM written', TG_TABLE_NAME, TG_ARGV[0]);
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format(
            'INSERT INTO instruments_rowchange (of_table, name) SELECT %L, before.name FROM'
            ' (SELECT %I::text FROM replaced EXCEPT SELECT %I::text FROM written) before (name)',
            TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[0]);
    END IF;
    RETURN NULL;
END $$;
"""
DROP = """
DROP FUNCTION instruments_note_changes CASCADE;
DROP TABLE instruments_rowchange;
"""
ROWS = {
    "INSERT": "REFERENCING NEW TABLE AS written",
    "UPDATE": "REFERENCING OLD TABLE AS replaced NEW TABLE AS written",
    "DELETE": "REFERENCING OLD TABLE AS written",
    "TRUNCATE": "",
}


def triggers() -> Iterator[str]:
    for table, name in NAMES.items():
        for event, rows in ROWS.items():
            yield (
                f"CREATE TRIGGER note_{event.lower()} AFTER {event} ON {table} {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION instruments_note_changes('{name}');"
            )


class Migration(migrations.Migration):
    dependencies = (("instruments", "0007_hashed_tokens"),)
    operations = (migrations.RunSQL(TABLE + "\n".join(triggers()), DROP),)
