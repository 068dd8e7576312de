"""Report the state of each server, and the command that repairs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import StackError
from devstack.servers import kafka, kafka_libs, postgres, tansu, valkey
from devstack.servers.java import find_java
from devstack.stack import VARIABLES, ask_configured, read_running


@dataclass(frozen=True)
class Finding:
    """What is to be said about one server."""

    name: str
    source: str
    state: str
    good: bool
    fix: str = ""

    def lines(self) -> list[str]:
        """For a person."""
        mark = "ok " if self.good else "BAD"
        told = [f"{mark} {self.name:<9} {self.source}: {self.state}"]
        return told + ([f"    fix: {self.fix}"] if self.fix else [])


def examine(base: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Look at each server: configured, installed, running, answering."""
    local = {"postgres": local_postgres, "redis": local_redis, "kafka": local_kafka}
    findings = []
    for name, variable in VARIABLES.items():
        url = environ.get(variable, "")
        findings.append(configured(name, url) if url else local[name](base, environ))
    return findings


def configured(name: str, url: str) -> Finding:
    """A server that the environment names."""
    source = VARIABLES[name]
    try:
        return Finding(name, source, ask_configured(name, url), good=True)
    except StackError as error:
        fix = f"start that server, correct {source}, or unset it to have one started here"
        return Finding(name, source, str(error), good=False, fix=fix)


def local_postgres(base: Path, environ: Mapping[str, str]) -> Finding:
    """The PostgreSQL we would start."""
    del environ
    try:
        version = postgres.binary_version(postgres.find_binaries())
    except StackError as error:
        return Finding("postgres", "local", str(error), good=False, fix=postgres.FIX)
    running = read_running(base)
    url = running.database_url if running else ""
    return answering("postgres", f"local, {version}", url, postgres.ask)


def local_redis(base: Path, environ: Mapping[str, str]) -> Finding:
    """The Valkey we would start."""
    del environ
    try:
        version = valkey.binary_version(valkey.find_binary())
    except StackError as error:
        return Finding("redis", "local", str(error), good=False, fix=valkey.FIX)
    running = read_running(base)
    return answering("redis", f"local, {version}", running.redis_url if running else "", valkey.ask)


def local_kafka(base: Path, environ: Mapping[str, str]) -> Finding:
    """The broker we would start, and what keeps us from the better one."""
    try:
        source, fix = which_broker(environ)
    except StackError as error:
        return Finding("kafka", "local", str(error), good=False, fix=tansu.FIX)
    running = read_running(base)
    source = f"local, {running.kafka_name or source}" if running else f"local, {source}"
    found = answering("kafka", source, running.kafka_bootstrap if running else "", kafka.ask)
    return Finding(found.name, found.source, found.state, found.good, found.fix or fix)


def which_broker(environ: Mapping[str, str]) -> tuple[str, str]:
    """The broker of the next start, and what to do for a better one."""
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


def answering(name: str, source: str, url: str, ask: Callable[[str], str]) -> Finding:
    """Ask a local server, when a launcher runs one."""
    if not url:
        return Finding(name, source, "installed, not running (make demo starts it)", good=True)
    try:
        return Finding(name, source, f"answers ({ask(url)})", good=True)
    except StackError as error:
        return Finding(name, source, str(error), good=False, fix="make stop, then make demo")
