"""Real processes with secrets that are easy to find, in trouble: their logs hold none of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import redis

from risk.store.frames import Frames
from riskproject.celery import app
from tests.risk.made import header
from tests.web_process import ROOT, free_port, running_web

KEY = "v1s1ble-key-" + "0123456789abcdef" * 4
WRONG_REDIS, WRONG_DATABASE = "v1s1ble/redis", "v1s1ble-database"
SECRETS = {
    "RISK_ENV": "production",
    "SECRET_KEY": KEY,
    "METRICS_TOKEN": "v1s1ble-metrics-token",
    "LOG_LEVEL": "DEBUG",
}
MARK = "v1s1ble"
PATIENCE_S = 90.0


def wrong_redis() -> str:
    """The test's Redis, with a password that it refuses."""
    found = urlsplit(os.environ["REDIS_URL"])
    return f"redis://:{quote(WRONG_REDIS, safe='')}@{found.hostname}:{found.port}/0"


def wrong_database() -> str:
    """The test's PostgreSQL, with a password that it refuses."""
    found = urlsplit(os.environ["DATABASE_URL"])
    return f"postgresql://risk:{WRONG_DATABASE}@{found.hostname}:{found.port}/risk"


def away(scheme: str, user: str = "") -> str:
    return f"{scheme}://{user}:{MARK}-away@127.0.0.1:1/0"


TROUBLES = {
    "refused": lambda: {"REDIS_URL": wrong_redis(), "DATABASE_URL": wrong_database()},
    "away": lambda: {"REDIS_URL": away("redis"), "DATABASE_URL": away("postgresql", "risk")},
}


def output_of(tmp_path: Path, *command: str, tells: str = "", **environment: str) -> str:
    """Return what a process writes until its end; with ``tells``, until it has written that."""
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (sys.executable, *command),
            env={**os.environ, "RISK_LOCAL_DIR": str(tmp_path), **SECRETS, **environment},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        if tells and tells in log.read_text():
            break
        time.sleep(0.1)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return log.read_text()


WORKER = (
    *("-m", "celery", "-A", "riskproject", "worker", "--queues", "sums", "--concurrency", "1"),
    *("--without-mingle", "--without-gossip", "--loglevel", "DEBUG"),
)
COMMANDS = {
    "worker": WORKER,
    "bridge": ("manage.py", "runbridge"),
    "migrate": ("manage.py", "migrate"),
    "doctor": ("manage.py", "doctor"),
    "flower": ("-m", "celery", "-A", "riskproject", "flower", "--address=127.0.0.1"),
}


TELLS = {
    "worker": "annot connect to redis://",
    "bridge": "waiting: ",
    "flower": "Failed to capture events",
}
"""What those write who do not end by themselves."""


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_process_in_trouble_tells_of_it_without_its_secrets(
    tmp_path: Path, name: str, trouble: str
) -> None:
    extra = {"FLOWER_BASIC_AUTH": f"admin:{MARK}-flower", "FLOWER_PORT": str(free_port())}
    environment = TROUBLES[trouble]() | (extra if name == "flower" else {})
    text = output_of(tmp_path, *COMMANDS[name], tells=TELLS.get(name, ""), **environment)
    assert TELLS.get(name, "") in text
    assert text, "it said nothing at all"
    assert MARK not in text, [line for line in text.splitlines() if MARK in line][:3]


