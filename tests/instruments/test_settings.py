"""Settings come from the environment alone; what is wrong ends with one line, no traceback."""

from __future__ import annotations

import os
import runpy
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parents[2]
KEY = "k3y-" + "0123456789abcdef" * 4
OURS = (
    *("RISK_ENV", "DEBUG", "SECRET_KEY", "SECRET_KEY_FILE", "DATABASE_URL", "REDIS_URL"),
    *("DATABASE_APP_PASSWORD", "DATABASE_READONLY_PASSWORD"),
)
REMOTE = "postgresql://risk:secret@db/risk?sslmode=verify-full"


def manage(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *command],
        env={**kept, "RISK_LOCAL_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"RISK_ENV": "staging"}, "RISK_ENV='staging': use 'development' or 'production'"),
        ({"DEBUG": "yes"}, "DEBUG='yes': use 'True' or 'False'"),
        ({"RISK_ENV": "production", "DEBUG": "True"}, "unset it in production"),
        ({"RISK_ENV": "production"}, "No secret key"),
        ({"DEBUG": "False", "SECRET_KEY": "short"}, "The secret key is weak"),
        ({"DEBUG": "False", "SECRET_KEY": "a" * 60}, "The secret key is weak"),
        ({"SECRET_KEY_FILE": "no-such-file"}, "cannot be read"),
        ({"DATABASE_APP_PASSWORD_FILE": "none"}, "DATABASE_APP_PASSWORD_FILE='none' cannot be"),
        ({"DEBUG": "False", "SECRET_KEY": KEY, "ALLOWED_HOSTS": "*"}, "list the hosts you serve"),
        ({"CORS_ALLOWED_ORIGINS": "https://[::1"}, "CORS_ALLOWED_ORIGINS is not a URL: check"),
        ({"DASHBOARD_URL": "http://[::1"}, "DASHBOARD_URL is not a URL: check its host"),
        ({"REDIS_URL": "redis://[::1"}, "REDIS_URL is not a URL: check its host"),
        ({"DATABASE_URL": "postgresql://u:p@[::1/x"}, "DATABASE_URL is not a URL: check its host"),
        ({"CORS_ALLOWED_ORIGINS": "*"}, "CORS_ALLOWED_ORIGINS='*': write an origin as scheme and"),
        ({"CSRF_TRUSTED_ORIGINS": "risk.example"}, "such as https://risk.example.com"),
        ({"CORS_ALLOWED_ORIGINS": "https://x.example/page"}, "write an origin as scheme and host"),
        (
            {"DEBUG": "False", "SECRET_KEY": KEY, "CORS_ALLOWED_ORIGINS": "http://x.example"},
            "use https in production",
        ),
        ({"DEBUG": "False", "SECRET_KEY": KEY, "DATABASE_URL": "postgresql://u@db/x"}, "password"),
        ({"DEBUG": "False", "SECRET_KEY": KEY, "REDIS_URL": "redis://redis/0"}, "password"),
        (
            {"DEBUG": "False", "SECRET_KEY": KEY, "REDIS_URL": "redis://u:p@redis/0"},
            "REDIS_URL would send its password to redis in the clear: use rediss://",
        ),
        (
            {
                "DEBUG": "False",
                "SECRET_KEY": KEY,
                "REDIS_URL": "rediss://u:p@redis/0?ssl_cert_reqs=none",
            },
            "ssl_cert_reqs=none accepts any certificate",
        ),
        (
            {"DEBUG": "False", "SECRET_KEY": KEY, "DATABASE_URL": "postgresql://u:p@db/x"},
            "DATABASE_URL would send its password to db in the clear: use ?sslmode=verify-full",
        ),
        (
            {"DEBUG": "False", "SECRET_KEY": KEY, "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"},
            "kafka is not this machine: use SASL_SSL, or set PRIVATE_NETWORK=True if its",
        ),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs an account: set KAFKA_USERNAME"),
        ({"DATABASE_URL": "mysql://u:p@db/x"}, "PostgreSQL only"),
        ({"DATABASE_URL": "postgresql://u:p@db:port/x"}, "the port is not a number"),
        ({"DATABASE_URL": "postgresql://u:p@db:5432,db2:99999/x"}, "to 65535 in 'db2:99999'"),
        ({"DATABASE_URL": "postgresql://u:p@db,,db2/x"}, "a host between two commas has no name"),
        (
            {
                "DEBUG": "False",
                "SECRET_KEY": KEY,
                "DATABASE_URL": "postgresql://u:p@localhost,db2/x",
            },
            "DATABASE_URL would send its password to db2 in the clear",
        ),
        ({"REDIS_URL": "http://x"}, "REDIS_URL: use redis://"),
        ({"REDIS_URL": "sentinel://s1:26379/0"}, "REDIS_URL: a Sentinel URL names hosts, a datab"),
        ({"REDIS_URL": "sentinel://s1:x/0?master=m"}, "REDIS_URL: 's1:x' is not a host and a port"),
        ({"REDIS_URL": "sentinel://s1/0?master=m&retries=9"}, "retries is not an option of a Sent"),
        (
            {"DEBUG": "False", "SECRET_KEY": KEY, "REDIS_URL": "sentinel://u:p@s1/0?master=m"},
            "REDIS_URL would send its password to s1 in the clear: use sentinels://",
        ),
        (
            {"DEBUG": "False", "SECRET_KEY": KEY, "REDIS_URL": "sentinels://s1/0?master=m"},
            "REDIS_URL has no password, and s1 is not this machine",
        ),
        ({"IBOR_COUPONS": "par"}, "use 'at_par' or 'indexed'"),
        (
            {"CURVE_INTERPOLATION": "USD-SOFR=cubic"},
            "use CURVE=log_linear or CURVE=natural_log_cubic or CURVE=monotone_convex",
        ),
        ({"CURVE_INTERPOLATION": "USD-SOFRX=log_linear"}, "no curve 'USD-SOFRX'; curves: USD-GOVT"),
        ({"API_USER_CALLS_PER_MINUTE": "0"}, "use a whole number, 1 or more"),
        (
            {
                "DEBUG": "False",
                "SECRET_KEY": KEY,
                "BEHIND_TLS_PROXY": "True",
                "FORWARDED_ALLOW_IPS": "",
            },
            "BEHIND_TLS_PROXY=True needs FORWARDED_ALLOW_IPS",
        ),
    ],
)
def test_a_wrong_environment_is_refused_with_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    sentence: str,
) -> None:
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"RISK_LOCAL_DIR": str(tmp_path), **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as caught:
        runpy.run_path(str(ROOT / "riskproject" / "settings.py"))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_role_s_password_is_read_from_its_variable_or_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("from-the-file\n")
    monkeypatch.setenv("RISK_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_APP_PASSWORD", "")
    monkeypatch.setenv("DATABASE_APP_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("DATABASE_READONLY_PASSWORD", "from-the-variable")
    found = runpy.run_path(str(ROOT / "riskproject" / "settings.py"))
    assert found["DATABASE_ROLE_PASSWORDS"] == {
        "risk_app": "from-the-file",
        "risk_readonly": "from-the-variable",
    }


def test_a_database_of_several_hosts_is_the_one_of_them_that_takes_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISK_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@db1:5432,db2:5433/risk")
    found = runpy.run_path(str(ROOT / "riskproject" / "settings.py"))["DATABASES"]["default"]
    assert (found["HOST"], found["PORT"]) == ("db1,db2", "5432,5433")
    assert found["OPTIONS"]["target_session_attrs"] == "read-write"
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@db1/risk")
    found = runpy.run_path(str(ROOT / "riskproject" / "settings.py"))["DATABASES"]["default"]
    assert (found["HOST"], found["PORT"]) == ("db1", "")
    assert "target_session_attrs" not in found["OPTIONS"]


def test_the_passwords_of_redis_and_of_sentinel_are_kept_out_of_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISK_LOCAL_DIR", str(tmp_path))
    url = "sentinel://u:of-redis@s1,s2/0?master=m&sentinel_password=of-sentinel"
    monkeypatch.setenv("REDIS_URL", url)
    found = runpy.run_path(str(ROOT / "riskproject" / "settings.py"))["LOGGING"]
    assert {"of-redis", "of-sentinel"} <= set(found["formatters"]["ours"]["secrets"])


def test_a_refusal_ends_a_command_with_one_line(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", RISK_ENV="production")
    assert done.returncode != 0
    assert done.stderr == "No secret key: set SECRET_KEY or SECRET_KEY_FILE\n"


def test_a_laptop_needs_no_variable(tmp_path: Path) -> None:
    done = manage(tmp_path, "check")
    assert (done.returncode, done.stderr) == (0, "")
    key = tmp_path / "secret_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    first = key.read_text()
    assert len(first) >= 50
    manage(tmp_path, "check")
    assert key.read_text() == first
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]


def test_in_production_the_admin_is_off_unless_it_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISK_LOCAL_DIR", str(tmp_path))
    monkeypatch.setenv("SECRET_KEY", KEY)
    path = str(ROOT / "riskproject" / "settings.py")
    assert runpy.run_path(path)["ADMIN_ENABLED"]
    monkeypatch.setenv("PRIVATE_NETWORK", "True")
    monkeypatch.setenv("RISK_ENV", "production")
    assert not runpy.run_path(path)["ADMIN_ENABLED"]
    monkeypatch.setenv("ADMIN_ENABLED", "True")
    assert runpy.run_path(path)["ADMIN_ENABLED"]


def test_production_mode_passes_the_deployment_check(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    done = manage(
        tmp_path,
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        RISK_ENV="production",
        SECRET_KEY_FILE=str(tmp_path / "key"),
        ALLOWED_HOSTS="risk.example.com",
        DATABASE_URL=REMOTE,
        REDIS_URL="rediss://:secret@redis/0",
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize("command", ["migrate", "seed_book", "create_admin"])
def test_without_a_database_a_command_says_what_to_do(tmp_path: Path, command: str) -> None:
    done = manage(tmp_path, command)
    assert done.returncode != 0
    assert done.stderr.startswith("No database is configured: run `make demo`")
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_database_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    done = manage(tmp_path, "migrate", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x")
    assert done.stderr.startswith("The database of DATABASE_URL refused: ")
    assert "Traceback" not in done.stderr
