"""Report the state of each server, and the command that repairs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from devstack.errors import StackError
from devstack.servers import kafka, kafka_libs, postgres, tansu, valkey
from devstack.servers.java import find_java
from devstack.stack import VARIABLES, ServerURLs, ask_configured, read_running


@dataclass(frozen=True)
class Finding:
    """The state of one server, and how to repair it."""

    name: str
    source: str
    state: str
    good: bool
    fix: str = ""

    def lines(self) -> list[str]:
        """Return the finding as lines of text."""
        mark = "ok " if self.good else "BAD"
        told = [f"{mark} {self.name:<9} {self.source}: {self.state}"]
        return told + ([f"    fix: {self.fix}"] if self.fix else [])


def examine(base: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Look at each server: configured, installed, running, answering."""
    running = read_running(base)
    return [
        configured(name, url) if (url := environ.get(variable)) else local(name, environ, running)
        for name, variable in VARIABLES.items()
    ]


def configured(name: str, url: str) -> Finding:
    """A server that the environment names."""
    source = VARIABLES[name]
    try:
        return Finding(name, source, ask_configured(name, url), good=True)
    except StackError as error:
        fix = f"start that server, correct {source}, or unset it to have one started here"
        return Finding(name, source, str(error), good=False, fix=fix)


def local(name: str, environ: Mapping[str, str], running: ServerURLs | None) -> Finding:
    """A server that the launcher starts; the fix of one that works says how to get a better one."""
    server = LOCAL[name]
    try:
        version, fix = server.version(environ)
    except StackError as error:
        return Finding(name, "local", str(error), good=False, fix=server.fix)
    if running is None:
        state = "installed, not running (make demo starts it)"
        return Finding(name, f"local, {version}", state, good=True, fix=fix)
    source = f"local, {running.kafka_name or version}" if name == "kafka" else f"local, {version}"
    try:
        state = f"answers ({server.ask(getattr(running, server.url_field))})"
    except StackError as error:
        return Finding(name, source, str(error), good=False, fix="make stop, then make demo")
    return Finding(name, source, state, good=True, fix=fix)


def which_broker(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the broker that the next start uses, and how to get a better one."""
    if environ.get("KAFKA_BROKER") == "packaged":
        return tansu.binary_version(tansu.find_binary()) + " (KAFKA_BROKER=packaged)", ""
    try:
        java = find_java()
    except StackError as error:
        name = tansu.binary_version(tansu.find_binary())
        return f"{name} (memory only)", f"for Apache Kafka: {error}"
    libs = kafka_libs.cached_libs()
    version = (
        kafka_libs.kafka_version(libs) if libs else "to be fetched by Maven at the first start"
    )
    return f"Apache Kafka {version} (Java {java.major})", ""


class Local(NamedTuple):
    """How to find and ask a server of the launcher; ``version`` also returns a hint, or ""."""

    version: Callable[[Mapping[str, str]], tuple[str, str]]
    fix: str
    url_field: str
    ask: Callable[[str], str]


LOCAL = {
    "postgres": Local(
        lambda _: (postgres.binary_version(postgres.find_binaries()), ""),
        postgres.FIX,
        "database_url",
        postgres.ask,
    ),
    "redis": Local(
        lambda _: (valkey.binary_version(valkey.find_binary()), ""),
        valkey.FIX,
        "redis_url",
        valkey.ask,
    ),
    "kafka": Local(which_broker, tansu.FIX, "kafka_bootstrap", kafka.ask),
}
