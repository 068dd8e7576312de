"""Make clients of Redis from REDIS_URL: of one server, or of the primary that Sentinel names.

    redis://user:password@host:6379/0        one server; rediss:// with TLS, unix:// for a socket
    sentinel://user:password@host:26379,host:26379,host:26379/0?master=risk
                                             the server that Sentinel calls the primary of `risk`
    sentinels://...                          the same, with TLS to both Sentinel and Redis

User and password are those of Redis. A Sentinel URL has these options: ``master``, which is
needed; ``sentinel_username`` and ``sentinel_password`` where Sentinel itself asks for a login; and
with ``sentinels://`` the files of ``TLS_FILES``. Certificates and their names are always checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from connections.sentinel_connections import PrimaryConnection, PrimaryTlsConnection

ONE_SERVER = ("redis", "rediss", "unix")
SENTINEL = {"sentinel": False, "sentinels": True}
"""URL schemes of Redis Sentinel; True for the one that means TLS."""

SENTINEL_PORT = 26379
MAX_PORT = 65535
FORM = "sentinel://user:password@host:26379,host:26379/0?master=NAME"
SENTINEL_LOGIN = ("sentinel_username", "sentinel_password")
TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
BROKER_TIMEOUT_S = 1.0
ASK_ONCE: dict[str, Any] = {"retry": None}
"""Options of the connections to Sentinels: one that does not answer is not asked ten times, which
is the default, but the next Sentinel is asked. None also suits clients of event loops, such as
Flower's, whose retries are of another class."""


@dataclass(frozen=True)
class SentinelAddress:
    """The Sentinels, the name of the primary, and the logins of both."""

    sentinels: tuple[tuple[str, int], ...]
    master: str
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    sentinel_login: dict[str, str] = field(default_factory=dict, repr=False)
    tls_files: dict[str, str] = field(default_factory=dict)

    def redis_options(self) -> dict[str, Any]:
        """Options of a connection to the primary, without its address."""
        login = {"username": self.username, "password": self.password, "db": self.database}
        return {**login, **self._tls_options()}

    def sentinel_options(self) -> dict[str, Any]:
        """Options of a connection to a Sentinel, without its address."""
        return {**self.sentinel_login, **self._tls_options()}

    def _tls_options(self) -> dict[str, Any]:
        return {"ssl": True, **self.tls_files} if self.tls else {}


def read_sentinel(url: str) -> SentinelAddress | None:
    """Read a Sentinel URL; return None for the URL of one server.

    Raises:
        ValueError: It is not a complete Sentinel URL; the message says what to write.
    """
    parts = urlsplit(url)
    if parts.scheme not in SENTINEL:
        return None
    tls = SENTINEL[parts.scheme]
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    options = dict(parse_qsl(parts.query))
    master = options.pop("master", "")
    database = parts.path.strip("/") or "0"
    if not hosts or not master or not database.isdigit():
        raise ValueError(f"a Sentinel URL names hosts, a database and the primary: use {FORM}")
    sentinel_login = {
        name.removeprefix("sentinel_"): options.pop(name)
        for name in SENTINEL_LOGIN
        if name in options
    }
    _refuse_other_options(options, tls=tls)
    return SentinelAddress(
        sentinels=tuple(_host_and_port(host) for host in hosts.split(",")),
        master=master,
        database=int(database),
        username=unquote(username) or None,
        password=unquote(password) or None,
        tls=tls,
        sentinel_login=sentinel_login,
        tls_files=options,
    )


def _refuse_other_options(options: dict[str, str], *, tls: bool) -> None:
    for name in options:
        if name not in TLS_FILES:
            allowed = ", ".join(("master", *SENTINEL_LOGIN, *TLS_FILES))
            raise ValueError(f"{name} is not an option of a Sentinel URL: use {allowed}")
        if not tls:
            raise ValueError(f"{name} is an option of TLS: use sentinels:// with it")


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(SENTINEL_PORT)
    name = host.strip("[]")
    if not name or not port.isdigit() or not 0 < int(port) <= MAX_PORT:
        raise ValueError(f"{text!r} is not a host and a port: use {FORM}")
    return name, int(port)


