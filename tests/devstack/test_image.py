"""The image, compose and the Procfile start the same processes; ``make image`` runs them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.compose import services_of
from devstack.env_file import with_secrets
from devstack.errors import StackError
from devstack.image import Engine, base_image, on_loopback, published_ports, run_words
from devstack.stack import ServerURLs
from tests.starts import essence, in_compose, procfile_lines

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
URLS = ServerURLs(
    "postgresql://risk:hunter@127.0.0.1:15001/risk",
    "redis://operator:secretoperator@127.0.0.1:15002/0",
    "127.0.0.1:15003",
    "Apache Kafka",
)


def variables() -> dict[str, str]:
    lines = with_secrets((ROOT / ".env.example").read_text()).splitlines()
    made = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return made | {"KAFKA_BOOTSTRAP_SERVERS": URLS.kafka_bootstrap}


SERVICES = {one.name: one for one in services_of(ROOT / "docker-compose.yml", variables())}

# --- The same processes everywhere -------------------------------------------------------------

#: In the Procfile alone: the demo's own feed. In compose alone: what `manage.py demo` does first.
FEED, PREPARATION = {"replay"}, {"migrate"}


def test_compose_and_procfile_have_the_same_processes() -> None:
    assert set(SERVICES) - PREPARATION == set(procfile_lines()) - FEED


@pytest.mark.parametrize("name", sorted(set(SERVICES) - PREPARATION))
def test_a_process_is_the_same_program_with_the_same_options(name: str) -> None:
    assert essence(in_compose(SERVICES[name])) == essence(procfile_lines()[name].command)


# --- The image has what they need ---------------------------------------------------------------


def copied() -> set[str]:
    """Return what the Dockerfile copies from the checkout."""
    lines = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
    return {source for line in lines for source in line.split()}


def let_through() -> set[str]:
    """Return what .dockerignore does not leave out."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in lines if line and not line.startswith("#")) == "*"
    return {line[1:] for line in lines if line.startswith("!")}


def test_what_the_dockerfile_copies_is_there_and_let_through_and_nothing_else_is() -> None:
    assert copied() == let_through()
    assert all((ROOT / name).exists() for name in copied())


def test_every_module_of_the_project_that_runs_is_copied() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    modules = {path.name for path in ROOT.glob("*.py")}
    elsewhere = {"devstack", "tests", "benchmarks", "docs"}
    assert (packages - elsewhere) | modules <= copied()


def test_the_ports_that_processes_listen_on_are_exposed() -> None:
    said = " ".join(" ".join(service.command + service.health) for service in SERVICES.values())
    listened = {int(port) for port in re.findall(r"(?:--port[ =]|server\.port=)(\d+)", said)}
    assert listened == set(published_ports(ROOT / "Dockerfile"))


# --- How they are run ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_runs_with_what_compose_says_of_it(name: str) -> None:
    service = SERVICES[name]
    words = run_words(service, Path("file.env"), ["--memory", "1g"])
    assert words[-len(service.command) :] == service.command
    assert "--read-only" in words
    assert "--init" in words
    for option, value in (
        ("--tmpfs", "/tmp"),
        ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"),
        ("--memory", "1g"),
    ):
        assert words[words.index(option) + 1] == value
    assert ("--detach" in words) == (name not in PREPARATION)
    assert not [word for word in words if "PASSWORD" in word or "SECRET" in word]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_name_of_compose_s_network_is_left(name: str) -> None:
    found = on_loopback(SERVICES[name].environment, URLS)
    assert not re.search(r"@postgres:|@redis:|kafka:9092|http://web:", str(found))
    assert found["KAFKA_BOOTSTRAP_SERVERS"] == URLS.kafka_bootstrap
    if found["DATABASE_URL"]:
        assert found["DATABASE_URL"].endswith("@127.0.0.1:15001/risk")
    assert found["REDIS_URL"].endswith("@127.0.0.1:15002/0")


def test_the_account_of_a_container_is_the_one_that_compose_gives_it() -> None:
    found = on_loopback(SERVICES["bridge"].environment, URLS)
    assert found["REDIS_URL"].startswith("redis://bridge:")
    assert found["DATABASE_URL"].startswith("postgresql://risk_app:")
    web = on_loopback(SERVICES["web"].environment, URLS)
    assert web["REDIS_URL"].startswith("redis://web:")  # an account, and no host of that name


def test_the_base_is_the_one_of_the_dockerfile() -> None:
    assert base_image(DOCKERFILE).startswith("python:3.11.")


# --- Reading compose, and what is missing -------------------------------------------------------


def test_a_variable_of_compose_that_must_be_set_is_named(tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(
        "services:\n  one:\n    build: .\n    command: [sh, -c, 'echo $$HOME ${NAME:-you}']\n"
        "    environment: {SECRET: '${SECRET:?set it in .env}'}\n"
        "    healthcheck:\n      test: [CMD-SHELL, 'true']\n      start_period: 1m\n"
        "      interval: 10s\n      retries: 3\n"
        "  server:\n    image: elsewhere\n"
    )
    with pytest.raises(StackError, match=r"docker-compose.yml wants SECRET: set it in \.env"):
        services_of(file, {})
    (one,) = services_of(file, {"SECRET": "s"})
    assert one.command == ["sh", "-c", "echo $HOME you"]
    assert one.environment == {"SECRET": "s"}
    assert one.health == ["sh", "-c", "true"]
    assert one.patience_s == 90


def test_an_engine_of_the_callers_own_is_used_with_its_options() -> None:
    engine = Engine({"ENGINE": "echo said", "RUN_ARGS": "--ulimit 'nofile=1:1'"})
    assert engine.do("build", ".") == "said build .\n"
    assert engine.run_words == ["--ulimit", "nofile=1:1"]


def test_without_an_engine_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devstack.image", "--base", str(tmp_path)],
        env={"PATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "image: no docker or podman was found on PATH: install one of them "
        "(Debian: apt-get install podman runc catatonit), or set ENGINE to its command\n"
    )
    assert list(tmp_path.iterdir()) == []
