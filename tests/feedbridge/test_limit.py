"""A feed of bad records stops the bridge; a handful of them does not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from feedbridge.dead_letters.consumption_halt import clear_halt, read_halt, write_halt
from feedbridge.dead_letters.invalid_record_limit import InvalidRecordLimit, NoLimit
from feedbridge.kafka.topics import YIELD_CURVE_TICKS
from tests.feedbridge.rig import counted
from tests.risk.made import store, swap

PROCESS_S = 180.0
ROOT = Path(__file__).resolve().parent.parent.parent


def after(limit, records):
    """The first record, of letters g and b, after which the limit is exceeded."""
    for number, record in enumerate(records, 1):
        limit.note(bad=record == "b")
        if limit.exceeded():
            return number
    return None


def test_fifty_bad_records_in_a_row_are_too_many_and_a_good_one_between_starts_the_count_anew():
    assert after(InvalidRecordLimit(), "b" * 60) == 50
    assert after(InvalidRecordLimit(), "g" * 400 + "b" * 49 + "g" + "b" * 49) is None


def test_a_fifth_of_the_last_five_hundred_may_be_bad_and_not_one_more():
    assert after(InvalidRecordLimit(), "ggggb" * 200) is None
    assert after(InvalidRecordLimit(), "g" * 400 + "bg" * 101) == 601  # 101 of the last 500


def test_a_handful_of_records_says_nothing_about_a_feed():
    assert after(InvalidRecordLimit(), "bbbggg" * 10) is None


def test_old_records_leave_the_window():
    limit = InvalidRecordLimit()
    after(limit, "g" * 410 + "b" * 45 + "g" * 45)
    assert after(limit, "g" * 500 + "b" * 45) is None


def test_who_has_looked_at_the_feed_may_read_all_of_it():
    assert after(NoLimit(), "b" * 1000) is None


def test_a_bridge_stops_at_the_limit_commits_what_has_ended_and_leaves_the_rest_to_the_next(rig):
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    before = rig.committed()[YIELD_CURVE_TICKS]
    rig.send(rig.tick(1), *(f"junk {n} {uuid.uuid4()}".encode() for n in range(70)), rig.tick(2))
    rig.run(lambda: bridge.halted)
    assert bridge.halted == "50 bad records in a row"
    rig.run(lambda: bridge.ledger.in_flight == 0)
    assert counted(bridge) == {"published": 1, "dead_lettered": 50}
    bridge.close()
    rig.bridges.clear()
    assert rig.committed()[YIELD_CURVE_TICKS] == before + 51
    second = rig.bridge()
    rig.run(lambda: second.ledger.counts.total() == 21)
    assert counted(second) == {"published": 1, "dead_lettered": 20}


def test_a_source_that_leaps_does_not_stop_the_others(rig):
    """Each of its ticks is a dead letter; the feed of the other source is read on."""
    store(rig.books, swap())
    bridge = rig.ready(rig.bridge())
    leaps = [rig.tick(1, epoch=2**53, source="broken", sent_ns=n) for n in range(70)]
    rig.send(*leaps, rig.tick(1))
    rig.run(lambda: bridge.ledger.counts.total() == 71)
    assert bridge.halted == ""
    assert counted(bridge) == {"published": 1, "dead_lettered": 70}


class Process:
    """A real bridge of the rig's group, on the tests' database."""

    def __init__(self, rig, *options):
        database = urlsplit(os.environ["DATABASE_URL"])
        name = connection.settings_dict["NAME"]
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "runbridge", "--group", rig.group, *options],
            env={**os.environ, "DATABASE_URL": database._replace(path=f"/{name}").geturl()},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.timer = threading.Timer(PROCESS_S, self.process.kill)
        self.timer.start()

    def says(self, words):
        """Read its output up to some words; all of it when they do not come."""
        told = ""
        for line in self.process.stdout:
            told += line
            if words in line:
                break
        return told

    def end(self):
        """Its exit code, asked to end if it has not."""
        self.timer.cancel()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.stdout.read()
        return self.process.wait(PROCESS_S)


def test_the_command_ends_with_a_sentence_and_started_again_waits_until_somebody_has_looked(
    rig, transactional_db
):
    rig.send(*(f"junk {n} {uuid.uuid4()}".encode() for n in range(60)))
    before = rig.committed()[YIELD_CURVE_TICKS]
    first = Process(rig)
    assert "--accept-bad" in first.says("reading has stopped: 50 bad records in a row")
    assert first.process.wait(PROCESS_S) == 1
    first.end()
    assert rig.committed()[YIELD_CURVE_TICKS] == before + 50
    second = Process(rig)
    assert "waiting: reading has stopped" in second.says("waiting: reading has stopped")
    time.sleep(2)
    assert second.process.poll() is None, "a supervised bridge waits, it does not end at once"
    assert rig.committed()[YIELD_CURVE_TICKS] == before + 50
    looked = Process(rig, "--accept-bad")
    wait_for(lambda: rig.committed()[YIELD_CURVE_TICKS] == before + 60)
    assert read_halt(rig.client) is None
    assert looked.end() == second.end() == 0


def wait_for(ready):
    end = time.monotonic() + PROCESS_S
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.5)


def test_the_first_reason_to_stop_stays(redis_client):
    write_halt(redis_client, "a", "50 bad records in a row")
    write_halt(redis_client, "b", "another")
    assert read_halt(redis_client).bridge == "a"
    clear_halt(redis_client)
    assert read_halt(redis_client) is None
