"""deploy/base starts what docker-compose.yml starts, as safely, and Kubernetes would take it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from devstack.compose import Service
from tests import not_run
from tests.starts import (
    DEPLOY,
    ROOT,
    container_of,
    essence,
    pod_of,
    rendered,
    unwrapped,
    workloads,
)

try:
    import kubernetes_validate
except ImportError:
    kubernetes_validate = None

SCHEMAS = not_run.Need("Kubernetes' schemas", "pip install -r requirements-dev.txt")
OLDEST = "1.33"
"""The oldest Kubernetes that is looked at; the newest is the newest of the schemas."""

FOLDERS = ("base", "migrate", "example/run", "example/migrate", "example/scaled")
EXTENSIONS = ("ScaledObject",)
"""Of KEDA, whose schemas are not among Kubernetes'."""

NAMES = sorted(path.stem for path in (DEPLOY / "base").glob("*.yaml") if path.stem.isalpha())
PROCESSES = [name for name in NAMES if name != "kustomization"]

Objects = list[dict[str, Any]]
Workloads = dict[str, dict[str, Any]]
Services = dict[str, Service]

# --- The same processes ------------------------------------------------------------------------


def test_the_processes_are_those_of_compose(ours: Workloads, services: Services) -> None:
    assert set(ours) == set(services)
    assert set(PROCESSES) == set(services) - {"migrate"}


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_a_process_is_the_same_program(name: str, ours: Workloads, services: Services) -> None:
    command = [word.replace("$$", "$") for word in container_of(ours[name])["command"]]
    assert essence(unwrapped(command)) == essence(unwrapped(services[name].command))


@pytest.fixture(scope="module")
def schemas() -> Iterator[None]:
    """Kubernetes' schemas, each file of them read once: the library reads them for each object."""
    if kubernetes_validate is None:
        not_run.stop(SCHEMAS)
    with pytest.MonkeyPatch.context() as patch:
        reader = kubernetes_validate.utils.schema_contents
        patch.setattr(kubernetes_validate.utils, "schema_contents", cache(reader))
        yield


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("version", [OLDEST, "newest"])
def test_every_object_fits_the_schemas(folder: str, version: str, schemas: None) -> None:
    wanted = kubernetes_validate.latest_version() if version == "newest" else version
    for one in rendered(folder):
        if one["kind"] not in EXTENSIONS:
            kubernetes_validate.validate(one, wanted, strict=True)


def test_scaled_workers_are_ours_and_their_signals_are_served(base: Objects) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    made, known = rendered("example/scaled"), workloads(base)
    scaled = [one for one in made if one["kind"] == "ScaledObject"]
    for one in scaled:
        name = one["spec"]["scaleTargetRef"]["name"]
        assert one["metadata"]["namespace"] == "live-risk"
        assert one["spec"]["minReplicaCount"] == known[name]["spec"]["replicas"]
        queries = " ".join(trigger["metadata"]["query"] for trigger in one["spec"]["triggers"])
        metrics = set(re.findall(r"risk_\w+", queries))
        assert metrics
        assert all(f"| `{metric}` | gauge |" in page for metric in metrics)
        assert set(re.findall(r'queue="(\w+)"', queries)) == {name}
    owned = {name for name, one in workloads(made).items() if "replicas" not in one["spec"]}
    assert owned == {one["metadata"]["name"] for one in scaled} == {"sums", "detail"}


