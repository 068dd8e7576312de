"""``manage.py replay`` as a person meets it: what it prints, refuses, and how it stops."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from kafka import KafkaConsumer, TopicPartition
from rich.console import Console

from feedbridge.kafka.topics import YIELD_CURVE_TICKS
from feedbridge.management.commands import replay
from feedbridge.replay.progress import BarProgress, Progress, progress_for
from risk.store.messages import MarketTick

ROOT = Path(__file__).parents[2]

TREASURY_2025 = """Date,"1 Mo","3 Mo","2 Yr","10 Yr"
04/04/2025,4.36,4.28,3.68,4.01
04/03/2025,4.36,4.31,3.71,4.06
"""


def run(*arguments: str, **options: object) -> str:
    out = io.StringIO()
    call_command("replay", *arguments, stdout=out, **options)
    return out.getvalue()


def manage(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "RISK_LOCAL_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_records(bootstrap: str, more: int) -> None:
    """Until that many further ticks stand in Kafka."""
    reader = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    places = [TopicPartition(YIELD_CURVE_TICKS, n) for n in range(3)]
    ends = [sum(reader.end_offsets(places).values())]
    deadline = time.monotonic() + 30
    while ends[-1] < ends[0] + more:
        assert time.monotonic() < deadline, "no ticks"
        time.sleep(0.1)
        ends.append(sum(reader.end_offsets(places).values()))
    reader.close()


def test_a_dry_run_prints_ticks_with_their_labels_and_needs_no_broker():
    text = run("--dry-run", "--run-id", "demo", "--bootstrap", "127.0.0.1:1")
    assert "would send USD, EUR, GBP, 2024-01-02 to 2024-09-24 (184 market days" in text
    assert "as replay-demo" in text
    assert "2024-01-02 09:00  USD 1: USD-GOVT 13 quotes official, 10Y 3." in text
    assert "USD-SOFR 11 quotes proxy" in text
    assert "EUR-ESTR 15 quotes synthetic" in text
    assert "16551 more" in text


def test_once_limits_what_is_printed():
    text = run("--dry-run", "--once", "2", "--currency", "gbp")
    assert len(re.findall("GBP-SONIA", text)) == 2
    assert "more" not in text


def test_an_event_is_replayed_on_its_own_days():
    text = run("--dry-run", "--event", "svb-2023", "--currency", "USD")
    assert "2023-03-08 to 2023-03-24 (13 market days" in text
    with pytest.raises(CommandError, match="allowed: lehman-2008, taper-tantrum-2013"):
        run("--dry-run", "--event", "tulips-1637")
    with pytest.raises(CommandError, match="leave --from, --to out"):
        run("--dry-run", "--event", "svb-2023", "--to", "2023-03-10")


def test_speed_divides_the_interval():
    assert "every 50 ms" in run("--dry-run", "--speed", "20")
    assert "every 25 ms" in run("--dry-run", "--speed", "4", "--interval-ms", "100")
    assert "as fast as possible" in run("--dry-run", "--max")


def test_a_downloaded_file_replaces_the_stored_yields(tmp_path: Path):
    path = tmp_path / "treasury.csv"
    path.write_text(TREASURY_2025)
    text = run("--dry-run", "--usd-file", str(path), "--ticks-per-day", "1")
    assert "2025-04-03 to 2025-04-04" in text
    assert "10Y 4.0100%" in text


def test_all_days_of_a_file_are_played_and_its_warnings_shown(tmp_path: Path):
    path = tmp_path / "treasury.csv"
    path.write_text('Date,"10 Yr",Note\n01/03/2024,4.0,x\n12/29/2023,3.9,x\n12/28/2023,3.8,x\n')
    errors = io.StringIO()
    text = run("--dry-run", "--usd-file", str(path), "--ticks-per-day", "1", stderr=errors)
    assert "2023-12-28 to 2024-01-03 (3 market days" in text
    assert errors.getvalue() == "treasury.csv: column Note is not known; it is not read\n"


def test_days_before_the_invented_curves_are_played_in_dollars_alone(tmp_path: Path):
    path = tmp_path / "fred.csv"
    path.write_text("DATE,DGS1,DGS10\n1987-10-16,7.53,10.23\n1989-12-29,7.75,7.93\n")
    with pytest.raises(CommandError, match=r"'1987-10-16'.*EUR cover 1990.*--currency USD"):
        run("--dry-run", "--usd-file", str(path))
    assert "1987-10-16 to 1989-12-29 (2 market days" in run(
        "--dry-run", "--usd-file", str(path), "--currency", "USD"
    )


def test_a_file_with_a_saturday_is_refused_with_a_sentence(tmp_path: Path):
    path = tmp_path / "treasury.csv"
    path.write_text('Date,"10 Yr"\n02/15/2025,4.5\n02/14/2025,4.5\n')
    with pytest.raises(CommandError, match="Saturday"):
        run("--dry-run", "--usd-file", str(path))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--currency", "XYZ"], "'XYZ' is not valid; allowed: USD, EUR, GBP"),
        (["--from", "1980-01-01"], "--from: '1980-01-01'.*covers 1990-01-02 to 2024-09-24"),
        (["--to", "2030-01-01"], "--to: '2030-01-01'.*covers 1990-01-02 to 2024-09-24"),
        (["--from", "2024-05-01", "--to", "2024-04-01"], "must not be after --to 2024-04-01"),
        (["--from", "May"], "'May' is not a date such as 2024-01-31"),
        (["--speed", "0"], "--speed: 0.0 is not valid; above 0"),
        (["--once", "0"], "--once: 0 is not valid"),
        (["--usd-file", "/nowhere.csv"], "--usd-file: .*No such file"),
        (["--bootstrap", "127.0.0.1:1"], "answers at 127.0.0.1:1 .*make demo"),
    ],
)
def test_bad_input_gets_one_sentence(arguments: list[str], sentence: str):
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)


def test_a_replay_says_what_it_does_and_what_it_did(bootstrap: str):
    text = run("--max", "--once", "90", "--bootstrap", bootstrap)
    assert f"to yield_curve_ticks at {bootstrap}" in text
    assert "done: 90 ticks acknowledged" in text
    assert "0 failed, 0 unconfirmed, last market day 2024-01-02" in text


def test_all_currencies_that_have_trades_are_played_unless_some_are_named(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replay.Books, "served", lambda books: ["CHF", "USD"])
    assert "CHF" in run("--max", "--once", "4", "--bootstrap", bootstrap)
    assert "CHF" not in run("--currency", "USD", "--max", "--once", "4", "--bootstrap", bootstrap)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary_and_success(
    bootstrap: str, tmp_path: Path, number: signal.Signals
):
    child = manage(tmp_path, "replay", "--bootstrap", bootstrap, "--speed", "20", "--loop")
    assert child.stdout is not None
    line = ""
    while "yield_curve_ticks" not in line:
        line = child.stdout.readline()
        assert line, "ended before it began"
    wait_for_records(bootstrap, 20)
    child.send_signal(number)
    text, _ = child.communicate(timeout=20)
    assert child.returncode == 0, text
    found = re.search(r"stopped: (\d+) ticks acknowledged.* 0 failed, 0 unconfirmed", text)
    assert found is not None
    assert int(found[1]) > 10
    assert "Traceback" not in text


def test_lines_come_every_five_seconds_with_what_is_left(tick: MarketTick):
    said: list[str] = []
    now = [0.0]
    progress = Progress(said.append, 100, clock=lambda: now[0])
    for sent in range(1, 21):
        now[0] += 0.5
        progress.tick(sent, tick)
    assert said == [
        "2024-01-02 12:00  10/100 ticks  2.0/s  45 s left",
        "2024-01-02 12:00  20/100 ticks  2.0/s  40 s left",
    ]


def test_a_terminal_gets_a_bar_and_a_pipe_gets_lines(tick: MarketTick):
    assert type(progress_for(io.StringIO(), 10)) is Progress
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    with BarProgress(2, screen) as bar:
        bar.outage("refused")
        bar.tick(2, tick)
    text = screen.file.getvalue()
    assert "2024-01-02 12:00" in text
    assert "2/2" in text
    assert "waiting for it" in text
