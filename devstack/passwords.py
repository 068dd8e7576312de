"""Generate the local servers' passwords once, in files that only the owner can read."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from devstack.errors import StackError


@dataclass(frozen=True)
class Passwords:
    """Hexadecimal, so that a URL takes them as they are; empty where nothing is started."""

    postgres: str = field(default="", repr=False)
    redis: str = field(default="", repr=False)
    # Of the accounts that `manage.py database_roles` makes.
    postgres_app: str = field(default="", repr=False)
    postgres_readonly: str = field(default="", repr=False)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def passwords_of(base: Path) -> Passwords:
    """Read the passwords under `base`, and generate missing ones.

    A file of an older release has fewer passwords; existing ones are kept.

    Raises:
        StackError: The file exists but cannot be parsed.
    """
    path = base / "secrets.json"
    try:
        kept = Passwords(**json.loads(path.read_text())) if path.exists() else Passwords()
    except (ValueError, TypeError) as error:
        raise StackError(
            f"{path} is damaged: delete {base} to start with empty servers."
        ) from error
    missing = [one.name for one in fields(Passwords) if not getattr(kept, one.name)]
    if missing:
        kept = replace(kept, **{name: secrets.token_hex(16) for name in missing})
        write_private(path, json.dumps(asdict(kept)))
    return kept
