"""Frames on a Redis Cluster of three nodes: a currency's keys are in one slot, so scripts run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.cluster import ClusterNode, RedisCluster

from devstack.processes.ports import LOOPBACK, free_port
from devstack.processes.process import Child, Program
from devstack.servers.valkey import find_binary
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, key
from risk.store.publication import publish_detail, publish_parts
from tests.risk.made import cell, columns, header, part, store, swap, totals
from tests.waiting import until

SLOTS = 16384
CURRENCIES = ("USD", "EUR", "GBP")


def node_config(home: Path, port: int, bus: int) -> Path:
    home.mkdir()
    lines = [f"port {port}", f"bind {LOOPBACK}", f'dir "{home}"', 'save ""']
    lines += ["cluster-enabled yes", f"cluster-port {bus}", "cluster-node-timeout 2000"]
    (home / "node.conf").write_text("\n".join(lines) + "\n")
    return home / "node.conf"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of three nodes, each with a third of the slots."""
    base = tmp_path_factory.mktemp("cluster")
    ports = [free_port() for _ in range(3)]
    buses = [free_port() for _ in range(3)]
    children = []
    for place, (port, bus) in enumerate(zip(ports, buses, strict=True)):
        command = [str(find_binary()), str(node_config(base / f"node-{place}", port, bus))]
        children.append(Child(Program(f"node-{place}", command, signal.SIGTERM), base))
    nodes: list[Any] = [redis.Redis(LOOPBACK, port) for port in ports]
    try:
        for node in nodes:
            until(lambda node=node: answers(node), 30)
        for place, node in enumerate(nodes):
            first, last = place * SLOTS // 3, (place + 1) * SLOTS // 3 - 1
            node.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
            for port, bus in zip(ports, buses, strict=True):
                node.execute_command("CLUSTER MEET", LOOPBACK, port, bus)
        for node in nodes:
            until(lambda node=node: node.cluster("info")["cluster_state"] == "ok", 30)
            until(lambda node=node: len(node.cluster("nodes")) == 3, 30)
        made: Any = RedisCluster(startup_nodes=[ClusterNode(LOOPBACK, port) for port in ports])
        yield made
        made.close()
    finally:
        for node in nodes:
            node.close()
        for child in children:
            child.stop()


def answers(node: Any) -> bool:
    try:
        return bool(node.ping())
    except redis.RedisError:
        return False


def test_frames_of_three_currencies_are_published_with_their_detail(cluster: Any) -> None:
    books, frames = CompiledBooks(cluster), Frames(cluster)
    for number in (1, 2):
        made = store(books, swap(fixed_rate=0.04 + number / 100), number=number)
        head = books.head("USD", made.version)
        assert head is not None
        a_header = header(number, 1, book_version=made.version)
        assert frames.open(a_header)
        assert frames.put("USD", number, part(0)).code == "PUT"
        assert publish_parts(frames, a_header, head, books) == "PUBLISHED"
        assert frames.open_detail("USD", number) == "OPENED"
        assert frames.put_detail("USD", number, totals(0, cell()), columns(0)).code == "PUT"
        rollup = frames.rollup("USD", number)
        assert rollup is not None
        assert publish_detail(frames, rollup) == "PUBLISHED"
    assert not frames.open(header(2, 1, book_version=made.version)), "a frame is opened once"
    assert frames.pointers(CURRENCIES) == {"USD": 2, "EUR": 0, "GBP": 0}
    assert set(frames.current_all(CURRENCIES)) == {"USD"}
    assert frames.detailed("USD") is not None


def test_the_currencies_are_on_more_than_one_node(cluster: Any) -> None:
    slots = {name: cluster.keyslot(key(name, "pointer")) for name in CURRENCIES}
    owners = {cluster.nodes_manager.get_node_from_slot(slot).port for slot in slots.values()}
    assert len(owners) > 1
