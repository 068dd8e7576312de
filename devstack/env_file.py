"""Write a ``.env`` for docker compose from ``.env.example``, with fresh secrets: ``make env``.

Only the owner can read the file. Variables that an existing ``.env`` has are kept and missing ones
are added, so a release with a new variable needs the same command again.
"""

import re
import secrets
import sys
from pathlib import Path

from devstack.passwords import write_private

SECRET = re.compile(r"^(\w*(?:PASSWORD|SECRET_KEY))=$", re.MULTILINE)
SECRET_KEY_BYTES, PASSWORD_BYTES = 40, 24


def with_secrets(example: str) -> str:
    """The example with a fresh value after each secret that has none."""
    return SECRET.sub(lambda found: f"{found[1]}={_fresh(found[1])}", example)


def missing_lines(example: str, present: str) -> list[str]:
    """Return the example's lines, with fresh secrets, for variables that an older file lacks."""
    known = _names(present)
    wanted = with_secrets(example).splitlines()
    return [line for line in wanted if _names(line) and not _names(line) <= known]


def main(root: Path) -> int:
    """Write or complete ``.env`` and say what was done."""
    example, path = (root / ".env.example").read_text(), root / ".env"
    if not path.exists():
        write_private(path, with_secrets(example))
        print(f"{path.name} made, with {len(SECRET.findall(example))} fresh secrets (mode 0600).")
        print("Set ALLOWED_HOSTS to the names that you serve, then: docker compose up --build")
        return 0
    present = path.read_text()
    added = missing_lines(example, present)
    if added:
        write_private(path, "\n".join([present.rstrip("\n"), *added]) + "\n")
    names = ", ".join(line.partition("=")[0] for line in added) or "nothing"
    print(f"{path.name} was there; added: {names}.")
    return 0


def _names(text: str) -> set[str]:
    return set(re.findall(r"^(\w+)=", text, re.MULTILINE))


def _fresh(name: str) -> str:
    """Return a hexadecimal secret, which needs no quoting in URLs."""
    return secrets.token_hex(SECRET_KEY_BYTES if name.endswith("SECRET_KEY") else PASSWORD_BYTES)


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
