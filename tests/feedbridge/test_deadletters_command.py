"""``manage.py deadletters`` on a real broker: what is listed, and what goes back."""

from __future__ import annotations

import io
import json
import uuid

import pytest
from django.core.management import CommandError, call_command
from kafka import KafkaConsumer, KafkaProducer

from feedbridge.bridge.ledger import Place
from feedbridge.dead_letters.producer import MAX_COPY_BYTES, DeadLetter, DeadLetterProducer
from feedbridge.kafka.topics import YIELD_CURVE_TICKS, ensure_topics


@pytest.fixture
def letters(kafka_bootstrap, settings):
    """Letters of a code that no other test has: a small one, an empty one and one that is cut."""
    settings.KAFKA_BOOTSTRAP_SERVERS = kafka_bootstrap
    ensure_topics(kafka_bootstrap)
    code = f"T{uuid.uuid4().hex[:8].upper()}"
    box = DeadLetterProducer(lambda: KafkaProducer(bootstrap_servers=kafka_bootstrap))
    place = Place(YIELD_CURVE_TICKS, 1, 17)
    box.send(DeadLetter(place, b"USD", f"{{junk {code}".encode(), code, "no JSON at column 2"))
    box.send(DeadLetter(place, b"GBP", None, code, "the record has no value"))
    box.send(DeadLetter(place, None, None, f"{code}N", "the record has no value"))
    box.send(DeadLetter(place, b"EUR", b"x" * (MAX_COPY_BYTES + 9), f"{code}L", "too large"))
    box.close()
    assert len(box.acknowledged()) == 4
    return code


def told(*args):
    out = io.StringIO()
    call_command("deadletters", *args, stdout=out)
    return out.getvalue()


def listed(*args):
    return [json.loads(line) for line in told("--json", *args).splitlines()]


def records_of(bootstrap, text):
    consumer = KafkaConsumer(
        YIELD_CURVE_TICKS,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=1500,
    )
    found = [r for r in consumer if r.value and text.encode() in r.value]
    consumer.close()
    return found


def test_a_letter_is_listed_with_why_where_from_and_its_first_bytes(letters, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")  # of the terminal, whatever started the tests
    rows = {row["key"]: row for row in listed("--code", letters)}
    row = rows["USD"]
    assert (row["reason"], row["detail"]) == (letters, "no JSON at column 2")
    assert (row["topic"], row["partition"], row["offset"]) == (YIELD_CURVE_TICKS, 1, 17)
    assert row["first_bytes"] == f"{{junk {letters}"
    assert rows["GBP"]["first_bytes"] is None
    table = told("--code", letters)
    assert "2 dead letters" in table
    assert "17" in table


def test_only_the_newest_and_the_recent_are_listed_when_asked(letters):
    assert len(listed("--code", letters, "--limit", "1")) == 1
    assert listed("--code", letters, "--since", "2999-01-01") == []
    with pytest.raises(CommandError, match="not a time such as"):
        told("--since", "yesterday")


def test_a_letter_goes_back_once_with_its_bytes_key_and_partition(letters, kafka_bootstrap):
    (row,) = [r for r in listed("--code", letters) if r["key"] == "USD"]
    assert "would go to" in told("--reinject", row["name"], "--dry-run")
    assert records_of(kafka_bootstrap, letters) == []
    assert "sent 1 again" in told("--reinject", row["name"])
    (back,) = records_of(kafka_bootstrap, letters)
    assert (back.key, back.value) == (b"USD", f"{{junk {letters}".encode())
    assert back.partition == 1
    assert dict(back.headers) == {"reinjected_from": row["name"].encode()}


def test_all_letters_of_a_code_go_back(letters):
    assert "sent 2 again" in told("--reinject", "--all", "--code", letters)


def test_a_cut_letter_is_refused_with_its_sizes_and_nothing_is_sent(letters):
    with pytest.raises(CommandError, match=f"first {MAX_COPY_BYTES} of {MAX_COPY_BYTES + 9} bytes"):
        told("--reinject", "--all", "--code", f"{letters}L")


def test_a_record_without_key_and_value_is_kept_too_and_cannot_go_back(letters):
    """The client refuses to send such a record; another feed's client does not."""
    (row,) = listed("--code", f"{letters}N")
    assert (row["key"], row["bytes"]) == (None, 0)
    with pytest.raises(CommandError, match="had neither key nor value"):
        told("--reinject", row["name"])


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--reinject",), "takes letters such as 0:17, or --all"),
        (("--reinject", "0:1", "--all"), "takes letters such as 0:17, or --all"),
        (("--reinject", "9:99999"), "no such letter: 9:99999"),
        (("--dry-run",), "go with --reinject"),
    ],
)
def test_what_cannot_be_done_is_said(letters, args, sentence):
    with pytest.raises(CommandError, match=sentence):
        told(*args)


def test_a_broker_that_is_away_is_a_sentence(settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    with pytest.raises(CommandError, match="no Kafka broker answers"):
        told()
