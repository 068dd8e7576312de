"""Run PostgreSQL, Redis and Kafka for fault tests, each of which can be killed and revived.

Kafka has two listeners: its own address, and one behind a proxy that it advertises.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from devstack.errors import StackError
from devstack.processes.ports import LOOPBACK, free_port
from devstack.processes.process import Child, stop_left_behind
from devstack.servers.broker import APACHE
from devstack.servers.java import find_java
from devstack.servers.kafka import LABEL, Kafka
from devstack.servers.kafka_libs import kafka_libs
from devstack.servers.tansu import Tansu
from devstack.stack import Stack, say_on_stderr
from tests.faults.brokers import Brokers
from tests.faults.proxy import Proxy
from tests.faults.standby import Standby
from tests.sentinels import ReplicatedRedis


class TwoDoorKafka(Kafka):
    """Apache Kafka with a second listener that tells its clients to come by the proxy."""

    def __init__(self, base: Path) -> None:
        """Choose ports; nothing is started yet."""
        super().__init__(base, java=find_java(), libs=kafka_libs(say_on_stderr))
        self._back_port = free_port()
        self.proxy = Proxy(LOOPBACK, self._back_port)

    def _properties(self) -> str:
        own = dict(line.split("=", 1) for line in super()._properties().splitlines())
        back, shown = f"{LOOPBACK}:{self._back_port}", f"{LOOPBACK}:{self.proxy.port}"
        own["listeners"] += f",PROXIED://{back}"
        own["advertised.listeners"] += f",PROXIED://{shown}"
        own["listener.security.protocol.map"] += ",PROXIED:PLAINTEXT"
        return "".join(f"{name}={value}\n" for name, value in own.items())


class Servers:
    """Three servers, and the proxies before two of them."""

    def __init__(self, base: Path) -> None:
        """Nothing is started yet; what another run left in the directory is deleted."""
        self.base = base.resolve()
        if self.base.exists():
            stop_left_behind(self.base)
            shutil.rmtree(self.base)
        # Durable: a test must not be kinder than the servers of a user.
        self.stack = Stack(self.base, want=("postgres", "redis"), environ={})
        self.kafka: Kafka | Tansu
        self._broker: Child | None = None
        self.redis_kills = 0

    def start(self) -> dict[str, str]:
        """Start all three; returns the variables that every process of ours reads."""
        urls = self.stack.start()
        try:
            self.kafka = TwoDoorKafka(self.base)
        except StackError:
            if os.environ.get("KAFKA_BROKER") == APACHE:
                raise
            self.kafka = Tansu(self.base)
        self._broker = self.kafka.launch()
        self.kafka.ready(self._broker)
        redis = urlsplit(urls.redis_url)
        self.redis_proxy = Proxy(redis.hostname or LOOPBACK, redis.port or 6379)
        return urls.environment() | {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "KAFKA_BROKER_NAME": self.kafka.name,
        }

    @property
    def durable_kafka(self) -> bool:
        """Return whether the broker keeps its log over a restart."""
        return isinstance(self.kafka, Kafka)

    @property
    def kafka_proxy(self) -> Proxy | None:
        """The second door; None when the broker has none."""
        return self.kafka.proxy if isinstance(self.kafka, TwoDoorKafka) else None

    @property
    def redis_data(self) -> Path:
        """Where Redis keeps its append-only file."""
        return self.base / "valkey" / "appendonlydir"

    def kill(self, name: str) -> None:
        """SIGKILL ``postgres``, ``redis`` or ``kafka``."""
        if name == LABEL:
            assert self._broker is not None
            self._broker.kill()
        else:
            self.redis_kills += name == "redis"
            self.stack.kill(name)

    def revive(self, name: str) -> None:
        """Start a killed one again at the same address, and wait until it answers."""
        if name == LABEL:
            assert self._broker is not None
            self._broker.stop()
            self._broker = self.kafka.launch()
            self.kafka.ready(self._broker)
        else:
            self.stack.revive(name)

    def pid(self, name: str) -> int:
        """Process id of a server."""
        if name == LABEL:
            assert self._broker is not None
            return self._broker.pid
        return self.stack.pid(name)

    def stop(self) -> None:
        """Stop all; nothing stays behind but logs."""
        if self._broker is not None:
            self._broker.stop()
            self._broker = None
        if hasattr(self, "redis_proxy"):
            self.redis_proxy.close()
        if (proxy := getattr(self, "kafka", None)) and isinstance(proxy, TwoDoorKafka):
            proxy.proxy.close()
        self.stack.stop()


class SentinelServers(Servers):
    """Servers whose Redis has two replicas and three Sentinels; all URLs are Sentinel's."""

    replicated: ReplicatedRedis

    def start(self) -> dict[str, str]:
        """Start all; returns the variables, with URLs of Sentinel in place of Redis's."""
        urls = super().start()
        self.replicated = ReplicatedRedis(self.stack, urls["REDIS_URL"], replicas=2)
        self.replicated.start()
        by_sentinel = self.replicated.by_sentinel
        return {n: by_sentinel(u) if u.startswith("redis:") else u for n, u in urls.items()}

    def kill_primary(self) -> int:
        """SIGKILL the primary of Redis, and with it what its replica has not got; its port."""
        self.redis_kills += 1
        return self.replicated.kill_primary()

    def stop(self) -> None:
        """Stop all."""
        if hasattr(self, "replicated"):
            self.replicated.stop()
        super().stop()


class ThreeBrokers(Servers):
    """Servers whose Kafka is three brokers; a machine without Java has none of them."""

    brokers: Brokers

    def start(self) -> dict[str, str]:
        """Start all; returns the variables.

        Raises:
            StackError: Java or Kafka's jars are missing.
        """
        urls = self.stack.start()
        self.brokers = Brokers(self.base, java=find_java(), libs=kafka_libs(say_on_stderr))
        self.brokers.start()
        return urls.environment() | {
            "KAFKA_BOOTSTRAP_SERVERS": self.brokers.bootstrap,
            "KAFKA_BROKER_NAME": self.brokers.name,
        }

    def stop(self) -> None:
        """Stop all."""
        if hasattr(self, "brokers"):
            self.brokers.stop()
        super().stop()


class StandbyServers(Servers):
    """Servers whose PostgreSQL has a standby; the URL names both."""

    standby: Standby

    def start(self) -> dict[str, str]:
        """Start all; returns the variables."""
        urls = super().start()
        self.standby = Standby(self.stack)
        self.standby.start()
        return urls | {"DATABASE_URL": self.standby.both}

    def stop(self) -> None:
        """Stop all."""
        if hasattr(self, "standby"):
            self.standby.stop()
        super().stop()
