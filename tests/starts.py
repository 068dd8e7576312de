"""What each way of running the project starts: Procfile, compose, Kubernetes and systemd units.

Each function returns words of commands by the name of a process. ``essence`` leaves out what may
differ, so that the others can be compared.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from devstack.compose import Service
from tests import not_run

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"

KUSTOMIZE = not_run.Need("kubectl or kustomize", "install one of them: kubernetes.io, kubectl")
_RENDER = {"kubectl": ["kubectl", "kustomize"], "kustomize": ["kustomize", "build"]}

#: Words in front of a program that say how it is run, not what.
WRAPPERS = {"nice": 2, "env": 1, "exec": 0}
#: Options that may differ: where a process listens, how much it says, what it is called.
OWN_OPTIONS = {
    "--host": 1,
    "--port": 1,
    "--address": 1,
    "--server.address": 1,
    "--server.port": 1,
    "--instance": 1,
    "--log-level": 1,
    "--loglevel": 1,
    "--logging": 1,
    "--hostname": 1,
    "-E": 0,
}


def essence(words: list[str]) -> list[str]:
    """Program and options, without what may differ."""
    words = list(words)
    while _program(words[0]) in WRAPPERS:
        del words[: 1 + WRAPPERS[_program(words[0])]]
    words[0] = _program(words[0])
    if words[:2] == ["python", "-m"]:
        del words[:2]
    kept: list[str] = []
    while words:
        word = words.pop(0)
        name, equals, _ = word.partition("=")
        if name not in OWN_OPTIONS:
            kept.append(word.strip("{}").replace("${", "$"))
        elif not equals:
            del words[: OWN_OPTIONS[name]]
    return [re.sub(r"\$\{(\w+)\}", r"$\1", word) for word in kept]


def _program(word: str) -> str:
    return word.rpartition("/")[2]


def unwrapped(words: list[str]) -> list[str]:
    """The command that a shell is given, in words."""
    return shlex.split(words[2]) if words[:2] == ["sh", "-c"] else words


class KeptCommand(NamedTuple):
    """A line of the Procfile: the command, and the niceness that it is kept with."""

    command: list[str]
    nice: int


def procfile_lines() -> dict[str, KeptCommand]:
    """The commands of the Procfile by the name of their process."""
    found = {}
    for line in (ROOT / "Procfile").read_text().splitlines():
        name, _, text = line.partition(": ")
        keeping, _, command = text.partition(" -- ")
        nice = re.search(r"--nice (\d+)", keeping)
        found[name] = KeptCommand(shlex.split(command), int(nice[1]) if nice else 0)
    return found


def in_compose(service: Service) -> list[str]:
    """The command of one service of compose."""
    return unwrapped(service.command)


@cache
def rendered(folder: str) -> list[dict[str, Any]]:
    """Return what `kubectl kustomize deploy/FOLDER` makes; not run where there is no kustomize."""
    found = next((words for name, words in _RENDER.items() if shutil.which(name)), None)
    if found is None:
        not_run.stop(KUSTOMIZE)
    done = subprocess.run(
        [*found, str(DEPLOY / folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def workloads(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Deployments, StatefulSets and Jobs by name."""
    kinds = ("Deployment", "StatefulSet", "Job")
    return {one["metadata"]["name"]: one for one in objects if one["kind"] in kinds}


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    """The pod of a workload: ``spec`` and ``metadata``."""
    template: dict[str, Any] = workload["spec"]["template"]
    return template


def container_of(workload: dict[str, Any]) -> dict[str, Any]:
    """The one container of a workload."""
    (container,) = pod_of(workload)["spec"]["containers"]
    return dict(container)


def units() -> dict[str, list[tuple[str, str]]]:
    """Settings of each unit of ours by process, in the order of the file."""
    return {
        path.stem.removeprefix("live-risk-"): settings_of(path)
        for path in sorted(UNITS.glob("live-risk-*.service"))
    }


def settings_of(path: Path) -> list[tuple[str, str]]:
    """The settings of a unit file, with continued lines joined."""
    text = path.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    pairs = (line.partition("=") for line in lines)
    return [(name, value.strip()) for name, _, value in pairs]


def unit_commands(settings: list[tuple[str, str]]) -> list[list[str]]:
    """The commands of a unit, as systemd hands them on."""
    return [
        shlex.split(value.replace("%%", "%")) for name, value in settings if name == "ExecStart"
    ]
