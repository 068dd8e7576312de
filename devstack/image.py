"""Build the Dockerfile's image and run every process of docker-compose.yml in it.

``python -m devstack.image``, or ``make image``. The servers run as local processes on loopback, as
in the demo; the containers share this machine's network. Each container runs with its settings in
compose: command, environment, user, read-only root, capabilities, health check.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from devstack import redis_accounts
from devstack.__main__ import end_by_signal
from devstack.compose import Service, services_of
from devstack.env_file import with_secrets
from devstack.errors import StackError
from devstack.passwords import passwords_of, write_private
from devstack.processes.ports import LOOPBACK, is_free
from devstack.stack import ServerURLs, Stack, say_on_stderr

ROOT = Path(__file__).resolve().parent.parent
NAME, PREFIX = "live-risk:local", "live-risk-image-"
ENGINES = ("docker", "podman")
DEBOOTSTRAP = "debootstrap"
BASE_PACKAGES = "ca-certificates,python3,python3-venv,python3-pip"
KILLED = 137
LOOK_S, READY_S = 0.5, 60.0
LOG_LINES = "15"

#: Variables of docker-compose.yml that hold a password of Redis, by account.
REDIS_PASSWORDS = {f"REDIS_{name.upper()}_PASSWORD": name for name in redis_accounts.ACCOUNTS}


class Engine:
    """A program that builds images and runs containers."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Find it.

        Args:
            environ: ``ENGINE`` is its command line, such as ``podman --runtime runc``; else
                docker or podman of PATH. ``BUILD_ARGS`` and ``RUN_ARGS`` are added to its own.

        Raises:
            StackError: There is none.
        """
        installed = next((name for name in ENGINES if shutil.which(name)), "")
        self._words = shlex.split(environ.get("ENGINE", "")) or [installed]
        if not shutil.which(self._words[0]):
            raise StackError(
                f"no {self._words[0] or 'docker or podman'} was found on PATH: install one of them "
                "(Debian: apt-get install podman runc catatonit), or set ENGINE to its command"
            )
        self.build_words = shlex.split(environ.get("BUILD_ARGS", ""))
        self.run_words = shlex.split(environ.get("RUN_ARGS", ""))

    def do(
        self, *words: str, stdin: IO[bytes] | None = None, timeout_s: float | None = None
    ) -> str:
        """Run one command of it.

        Returns:
            What it printed.

        Raises:
            StackError: It failed, or took longer than `timeout_s`.
        """
        try:
            done = subprocess.run(
                [*self._words, *words],
                stdin=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            raise StackError(f"`{words[0]}` took longer than {timeout_s:.0f} s") from error
        if done.returncode:
            said = " | ".join(done.stderr.strip().splitlines()[-5:])
            raise StackError(f"`{shlex.join([*self._words, words[0]])}` failed: {said}")
        return done.stdout

    def show(self, *words: str) -> None:
        """Run one command of it with its output on the screen.

        Raises:
            StackError: It failed.
        """
        if subprocess.run([*self._words, *words], check=False).returncode:
            raise StackError(f"`{shlex.join([*self._words, words[0]])}` failed, see above")

    def has(self, image: str) -> bool:
        """Return whether an image exists."""
        try:
            self.do("image", "inspect", image)
        except StackError:
            return False
        return True


# --- Build -------------------------------------------------------------------------------------


def base_image(dockerfile: str) -> str:
    """The name after FROM."""
    found: list[str] = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    return found[-1]


def debootstrap_base(engine: Engine, image: str, directory: Path) -> None:
    """Make a base image of Debian's packages where no registry is reachable.

    It has Debian's own Python of that release instead of the one that the tag of `image` names,
    so it shows that ours builds and runs, and is not for use elsewhere.

    Raises:
        StackError: debootstrap is missing, or failed; only root can run it.
    """
    if engine.has(image):
        return
    program = shutil.which(DEBOOTSTRAP, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        raise StackError("IMAGE_BASE=debootstrap needs root, and apt-get install debootstrap")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    suite = image.rpartition("-")[2]
    say_on_stderr(f"image: {image} is made by debootstrap, with the Python of Debian {suite}")
    words = [program, "--variant=minbase", f"--include={BASE_PACKAGES}", suite, str(directory)]
    if subprocess.run(words, stdout=subprocess.DEVNULL, check=False).returncode:
        raise StackError(f"debootstrap failed, see {directory}/debootstrap/debootstrap.log")
    (directory / "usr/bin/python").symlink_to("python3")
    for mark in directory.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        mark.unlink()
    with subprocess.Popen(
        [shutil.which("tar") or "tar", "-C", str(directory), "-c", "."], stdout=subprocess.PIPE
    ) as tar:
        engine.do("import", "-", image, stdin=tar.stdout)
    shutil.rmtree(directory)


# --- Run ---------------------------------------------------------------------------------------


def variables_for(urls: ServerURLs, base: Path) -> dict[str, str]:
    """What docker-compose.yml asks for: fresh secrets, and the passwords of these servers."""
    lines = with_secrets((ROOT / ".env.example").read_text()).splitlines()
    made = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    ours = passwords_of(base)
    redis = {
        name: redis_accounts.password(ours.redis, account)
        for name, account in REDIS_PASSWORDS.items()
    }
    return made | redis | {
        "POSTGRES_PASSWORD": ours.postgres,
        "DATABASE_APP_PASSWORD": ours.postgres_app,
        "DATABASE_READONLY_PASSWORD": ours.postgres_readonly,
        "KAFKA_BOOTSTRAP_SERVERS": urls.kafka_bootstrap,
        "KAFKA_BROKER_NAME": urls.kafka_name,
    }  # fmt: skip


def on_loopback(environment: Mapping[str, str], urls: ServerURLs) -> dict[str, str]:
    """A container's environment, with the names of compose's network replaced by addresses."""
    places = {
        "@postgres:5432/": f"@{urlsplit(urls.database_url).netloc.rpartition('@')[2]}/",
        "@redis:6379/": f"@{urlsplit(urls.redis_url).netloc.rpartition('@')[2]}/",
        "http://web:": f"http://{LOOPBACK}:",
    }
    changed = dict(environment)
    for name, value in environment.items():
        for theirs, ours in places.items():
            value = value.replace(theirs, ours)
        changed[name] = value
    return changed


def run_words(service: Service, env_file: Path, extra: list[str]) -> list[str]:
    """The arguments of ``docker run`` that say what compose says."""
    words = ["run", "--name", PREFIX + service.name, "--network", "host"]
    words += ["--env-file", str(env_file)]
    words += ["--init"] if service.init else []
    words += ["--read-only"] if service.read_only else []
    for option, values in (
        ("--tmpfs", service.tmpfs),
        ("--cap-drop", service.cap_drop),
        ("--security-opt", [value.removesuffix(":true") for value in service.security_opt]),
    ):
        words += [word for value in values for word in (option, value)]
    words += [] if service.runs_once else ["--detach"]
    return [*words, *extra, NAME, *service.command]


class Trial:
    """The containers of one run."""

    def __init__(self, engine: Engine, services: list[Service], directory: Path) -> None:
        """Nothing is started yet; `directory` gets the files with the environments."""
        self._engine, self._services, self._directory = engine, services, directory

    def clear(self) -> None:
        """Remove the containers and environments of this and of an earlier run."""
        for file in self._directory.glob("*.env"):
            file.unlink()
        found = self._engine.do("ps", "--all", "--quiet", "--filter", f"name={PREFIX}").split()
        if found:
            self._engine.do("rm", "--force", *found)

    def run(self, urls: ServerURLs) -> None:
        """Start all, wait until each is healthy, stop all.

        Raises:
            StackError: A service fails, is unhealthy, runs as root, can write too much, or does not
                stop in time.
        """
        for service in self._services:
            self._start(service, urls)
        for service in (one for one in self._services if not one.runs_once):
            self._wait_healthy(service)
            self._look_inside(service)
        self._demand_ready()
        for service in reversed([one for one in self._services if not one.runs_once]):
            self._stop(service)

    def _start(self, service: Service, urls: ServerURLs) -> None:
        env_file = self._directory / f"{service.name}.env"
        environment = on_loopback(service.environment, urls)
        write_private(env_file, "".join(f"{k}={v}\n" for k, v in environment.items()))
        began = time.monotonic()
        self._engine.do(*run_words(service, env_file, self._engine.run_words))
        if service.runs_once:
            self._tell(service, f"ended with status 0 after {time.monotonic() - began:.1f} s")

    def _wait_healthy(self, service: Service) -> None:
        began = time.monotonic()
        while True:
            try:
                self._inside(service, *service.health)
                break
            except StackError as error:
                if self._state(service, "Status") != "running":
                    raise StackError(f"{service.name} has ended: {self._log(service)}") from error
                if time.monotonic() - began > service.patience_s:
                    raise StackError(
                        f"{service.name} is not healthy after {service.patience_s:.0f} s: "
                        f"{error}; {self._log(service)}"
                    ) from error
            time.sleep(LOOK_S)

    def _look_inside(self, service: Service) -> None:
        user = self._inside(service, "id", "-u").strip()
        if user == "0":
            raise StackError(f"{service.name} runs as root")
        root = "read-only" if service.read_only else "writable"
        can_write = True
        try:
            self._inside(service, "sh", "-c", 'f="$HOME/trial"; touch "$f" && rm "$f"')
        except StackError:
            can_write = False
        if can_write == service.read_only:
            raise StackError(f"{service.name}: compose says {root}, but the container differs")
        self._tell(service, f"healthy, user {user}, root {root}")

    def _demand_ready(self) -> None:
        """Ask web of all others; only frames may be missing, as no feed runs."""
        deadline = time.monotonic() + READY_S
        while failing := unready(f"http://{LOOPBACK}:8000/readyz"):
            if time.monotonic() > deadline:
                raise StackError(f"/readyz after {READY_S:.0f} s: {failing}")
            time.sleep(LOOK_S)
        say_on_stderr("image: /readyz: all but frames, for which no feed runs, are well")

    def _stop(self, service: Service) -> None:
        began = time.monotonic()
        self._engine.do("stop", "--time", f"{service.grace_s:.0f}", PREFIX + service.name)
        taken_s = time.monotonic() - began
        status = int(self._state(service, "ExitCode"))
        if status == KILLED:
            raise StackError(f"{service.name} did not end within {service.grace_s:.0f} s")
        self._tell(service, f"stopped in {taken_s:.1f} s with status {status}")

    def _inside(self, service: Service, *words: str) -> str:
        return self._engine.do("exec", PREFIX + service.name, *words, timeout_s=30)

    def _state(self, service: Service, field: str) -> str:
        template = f"{{{{.State.{field}}}}}"
        return self._engine.do("inspect", "--format", template, PREFIX + service.name).strip()

    def _log(self, service: Service) -> str:
        said = subprocess.run(
            [*self._engine._words, "logs", "--tail", LOG_LINES, PREFIX + service.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return " | ".join(said.stdout.strip().splitlines())

    def _tell(self, service: Service, text: str) -> None:
        say_on_stderr(f"image: {service.name:<10} {text}")


def unready(url: str) -> dict[str, str]:
    """Return the checks that /readyz reports as failing, except the one of frames."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # nosec B310  # noqa: S310 - ours
            body = json.load(answer)
    except urllib.error.HTTPError as error:
        body = json.load(error)
    return {name: why for name, why in body.get("failing", {}).items() if name != "frames"}