# --- As safe as compose ------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_a_pod_has_no_privileges_and_a_read_only_root(name: str, ours: Workloads) -> None:
    pod, container = pod_of(ours[name])["spec"], container_of(ours[name])
    (uid,) = re.findall(r"--uid (\d+)", (ROOT / "Dockerfile").read_text())
    assert pod["securityContext"]["runAsUser"] == int(uid)
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    assert not pod["enableServiceLinks"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/tmp"}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_pod_says_what_it_needs(name: str, ours: Workloads, services: Services) -> None:
    resources = container_of(ours[name])["resources"]
    assert {"cpu", "memory"} == set(resources["requests"])
    assert set(resources["limits"]) == {"memory"}  # a limit of processor time delays ticks
    assert _bytes(resources["requests"]["memory"]) <= _bytes(resources["limits"]["memory"])
    grace_s = pod_of(ours[name])["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= services[name].grace_s
    said = _values(ours[name])
    if "WORKER_MEMORY_MB" in said:  # of a child, which is to be replaced before the pod is ended
        assert int(said["WORKER_MEMORY_MB"]) * 2**20 < _bytes(resources["limits"]["memory"])


def _bytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 2**20, "Gi": 2**30}[unit]


@pytest.mark.parametrize("name", PROCESSES)
def test_a_pod_is_asked_what_compose_asks(name: str, ours: Workloads, services: Services) -> None:
    container = container_of(ours[name])
    asked = str([container[kind] for kind in ("startupProbe", "livenessProbe")])
    health = " ".join(services[name].health)
    files = re.findall(r"/tmp/[\w-]+-heartbeat", health)
    paths = re.findall(r"localhost:\d+(/[\w/]+)", health)
    assert len(files + paths) == 1
    assert (files + paths)[0] in asked
    if files:
        assert files[0] in _values(ours[name]).values()


def _values(workload: dict[str, Any]) -> dict[str, str]:
    """Variables of a pod that are written out."""
    return {one["name"]: one["value"] for one in container_of(workload)["env"] if "value" in one}


# --- Secrets by reference ------------------------------------------------------------------------


def _secrets(workload: dict[str, Any]) -> dict[str, str]:
    """Variables of a pod that are secrets, and the secret that each is in."""
    return {
        one["name"]: one["valueFrom"]["secretKeyRef"]["name"]
        for one in container_of(workload)["env"]
        if "secretKeyRef" in one.get("valueFrom", {})
    }


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_a_pod_has_the_accounts_of_compose(name: str, ours: Workloads, services: Services) -> None:
    said, found = services[name].environment, _secrets(ours[name])
    database = re.match(r"postgresql://(\w+):", said["DATABASE_URL"])
    wanted = {"risk_app": "risk-database-app", "risk": "risk-database-owner", "": None}
    assert found.get("DATABASE_URL") == wanted[database[1] if database else ""]
    if name == "migrate":
        assert "REDIS_URL" not in found
    else:
        account = re.match(r"redis://(\w+):", said["REDIS_URL"])
        assert account is not None
        assert found["REDIS_URL"] == f"risk-redis-{account[1]}"
    owners = [key for key, secret in found.items() if secret == "risk-database-owner"]
    assert bool(owners) == (name == "migrate")


def test_no_secret_is_written_out(base: Objects, ours: Workloads) -> None:
    assert "Secret" not in {one["kind"] for one in base}
    secret = re.compile(r"PASSWORD|SECRET|TOKEN|BASIC_AUTH|USERNAME|(DATABASE|REDIS)_URL")
    written = {
        (name, key, value)
        for name, workload in ours.items()
        for key, value in _values(workload).items()
        if secret.search(key) and value
    }
    assert written == set()
    for one in base:
        if one["kind"] == "ConfigMap":
            assert [key for key in one["data"] if secret.search(key)] == []


# --- Settings ------------------------------------------------------------------------------------

#: Where a deployment to several hosts differs from the containers of one.
OTHER_VALUES = {
    "BEHIND_TLS_PROXY",
    "PRIVATE_NETWORK",
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_BROKER_NAME",
    "KAFKA_SECURITY_PROTOCOL",
}


def _data(objects: Objects, name: str) -> dict[str, str]:
    (found,) = (
        one["data"]
        for one in objects
        if one["kind"] == "ConfigMap" and one["metadata"]["name"].startswith(name)
    )
    return dict(found)


def _variables(objects: Objects, workload: dict[str, Any]) -> dict[str, str]:
    """Return what a pod's process has in its environment; secrets are made up."""
    container = container_of(workload)
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        found |= _data(objects, source["configMapRef"]["name"])
    made = {"POD_ADDRESS": "10.244.1.7"} | {
        name: _made_up(name, secret) for name, secret in _secrets(workload).items()
    }
    for one in container["env"]:
        if "value" in one:
            text = re.sub(r"\$\((\w+)\)", lambda name: found[name[1]], one["value"])
        elif "configMapKeyRef" in one["valueFrom"]:
            said = one["valueFrom"]["configMapKeyRef"]
            text = _data(objects, said["name"])[said["key"]]
        else:
            text = made[one["name"]]
        found[one["name"]] = text
    return found


def _made_up(name: str, secret: str) -> str:
    if name == "DATABASE_URL":
        return "postgresql://risk_app:password@db.example.com/risk?sslmode=verify-full"
    if name == "REDIS_URL":
        return f"rediss://{secret.rpartition('-')[2]}:password@redis.example.com:6379/0"
    return f"{name.lower()}-0123456789abcdefghijklmnopqrstuvwxyz-0123456789:made0up"


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_each_setting_of_compose_is_there_with_the_same_default(
    name: str, base: Objects, ours: Workloads, services: Services
) -> None:
    objects = base if name != "migrate" else rendered("migrate")
    found = _variables(objects, ours[name])
    settings = _data(objects, "risk-settings") | _data(objects, "risk-kafka")
    said = services[name].environment
    # What only some processes have here: compose gives it to all.
    some = {"METRICS_TOKEN", "KAFKA_USERNAME", "KAFKA_PASSWORD_FILE", "REDIS_URL", "SECRET_KEY"}
    missing = {key for key in said if key not in found and key not in settings}
    assert missing - some == set()
    different = {
        key
        for key, value in said.items()
        if key in settings and value != settings[key] and key not in OTHER_VALUES
    }
    assert different - {"ALLOWED_HOSTS"} == set()


@pytest.mark.parametrize("name", ["web", "sums", "limits", "bridge", "flower", "migrate"])
def test_production_starts_with_the_settings_of_the_example(name: str) -> None:
    objects = rendered("example/migrate" if name == "migrate" else "example/run")
    workload = next(
        one for one in objects if one["metadata"]["name"] == name and "template" in one["spec"]
    )
    done = subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; print(settings.ALLOWED_HOSTS)"],
        env=_variables(objects, workload)
        | {"KAFKA_CA_FILE": ""}  # a file of the pods
        | {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "riskproject.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if name == "web":
        assert "risk.example.com" in done.stdout
        assert "10.244.1.7" in done.stdout


# --- Updates and nodes that are emptied -----------------------------------------------------------


def test_what_has_several_pods_has_a_disruption_budget_and_nothing_else_has(
    base: Objects, ours: Workloads
) -> None:
    budgets = {
        one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]: one["spec"]
        for one in base
        if one["kind"] == "PodDisruptionBudget"
    }
    several = {
        name for name, one in ours.items() if one["kind"] != "Job" and one["spec"]["replicas"] > 1
    }
    assert set(budgets) == several
    assert all(budget["maxUnavailable"] == 1 for budget in budgets.values())


@pytest.mark.parametrize("name", PROCESSES)
def test_a_selector_finds_the_pods_of_its_workload(name: str, ours: Workloads) -> None:
    wanted = ours[name]["spec"]["selector"]["matchLabels"]
    assert wanted == {"app.kubernetes.io/name": name}
    assert wanted.items() <= pod_of(ours[name])["metadata"]["labels"].items()
