"""Fetch Kafka's jars, listed in kafka-pom.xml, once with Maven, and keep them."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.errors import StackError
from devstack.processes.process import through_launcher

POM = Path(__file__).with_name("kafka-pom.xml")
STAMP = "pom.sha256"
MAVEN_TIMEOUT_S = 600.0


def cache_dir() -> Path:
    """Return the directory for downloads: DEVSTACK_CACHE, else `.local` of this clone."""
    return Path(os.environ.get("DEVSTACK_CACHE") or Path(__file__).parents[2] / ".local")


def cached_libs() -> Path | None:
    """Return the folder of jars if it exists and matches the current pom."""
    libs = cache_dir() / "kafka" / "libs"
    stamp = libs / STAMP
    return libs if stamp.exists() and stamp.read_text() == fingerprint() else None


def kafka_version(libs: Path) -> str:
    """Version of the broker in that folder, for example ``4.4.0``."""
    jar = next(libs.glob("kafka_2.13-*.jar"), None)
    return jar.stem.rpartition("-")[2] if jar else "?"


def kafka_libs(say: Callable[[str], None]) -> Path:
    """The folder of jars, fetched by Maven when it is not there yet.

    Raises:
        StackError: Maven is missing or failed.
    """
    found = cached_libs()
    if found:
        return found
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError("Maven (mvn) was not found on PATH")
    with sole_download():
        return cached_libs() or fetch(maven, say)


@contextmanager
def sole_download() -> Iterator[None]:
    """Let one process at a time fetch; the others then find the result."""
    folder = cache_dir() / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetch(maven: str, say: Callable[[str], None]) -> Path:
    """Have Maven copy the jars beside their place, then rename: the folder is whole or absent."""
    say("Kafka: fetching Apache Kafka by Maven (once, about 45 MB, up to a few minutes) ...")
    began = time.monotonic()
    libs = cache_dir() / "kafka" / "libs"
    draft = libs.with_name("libs.new")
    shutil.rmtree(draft, ignore_errors=True)
    run_maven(maven, draft, libs.with_name("maven.log"))
    (draft / STAMP).write_text(fingerprint())
    shutil.rmtree(libs, ignore_errors=True)
    draft.rename(libs)
    jars = len(list(libs.glob("*.jar")))
    say(f"Kafka: fetched {kafka_version(libs)}, {jars} jars, {time.monotonic() - began:.0f} s")
    return libs


def run_maven(maven: str, target: Path, log: Path) -> None:
    """Copy the broker and what it needs to `target`."""
    command = [maven, "-B", "-q", "-f", str(POM), "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={target.resolve()}", "-DincludeScope=runtime"]
    with log.open("wb") as output:
        try:
            done = subprocess.run(
                through_launcher(command, signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=MAVEN_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"Maven did not finish in {MAVEN_TIMEOUT_S:.0f} s (log: {log})"
            raise StackError(message) from error
    if done.returncode != 0 or not target.is_dir():
        raise StackError(f"Maven could not fetch Kafka: {first_error(log)} (log: {log})")


def first_error(log: Path) -> str:
    """The first line of a Maven log that says what went wrong."""
    lines = log.read_text(errors="replace").splitlines()
    errors = [line for line in lines if "ERROR" in line] or lines or ["it said nothing"]
    return errors[0].replace("[ERROR]", "").strip()[:200]


def fingerprint() -> str:
    """Return a hash that changes with the pom."""
    return hashlib.sha256(POM.read_bytes()).hexdigest()