def published_ports(file: Path) -> list[int]:
    """Ports that our containers listen on, which are this machine's here."""
    exposed = re.findall(r"^EXPOSE (.+)$", file.read_text(), re.MULTILINE)
    return [int(port) for line in exposed for port in line.split()]


def try_image(base: Path, base_of: str, environ: Mapping[str, str]) -> None:
    """Build, run, stop.

    Raises:
        StackError: Something is missing, or does not go as it should.
    """
    engine = Engine(environ)
    for port in published_ports(ROOT / "Dockerfile"):
        if not is_free(port):
            raise StackError(f"port {port} is in use, perhaps by a demo: stop it first (make stop)")
    if base_of == DEBOOTSTRAP:
        image = base_image((ROOT / "Dockerfile").read_text())
        debootstrap_base(engine, image, base / "rootfs")
    engine.show("build", "--tag", NAME, *engine.build_words, str(ROOT))
    unset = {name: value for name, value in environ.items() if not name.endswith("_URL")}
    unset.pop("KAFKA_BOOTSTRAP_SERVERS", None)
    with Stack(base, durable=False, environ=unset) as stack:
        variables = variables_for(stack.urls, base)
        services = services_of(ROOT / "docker-compose.yml", variables)
        trial = Trial(engine, services, base / "run")
        trial.clear()
        try:
            trial.run(stack.urls)
        finally:
            trial.clear()
    say_on_stderr(f"image: {NAME} was built and {len(services)} services ran in it")


def main(argv: list[str]) -> int:
    """Build and try; an expected failure is one line and exit status 1."""
    parser = argparse.ArgumentParser(prog="devstack.image", description=__doc__)
    parser.add_argument("--base", type=Path, default=Path(".local/image"), help="where servers run")
    parser.add_argument(
        "--from",
        dest="source",
        choices=("", DEBOOTSTRAP),
        default="",
        help="make the base image by debootstrap instead of pulling it",
    )
    arguments = parser.parse_args(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_by_signal)
    try:
        try_image(arguments.base.resolve(), arguments.source, os.environ)
    except StackError as error:
        say_on_stderr(f"image: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
