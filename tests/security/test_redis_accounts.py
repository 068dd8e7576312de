"""Accounts of Redis, on a server that devstack has started: each process may do its own work."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError
from redis.retry import Retry

from devstack import redis_accounts
from devstack.processes.ports import free_port
from devstack.servers.valkey import find_binary
from devstack.stack import Stack

ROOT = Path(__file__).parents[2]
HEADER, POINTER, CALLS = "risk:{USD}:frame:1", "risk:{USD}:pointer", "risk:calls:user:1:1"
TASKS, COMPILATIONS, PREVIEW = "sums", "compile", "risk:preview:x"
SCENARIOS = "scenarios"
LOG = "risk:{USD}:log:sums"


def client(url: str) -> Any:
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    base = tmp_path_factory.mktemp("accounts")
    stack = Stack(base, durable=False, want=("redis",), environ={}, say=lambda line: None)
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def account(server: Stack) -> Iterator[Callable[[str], Any]]:
    operator = client(server.urls.redis_url)
    operator.flushall()
    operator.set(POINTER, 1)
    operator.lpush(TASKS, "{}")
    operator.set(CALLS, 3)
    operator.rpush(PREVIEW, "answer")
    yield lambda name: client(server.urls.accounts[f"{name.upper()}_REDIS_URL"])
    operator.close()


Do = Callable[[Any], object]
MAY: dict[str, dict[str, Do]] = {
    "web": {
        "read a frame": lambda r: r.get(POINTER),
        "count calls": lambda r: r.incr(CALLS),
        "ask for a compilation": lambda r: r.lpush(COMPILATIONS, "{}"),
        "ask for the price of a shock": lambda r: r.lpush(SCENARIOS, "{}"),
        "see how many tasks wait": lambda r: r.llen(TASKS),
        "say that it lives": lambda r: r.hset("risk:processes", "web", "{}"),
        "take the answer of a preview": lambda r: r.blpop(PREVIEW, 1),
    },
    "sums": {
        "take a task": lambda r: r.brpop(TASKS, 1),
        "put numbers": lambda r: r.set(HEADER, "x"),
        "run a script": lambda r: r.eval("return redis.call('GET', KEYS[1])", 1, POINTER),
        "note a task that it has taken": lambda r: r.hset("unacked", "tag", "{}"),
    },
    "bridge": {
        "open a frame": lambda r: r.set(HEADER, "x"),
        "send a task": lambda r: r.lpush(TASKS, "{}"),
        "tell of a frame": lambda r: r.publish("risk:frames", "{}"),
    },
    "limits": {
        "read the log": lambda r: r.xread({LOG: "0"}),
        "remove what it has read": lambda r: r.xtrim(LOG, minid="1-0"),
        "show states": lambda r: r.set("risk:{limits}:board", "x"),
        "tell of a breach": lambda r: r.publish("risk:limits", "1"),
        "say that it lives": lambda r: r.hset("risk:processes", "limits", "{}"),
    },
    "replay": {
        "see whether a bridge lives": lambda r: r.hvals("risk:bridges"),
        "say that it lives": lambda r: r.hset("risk:processes", "replay", "{}"),
    },
    "dashboard": {
        "read a frame": lambda r: r.get(POINTER),
        "read where processes are": lambda r: r.hvals("risk:processes"),
    },
    "flower": {
        "see how many tasks wait": lambda r: r.llen(TASKS),
        "ask the workers": lambda r: r.publish("/0.celery.pidbox", "{}"),
        "follow events": lambda r: r.pubsub().psubscribe("/0.celeryev/*"),
    },
}
MAY_NOT: dict[str, dict[str, Do]] = {
    "web": {
        "send a pricing task": lambda r: r.lpush(TASKS, "{}"),
        "change a frame": lambda r: r.set(POINTER, 2),
        "take back a task": lambda r: r.hset("unacked", "tag", "{}"),
    },
    "sums": {
        "read configuration": lambda r: r.config_get("requirepass"),
        "list accounts": lambda r: r.acl_list(),
    },
    "bridge": {
        "take back a task": lambda r: r.hset("unacked", "tag", "{}"),
        "watch everybody": lambda r: r.execute_command("MONITOR"),
    },
    "limits": {
        "change a frame": lambda r: r.set(POINTER, 2),
        "send a pricing task": lambda r: r.lpush(TASKS, "{}"),
        "run a script": lambda r: r.eval("return 1", 0),
    },
    "replay": {
        "send a pricing task": lambda r: r.lpush(TASKS, "{}"),
        "change a frame": lambda r: r.set(POINTER, 2),
        "run a script": lambda r: r.eval("return 1", 0),
    },
    "dashboard": {
        "change a frame": lambda r: r.set(POINTER, 2),
        "delete a frame": lambda r: r.delete(POINTER),
        "send a task": lambda r: r.lpush(TASKS, "{}"),
        "tell of a frame": lambda r: r.publish("risk:frames", "{}"),
        "run a script": lambda r: r.eval("return 1", 0),
        "read who calls the API": lambda r: r.get(CALLS),
        "read a preview": lambda r: r.lrange(PREVIEW, 0, -1),
        "look through all keys": lambda r: r.keys("*"),
    },
    "flower": {
        "send a pricing task": lambda r: r.lpush(TASKS, "{}"),
        "read a waiting task": lambda r: r.get(HEADER),
        "read a frame": lambda r: r.get(POINTER),
        "change a frame": lambda r: r.set(POINTER, 2),
        "take back a task": lambda r: r.hset("unacked", "tag", "{}"),
    },
}
OPERATORS_WORK: dict[str, Do] = {
    "flush all data": lambda r: r.flushall(),
    "stop the server": lambda r: r.execute_command("SHUTDOWN"),
}


def cases(table: dict[str, dict[str, Do]]) -> list[Any]:
    return [
        pytest.param(name, do, id=f"{name}: {what}")
        for name, rows in table.items()
        for what, do in rows.items()
    ]


@pytest.mark.parametrize(("name", "do"), cases(MAY))
def test_a_process_may_do_its_own_work(account: Any, name: str, do: Do) -> None:
    do(account(name))


@pytest.mark.parametrize(("name", "do"), cases(MAY_NOT) + cases(dict.fromkeys(MAY, OPERATORS_WORK)))
def test_a_process_may_do_nothing_else(account: Any, name: str, do: Do) -> None:
    with pytest.raises(NoPermissionError):
        do(account(name))


def test_nobody_gets_in_without_an_account(server: Stack) -> None:
    address = server.urls.redis_url.partition("@")[2]
    for url in (f"redis://{address}", f"redis://:{'0' * 32}@{address}"):
        with pytest.raises(AuthenticationError):
            client(url).ping()


def test_the_password_of_one_account_opens_no_other(server: Stack) -> None:
    address = server.urls.redis_url.partition("@")[2]
    dashboard = server.urls.accounts["DASHBOARD_REDIS_URL"]
    password = re.fullmatch(r"redis://dashboard:(\w+)@.*", dashboard)
    assert password
    with pytest.raises(AuthenticationError):
        client(f"redis://worker:{password[1]}@{address}").ping()


def test_the_servers_configuration_tells_no_password(server: Stack) -> None:
    text = (server._base / "valkey" / "valkey.conf").read_text()
    found = re.findall(
        r":(\w+)@", " ".join([server.urls.redis_url, *server.urls.accounts.values()])
    )
    assert len(set(found)) == 1 + len(redis_accounts.ACCOUNTS)
    assert not [password for password in found if password in text]


def test_every_process_of_the_procfile_has_an_account(server: Stack) -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    assert {line.partition(":")[0] for line in lines} == set(redis_accounts.ACCOUNT_OF)


def test_containers_get_the_same_rules_and_each_its_own_account() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert (
        f"./devstack/{redis_accounts.RULES}:/etc/risk/redis.acl:ro" in services["redis"]["volumes"]
    )
    command = services["redis"]["command"][-1]
    rules = (ROOT / "devstack" / redis_accounts.RULES).read_text()
    assert set(re.findall(r"%(\w+)%", rules)) == set(re.findall(r"s/%(\w+)%/", command))
    for name in (
        "web",
        "sums",
        "detail",
        "compiler",
        "previewer",
        "scenarios",
        "limits",
        "bridge",
        "dashboard",
        "flower",
    ):
        wanted = redis_accounts.ACCOUNT_OF[name]
        assert services[name]["environment"]["REDIS_URL"].startswith(f"redis://{wanted}:"), name


def test_the_command_of_the_container_makes_a_file_that_the_server_takes(tmp_path: Path) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]
    rules, made = ROOT / "devstack" / redis_accounts.RULES, tmp_path / "users.acl"
    command = services["command"][-1].replace("$$", "$")
    command = command.replace("/etc/risk/redis.acl", str(rules)).replace(
        "/tmp/users.acl", str(made)
    )
    port = free_port()
    command = command.replace("valkey-server", f"{find_binary()} --port {port} --bind 127.0.0.1")
    names = [name for name in services["environment"] if name.isalpha() and name.isupper()]
    words = {name: f"secret{name.lower()}" for name in names}
    process = subprocess.Popen(
        ["sh", "-c", command], cwd=tmp_path, env=words | {"PATH": "/bin:/usr/bin"}
    )
    try:
        _await(lambda: client(f"redis://operator:secretoperator@127.0.0.1:{port}/0").ping())
        assert made.stat().st_mode & 0o077 == 0
        dashboard = client(f"redis://dashboard:secretdashboard@127.0.0.1:{port}/0")
        assert dashboard.get(POINTER) is None
        with pytest.raises(NoPermissionError):
            dashboard.set(POINTER, 1)
    finally:
        process.terminate()
        process.wait(10)


def _await(ask: Callable[[], object]) -> None:
    for _ in range(100):
        try:
            ask()
        except redis.ConnectionError:
            time.sleep(0.05)
        else:
            return
    ask()
