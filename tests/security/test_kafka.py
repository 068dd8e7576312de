"""A real Apache Kafka with accounts, TLS and rights: who gets in, and what each may do there."""

from __future__ import annotations

import datetime as dt
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import TopicAuthorizationFailedError

from devstack.errors import StackError
from devstack.servers.java import find_java
from devstack.servers.kafka_libs import kafka_libs
from feedbridge.handover.rebalance import Rebalance
from feedbridge.kafka.acl import TOPIC_RIGHTS, all_acls_of, principal
from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable, check_connection
from feedbridge.kafka.producer import TickProducer, connector
from feedbridge.kafka.topics import (
    FX_TICKS,
    YIELD_CURVE_TICKS,
    YIELD_CURVE_TICKS_DLQ,
    connect_admin,
    demand_rights,
    ensure_topics,
)
from feedbridge.management.commands import runbridge
from ops.checks import READY, System
from risk.store.heartbeats import alive
from risk.store.messages import FxTick, MarketTick
from riskproject import kafka_access
from tests import not_run
from tests.security.guarded_kafka import (
    ADMIN,
    BRIDGE,
    FEED,
    OPERATOR,
    STRANGER,
    guarded_kafka,
    make_certificate,
    password_of,
)

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0
ROLES = {"bridge": [BRIDGE], "feed": [FEED], "operator": [OPERATOR]}
READERS = {YIELD_CURVE_TICKS: BRIDGE, FX_TICKS: BRIDGE, YIELD_CURVE_TICKS_DLQ: OPERATOR}
NOW = dt.datetime(2024, 1, 2, 12, tzinfo=dt.UTC)


class Broker(NamedTuple):
    """Where it is, whose certificate it shows, and how one logs in."""

    servers: str
    base: Path

    def variables(self, account: str, **changes: str) -> dict[str, str]:
        """The environment of a process that logs in as this account."""
        usual = {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_USERNAME": account,
            "KAFKA_PASSWORD": password_of(account),
            "KAFKA_CA_FILE": str(self.base / "broker.pem"),
        }
        return {**usual, **changes}

    def access(self, account: str, **changes: str) -> dict[str, Any]:
        """Client options, made as the product makes them."""
        found = kafka_access.read(self.variables(account, **changes), production=True)
        return found.options_for(self.servers)

    @contextmanager
    def settings_of(self, account: str, **changes: str) -> Iterator[None]:
        """This process configured as that one."""
        found = kafka_access.read(self.variables(account, **changes), production=True)
        with override_settings(KAFKA_BOOTSTRAP_SERVERS=self.servers, KAFKA_ACCESS=found):
            yield

    def says(self, account: str, command: str, *args: Any, **options: Any) -> str:
        """Return what a management command prints for this account."""
        out = io.StringIO()
        with self.settings_of(account):
            call_command(command, *args, stdout=out, **options)
        return out.getvalue()


class Grants(NamedTuple):
    """What was said before rights were granted, and at each call that might have."""

    refusal: str
    dry: str
    first: str
    again: str


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One for the module; nobody but its administrator has rights."""
    base = tmp_path_factory.mktemp("guarded-kafka")
    try:
        kafka = guarded_kafka(base, find_java(), kafka_libs(print))
    except StackError as error:
        not_run.stop(not_run.APACHE_KAFKA, str(error))
    child = kafka.launch()
    try:
        kafka.ready(child)
        until(lambda: enters(kafka.bootstrap, base))
        yield Broker(kafka.bootstrap, base)
    finally:
        child.stop()


def enters(servers: str, base: Path) -> bool:
    """It listens a moment before it knows its accounts."""
    try:
        check_connection(servers, Broker(servers, base).access(ADMIN))
    except AccessRefused:
        return False
    return True


@pytest.fixture(scope="module")
def grants(broker: Broker) -> Grants:
    """Rights of all accounts but the stranger's, granted as docs/operations.md says."""
    with pytest.raises(AccessRefused) as refused:
        ensure_topics(broker.servers, options=broker.access(BRIDGE), rights=TOPIC_RIGHTS["bridge"])
    dry, first, again = (
        broker.says(ADMIN, "kafka_grants", **ROLES, dry_run=dry) for dry in (True, False, False)
    )
    until(lambda: all(has_rights(broker, role) for role in ROLES))
    return Grants(str(refused.value), dry, first, again)


def has_rights(broker: Broker, role: str) -> bool:
    """A broker learns of new rights a moment after they are granted."""
    try:
        demand_rights(broker.servers, TOPIC_RIGHTS[role], options=broker.access(ROLES[role][0]))
    except AccessRefused:
        return False
    return True


def until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.1)


