"""Measure one user's what-ifs over HTTP, alone and beside a user who asks fifty times a second.

The web server, the preview worker and the user who floods are processes of their own. Requests
beyond the previews that a user may have open are refused with 429; the limit of calls per minute,
which would refuse most of the flood earlier, is lifted.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO
from typing import Any

import requests

from benchmarks.numbers import spread

SECONDS, PER_S, PAUSE_S = 20.0, 50.0, 0.1
READY_S = 60.0

Question = tuple[str, Any]


def measure(own: Question, flooding: Question) -> dict[str, Any]:
    """One user's question again and again, for ``SECONDS`` alone and as long beside a flood.

    Args:
        own: Address and body of the question that is timed.
        flooding: Address and body of the other user's.
    """
    with web() as url:
        mine, other = token("bench-user"), token("bench-flood")
        alone, _ = asked(url, mine, own)
        command = [sys.executable, "-m", "benchmarks.flood", url]
        flood = subprocess.Popen(
            [*command, "--path", flooding[0], "--body", json.dumps(flooding[1])],
            env={**os.environ, "FLOOD_TOKEN": other},
            stdout=subprocess.PIPE,
            text=True,
        )
        times, refused = asked(url, mine, own)
        answers = json.loads(flood.communicate()[0])
    return {
        "name": f"one new swap of a user, beside {PER_S:g} questions a second of another",
        **spread(times),
        "alone": spread(alone),
        "calls": len(times),
        "refused": refused,
        "flood_answers_by_status": answers,
    }


@contextmanager
def web() -> Iterator[str]:
    """The web server, as in the Procfile; its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "riskproject.web_server", "--host", "127.0.0.1"]
    process = subprocess.Popen([*command, "--port", port, "--log-level", "error"])
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + READY_S
        while not answers(url):
            assert time.monotonic() < end, "the web server does not answer"
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    """Return whether the web server answers."""
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


def token(user: str) -> str:
    """A new API token of a trader of all desks."""
    from django.core.management import call_command  # after the set-up of Django

    out = StringIO()
    call_command("create_token", user, "--renew", "--role", "risk_admin", stdout=out)
    return out.getvalue().split()[-1]


def asked(url: str, key: str, question: Question) -> tuple[list[float], int]:
    """Times of answered questions in ms, and how many were refused."""
    path, body = question
    times, refused = [], 0
    end = time.monotonic() + SECONDS
    with requests.Session() as session:
        session.headers["Authorization"] = f"Token {key}"
        while time.monotonic() < end:
            start = time.perf_counter()
            answer = session.post(f"{url}/api/v1/{path}", json=body, timeout=60)
            if answer.status_code == 200:
                times.append((time.perf_counter() - start) * 1e3)
            else:
                refused += 1
            time.sleep(PAUSE_S)
    return times, refused


def main() -> None:
    """Flood, and print the number of answers by status, as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("url")
    parser.add_argument("--path", required=True)
    parser.add_argument("--body", required=True)
    options = parser.parse_args()
    session = requests.Session()
    session.headers["Authorization"] = f"Token {os.environ['FLOOD_TOKEN']}"
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
    body = json.loads(options.body)

    def send() -> int:
        return session.post(
            f"{options.url}/api/v1/{options.path}", json=body, timeout=60
        ).status_code

    end = time.monotonic() + SECONDS
    with ThreadPoolExecutor(64) as pool:
        sent = []
        while time.monotonic() < end:
            sent.append(pool.submit(send))
            time.sleep(1.0 / PER_S)
    print(json.dumps(Counter(str(one.result()) for one in sent)))


if __name__ == "__main__":
    main()