@pytest.mark.parametrize("name", ["bridge", "doctor"])
def test_a_kafka_login_that_fails_is_told_of_without_its_password(
    tmp_path: Path, name: str
) -> None:
    login = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_USERNAME": "bridge",
        "KAFKA_PASSWORD": f"{MARK}/kafka",
    }
    text = output_of(tmp_path, *COMMANDS[name], **login)
    assert ": correct KAFKA_S" in text  # the protocol, or of the packaged broker the mechanism
    assert MARK not in text, [line for line in text.splitlines() if MARK in line][:3]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_web_in_trouble_tells_of_it_without_its_secrets(tmp_path: Path, trouble: str) -> None:
    with running_web(tmp_path, **SECRETS, **TROUBLES[trouble]()) as web:
        header = f"Token {MARK}-0123456789abcdef"
        for path in ("/readyz", "/metrics", "/admin/login/", "/api/v1/desks/"):
            for given in (header, f"Bearer {SECRETS['METRICS_TOKEN']}"):
                answer = web.get(
                    f"{path}?token={MARK}",
                    Host="localhost",
                    Authorization=given,
                    Cookie=f"sessionid={MARK}",
                )
                if answer.status != 301:  # a redirect repeats what its caller has asked for
                    assert MARK not in answer.text
    text = web.log.read_text()
    assert "GET /api/v1/desks/" in text
    # Uvicorn's own access line, with its query, is below DEBUG here.
    assert MARK not in text, [line for line in text.splitlines() if MARK in line][:3]


def test_a_line_of_a_request_has_the_id_of_its_answer(tmp_path: Path) -> None:
    with running_web(tmp_path, LOG_FORMAT="json") as web:
        web.get("/no-such-page", X_Request_ID="find-me")
    lines = [json.loads(line) for line in web.log.read_text().splitlines()]
    (line,) = [found for found in lines if found.get("request_id") == "find-me"]
    assert (line["logger"], line["level"]) == ("requests", "info")
    assert line["message"].startswith("GET /no-such-page 404 ")


def test_a_worker_s_line_says_which_frame_it_was_for(
    tmp_path: Path, redis_client: redis.Redis
) -> None:
    """A job of a book that is not there: the worker warns, and says so to the bridge."""
    job: dict[str, Any] = {
        **{
            "frame": 7,
            "currency": "USD",
            "part": 0,
            "parts": 1,
            "blocks": 1,
            "book_version": "gone",
        },
        **{"valuation_date": "2024-06-03", "curves": {"USD-SOFR": {"1Y": 0.05, "10Y": 0.04}}},
    }
    Frames(redis_client).open(header(7, blocks=1))
    app.send_task("risk.workers.tasks.price_sums", kwargs={"payload": job})
    text = output_of(tmp_path, *WORKER, tells="USD 7 fails", LOG_FORMAT="json", LOG_LEVEL="INFO")
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    found = [line for line in lines if line["logger"] == "risk.workers.tasks" and "frame" in line]
    assert found, text[-2000:]
    assert (found[0]["currency"], found[0]["frame"], found[0]["part"]) == ("USD", 7, 0)
    assert found[0]["task_id"]


def test_a_process_that_ends_by_surprise_says_so_in_its_log(tmp_path: Path) -> None:
    script = f"import django; django.setup(); raise RuntimeError('cannot open redis://:{MARK}@h/0')"
    text = output_of(
        tmp_path, "-c", script, DJANGO_SETTINGS_MODULE="riskproject.settings", LOG_FORMAT="json"
    )
    (line,) = [json.loads(line) for line in text.splitlines()]
    assert (line["logger"], line["level"]) == ("uncaught", "critical")
    assert "RuntimeError: cannot open redis://:***@h/0" in line["exception"]


@pytest.mark.parametrize("value", ["xml", "JSON"])
def test_an_unknown_format_is_refused_with_a_sentence(tmp_path: Path, value: str) -> None:
    text = output_of(tmp_path, "manage.py", "check", LOG_FORMAT=value)
    assert text == f"LOG_FORMAT={value!r}: use 'line' or 'json'\n"


def test_a_short_metrics_token_is_refused_with_a_sentence(tmp_path: Path) -> None:
    text = output_of(tmp_path, "manage.py", "check", METRICS_TOKEN="short")
    assert text.startswith("METRICS_TOKEN is short: use 20 characters or more")


def test_a_command_whose_output_is_read_no_more_ends_in_silence(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        done = subprocess.run(
            (sys.executable, "manage.py", "replay", "--currency", "SEK", "--dry-run"),
            env={**os.environ, "RISK_LOCAL_DIR": str(tmp_path), **SECRETS},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")
