"""Every command that the documentation shows exists, with the options that are shown."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"\b[A-Z_]+(?==)|(?<=\$\()[A-Z_]+(?=\))", MAKEFILE))
CODE = re.compile(r"`([^`]+)`|^(?:    )(\S.*)$", re.MULTILINE)
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """The lines of code of a page: in fences, in back quotes, and indented by four."""
    fenced = [
        line for block in FENCE.findall(text) for line in block.replace("\\\n", " ").split("\n")
    ]
    inline = [" ".join((a or b).split()) for a, b in CODE.findall(FENCE.sub("", text))]
    return [line.split(" #")[0].strip() for line in (*fenced, *inline)]


def options(command: BaseCommand) -> set[str]:
    """The options that a management command takes."""
    return set(command.create_parser("manage.py", "")._option_string_actions)


def unknown(line: str) -> list[str]:
    """Return what of a line no command answers to: its name, an option, a variable or a module."""
    found: list[str] = []
    for name, rest in re.findall(r"manage\.py ([a-z_]+)([^|;&]*)", line):
        apps = get_commands()
        if name == "help":
            continue
        if name not in apps:
            found.append(f"manage.py {name}")
            continue
        app = apps[name]
        command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
        given = re.findall(r"(?<!\S)(--?[a-z][\w-]*)", rest)
        found += [f"manage.py {name} {one}" for one in given if one not in options(command)]
    for target, rest in re.findall(
        r"(?:^|[;&] *|, )make (?:-\w+ )?([a-z][a-z0-9-]*)([^|;&]*)", line
    ):
        if target not in TARGETS:
            found.append(f"make {target}")
        given = re.findall(r"(?<!\S)([A-Z_]+)=", rest)
        found += [f"make {target} {one}=" for one in given if one not in VARIABLES]
    for module in re.findall(r"python3? -m ([\w.]+)", line):
        if module.split(".")[0] in ("pytest", "venv", "pip", "live_risk_client"):
            continue
        if importlib.util.find_spec(module) is None:
            found.append(f"python -m {module}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists(page: Path) -> None:
    assert [one for line in commands(page.read_text()) for one in unknown(line)] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("python3 manage.py load_trades x.csv", ["manage.py load_trades"]),
        ("manage.py load_instruments x.csv --dryrun", ["manage.py load_instruments --dryrun"]),
        ("make everything", ["make everything"]),
        ("make demo DEMO_MINUTES=1", ["make demo DEMO_MINUTES="]),
        ("python -m docs.make_tea", ["python -m docs.make_tea"]),
        ("manage.py load_instruments x.csv --dry-run", []),
        ("make faults FAULT=F3 SEED=1", []),
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str, wrong: list[str]) -> None:
    assert unknown(line) == wrong
