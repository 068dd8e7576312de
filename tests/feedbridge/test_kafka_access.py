"""How clients of Kafka connect and log in: as the environment says, and never more openly."""

from __future__ import annotations

import argparse
import ast
import runpy
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import (
    InvalidReplicationFactorError,
    KafkaError,
    NotControllerError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)

from feedbridge.kafka import topics
from feedbridge.kafka.acl import TOPIC_RIGHTS, rights_of
from feedbridge.kafka.connection import (
    AccessRefused,
    BrokerUnreachable,
    check_connection,
    start_client,
)
from ops.management.commands.kafka_grants import account
from riskproject import kafka_access
from riskproject.kafka_access import KafkaAccess
from tests.web_process import free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "pw-4f1c9a7e"
LOGIN = {"KAFKA_USERNAME": "bridge", "KAFKA_PASSWORD": PASSWORD}
SASL_SSL = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", **LOGIN}
CLEAR = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", **LOGIN}
AWAY, HERE = "kafka.example.com:9092", "127.0.0.1:9092"


def read(production: bool = True, **environment: str) -> KafkaAccess:
    return kafka_access.read(environment, production=production)


@contextmanager
def listener(says: bytes | None) -> Iterator[str]:
    """Something that is no broker: it says this to each caller, or nothing for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def serve() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                kept.append(caller)
                if says is not None:
                    caller.recv(1000)
                    caller.sendall(says)
                    caller.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for caller in kept:
            caller.close()


# --- The environment -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"),
        ({"KAFKA_SASL_MECHANISM": "GSSAPI"}, "use SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN"),
        ({"PRIVATE_NETWORK": "yes"}, "PRIVATE_NETWORK='yes': use False or True"),
        ({**SASL_SSL, "KAFKA_USERNAME": ""}, "set KAFKA_USERNAME"),
        ({**SASL_SSL, "KAFKA_PASSWORD": " "}, "'bridge' has no password: set KAFKA_PASSWORD or"),
        ({**SASL_SSL, "KAFKA_PASSWORD": "", "KAFKA_PASSWORD_FILE": "no-such"}, "cannot be read"),
        ({**SASL_SSL, "KAFKA_USERNAME": "a,b"}, "SCRAM does not allow a comma or = in the name"),
        ({**SASL_SSL, "KAFKA_CA_FILE": "no-such"}, "KAFKA_CA_FILE='no-such' cannot be read"),
        ({**SASL_SSL, "KAFKA_CA_FILE": __file__}, "holds no certificate in PEM form"),
        (LOGIN, "KAFKA_SECURITY_PROTOCOL=PLAINTEXT would not log in: use SASL_SSL"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", **LOGIN}, "=SSL would not log in: use SASL_SSL"),
        ({"KAFKA_CA_FILE": __file__}, "would not use it: use SASL_SSL"),
    ],
)
def test_what_makes_no_sense_is_refused_with_one_sentence(
    environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(**environment)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_without_a_variable_a_laptop_s_broker_is_reached_as_before() -> None:
    assert read(production=False).options_for(AWAY) == {"security_protocol": "PLAINTEXT"}
    assert read().options_for(HERE) == {"security_protocol": "PLAINTEXT"}


def test_an_account_logs_in_by_scram_over_tls_and_the_broker_s_name_is_checked() -> None:
    assert read(**SASL_SSL).options_for(AWAY) == {
        "security_protocol": "SASL_SSL",
        "ssl_check_hostname": True,
        "ssl_cafile": None,  # the system's list
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "bridge",
        "sasl_plain_password": PASSWORD,
    }


def test_a_password_may_lie_in_a_file_and_an_empty_variable_is_none(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    access = read(**{**SASL_SSL, "KAFKA_PASSWORD": "", "KAFKA_PASSWORD_FILE": str(file)})
    assert access.password == PASSWORD


@pytest.mark.parametrize("production", [True, False])
def test_a_password_never_leaves_this_machine_in_the_clear(production: bool) -> None:
    access = read(production, **CLEAR, PRIVATE_NETWORK="True")
    assert access.options_for("localhost:9092,[::1]:9092,127.0.0.2")["sasl_plain_username"]
    for servers in (AWAY, f"{HERE},{AWAY}", "10.0.0.1", "[2001:db8::1]:9092", "SSL://10.0.0.1:1"):
        with pytest.raises(ImproperlyConfigured, match="in the clear: use SASL_SSL"):
            access.options_for(servers)


def test_in_production_an_open_broker_elsewhere_must_be_meant() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"kafka.example.com .*PRIVATE_NETWORK"):
        read().options_for(AWAY)
    assert read(PRIVATE_NETWORK="True").options_for(AWAY)
    assert read(KAFKA_SECURITY_PROTOCOL="SSL").options_for(AWAY)


def test_an_address_of_the_command_line_is_judged_like_the_configured_one(settings: Any) -> None:
    settings.KAFKA_ACCESS = read(**CLEAR)
    with pytest.raises(CommandError, match=r"would send the login to kafka\.example\.com"):
        call_command("replay", "--once", "1", "--bootstrap", AWAY)


def test_a_road_that_is_too_open_stops_every_process_at_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"RISK_LOCAL_DIR": str(tmp_path), "KAFKA_BOOTSTRAP_SERVERS": AWAY, **CLEAR}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match="in the clear"):
        runpy.run_path(str(ROOT / "riskproject" / "settings.py"))


def test_the_password_stands_in_no_repr_and_logs_mask_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RISK_LOCAL_DIR": str(tmp_path), **SASL_SSL}.items():
        monkeypatch.setenv(name, value)
    made = runpy.run_path(str(ROOT / "riskproject" / "settings.py"))
    assert made["KAFKA_ACCESS"].password == PASSWORD
    assert PASSWORD not in repr(made["KAFKA_ACCESS"])
    assert PASSWORD in made["LOGGING"]["formatters"]["ours"]["secrets"]
    kept = {name for name, value in made.items() if name.isupper() and PASSWORD in repr(value)}
    assert kept == {"LOGGING"}


# --- Every client ----------------------------------------------------------------------------

CLIENTS = {
    *("KafkaConsumer", "KafkaProducer", "KafkaAdminClient", "KafkaConnectionManager"),
    "start_client",
}


def clients_of(file: Path) -> list[ast.Call]:
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in CLIENTS]


def test_no_client_of_the_product_is_made_without_the_options_of_the_login() -> None:
    files = [
        file
        for name in ("feedbridge", "riskproject", "ops", "demo")
        for file in (ROOT / name).rglob("*.py")
    ]
    made = {(file.name, call.lineno): call for file in files for call in clients_of(file)}
    assert {name for name, _ in made} >= {
        "runbridge.py",
        "deadletters.py",
        "connection.py",
        "topics.py",
    }
    for place, call in made.items():
        assert any(keyword.arg is None for keyword in call.keywords), place


@pytest.mark.parametrize("kind", [KafkaConsumer, KafkaAdminClient])
def test_a_client_that_finds_no_broker_leaves_no_thread(
    kind: type[KafkaConsumer] | type[KafkaAdminClient],
) -> None:
    threads = set(threading.enumerate())
    with pytest.raises(KafkaError):
        start_client(kind, bootstrap_servers=f"127.0.0.1:{free_port()}", bootstrap_timeout_ms=200)
    assert set(threading.enumerate()) <= threads


# --- The door --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "protocol"), [(None, "PLAINTEXT"), (None, "SSL"), (b"", "PLAINTEXT")]
)
def test_who_answers_nothing_is_no_broker_and_is_not_waited_for(
    says: bytes | None, protocol: str
) -> None:
    began, threads = time.monotonic(), set(threading.enumerate())
    with listener(says) as address:
        with pytest.raises(BrokerUnreachable, match=f"no Kafka broker answers at {address}"):
            check_connection(address, {"security_protocol": protocol}, timeout_s=0.3)
        assert time.monotonic() - began < 2
        # The listener's; threads of other tests may end meanwhile.
        assert len(set(threading.enumerate()) - threads) == 1


def test_a_listener_without_tls_is_told_apart_from_none() -> None:
    options = read(**SASL_SSL).options_for(HERE)
    sentence = "its listener does not use SASL_SSL: correct KAFKA_SECURITY_PROTOCOL"
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        with pytest.raises(AccessRefused, match=sentence):
            check_connection(address, options)
        with pytest.raises(AccessRefused, match=sentence):
            check_connection(f"127.0.0.1:1,{address}", options)


# --- Topics and rights -----------------------------------------------------------------------

ALL_RIGHTS = ["READ", "WRITE", "DESCRIBE"]


class FakeAdmin:
    """An admin client of an account that may make no topics."""

    def __init__(
        self,
        seen: dict[str, list[str]],
        hidden: tuple[str, ...] = (),
        refusal: type[KafkaError] = TopicAuthorizationFailedError,
    ) -> None:
        self.seen, self.hidden, self.refusal, self.asked_to_make = seen, hidden, refusal, 0

    def list_topics(self) -> list[str]:
        return list(self.seen)

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "error_code": 29 if name in self.hidden else 0 if name in self.seen else 3,
                "authorized_operations": self.seen.get(name, []),
            }
            for name in names
        ]

    def create_topics(self, *_: Any, **__: Any) -> None:
        self.asked_to_make += 1
        raise self.refusal

    def close(self) -> None:
        return


@pytest.fixture
def admin_that(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(**description: Any) -> FakeAdmin:
        made = FakeAdmin(**description)
        monkeypatch.setattr(topics, "connect_admin", lambda *_: made)
        return made

    return make


@pytest.mark.parametrize("refusal", [RequestTimedOutError, NotControllerError])
def test_brokers_that_cannot_make_topics_yet_are_waited_for(
    admin_that: Any, refusal: type[KafkaError]
) -> None:
    admin_that(seen={}, refusal=refusal)
    with pytest.raises(BrokerUnreachable, match=refusal.__name__):
        topics.ensure_topics(HERE)


def test_a_refusal_that_does_not_pass_by_itself_is_not_waited_for(admin_that: Any) -> None:
    admin_that(seen={}, refusal=InvalidReplicationFactorError)
    with pytest.raises(InvalidReplicationFactorError):
        topics.ensure_topics(HERE)


def test_an_account_that_may_make_no_topic_is_not_asked_to_when_all_are_there(
    admin_that: Any,
) -> None:
    admin = admin_that(seen=dict.fromkeys(topics.TOPICS, ALL_RIGHTS))
    assert topics.ensure_topics(HERE, rights=TOPIC_RIGHTS["bridge"]) == []
    assert admin.asked_to_make == 0


def test_a_missing_topic_that_may_not_be_made_is_said_with_who_may(admin_that: Any) -> None:
    admin_that(seen=dict.fromkeys(topics.TOPICS[1:], ALL_RIGHTS))
    with pytest.raises(AccessRefused) as caught:
        topics.ensure_topics(HERE)
    assert str(caught.value) == (
        "Kafka at 127.0.0.1:9092: topics are missing, and this account may not make them:"
        " yield_curve_ticks; an administrator grants the rights with manage.py kafka_grants"
    )


def test_a_topic_that_is_hidden_from_an_account_is_not_its_own_to_make(admin_that: Any) -> None:
    seen = {topics.YIELD_CURVE_TICKS: ["WRITE"], topics.FX_TICKS: ["WRITE"]}
    admin = admin_that(seen=seen, hidden=(topics.YIELD_CURVE_TICKS_DLQ,))
    assert topics.ensure_topics(HERE, rights=TOPIC_RIGHTS["feed"]) == []
    assert admin.asked_to_make == 0


def test_a_missing_right_is_said_before_the_work_begins(admin_that: Any) -> None:
    admin_that(
        seen={topics.YIELD_CURVE_TICKS: ["DESCRIBE", "WRITE"], topics.FX_TICKS: ["READ"]},
        hidden=(topics.YIELD_CURVE_TICKS_DLQ,),
    )
    with pytest.raises(AccessRefused) as caught:
        topics.ensure_topics(HERE, rights=TOPIC_RIGHTS["bridge"])
    assert "this account may not READ yield_curve_ticks, WRITE yield_curve_ticks.dlq;" in str(
        caught.value
    )


def test_a_broker_that_does_not_tell_of_rights_is_taken_as_it_is(admin_that: Any) -> None:
    admin_that(seen={name: [] for name in topics.TOPICS})
    assert topics.ensure_topics(HERE, rights=TOPIC_RIGHTS["bridge"]) == []


def test_no_account_of_ours_may_more_than_read_and_write() -> None:
    rights = [right for role in TOPIC_RIGHTS for right in rights_of(role, role)]
    assert {right.operation for right in rights} == {"READ", "WRITE"}
    assert {right.name for right in rights} == {*topics.TOPICS, "feedbridge"}
    assert [str(right) for right in rights if right.account == "feed"] == [
        "feed: WRITE topic yield_curve_ticks",
        "feed: WRITE topic fx_ticks",
    ]
    assert not any(
        right.account == "bridge"
        and right.operation == "WRITE"
        and right.name != topics.YIELD_CURVE_TICKS_DLQ
        for right in rights
    )


@pytest.mark.parametrize("name", ["*", "", " ", "feed*"])
def test_rights_are_never_granted_to_everyone(name: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not the name of a single account"):
        account(name)


def test_grants_for_nobody_are_a_mistake() -> None:
    with pytest.raises(CommandError, match="no account is named: use --bridge USER"):
        call_command("kafka_grants")
