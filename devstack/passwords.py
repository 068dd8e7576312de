"""A base directory in, its servers' passwords out: made once, kept where only the owner reads."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devstack.errors import StackError


@dataclass(frozen=True)
class Passwords:
    """Hexadecimal, so that a URL takes them as they are."""

    postgres: str = field(repr=False)
    redis: str = field(repr=False)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def passwords_of(base: Path) -> Passwords:
    """Read the passwords under `base`, or make them.

    Raises:
        StackError: The file is there but cannot be understood.
    """
    path = base / "secrets.json"
    if not path.exists():
        fresh = Passwords(secrets.token_hex(16), secrets.token_hex(16))
        write_private(path, json.dumps(asdict(fresh)))
        return fresh
    try:
        return Passwords(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise StackError(
            f"{path} is damaged: delete {base} to start with empty servers."
        ) from error
