"""Four hosts on one machine: network namespaces, each with its own address and loopback.

    live-data  10.77.0.1   PostgreSQL, Redis, Kafka
    live-web   10.77.0.2   bridge, web, compiler
    live-w1    10.77.0.3   workers
    live-w2    10.77.0.4   workers

All are on one switch, which is in a namespace of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

SWITCH = "live-switch"


@dataclass(frozen=True)
class Host:
    """One namespace."""

    name: str
    address: str

    @property
    def namespace(self) -> str:
        """Its name for `ip netns`."""
        return f"live-{self.name}"

    @property
    def port(self) -> str:
        """Its end of the cable at the switch."""
        return f"port-{self.name}"

    def inside(self) -> list[str]:
        """Words before a command that run it there."""
        return ["ip", "netns", "exec", self.namespace]


DATA, WEB = Host("data", "10.77.0.1"), Host("web", "10.77.0.2")
WORKERS = (Host("w1", "10.77.0.3"), Host("w2", "10.77.0.4"))
HOSTS = (DATA, WEB, *WORKERS)


class NoNetwork(Exception):
    """The machine lets us make no hosts; the message says what is missing."""


def build() -> None:
    """Make the hosts and connect them.

    Raises:
        NoNetwork: `ip` is missing, or we may not make namespaces.
    """
    if shutil.which("ip") is None:
        raise NoNetwork("the command `ip` was not found: apt-get install iproute2")
    remove()
    try:
        _ip("netns", "add", SWITCH)
        _ip("-n", SWITCH, "link", "add", "switch", "type", "bridge")
        _ip("-n", SWITCH, "link", "set", "switch", "up")
        for host in HOSTS:
            _connect(host)
    except subprocess.CalledProcessError as error:
        remove()
        raise NoNetwork(error.stderr.strip()) from None


def _connect(host: Host) -> None:
    _ip("netns", "add", host.namespace)
    cable = ("type", "veth", "peer", "name", "eth0", "netns", host.namespace)
    _ip("-n", SWITCH, "link", "add", host.port, *cable)
    _ip("-n", SWITCH, "link", "set", host.port, "master", "switch", "up")
    _ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
    for device in ("lo", "eth0"):
        _ip("-n", host.namespace, "link", "set", device, "up")


def remove() -> None:
    """Delete the hosts, if they are there."""
    for name in (*(host.namespace for host in HOSTS), SWITCH):
        if os.path.exists(f"/run/netns/{name}"):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def cut(host: Host) -> None:
    """Let the link of a host go down: nothing arrives, and nobody is told."""
    _ip("-n", SWITCH, "link", "set", host.port, "down")


def mend(host: Host) -> None:
    """Let the link come up again."""
    _ip("-n", SWITCH, "link", "set", host.port, "up")


def peers(host: Host) -> set[str]:
    """Addresses at the other ends of a host's open TCP connections."""
    command = [*host.inside(), "ss", "-Htn", "state", "established"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {line.split()[-1].rpartition(":")[0] for line in done.stdout.splitlines()}


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
