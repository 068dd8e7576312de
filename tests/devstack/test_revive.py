"""A server that has ended by itself is started again by the launcher, when its disk has room."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from kafka import KafkaProducer
from kafka.errors import KafkaError

from devstack.errors import StackError
from devstack.servers.kafka import ask
from devstack.servers.revive import LEAST_FREE_BYTES, Reviver, free_bytes
from devstack.stack import Stack
from tests import not_run
from tests.devstack.test_stack import NOTHING_SET, TOPIC, consume, produce

PATIENCE_S = 60.0


def until(happened: Callable[[], object], look: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        look()
        time.sleep(0.05)


def test_a_server_that_has_ended_is_there_again_with_its_data(base: Path) -> None:
    said: list[str] = []
    with Stack(base, durable=False, want=["redis"], environ=NOTHING_SET) as stack:
        client = redis.Redis.from_url(stack.urls.redis_url)
        client.set("kept", "yes")
        look = Reviver(stack, said.append)
        look()
        assert said == []
        stack.kill("redis")
        until(lambda: not stack.dead(), look)
        assert said == [
            f"devstack: redis has stopped (log: {base}/log/valkey.log); it is started again in 1 s",
            "devstack: redis is started again, at the same address",
        ]
        until(lambda: answers(client))
        assert client.get("kept") == b"yes"


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def test_one_that_ends_again_and_again_is_tried_at_growing_intervals_and_never_given_up(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    now = [1000.0]
    with Stack(base, durable=False, want=["redis"], environ=NOTHING_SET) as stack:
        look = Reviver(stack, said.append, clock=lambda: now[0])
        monkeypatch.setattr(stack, "launch_again", lambda name: None)  # it ends at once
        stack.kill("redis")
        for _ in range(300):
            look()
            now[0] += 1.0
        waits = [line.rpartition(" in ")[2] for line in said if "again in" in line]
        assert waits[:6] == ["1 s", "2 s", "5 s", "10 s", "30 s", "30 s"]
        assert len(waits) > 6


def test_it_waits_for_room_and_says_so_once(base: Path) -> None:
    said: list[str] = []
    room = [5 << 20]
    with Stack(base, durable=False, want=["redis"], environ=NOTHING_SET) as stack:
        look = Reviver(stack, said.append, lambda path: room[0])
        stack.kill("redis")
        until(lambda: len(said) == 2, look)
        assert said[1] == (
            f"devstack: redis is not started: 5 MB are free at {base}; "
            "it is started again when 64 MB are"
        )
        for _ in range(5):
            look()
        assert len(said) == 2
        room[0] = LEAST_FREE_BYTES
        until(lambda: not stack.dead(), look)
        assert said[2:] == ["devstack: redis is started again, at the same address"]


def test_a_broker_that_keeps_nothing_is_not_started_in_silence(
    base: Path, packaged: dict[str, str]
) -> None:
    said: list[str] = []
    with Stack(base, want=["kafka"], environ=packaged) as stack:
        look = Reviver(stack, said.append)
        stack.kill("kafka")
        look()
        look()
        assert len(said) == 1
        assert said[0].startswith("devstack: kafka has stopped and its data are lost: ")
        assert [name for name, _ in stack.dead()] == ["kafka"]


def test_a_start_that_fails_is_tried_again(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with Stack(base, durable=False, want=["redis"], environ=NOTHING_SET) as stack:
        look, launch, failures = Reviver(stack, said.append), stack.launch_again, [1]

        def fails_once(name: str) -> None:
            if failures:
                failures.pop()
                raise OSError(28, "No space left on device")
            launch(name)

        monkeypatch.setattr(stack, "launch_again", fails_once)
        stack.kill("redis")
        until(lambda: not stack.dead(), look)
        assert said[1] == (
            "devstack: redis cannot be started: [Errno 28] No space left on device; "
            "it is started again in 2 s"
        )


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A file system of that size."""
    with tempfile.TemporaryDirectory(prefix="devstack-test-") as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", name]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode:
            not_run.stop(not_run.ROOT_USER, "a small disk cannot be mounted")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def test_kafka_that_halts_on_a_full_disk_is_there_again_when_there_is_room(
    apache: dict[str, str],
) -> None:
    said: list[str] = []
    with small_disk(400) as disk, Stack(disk / "base", want=["kafka"], environ=apache) as stack:
        look = Reviver(stack, said.append)
        broker = stack.urls.kafka_bootstrap
        produce(broker, b"tick")
        ballast = disk / "ballast"
        with ballast.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        producer = KafkaProducer(bootstrap_servers=broker)
        try:
            until(stack.dead, lambda: produce_in_vain(producer))
        finally:
            with contextlib.suppress(KafkaError):
                producer.close(timeout=0)
        until(lambda: any("is not started: 0 MB" in line for line in said), look)
        ballast.unlink()
        assert free_bytes(disk) > LEAST_FREE_BYTES
        until(lambda: is_up(broker), look)
        assert said[-1] == "devstack: kafka is started again, at the same address"
        assert consume(broker, 1) == [b"tick"]


def produce_in_vain(producer: KafkaProducer) -> None:
    """Send a record that a full disk has no room for; whether it arrives does not matter."""
    with contextlib.suppress(KafkaError, OSError):
        producer.send(TOPIC, bytes(900_000)).get(timeout=0.5)


def is_up(broker: str) -> bool:
    try:
        return bool(ask(broker))
    except StackError:
        return False