def a_tick(seq: int) -> MarketTick:
    quotes = {"EUR-GOVT": {"10Y": 0.02}}
    return MarketTick(currency="EUR", as_of=NOW, source="a-feed", seq=seq, curves=quotes)


def feed(broker: Broker, *seqs: int) -> None:
    """Send ticks and a rate with the feed's account; each is acknowledged."""
    producer = TickProducer(connector(broker.servers, broker.access(FEED)))
    for seq in seqs:
        producer.send(a_tick(seq))
    rates = FxTick(as_of=NOW, source="a-feed", seq=seqs[0], usd={"EUR": 1.1}, label="official")
    producer.send_fx(rates)
    assert producer.flush(10), producer.last_error
    producer.close()
    assert (producer.sent, producer.failed) == (len(seqs), 0)


def write(broker: Broker, account: str, topic: str) -> None:
    """One record of junk, by the client that the bridge writes letters with.

    Raises:
        KafkaError: It was not taken.
    """
    producer = runbridge._dead_letter_producer(broker.servers, broker.access(account))
    try:
        producer.send(topic, value=b"junk").get(timeout=10)
    finally:
        producer.close(timeout=1)


def reads(broker: Broker, account: str, topic: str) -> bool:
    """Return whether an account gets at the records that are there, without a group."""
    consumer = KafkaConsumer(
        bootstrap_servers=broker.servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **broker.access(account),
    )
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(3)])
        return any(consumer.poll(timeout_ms=200) for _ in range(5))
    except TopicAuthorizationFailedError:
        return False  # a topic that it does not even see ends in silence instead
    finally:
        consumer.close()


# --- Rights ----------------------------------------------------------------------------------


def test_from_an_empty_cluster_one_command_makes_topics_and_grants_once(grants: Grants) -> None:
    assert "this account may not READ yield_curve_ticks, READ fx_ticks, WRITE" in grants.refusal
    assert "manage.py kafka_grants" in grants.refusal
    assert set(grants.dry.splitlines()) == {
        "would grant bridge: READ topic yield_curve_ticks",
        "would grant bridge: READ topic fx_ticks",
        "would grant bridge: WRITE topic yield_curve_ticks.dlq",
        "would grant bridge: READ group feedbridge",
        "would grant feed: WRITE topic yield_curve_ticks",
        "would grant feed: WRITE topic fx_ticks",
        "would grant operator: WRITE topic yield_curve_ticks",
        "would grant operator: WRITE topic fx_ticks",
        "would grant operator: READ topic yield_curve_ticks.dlq",
    }
    made = [line for line in grants.first.splitlines() if line.startswith("made")]
    assert made == [f"made        topic {name}" for name in sorted(TOPIC_RIGHTS["bridge"])]
    assert grants.first.count("granted") == 9
    assert "granted" not in grants.again
    assert grants.again.count("was there") == 9


def deny(broker: Broker, account: str, topic: str) -> ACL:
    """Writing to a topic is denied to an account, by hand."""
    denied = ACL(
        principal=principal(account),
        host="*",
        operation=ACLOperation.WRITE,
        permission_type=ACLPermissionType.DENY,
        resource_pattern=ResourcePattern(ResourceType.TOPIC, topic),
    )
    with closing(connect_admin(broker.servers, broker.access(ADMIN))) as admin:
        admin.create_acls([denied])
    until(lambda: denied in acls_of(broker, account))
    return denied


def acls_of(broker: Broker, account: str) -> set[ACL]:
    with closing(connect_admin(broker.servers, broker.access(ADMIN))) as admin:
        return set(admin.describe_acls(all_acls_of(account))[0])


def test_what_an_account_has_beyond_its_role_is_said_and_revoked_on_request(
    broker: Broker, grants: Grants
) -> None:
    """An operator becomes a feed: the dead letters are none of his business any more."""
    broker.says(ADMIN, "kafka_grants", operator=["leaver"])
    more = "leaver: READ topic yield_curve_ticks.dlq"

    def says(**options: bool) -> str:
        return broker.says(ADMIN, "kafka_grants", feed=["leaver"], **options)

    until(lambda: f"has more    {more}" in says())
    denied = deny(broker, "leaver", YIELD_CURVE_TICKS_DLQ)
    assert f"has more    {more}" in says(revoke=True, dry_run=True)
    assert f"revoked     {more}" in says(revoke=True)
    until(lambda: "has more" not in says())
    assert denied in acls_of(broker, "leaver"), "to take a denial away would give"
    assert says(revoke=True).count("was there") == 2
    assert "has more" not in broker.says(ADMIN, "kafka_grants", **ROLES)


