"""What Streamlit itself is told: by the file, and by the commands that start it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from streamlit import config

ROOT = Path(__file__).resolve().parents[2]
FILE: dict[str, Any] = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
PROCFILE = (ROOT / "Procfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

WANTED = {
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.address": "127.0.0.1",
    "server.allowedHosts": ["127.0.0.1", "localhost", "::1"],
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
}
EMPTY = ("server.corsAllowedOrigins", "server.trustedUserHeaders")


@pytest.mark.parametrize("name", sorted(WANTED))
def test_the_file_says_it_and_this_streamlit_knows_it(name: str) -> None:
    section, _, option = name.partition(".")
    assert FILE[section][option] == WANTED[name]
    assert name in config._config_options_template


@pytest.mark.parametrize("name", EMPTY)
def test_nobody_else_is_trusted(name: str) -> None:
    section, _, option = name.partition(".")
    assert option not in FILE[section]
    assert name in config._config_options_template
    assert not config._config_options_template[name].default_val


def test_no_command_takes_a_setting_back() -> None:
    commands = [next(line for line in PROCFILE.splitlines() if line.startswith("dashboard:"))]
    commands.append(" ".join(COMPOSE["services"]["dashboard"]["command"]))
    for command in commands:
        given = {word.partition("=")[0] for word in command.split() if word.startswith("--server")}
        assert given <= {"--server.address", "--server.port", "--server.headless"}
    environment = COMPOSE["services"]["dashboard"]["environment"]
    streamlit = {name for name in environment if name.startswith("STREAMLIT_")}
    assert streamlit == {"STREAMLIT_SERVER_ALLOWED_HOSTS"}


def test_no_page_asks_for_raw_html() -> None:
    for file in (ROOT / "dashboard").rglob("*.py"):
        assert "unsafe_allow" not in file.read_text(), file.name
