"""Redis accounts derived from one secret, each with the keys, channels and commands it needs.

The rights are in ``redis.acl``, which docker-compose.yml gives to its server too. The dashboard's
account can read frames and change nothing.
"""

from __future__ import annotations

import hashlib
from importlib import resources

RULES = "redis.acl"
OPERATOR = "operator"
ACCOUNTS = ("web", "worker", "bridge", "limits", "feed", "dashboard", "flower")

ACCOUNT_OF = {
    "web": "web",
    "sums": "worker",
    "detail": "worker",
    "compiler": "worker",
    "previewer": "worker",
    "scenarios": "worker",
    "limits": "limits",
    "bridge": "bridge",
    "replay": "feed",
    "dashboard": "dashboard",
    "flower": "flower",
}
"""Redis account by process of the Procfile."""

DATABASES = range(16)
"""Numbers of Redis databases, each of which the rules name. Celery's channel names contain the
database, and Redis allows a PSUBSCRIBE only to a pattern that a rule repeats letter by letter."""


def rules(secret: str) -> list[str]:
    """Return lines for a server's configuration, in which passwords are hashed."""
    text = resources.files("devstack").joinpath(RULES).read_text()
    for account in (OPERATOR, *ACCOUNTS):
        digest = hashlib.sha256(password(secret, account).encode()).hexdigest()
        text = text.replace(f">%{account}%", f"#{digest}")
    return [_every_database(line) for line in text.splitlines()]


def password(secret: str, account: str) -> str:
    """Derive an account's password, which reveals neither another one nor the secret."""
    return hashlib.blake2b(account.encode(), key=secret.encode(), digest_size=16).hexdigest()


def url(secret: str, account: str, address: str) -> str:
    """URL of database 0 for one account."""
    return f"redis://{account}:{password(secret, account)}@{address}/0"


def urls(secret: str, address: str) -> dict[str, str]:
    """``NAME_REDIS_URL`` of each process of the Procfile."""
    return {
        f"{process.upper()}_REDIS_URL": url(secret, account, address)
        for process, account in ACCOUNT_OF.items()
    }


def _every_database(line: str) -> str:
    words = line.split(" ")
    return " ".join(
        word.replace("%db%", str(number))
        for word in words
        for number in (DATABASES if "%db%" in word else (0,))
    )
