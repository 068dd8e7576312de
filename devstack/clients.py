"""Generate a Python and a TypeScript client from the API's schema, and build both.

``make clients`` runs ``python -m devstack.clients``. The generators are fetched when they are
needed, in fixed versions, and are no requirement of the product. Of a language whose tool or
registry is not there the command says so, with what provides it, and does not fail.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PYTHON_GENERATOR = "openapi-python-client==0.26.2"  # MIT
TYPESCRIPT_GENERATOR = "openapi-typescript@7.10.1"  # MIT
TYPESCRIPT = "typescript@5.9.3"  # Apache-2.0
PACKAGE = "live_risk_api_client"
UNREACHABLE = ("error sending request", "Failed to fetch", "ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED")
SKIPPED_SCHEMA = "Unable to process schema"
OPERATION = "/api/v1/risk/portfolio/"

USE_OF_PYTHON = f"""
import {PACKAGE}, inspect
from {PACKAGE}.api.risk import risk_portfolio
from {PACKAGE}.models import Portfolio, Problem
assert "currency" in inspect.signature(risk_portfolio.sync).parameters
print("built")
"""
USE_OF_TYPESCRIPT = f"""
import type {{ paths }} from "./schema";
type Answers = paths["{OPERATION}"]["get"]["responses"];
type Portfolio = Answers["200"]["content"]["application/json"];
export const npv = (answer: Portfolio): (number | null)[] => answer.groups.map((g) => g.npv);
"""


class NotRun(Exception):
    """A tool or its registry is missing; the text says what provides it."""


class Failed(Exception):
    """A step went wrong; the text is the end of what it printed."""


class Client(NamedTuple):
    """A language and its steps."""

    language: str
    build: Callable[[Path, Path], None]


def main() -> int:
    """Make the schema, and each client below the folder; 1 when one does not build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--to", type=Path, default=ROOT / ".local" / "clients", help="folder of the clients"
    )
    folder: Path = parser.parse_args().to
    folder.mkdir(parents=True, exist_ok=True)
    schema = folder / "openapi.yaml"
    manage = (sys.executable, str(ROOT / "manage.py"), "spectacular", "--validate")
    run(*manage, "--fail-on-warn", "--file", str(schema))
    print(f"schema: {schema}")
    failed = False
    for client in CLIENTS:
        place = folder / client.language.lower()
        shutil.rmtree(place, ignore_errors=True)
        try:
            client.build(schema, place)
            print(f"{client.language}: {place}: built")
        except NotRun as error:
            print(f"{client.language}: not run: {error}")
        except Failed as error:
            print(f"{client.language}: does not build: {error}", file=sys.stderr)
            failed = True
    return int(failed)


def python(schema: Path, place: Path) -> None:
    """A package that installs, and whose operations can be imported."""
    uv = tool("uv", "pip install uv")
    run_tool = (uv, "tool", "run", PYTHON_GENERATOR.replace("==", "@"), "generate")
    said = run(*run_tool, "--path", str(schema), "--output-path", str(place), "--overwrite")
    if SKIPPED_SCHEMA in said:
        raise Failed(said[said.index(SKIPPED_SCHEMA) :][:1_000])
    isolated = (uv, "run", "--no-project", "--isolated", "--with", str(place))
    run(*isolated, "python", "-c", USE_OF_PYTHON)


def typescript(schema: Path, place: Path) -> None:
    """Types of all operations, compiled strictly together with a use of them."""
    npx = tool("npx", "apt-get install nodejs npm")
    place.mkdir()
    run(npx, "--yes", TYPESCRIPT_GENERATOR, str(schema), "-o", str(place / "schema.d.ts"))
    (place / "use.ts").write_text(USE_OF_TYPESCRIPT)
    compiler = (npx, "--yes", "-p", TYPESCRIPT, "tsc", "--noEmit", "--strict")
    run(*compiler, str(place / "use.ts"), str(place / "schema.d.ts"))


CLIENTS = (Client("Python", python), Client("TypeScript", typescript))


def tool(name: str, provided_by: str) -> str:
    """The path of a program, in this environment or on the path.

    Raises:
        NotRun: It is in neither.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise NotRun(f"{name} was not found: {provided_by}, then make clients")
    return found


def run(*command: str) -> str:
    """Return the output of a command.

    Raises:
        NotRun: It cannot reach the registry of its packages.
        Failed: It ends with an error.
    """
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode == 0:
        return done.stdout
    if any(sign in done.stdout for sign in UNREACHABLE):
        raise NotRun(f"the registry of {command[0]} cannot be reached: make clients, online")
    raise Failed(f"{' '.join(command[:6])}: {done.stdout[-2_000:]}")


if __name__ == "__main__":
    sys.exit(main())