def connect(url: str, *, timeout_s: float = 2.0, retries: int = 1) -> redis.Redis:
    """Make a client that fails fast: one quick retry, because every write may safely run twice.

    redis-py's own default retries ten times and blocks for seconds.

    Args:
        url: As at the top of this module.
        timeout_s: Seconds for a connection and for an answer, each.
        retries: Tries after the first one.

    Raises:
        ValueError: The URL has none of these forms.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
        "health_check_interval": 5,
    }
    retry = Retry(NoBackoff(), retries)
    address = read_sentinel(url)
    if address is None:
        return redis.Redis.from_url(url, **options, retry=retry)
    once = {**options, **ASK_ONCE, **address.sentinel_options()}
    sentinel = redis.sentinel.Sentinel(address.sentinels, sentinel_kwargs=once)  # type: ignore[no-untyped-call]
    made: redis.Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        address.master,
        redis.Redis,
        **options,
        retry=retry,
        connection_class=PrimaryTlsConnection if address.tls else PrimaryConnection,
        **address.redis_options(),
    )
    return made


def place_of(client: redis.Redis) -> str:
    """Say where a client's Redis is, without the password: host and port, socket or Sentinel."""
    pool = client.connection_pool
    if isinstance(pool, redis.sentinel.SentinelConnectionPool):
        return f"the primary of {pool.service_name!r} by Sentinel"
    options = pool.connection_kwargs
    return str(options.get("path") or f"{options.get('host')}:{options.get('port')}")


class _PrimaryClient(redis.asyncio.Redis):
    """A client that closes its connections to Sentinel too, which redis-py leaves open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close everything that this client has opened."""
        await super().aclose(close_connection_pool)
        await self.connection_pool.sentinel_manager.aclose()  # type: ignore[attr-defined]


def connect_async(url: str, *, timeout_s: float = 2.0) -> redis.asyncio.Redis:
    """Make a client for an event loop; the caller closes it with ``aclose``.

    Args:
        url: As at the top of this module.
        timeout_s: Seconds for a connection and for an answer, each.

    Raises:
        ValueError: The URL has none of these forms.
    """
    options: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    address = read_sentinel(url)
    if address is None:
        return redis.asyncio.Redis.from_url(url, **options)
    once = {**options, **ASK_ONCE, **address.sentinel_options()}
    sentinel = redis.asyncio.sentinel.Sentinel(address.sentinels, sentinel_kwargs=once)  # type: ignore[no-untyped-call]
    made: redis.asyncio.Redis = sentinel.master_for(
        address.master, _PrimaryClient, **options, **address.redis_options()
    )
    return made


@dataclass(frozen=True)
class Broker:
    """Celery's settings of its broker: kombu's URL, transport options, and TLS with Sentinel."""

    url: str = field(repr=False)
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    tls: dict[str, Any] | None = None


def broker_of(url: str) -> Broker:
    """Translate a URL for kombu, and let it check certificates, as kombu 5.7 does not by default.

    Raises:
        ValueError: The URL is an incomplete Sentinel URL.
    """
    address = read_sentinel(url)
    if address is None:
        if not url.startswith("rediss:") or "ssl_cert_reqs=" in url:
            return Broker(url)
        return Broker(f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=required")
    login = ":".join(quote(word or "", safe="") for word in (address.username, address.password))
    at = f"{login}@" if login != ":" else ""
    urls = [
        f"sentinel://{at}{f'[{host}]' if ':' in host else host}:{port}/{address.database}"
        for host, port in address.sentinels
    ]
    # kombu passes these on as they are. Without them a Sentinel on a host that is down would be
    # tried ten times, without a timeout, before the next one is asked.
    asked = {
        "socket_timeout": BROKER_TIMEOUT_S,
        "socket_connect_timeout": BROKER_TIMEOUT_S,
        **ASK_ONCE,
        **address.sentinel_options(),
    }
    options = {"master_name": address.master, "sentinel_kwargs": asked}
    tls = {"ssl_cert_reqs": "required", **address.tls_files} if address.tls else None
    return Broker(";".join(urls), options, tls)
