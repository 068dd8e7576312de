"""Find the servers of this checkout's running demo, for commands run beside it.

``manage.py`` uses this module when no variable names a server. A command gets the database and
Redis accounts that it needs; only commands that change tables or accounts get the owner's.
"""

from collections.abc import Mapping
from pathlib import Path

from devstack.processes.lock import holder

VARIABLES = ("DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")

#: Commands that ask no server, and the one that starts them all.
WITHOUT_SERVERS = frozenset({"collectstatic", "demo", "help", "price", "spectacular", "version"})

OWNER, APP, READONLY = "risk", "risk_app", "risk_readonly"
#: Accounts of the database, see ops/access/postgres/rights.py. All other commands: `risk_app`.
DATABASE_ACCOUNTS = {
    "migrate": OWNER,
    "database_roles": OWNER,
    "crif": READONLY,
    "doctor": READONLY,
    "export_instruments": READONLY,
    "showmigrations": READONLY,
}
#: Accounts of Redis, by the process of the Procfile that has it. All other commands: `web`.
REDIS_ACCOUNTS = {
    "replay": "replay",
    "runbridge": "bridge",
    "reset_source": "bridge",
    "runlimits": "limits",
}


def base_of(root: Path, environ: Mapping[str, str]) -> Path:
    """Return the directory of ``make demo``: below RISK_LOCAL_DIR, else below ``.local``."""
    return Path(environ.get("RISK_LOCAL_DIR", "").strip() or root / ".local") / "demo"


def environment_for(command: str, base: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables with which `command` reaches the running demo.

    Args:
        command: A command of ``manage.py``.
        base: The demo's directory.
        environ: The environment. A variable of a server, even an empty one, or production mode
            means that the caller chose the servers.

    Returns:
        Variables to add to `environ`; empty when no demo is running or the command needs none.
    """
    named = any(name in environ for name in VARIABLES)
    production = environ.get("RISK_ENV", "").strip() == "production"
    if named or production or command in WITHOUT_SERVERS or holder(base) is None:
        return {}
    # Not above: it loads the clients of all three servers, which takes a third of a second.
    from devstack.stack import read_running

    urls = read_running(base)
    if urls is None:
        return {}
    found = urls.environment()
    passwords = {
        APP: found.pop("DATABASE_APP_PASSWORD", ""),
        READONLY: found.pop("DATABASE_READONLY_PASSWORD", ""),
    }
    account = DATABASE_ACCOUNTS.get(command, APP)
    if password := passwords.get(account):
        found["DATABASE_URL"] = _as_account(found["DATABASE_URL"], account, password)
    if account == OWNER:
        given = {f"DATABASE_{name.upper()[5:]}_PASSWORD": word for name, word in passwords.items()}
        found |= {name: word for name, word in given.items() if word}
    own = REDIS_ACCOUNTS.get(command, "web").upper()
    found["REDIS_URL"] = urls.accounts.get(f"{own}_REDIS_URL", urls.redis_url)
    return {name: value for name, value in found.items() if name not in urls.accounts}


def _as_account(url: str, account: str, password: str) -> str:
    """Return the URL of the same database for another account; the password is hexadecimal."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{account}:{password}@{rest.rpartition('@')[2]}"
