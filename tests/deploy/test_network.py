"""A pod may reach the servers of which it has an account, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from devstack.compose import Service
from feedbridge.kafka.acl import TOPIC_RIGHTS
from ops.access.postgres.rights import APP
from tests.starts import ROOT, pod_of

Objects = list[dict[str, Any]]
Workloads = dict[str, dict[str, Any]]

OWNER = "risk"
#: It asks Kafka whether it answers, for /readyz, with an account that has no rights.
LOOKS_AT_KAFKA = {"web"}
PORTS = {"to-postgres": 5432, "to-redis": 6379, "to-kafka": 9092, "to-web": 8000}


def redis_accounts() -> set[str]:
    """The accounts of devstack/redis.acl."""
    lines = (ROOT / "devstack" / "redis.acl").read_text().splitlines()
    return {line.split()[1] for line in lines} - {"default"}


def account(url: str) -> str:
    """Who logs in by a URL; empty when it is empty."""
    return url.partition("://")[2].partition(":")[0]


def expected(service: Service) -> set[str]:
    """Return what a process must reach, by the tables of accounts."""
    found = set()
    if account(service.environment["DATABASE_URL"]) in (APP, OWNER):
        found.add("to-postgres")
    if service.name != "migrate" and account(service.environment["REDIS_URL"]) in redis_accounts():
        found.add("to-redis")
    if service.name in {*TOPIC_RIGHTS, *LOOKS_AT_KAFKA}:
        found.add("to-kafka")
    if "WEB_URL" in service.environment:
        found.add("to-web")
    return found


def policies(base: Objects, direction: str) -> Objects:
    """Policies that let something through in one direction."""
    kinds = [one["spec"] | {"name": one["metadata"]["name"]} for one in base if _is_policy(one)]
    return [one for one in kinds if direction in one["policyTypes"] and one.get(direction.lower())]


def _is_policy(one: dict[str, Any]) -> bool:
    return bool(one["kind"] == "NetworkPolicy")


def chosen(policy: dict[str, Any], workloads: Workloads) -> set[str]:
    """The processes whose pods a policy is about."""
    wanted = policy["podSelector"]["matchLabels"].items()
    return {
        name
        for name, one in workloads.items()
        if wanted <= pod_of(one)["metadata"]["labels"].items()
    }


def test_all_pods_are_closed_in_both_directions(base: Objects, ours: Workloads) -> None:
    closing = [
        one["spec"]
        for one in base
        if _is_policy(one) and set(one["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    ]
    (all_of_us,) = closing
    assert chosen(all_of_us, ours) == set(ours)
    assert set(all_of_us) == {"podSelector", "policyTypes"}  # no rule: nothing gets through


@pytest.mark.parametrize("label", sorted(PORTS))
def test_who_may_reach_a_server_has_an_account_of_it(
    label: str, base: Objects, ours: Workloads, services: dict[str, Service]
) -> None:
    reached = {
        name
        for policy in policies(base, "Egress")
        if any(port["port"] == PORTS[label] for rule in policy["egress"] for port in rule["ports"])
        for name in chosen(policy, ours)
    }
    assert reached == {name for name, one in services.items() if label in expected(one)}


def test_only_names_are_asked_for_beside_the_servers(base: Objects) -> None:
    ports = {
        port["port"]
        for policy in policies(base, "Egress")
        for rule in policy["egress"]
        for port in rule["ports"]
    }
    assert ports == {*PORTS.values(), 53}


def test_only_web_and_the_dashboard_are_called(base: Objects, ours: Workloads) -> None:
    called = {
        (name, port["port"])
        for policy in policies(base, "Ingress")
        for rule in policy["ingress"]
        for port in rule["ports"]
        for name in chosen(policy, ours)
    }
    assert called == {("web", 8000), ("dashboard", 8501)}
    callers = [
        caller
        for policy in policies(base, "Ingress")
        for rule in policy["ingress"]
        for caller in rule["from"]
    ]
    assert all(caller for caller in callers)  # an empty one would be everybody
