"""Each process gets the URLs of its own accounts, and nobody else's password."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.own_urls import own_urls

ROOT = Path(__file__).parents[2]
COMMON = {"DATABASE_URL": "postgresql://all@h/risk", "REDIS_URL": "redis://all@h/0", "PATH": "p"}
OWN = {
    "WEB_DATABASE_URL": "postgresql://web@h/risk",
    "WEB_REDIS_URL": "redis://web@h/0",
    "WORKER_REDIS_URL": "redis://worker@h/0",
    "PRICE_CHECK_DATABASE_URL": "postgresql://check@h/risk",
}


@pytest.mark.parametrize(
    ("name", "database", "redis"),
    [
        ("web", "postgresql://web@h/risk", "redis://web@h/0"),
        ("worker", "postgresql://all@h/risk", "redis://worker@h/0"),
        ("price-check", "postgresql://check@h/risk", "redis://all@h/0"),
        ("bridge", "postgresql://all@h/risk", "redis://all@h/0"),
    ],
)
def test_a_process_has_its_own_url_where_there_is_one_and_else_the_common_one(
    name: str, database: str, redis: str
) -> None:
    child = own_urls(name, COMMON | OWN)
    assert child == {"DATABASE_URL": database, "REDIS_URL": redis, "PATH": "p"}


def test_without_a_url_of_anybody_s_own_the_environment_stays_as_it_is() -> None:
    assert own_urls("web", COMMON) == COMMON
    assert own_urls("web", {"PATH": "p"}) == {"PATH": "p"}


def test_an_empty_url_of_its_own_keeps_a_process_away_from_that_server() -> None:
    child = own_urls("dashboard", COMMON | OWN | {"DASHBOARD_DATABASE_URL": ""})
    assert child["DATABASE_URL"] == ""
    assert child["REDIS_URL"] == COMMON["REDIS_URL"]


def test_what_is_started_by_the_keeper_sees_its_own_urls_alone(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    tell = "import os, sys; open(sys.argv[1], 'w').write(repr(dict(os.environ)))"
    keeper = "from devstack.processes import keep; keep.DELAYS_S = (); "
    once = keeper + "keep.main(['web', '--', *sys.argv[1:]])"
    command = (sys.executable, "-c", tell, str(seen))
    subprocess.run(
        [sys.executable, "-c", f"import sys; {once}", *command],
        env=dict(os.environ) | COMMON | OWN | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    text = seen.read_text()
    assert f"'DATABASE_URL': '{OWN['WEB_DATABASE_URL']}'" in text
    assert f"'REDIS_URL': '{OWN['WEB_REDIS_URL']}'" in text
    assert "WORKER_REDIS_URL" not in text
    assert "all@h" not in text
    assert "check@h" not in text