def test_the_bridge_reads_ticks_of_the_feed_and_commits(broker: Broker, grants: Grants) -> None:
    feed(broker, 1, 2)
    access, options = (
        broker.access(BRIDGE),
        {"group": "feedbridge", "start": "earliest", "instance": ""},
    )
    consumer = runbridge._consumer(broker.servers, access, options, Rebalance())
    seen: dict[TopicPartition, int] = {}
    try:
        until(lambda: polled(consumer, seen) == {YIELD_CURVE_TICKS, FX_TICKS})
        consumer.commit()
        committed = {place: consumer.committed(place) for place in seen}
    finally:
        consumer.close()
    assert committed == {place: offset + 1 for place, offset in seen.items()}


def polled(consumer: KafkaConsumer, seen: dict[TopicPartition, int]) -> set[str]:
    for place, records in consumer.poll(timeout_ms=1000).items():
        seen[place] = records[-1].offset
    return {place.topic for place in seen}


def test_the_bridge_writes_dead_letters_and_no_ticks(broker: Broker, grants: Grants) -> None:
    write(broker, BRIDGE, YIELD_CURVE_TICKS_DLQ)
    for topic in (YIELD_CURVE_TICKS, FX_TICKS):
        with pytest.raises(TopicAuthorizationFailedError):
            write(broker, BRIDGE, topic)


def test_the_feed_reads_nothing_and_writes_no_letter(broker: Broker, grants: Grants) -> None:
    feed(broker, 3)
    write(broker, BRIDGE, YIELD_CURVE_TICKS_DLQ)
    for topic, reader in READERS.items():
        assert reads(broker, reader, topic)
        assert not reads(broker, FEED, topic)
    with pytest.raises(TopicAuthorizationFailedError):
        write(broker, FEED, YIELD_CURVE_TICKS_DLQ)


def test_an_account_without_rights_gets_in_and_no_further(broker: Broker, grants: Grants) -> None:
    check_connection(broker.servers, broker.access(STRANGER))
    for topic in READERS:
        assert not reads(broker, STRANGER, topic)
        with pytest.raises(TopicAuthorizationFailedError):
            write(broker, STRANGER, topic)
    with pytest.raises(CommandError, match=r"this account may not READ yield_curve_ticks\.dlq"):
        broker.says(STRANGER, "deadletters")


def test_an_operator_lists_letters_and_sends_them_again(broker: Broker, grants: Grants) -> None:
    write(broker, BRIDGE, YIELD_CURVE_TICKS_DLQ)
    assert broker.says(OPERATOR, "deadletters", "--json").count('"first_bytes": "junk"') >= 1
    with pytest.raises(CommandError, match=r"may not READ yield_curve_ticks\.dlq"):
        broker.says(BRIDGE, "deadletters")


def test_rights_are_granted_by_who_may_and_nobody_else(broker: Broker, grants: Grants) -> None:
    with pytest.raises(CommandError, match="bridge may not grant: use a super user"):
        broker.says(BRIDGE, "kafka_grants", feed=[BRIDGE])


def test_a_broker_without_an_authorizer_is_said_to_ask_nobody(kafka_bootstrap: str) -> None:
    if "Apache" not in os.environ.get("KAFKA_BROKER_NAME", ""):
        not_run.stop(not_run.APACHE_KAFKA, "the packaged broker knows no rights")
    with (
        override_settings(KAFKA_BOOTSTRAP_SERVERS=kafka_bootstrap),
        pytest.raises(
            CommandError, match=("this broker does not check access rights: set authorizer")
        ),
    ):
        call_command("kafka_grants", bridge=[BRIDGE])


# --- The door --------------------------------------------------------------------------------

