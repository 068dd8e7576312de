"""Run replicas of Redis and three Sentinels beside the Redis of a stack, and make it fail over.

Sentinel and the replicas log in with the accounts that docs/deployment.md gives to them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from devstack.errors import StackError
from devstack.passwords import write_private
from devstack.processes.ports import LOOPBACK, demand_listener, free_port
from devstack.processes.process import Child, Program
from devstack.servers.valkey import find_binary
from devstack.stack import Stack
from tests.waiting import until

MASTER = "risk"
DOWN_AFTER_MS, FAILOVER_MS = 2000, 6000
"""A primary that does not answer for so long is called down; a failover is repeated after."""

ACCOUNTS = {
    "sentinel": (
        "&__sentinel__:hello -@all +multi +exec +slaveof +replicaof +ping +subscribe +publish"
        " +config|rewrite +role +info +client|setname +client|kill +script|kill"
    ),
    "replica": "-@all +psync +replconf +ping",
}
"""Rights of the two accounts, as in docs/deployment.md."""

PASSWORDS = {"sentinel": "of-sentinel-51f0", "replica": "of-replicas-9c2e"}

REPLICATION = {
    "masteruser": "replica",
    "masterauth": PASSWORDS["replica"],
    "repl-diskless-sync-delay": "0",  # by default a primary waits 5 s for more replicas
}


class ReplicatedRedis:
    """The Redis of a stack, replicas of it, and three Sentinels that promote any of them."""

    def __init__(self, stack: Stack, url: str, replicas: int = 1) -> None:
        """Nothing is started yet.

        Args:
            stack: Has started its Redis.
            url: The operator's, of that Redis.
            replicas: How many.
        """
        self._stack, self._base = stack, stack.base
        parts = urlsplit(url)
        self.first = parts.port or 0
        self._replicas = {free_port(): f"replica-{n}" for n in range(1, replicas + 1)}
        self._login = {"username": parts.username, "password": parts.password}
        self._sentinels = [free_port() for _ in range(3)]
        self._children: dict[str, Child] = {}

    def start(self) -> None:
        """Start all, and wait until Sentinel knows primary and replicas."""
        self._let_in(self.first)
        for port, name in self._replicas.items():
            self._start_replica(name, port)
        for place, port in enumerate(self._sentinels):
            self._start_sentinel(f"sentinel-{place}", port)
        for port in self._replicas:
            self.await_replica(port)

    def stop(self) -> None:
        """Stop what was started here."""
        for child in self._children.values():
            child.stop()

    def by_sentinel(self, url: str) -> str:
        """The Sentinel URL of the same account and database."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in self._sentinels)
        return f"sentinel://{login}@{hosts}{parts.path}?master={MASTER}"

    # --- Servers -------------------------------------------------------------------------------

    @property
    def ports(self) -> tuple[int, ...]:
        """Of all servers, the first one's first."""
        return (self.first, *self._replicas)

    def others(self) -> tuple[int, ...]:
        """Ports of all but the primary."""
        primary = self.primary()
        return tuple(port for port in self.ports if port != primary)

    def _start_replica(self, name: str, port: int) -> None:
        home = self._base / name
        home.mkdir(mode=0o700, exist_ok=True)
        # The accounts are those of the first server: its configuration, at another port.
        text = (self._base / "valkey" / "valkey.conf").read_text()
        lines = [line for line in text.splitlines() if not line.startswith(("port ", "dir "))]
        lines += [f"port {port}", f'dir "{home}"', f"replicaof {LOOPBACK} {self.first}"]
        lines += [f"{name} {value}" for name, value in REPLICATION.items()]
        lines += [f"user {name} on >{PASSWORDS[name]} {ACCOUNTS[name]}" for name in ACCOUNTS]
        self._launch(name, home / "valkey.conf", lines)
        until(lambda: self._answers(port), 30)

    def _start_sentinel(self, name: str, port: int) -> None:
        home = self._base / name
        home.mkdir(mode=0o700, exist_ok=True)
        lines = [
            f"port {port}",
            f"bind {LOOPBACK}",
            f'dir "{home}"',
            f"sentinel monitor {MASTER} {LOOPBACK} {self.first} 2",
            f"sentinel auth-user {MASTER} sentinel",
            f"sentinel auth-pass {MASTER} {PASSWORDS['sentinel']}",
            f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {MASTER} {FAILOVER_MS}",
        ]
        self._launch(name, home / "sentinel.conf", lines, "--sentinel")

    def _launch(self, name: str, file: Path, lines: list[str], *options: str) -> None:
        write_private(file, "\n".join(lines) + "\n")
        self._launch_again(name, file, *options)

    def _launch_again(self, name: str, file: Path, *options: str) -> None:
        command = [str(find_binary()), str(file), *options]
        self._children[name] = Child(Program(name, command, signal.SIGTERM), self._base)

    def _let_in(self, port: int) -> None:
        """Give the stack's server, whose file is not ours, the two accounts and its own login."""
        with self.client(port) as client:
            for name, rights in ACCOUNTS.items():
                words = ("on", f">{PASSWORDS[name]}", *rights.split())
                client.execute_command("ACL SETUSER", name, *words)
            for name, value in REPLICATION.items():
                client.config_set(name, value)

    def client(self, port: int) -> Any:
        """The operator's client of one server."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis(LOOPBACK, port, socket_timeout=1.0, retry=once, **self._login)

    def _sentinel(self) -> Any:
        return redis.Redis(LOOPBACK, self._sentinels[0], socket_timeout=1.0)

    def _answers(self, port: int) -> bool:
        try:
            demand_listener(LOOPBACK, port)
            with self.client(port) as client:
                return bool(client.ping())
        except (StackError, redis.RedisError):
            return False

    def _replicas_known(self) -> int:
        try:
            with self._sentinel() as client:
                found = client.sentinel_slaves(MASTER)
        except redis.RedisError:
            return 0
        return sum(not (r["is_sdown"] or r["is_disconnected"]) for r in found)

    # --- Failing over --------------------------------------------------------------------------

    def primary(self) -> int:
        """The port of the server that Sentinel calls the primary."""
        with self._sentinel() as client:
            return int(client.sentinel_get_master_addr_by_name(MASTER)[1])

    def await_another(self, than: int) -> None:
        """Wait until all Sentinels name another primary: a server that comes back earlier wins."""
        until(lambda: len(self._primaries() - {than}) == len(self._primaries()) == 1, 60)

    def _primaries(self) -> set[int]:
        found = set()
        for port in self._sentinels:
            with redis.Redis(LOOPBACK, port, socket_timeout=1.0) as client:
                found.add(int(client.sentinel_get_master_addr_by_name(MASTER)[1]))
        return found

    def kill_primary(self) -> int:
        """SIGKILL the primary; return its port."""
        port = self.primary()
        if port == self.first:
            self._stack.kill("redis")
        else:
            self._children[self._replicas[port]].kill()
        return port

    def bring_back(self, port: int) -> None:
        """Start a killed server again, once all know the one that took its place, and follow it."""
        self.await_another(port)
        if port == self.first:
            self._stack.revive("redis")
            self._let_in(port)
        else:
            name = self._replicas[port]
            self._children.pop(name).stop()
            self._launch_again(name, self._base / name / "valkey.conf")
        self.await_replica(port)

    @contextmanager
    def frozen_primary(self) -> Iterator[int]:
        """Let the primary be out of reach of everybody, though it lives; yield its port."""
        port = self.primary()
        own = self._replicas.get(port)
        pid = self._children[own].pid if own else self._stack.pid("redis")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield port
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def cut_off_primary(self) -> Iterator[int]:
        """Let the primary be out of reach of Sentinels and replicas alone; yield its port.

        Clients that are connected to it go on writing there. It stands in for a partition of the
        network with the primary and some clients on the smaller side.
        """
        port = self.primary()
        with self.client(port) as primary:
            for name in ACCOUNTS:
                primary.execute_command("ACL SETUSER", name, "off")
                primary.execute_command("CLIENT", "KILL", "USER", name)
        try:
            yield port
        finally:
            with self.client(port) as primary:
                for name in ACCOUNTS:
                    primary.execute_command("ACL SETUSER", name, "on")

    def demand_replicas(self, least: int, lag_s: int = 2) -> None:
        """Let every server, as a primary, refuse writes with fewer replicas than that."""
        for port in self.ports:
            with self.client(port) as client:
                client.config_set("min-replicas-to-write", least)
                client.config_set("min-replicas-max-lag", lag_s)

    def cut_replication(self) -> None:
        """Let the replicas get nothing more: they cannot log in, and their connections end."""
        for port in self.others():
            with self.client(port) as replica:
                replica.config_set("masterauth", "not-the-password")
        with self.client(self.primary()) as primary:
            primary.execute_command("CLIENT", "KILL", "TYPE", "replica")
        for port in self.others():
            until(lambda port=port: self._link_of(port) == "down", 10)

    def _link_of(self, port: int) -> str:
        with self.client(port) as replica:
            return str(replica.info("replication")["master_link_status"])

    def mend_replication(self) -> None:
        """Give all servers the login again."""
        for port in self.ports:
            with self.client(port) as client:
                client.config_set("masterauth", PASSWORDS["replica"])

    def await_replica(self, port: int) -> None:
        """Wait until a server is a replica that has all data, and Sentinel knows it."""
        until(lambda: self._is_replica(port), 60)
        until(lambda: self._replicas_known() == len(self._replicas), 60)

    def _is_replica(self, port: int) -> bool:
        try:
            with self.client(port) as client:
                found = client.info("replication")
        except redis.RedisError:
            return False
        return bool(found["role"] == "slave" and found["master_link_status"] == "up")
