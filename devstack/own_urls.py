"""Give each process its own server URLs.

``WORKER_REDIS_URL`` becomes the ``REDIS_URL`` of the process `worker` only: each process may have
an account of its own, and no process has another's password in its environment.
"""

from collections.abc import Mapping

SERVERS = ("DATABASE_URL", "REDIS_URL")


def own_urls(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the process `name`.

    Args:
        name: As in the Procfile; ``price-check`` has ``PRICE_CHECK_DATABASE_URL``.
        environ: Its ``DATABASE_URL`` and ``REDIS_URL`` are for processes without URLs of their own.

    Returns:
        A copy in which this process's own URLs have the common names, without other processes'
        variables. An empty URL of its own means that the process uses no such server.
    """
    child = {key: value for key, value in environ.items() if not _is_somebody_s(key)}
    for server in SERVERS:
        own = environ.get(f"{name.upper().replace('-', '_')}_{server}")
        if own is not None:
            child[server] = own
    return child


def _is_somebody_s(key: str) -> bool:
    return key.endswith(tuple(f"_{server}" for server in SERVERS))