REFUSALS = {
    "wrong password": ({"KAFKA_PASSWORD": "wrong-0f1e2d"}, "the login of 'bridge' was refused"),
    "unknown account": ({"KAFKA_USERNAME": "nobody"}, "the login of 'nobody' was refused"),
    "another mechanism": ({"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"}, "KAFKA_SASL_MECHANISM"),
    "unknown signer": ({"KAFKA_CA_FILE": ""}, "its certificate is not trusted (self-signed"),
    "no account": (
        {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_USERNAME": "", "KAFKA_PASSWORD": ""},
        "set KAFKA_SECURITY_PROTOCOL=SASL_SSL and KAFKA_USERNAME",
    ),
    "no TLS": (
        {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_CA_FILE": ""},
        "use SASL_PLAINTEXT",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_who_is_not_let_in_is_told_what_to_correct(broker: Broker, name: str) -> None:
    changes, sentence = REFUSALS[name]
    with pytest.raises((AccessRefused, BrokerUnreachable)) as caught:
        check_connection(broker.servers, broker.access(BRIDGE, **changes))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_s_certificate_is_not_taken_for_the_broker_s(broker: Broker) -> None:
    other = make_certificate(broker.base, find_java(), "another")
    with pytest.raises(AccessRefused, match="its certificate is not trusted"):
        check_connection(broker.servers, broker.access(BRIDGE, KAFKA_CA_FILE=str(other)))


def test_a_certificate_for_another_name_is_refused(broker: Broker) -> None:
    servers = broker.servers.replace("127.0.0.1", "localhost")
    with pytest.raises(AccessRefused, match=r"not trusted \(Hostname mismatch"):
        check_connection(servers, broker.access(BRIDGE))


@pytest.mark.parametrize("command", ["replay", "deadletters", "kafka_grants", "doctor"])
@pytest.mark.django_db
def test_a_command_with_a_wrong_password_ends_with_one_line(broker: Broker, command: str) -> None:
    options = {"replay": {"limit": 1}, "kafka_grants": {"feed": [FEED]}}.get(command, {})
    out, began = io.StringIO(), time.monotonic()
    with (
        broker.settings_of(BRIDGE, KAFKA_PASSWORD="wrong-0f1e2d"),
        pytest.raises(CommandError) as caught,
    ):
        call_command(command, stdout=out, **options)
    said = str(caught.value) + out.getvalue()
    assert "the login of 'bridge' was refused: correct KAFKA_USERNAME, KAFKA_PASSWORD" in said
    assert "wrong-0f1e2d" not in said
    assert time.monotonic() - began < 10


def test_readiness_knows_a_refused_login_from_a_broker_that_is_away(broker: Broker) -> None:
    with broker.settings_of(BRIDGE):
        READY["kafka"].ask(System(timeout_s=1.0))
    wrong = {"KAFKA_PASSWORD": "wrong-0f1e2d"}
    with broker.settings_of(BRIDGE, **wrong), pytest.raises(AccessRefused) as caught:
        READY["kafka"].ask(System(timeout_s=1.0))
    assert "wrong-0f1e2d" not in str(caught.value)


# --- The whole bridge ------------------------------------------------------------------------


def runs_bridge(variables: dict[str, str], log: Path, *options: str) -> subprocess.Popen[bytes]:
    """``manage.py runbridge`` on the tests' database, with the login in its environment alone."""
    database = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "manage.py", "runbridge", *options],
            env={
                **os.environ,
                "DATABASE_URL": database._replace(path=f"/{name}").geturl(),
                "LOG_LEVEL": "DEBUG",
                **variables,
            },
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def test_the_whole_bridge_reads_with_its_account_and_tells_nobody_its_password(
    broker: Broker, grants: Grants, redis_client: Any, transactional_db: None, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    letters = broker.says(OPERATOR, "deadletters", "--json").count("\n")
    bridge = runs_bridge(broker.variables(BRIDGE), log)
    try:
        until(lambda: bool(alive(redis_client)) or bridge.poll() is not None)
        feed(broker, 11, 12)
        write(broker, FEED, YIELD_CURVE_TICKS)  # junk: it becomes a letter
        until(lambda: consumed(redis_client) >= 4 or bridge.poll() is not None)
        until(lambda: broker.says(OPERATOR, "deadletters", "--json").count("\n") > letters)
        command_line = Path(f"/proc/{bridge.pid}/cmdline").read_bytes()
    finally:
        bridge.terminate()
        code = bridge.wait(PATIENCE_S)
    assert code == 0, log.read_text()
    assert password_of(BRIDGE).encode() not in command_line + log.read_bytes()


def consumed(client: Any) -> int:
    return sum(pulse.consumed for pulse in alive(client))


def test_a_bridge_with_a_wrong_password_ends_at_once_with_one_line(
    broker: Broker, transactional_db: None, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    variables = broker.variables(BRIDGE, KAFKA_PASSWORD="wrong-0f1e2d")
    assert runs_bridge(variables, log).wait(PATIENCE_S) == 1
    (line,) = log.read_text().splitlines()
    assert line.startswith(f"CommandError: Kafka at {broker.servers}: the login of 'bridge' was")


def test_a_bridge_of_another_group_ends_with_the_right_that_it_lacks(
    broker: Broker, grants: Grants, redis_client: Any, transactional_db: None, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    bridge = runs_bridge(broker.variables(BRIDGE), log, "--group", "another")
    assert bridge.wait(PATIENCE_S) == 1
    said = log.read_text().splitlines()[-1]
    assert said.startswith("CommandError: Kafka refuses this account: ")
    assert "GroupAuthorizationFailedError: another; an administrator grants" in said
