"""REDIS_URL in all its forms: what clients and Celery's broker are made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connections.redis_clients import Broker, SentinelAddress, broker_of, connect, read_sentinel
from tests.sentinels import ACCOUNTS

URL = "sentinel://worker:p%40ss@s1.example.com:26380,s2.example.com,[::1]:26381/3?master=risk"


def test_a_sentinel_url_names_sentinels_primary_login_and_database() -> None:
    assert read_sentinel(URL) == SentinelAddress(
        sentinels=(("s1.example.com", 26380), ("s2.example.com", 26379), ("::1", 26381)),
        master="risk",
        database=3,
        username="worker",
        password="p@ss",
    )


def test_the_login_of_sentinel_is_its_own_and_options_of_tls_are_for_both() -> None:
    found = read_sentinel(
        "sentinels://web:one@s1/0?master=risk&sentinel_username=u&sentinel_password=two"
        "&ssl_ca_certs=/etc/ca.pem"
    )
    assert found is not None
    assert found.sentinel_options() == {
        "username": "u",
        "password": "two",
        "ssl": True,
        "ssl_ca_certs": "/etc/ca.pem",
    }
    assert found.redis_options()["password"] == "one"
    assert found.redis_options()["ssl_ca_certs"] == "/etc/ca.pem"
    assert "two" not in repr(found)
    assert "one" not in repr(found)


@pytest.mark.parametrize("url", ["redis://h:6379/0", "rediss://h", "unix:///run/redis.sock"])
def test_the_url_of_one_server_is_none_of_sentinel(url: str) -> None:
    assert read_sentinel(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://s1:26379/0",
        "sentinel:///0?master=risk",
        "sentinel://s1/zero?master=risk",
        "sentinel://s1:port/0?master=risk",
        "sentinel://u:p@:1/0?master=risk",
    ],
)
def test_an_incomplete_url_is_refused_with_the_form_to_use(url: str) -> None:
    with pytest.raises(ValueError, match=r"use sentinel://user:password@host:26379,.*master=NAME"):
        connect(url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sentinel://s1/0?master=m&ssl_cert_reqs=none", "ssl_cert_reqs is not an option of a"),
        ("sentinel://s1/0?master=m&ssl_ca_certs=a", "ssl_ca_certs is an option of TLS: use sentin"),
        ("sentinel://s1:70000/0?master=m", "'s1:70000' is not a host and a port"),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        connect(url)


def test_a_broker_of_sentinel_has_a_url_for_each_and_the_primary_as_an_option() -> None:
    made = broker_of("sentinel://worker:p%40s%3Bs@s1:1,[::1]:2/3?master=risk")
    assert made.url == ("sentinel://worker:p%40s%3Bs@s1:1/3;sentinel://worker:p%40s%3Bs@[::1]:2/3")
    assert made.options["master_name"] == "risk"
    assert made.tls is None


def test_kombu_asks_a_sentinel_once_and_waits_a_second() -> None:
    made = broker_of("sentinel://s1/0?master=risk&sentinel_password=two")
    asked = dict(made.options["sentinel_kwargs"])
    assert asked.pop("retry", "the default, ten times") is None
    assert asked == {"socket_timeout": 1.0, "socket_connect_timeout": 1.0, "password": "two"}


def test_a_broker_by_tls_has_its_certificate_checked() -> None:
    assert broker_of("rediss://h/0").url == "rediss://h/0?ssl_cert_reqs=required"
    assert broker_of("rediss://h/0?ssl_ca_certs=a").url.endswith("a&ssl_cert_reqs=required")
    assert broker_of("redis://h/0") == Broker("redis://h/0")
    made = broker_of("sentinels://u:p@s1/0?master=risk&ssl_ca_certs=a")
    assert made.tls == {"ssl_cert_reqs": "required", "ssl_ca_certs": "a"}
    assert made.options["sentinel_kwargs"]["ssl"] is True
    assert made.options["sentinel_kwargs"]["ssl_ca_certs"] == "a"


def test_the_accounts_of_sentinel_and_replicas_are_those_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text()
    for name, rights in ACCOUNTS.items():
        assert f"user {name} on >PASSWORD {rights}\n" in page
