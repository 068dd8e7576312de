"""A named bridge that ends for good gives its place back; one that cannot says so and ends too."""

from __future__ import annotations

import logging
import os
import uuid
from typing import Any

import pytest
from kafka import KafkaConsumer

from feedbridge.kafka.membership import leave
from feedbridge.kafka.topics import YIELD_CURVE_TICKS, connect_admin, ensure_topics
from tests import not_run

NAME = "bridge-1"


@pytest.fixture
def member(kafka_bootstrap: str) -> str:
    """A group with a member of that name, which has gone without a word."""
    if "memory" in os.environ.get("KAFKA_BROKER_NAME", ""):
        not_run.stop(not_run.APACHE_KAFKA, "the packaged broker does not describe its groups")
    group = f"membership-{uuid.uuid4().hex[:8]}"
    ensure_topics(kafka_bootstrap)
    consumer = KafkaConsumer(
        bootstrap_servers=kafka_bootstrap,
        group_id=group,
        group_instance_id=NAME,
        enable_auto_commit=False,
        session_timeout_ms=30_000,
    )
    consumer.subscribe([YIELD_CURVE_TICKS])
    while not consumer.assignment():
        consumer.poll(timeout_ms=500)
    consumer.close(autocommit=False)
    return group


def names(servers: str, group: str) -> list[Any]:
    admin = connect_admin(servers)
    try:
        found = admin.describe_groups([group])
    finally:
        admin.close()
    members = found[group]["members"] if isinstance(found, dict) else found[0]["members"]
    return [one["group_instance_id"] for one in members]


def test_a_member_that_closes_keeps_its_place_until_it_leaves(kafka_bootstrap, member):
    assert names(kafka_bootstrap, member) == [NAME]
    leave(kafka_bootstrap, {}, member, NAME)
    assert names(kafka_bootstrap, member) == []


def test_a_bridge_without_a_name_has_nothing_to_give_back(kafka_bootstrap, member):
    leave(kafka_bootstrap, {}, member, "")
    assert names(kafka_bootstrap, member) == [NAME]


def test_a_broker_that_is_away_does_not_keep_a_bridge_from_ending(caplog):
    with caplog.at_level(logging.WARNING):
        leave("127.0.0.1:1", {}, "group", NAME)
    assert f"the group keeps the partitions of {NAME} until its session expires" in caplog.text
