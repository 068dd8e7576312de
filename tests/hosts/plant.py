"""The system under fire on four hosts; the tests themselves run on the host of the data servers.

Between hosts everything is TLS with accounts. On its own host the witness (the feed, and what reads
Kafka and Redis to judge) talks to the servers on loopback.
"""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from devstack.processes.ports import LOOPBACK, free_port
from devstack.servers.java import Java, find_java
from devstack.servers.kafka import Kafka
from devstack.servers.kafka_libs import kafka_libs
from devstack.stack import say_on_stderr
from tests.e2e.system import ROOT, System
from tests.faults.plant import DETAIL, GROUP, Plant
from tests.faults.servers import Servers
from tests.hosts.doors import Door
from tests.hosts.network import DATA, WEB, WORKERS, Host
from tests.security.certificates import make_certificate
from tests.security.guarded_kafka import ADMIN, BRIDGE, door_of, password_of
from tests.security.guarded_kafka import make_certificate as make_broker_certificate

KEY = "of-four-hosts-" + "0123456789abcdef" * 4
PLACES: dict[str, Host] = {"pricing-a": WORKERS[0], "pricing-b": WORKERS[1], DETAIL: WORKERS[0]}
"""Where processes run; all others on the host of the web."""


class OpenAndGuardedKafka(Kafka):
    """A broker with accounts and TLS for other hosts, and a way in for the witness on its own."""

    def __init__(self, base: Path, *, java: Java, libs: Path) -> None:
        """Choose ports; nothing is started yet."""
        make_broker_certificate(base, java, address=DATA.address)
        super().__init__(base, java=java, libs=libs, door=door_of(base))
        self._witness_port = free_port()
        self.door = Door(DATA, self._port)

    @property
    def witness(self) -> str:
        """Where the witness comes in."""
        return f"{LOOPBACK}:{self._witness_port}"

    def _properties(self) -> str:
        own = dict(line.split("=", 1) for line in super()._properties().splitlines())
        own["listeners"] += f",WITNESS://{self.witness}"
        own["advertised.listeners"] = (
            f"SASL_SSL://{DATA.address}:{self.door.port},WITNESS://{self.witness}"
        )
        own["listener.security.protocol.map"] += ",WITNESS:PLAINTEXT"
        own["super.users"] += ";User:ANONYMOUS"
        return "".join(f"{name}={value}\n" for name, value in own.items())


class HostServers(Servers):
    """Three servers on the data host's loopback, and a door before each at its address."""

    doors: tuple[Door, ...] = ()
    own_urls: dict[str, str]

    def start(self) -> dict[str, str]:
        """Start all; returns the variables of processes on other hosts."""
        self.own_urls = urls = self.stack.start().environment()
        broker = OpenAndGuardedKafka(self.base, java=find_java(), libs=kafka_libs(say_on_stderr))
        self.kafka = broker
        self._broker = broker.launch()
        broker.ready(self._broker)
        pair = make_certificate(self.base, "servers", DATA.address)
        postgres = Door(DATA, _port(urls["DATABASE_URL"]), pair, "postgresql")
        redis = Door(DATA, _port(urls["REDIS_URL"]), pair)
        self.doors = (postgres, redis, broker.door)
        found = {name: _guarded(url, redis, pair[1]) for name, url in urls.items()}
        found["DATABASE_URL"] = (
            f"{_at(urls['DATABASE_URL'], postgres)}"
            f"?sslmode=verify-full&sslrootcert={pair[1]}&sslnegotiation=direct"
        )
        return found | {
            "KAFKA_BOOTSTRAP_SERVERS": f"{DATA.address}:{broker.door.port}",
            "KAFKA_BROKER_NAME": broker.name,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_USERNAME": BRIDGE,
            "KAFKA_PASSWORD": password_of(BRIDGE),
            "KAFKA_CA_FILE": str(self.base / "broker.pem"),
        }

    def delay(self, round_trip_ms: float) -> None:
        """Let a round trip between hosts take so much longer."""
        for door in self.doors:
            door.delay(round_trip_ms / 2000)

    def stop(self) -> None:
        """Stop all."""
        super().stop()
        for door in self.doors:
            door.close()


