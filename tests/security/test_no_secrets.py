"""No file that is handed on holds a secret: few patterns, each of them sure."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests import not_run

ROOT = Path(__file__).resolve().parents[2]
SURE = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\bgh[opsu]_\w{36}|\bgithub_pat_\w{30}"),
    "a key of Django's": re.compile(r"django-insecure-[\w!@#$%^&*()+=-]{8}"),
}
#: One that begins with { or $ is filled in at run time; one with ( is a pattern of a test.
PASSWORD_IN_URL = re.compile(r"\w+://[^/@:\s\"'<>]*:([^/@\s\"'<>{$(][^/@\s\"'<>]*)@")
#: What documentation and tests write in its place: no server has one of these.
PLACEHOLDERS = {
    *("***", "...", "secret", "password", "old", "n0t-shown", "hunter", "hunter22"),
    *("secretoperator", "secretdashboard"),
    *("a", "b", "p", "x", "p%2Fw", "n%40%2Fw", "p%40ss", "p%40s%3Bs", "one", "of-redis"),
}
GENERATED = {".env", "secrets.json", "secret_key", "admin_password", "flower_password"}


def secrets_in(text: str) -> list[str]:
    found = [name for name, pattern in SURE.items() if pattern.search(text)]
    passwords = set(PASSWORD_IN_URL.findall(text)) - PLACEHOLDERS
    return found + [f"a password in a URL: {password}" for password in sorted(passwords)]


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        not_run.stop(not_run.GIT_CLONE)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_holds_a_secret() -> None:
    found = {
        str(file.relative_to(ROOT)): secrets
        for file in tracked()
        if (secrets := secrets_in(file.read_text(errors="replace")))
    }
    assert found == {}


def test_no_tracked_file_is_one_that_is_made_to_hold_secrets() -> None:
    names = {file.name for file in tracked()}
    assert not names & GENERATED
    assert not [name for name in names if name.endswith((".pem", ".key", ".p12"))]


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "PRIVATE KEY-----",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a1" * 18,
        "SECRET_KEY = 'django-" + "insecure-4k2j3h4k2jh34'",
        "redis://:" + "5f2a9c@cache:6379/0",
        "postgresql://risk:" + "hunter2-more@db/risk",
    ],
)
def test_each_pattern_finds_what_it_is_for(text: str) -> None:
    assert len(secrets_in(f"x = {text}\n")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://risk:${POSTGRES_PASSWORD:?set it in .env}@postgres:5432/risk",
        "redis://:{self._password}@127.0.0.1",
        'key.startswith("django-insecure-")',
        "https://example.com:8000/a@b",
        "redis://:***@cache",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert secrets_in(text) == []
