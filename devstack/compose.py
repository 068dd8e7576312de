"""Read docker-compose.yml: the services that run the project's own image."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devstack.errors import StackError

#: ``${NAME}``, ``${NAME:-default}``, ``${NAME:?what to do}``; ``$$`` is a dollar sign.
VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::?([-?])([^}]*))?\}")
DURATION = re.compile(r"([\d.]+)(ms|s|m)")
UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Service:
    """What compose says of one container of ours; times are in seconds.

    ``cpu_shares`` is its weight on a busy machine, beside 1,024 for others.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    read_only: bool
    tmpfs: list[str]
    cap_drop: list[str]
    security_opt: list[str]
    init: bool
    health: list[str]
    patience_s: float
    grace_s: float
    cpu_shares: int

    @property
    def runs_once(self) -> bool:
        """Return whether it does its work and ends; what stays up has a health check."""
        return not self.health


def services_of(file: Path, variables: Mapping[str, str]) -> list[Service]:
    """Return the services that use the project's image, in the order of the file.

    Args:
        file: docker-compose.yml.
        variables: Values of its ``${NAME}`` references.

    Raises:
        StackError: A variable without a default is missing.
    """
    services: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text())["services"]
    return [
        _service(name, _filled(service, variables))
        for name, service in services.items()
        if "build" in service
    ]


def _service(name: str, said: dict[str, Any]) -> Service:
    check = said.get("healthcheck", {})
    return Service(
        name=name,
        command=said["command"],
        environment={key: str(value) for key, value in said["environment"].items()},
        read_only=bool(said.get("read_only", False)),
        tmpfs=said.get("tmpfs", []),
        cap_drop=said.get("cap_drop", []),
        security_opt=said.get("security_opt", []),
        init=bool(said.get("init", False)),
        health=_words(check["test"]) if check else [],
        patience_s=_patience_s(check) if check else 0.0,
        grace_s=_seconds(said.get("stop_grace_period", "10s")),
        cpu_shares=int(said.get("cpu_shares", 1024)),
    )


def _words(test: list[str]) -> list[str]:
    """The command of a health check."""
    return test[1:] if test[0] == "CMD" else ["sh", "-c", *test[1:]]


def _patience_s(check: dict[str, Any]) -> float:
    """How long compose waits before it calls a container unhealthy."""
    tries = int(check["retries"])
    return _seconds(check["start_period"]) + tries * _seconds(check["interval"])


def _seconds(text: str) -> float:
    found = DURATION.fullmatch(text)
    if found is None:
        raise StackError(f"docker-compose.yml: {text!r} is not a duration: use 500ms, 10s or 2m")
    return float(found[1]) * UNITS_S[found[2]]


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a value with each variable replaced in all of its texts."""
    if isinstance(value, dict):
        return {key: _filled(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, variables) for inner in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: _one(found, variables), value)
    return value


def _one(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name, kind, rest = found.groups()
    if name is None:
        return "$"
    known = variables.get(name, "")
    if not known and kind == "?":
        raise StackError(f"docker-compose.yml wants {name}: {rest}")
    return known or (rest if kind == "-" else "")