def _port(url: str) -> int:
    return urlsplit(url).port or 0


def _at(url: str, door: Door) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{login}@{DATA.address}:{door.port}").geturl()


def _guarded(url: str, door: Door, authority: Path) -> str:
    if not url.startswith("redis:"):
        return url
    return f"rediss:{_at(url, door).partition(':')[2]}?ssl_ca_certs={authority}"


class HostsSystem(System):
    """Processes, each in the namespace of its host and with files of that host alone."""

    web_door: Door | None = None
    """TLS before the web process, on its host, as a site's proxy does it."""

    @property
    def web_url(self) -> str:
        """At the address of its host."""
        assert self.web_door is not None
        return f"https://{WEB.address}:{self.web_door.port}"

    def start_web(self) -> None:
        """The process, and what encrypts before it."""
        super().start_web()
        if self.web_door is None:
            pair = make_certificate(self.log.parent, "web", WEB.address)
            self.tls = ssl.create_default_context(cafile=str(pair[1]))
            self.web_door = Door(WEB, int(self.environment["WEB_PORT"]), pair)
            # A site's proxy adds this; the door passes bytes and so its caller does.
            self.headers["X-Forwarded-Proto"] = "https"

    def stop(self) -> None:
        """Stop all."""
        super().stop()
        if self.web_door is not None:
            self.web_door.close()

    def start(
        self, name: str, *command: str, kind: str = "", cwd: Path = ROOT, **variables: str
    ) -> subprocess.Popen[bytes]:
        """As on one host."""
        host = PLACES.get(name, WEB)
        own = {"RISK_LOCAL_DIR": str(self.log.parent / host.name)}
        return super().start(name, *host.inside(), *command, kind=kind, cwd=cwd, **own, **variables)


class HostsPlant(Plant):
    """The plant on four hosts, in production mode: whatever is not encrypted is refused."""

    servers: HostServers

    def __init__(self, base: Path) -> None:
        """Start everything and wait until ticks will be priced."""
        super().__init__(base, servers=HostServers)

    def make_system(self, environment: dict[str, str], log: Path) -> System:
        """Grant the rights in Kafka, as an administrator does."""
        environment |= {
            "RISK_ENV": "production",
            "SECRET_KEY": KEY,
            "BEHIND_TLS_PROXY": "True",
            "FORWARDED_ALLOW_IPS": "127.0.0.1",
            "ALLOWED_HOSTS": WEB.address,
        }
        admin = {"KAFKA_USERNAME": ADMIN, "KAFKA_PASSWORD": password_of(ADMIN)}
        roles = ("--bridge", BRIDGE, "--group", GROUP)
        System({**environment, **admin}, log).manage("kafka_grants", *roles)
        return HostsSystem(environment, log)

    @property
    def redis_url(self) -> str:
        """For the witness, on the servers' own host."""
        return self.servers.own_urls["REDIS_URL"]

    @property
    def kafka(self) -> str:
        """For the witness, on the servers' own host."""
        assert isinstance(self.servers.kafka, OpenAndGuardedKafka)
        return self.servers.kafka.witness

    def on(self, host: Host) -> list[str]:
        """Names of the processes that run on a host."""
        names = self.system.processes
        return [n for n in names if self.system.runs(n) and PLACES.get(n, WEB) == host]

    def kill_host(self, host: Host) -> None:
        """SIGKILL everything on a host."""
        for name in self.on(host):
            self.system.kill(name)


def is_data_host() -> bool:
    """Return whether this process runs on the host of the data servers."""
    found = subprocess.run(
        ["ip", "netns", "identify", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() == DATA.namespace
