"""Django settings, read from environment variables only.

RISK_ENV selects one of two modes, ``development`` (the default) or ``production``. Development
turns DEBUG on, allows only loopback hosts, and generates a secret key on first use. Production
turns DEBUG off and refuses to start while a secret is missing or weak. DEBUG=False alone applies
every production rule as well; DEBUG=True is refused in production.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from kombu.entity import Exchange, Queue

from connections.redis_clients import FORM, ONE_SERVER, broker_of, read_sentinel
from pricing.markets.loader import BadMarketFile

try:
    from pricing.markets.conventions import CURVES
except BadMarketFile as error:
    raise ImproperlyConfigured(str(error)) from None
from pricing.curves.quotes import INTERPOLATIONS, CurveOptions
from pricing.curves.sanity import SanityLimits, read_limits
from pricing.errors import BadInput
from riskproject import kafka_access
from riskproject.design import DESIGN
from riskproject.logs import FORMATS, logging_settings
from riskproject.redaction import password_of

BASE_DIR = Path(__file__).resolve().parent.parent


def env_text(name: str, default: str) -> str:
    """Text of a variable; an empty one counts as not set."""
    return os.environ.get(name, "").strip() or default


def env_int(name: str, default: int, *, least: int = 0) -> int:
    text = env_text(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise ImproperlyConfigured(f"{name}={text!r}: use a whole number, {least} or more")
    return int(text)


def env_bool(name: str, default: bool) -> bool:
    text = env_text(name, str(default))
    if text not in ("True", "False"):
        raise ImproperlyConfigured(f"{name}={text!r}: use 'True' or 'False'")
    return text == "True"


def env_secret(name: str) -> str:
    """A secret of a variable, or of the file that NAME_FILE names; empty when neither is set."""
    value, file = env_text(name, ""), env_text(f"{name}_FILE", "")
    if value or not file:
        return value
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE={file!r} cannot be read: {error}") from None


# --- Mode ------------------------------------------------------------------------------------

RISK_ENV = env_text("RISK_ENV", "development")
if RISK_ENV not in ("development", "production"):
    raise ImproperlyConfigured(f"RISK_ENV={RISK_ENV!r}: use 'development' or 'production'")
DEBUG = env_bool("DEBUG", RISK_ENV == "development")
if DEBUG and RISK_ENV == "production":
    raise ImproperlyConfigured("DEBUG=True shows secrets in error pages: unset it in production")

LOCAL_DIR = Path(env_text("RISK_LOCAL_DIR", str(BASE_DIR / ".local")))
LOOPBACK = ("", "localhost", "127.0.0.1", "::1")


# --- Secret key ------------------------------------------------------------------------------

SECRET_KEY_LEAST_CHARACTERS = 50


def _generated_key(path: Path) -> str:
    """Return the generated key of this machine; of several processes, the first key is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(64))
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return path.read_text().strip()
    finally:
        draft.unlink()
    return path.read_text().strip()


def _secret_key() -> str:
    key = env_secret("SECRET_KEY")
    if not key and DEBUG:
        stored = LOCAL_DIR / "secret_key"
        key = stored.read_text().strip() if stored.exists() else _generated_key(stored)
    if not key:
        raise ImproperlyConfigured("No secret key: set SECRET_KEY or SECRET_KEY_FILE")
    weak = len(key) < SECRET_KEY_LEAST_CHARACTERS or len(set(key)) < 5
    if not DEBUG and (weak or key.startswith("django-insecure-")):
        raise ImproperlyConfigured(
            f"The secret key is weak: use {SECRET_KEY_LEAST_CHARACTERS} random characters or more, "
            'such as python -c "import secrets; print(secrets.token_urlsafe(64))"'
        )
    return key


SECRET_KEY = _secret_key()


# --- Addresses of servers --------------------------------------------------------------------


PRIVATE_NETWORK = env_bool("PRIVATE_NETWORK", False)


def _refuse_open_server(
    name: str, host: str | None, password: str | None, *, encrypted: bool, encrypt: str
) -> None:
    """A server elsewhere wants a password, and one that does not cross a network in the clear."""
    if DEBUG or (host or "") in LOOPBACK or (host or "").startswith("/"):
        return
    if not password:
        raise ImproperlyConfigured(
            f"{name} has no password, and {host} is not this machine: add one"
        )
    if not encrypted and not PRIVATE_NETWORK:
        raise ImproperlyConfigured(
            f"{name} would send its password to {host} in the clear: use {encrypt}, or set "
            "PRIVATE_NETWORK=True if its network is private"
        )


def _parts(name: str, url: str) -> SplitResult:
    """The parts of a URL; no message repeats it, because it may have a password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is not a URL: check its host, which needs [ and ] if it is an IPv6 address"
        ) from None


def _database_hosts(places: str, options: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return hosts and ports of ``host:5432,host:5432``; a socket's directory is an option."""
    hosts: list[str] = []
    ports: list[str] = []
    for place in places.split(","):
        found = _parts("DATABASE_URL", f"//{place}")
        try:
            ports.append(str(found.port or ""))
        except ValueError:
            raise ImproperlyConfigured(
                f"DATABASE_URL: the port is not a number from 1 to 65535 in {place!r}"
            ) from None
        hosts.append(unquote(found.hostname or ""))
    if hosts == [""]:
        return [options.pop("host", "")], ports
    if not all(hosts):
        raise ImproperlyConfigured("DATABASE_URL: a host between two commas has no name")
    return hosts, ports


def _database_pool() -> dict[str, Any] | None:
    """Connections that requests take turns with: each has a thread of its own, which ends with it.

    The web server asks for them; a command or a worker has one connection, or few. While the
    database is down a request waits for ``timeout`` seconds. It is tried again after 1, 2 and 4
    seconds, then with the next request.
    """
    size = env_int("DATABASE_POOL_SIZE", 0)
    waits_s = {"timeout": 2.0, "reconnect_timeout": 4.0}
    return {"min_size": 0, "max_size": size, **waits_s} if size else None


def _database(url: str) -> dict[str, Any]:
    if not url:
        return {"ENGINE": "riskproject.nodatabase"}
    parts = _parts("DATABASE_URL", url)
    name = unquote(parts.path.lstrip("/"))
    if parts.scheme not in ("postgresql", "postgres") or not name:
        raise ImproperlyConfigured(
            "DATABASE_URL: use postgresql://user:password@host:5432/name (PostgreSQL only)"
        )
    options = dict(parse_qsl(parts.query))
    hosts, ports = _database_hosts(parts.netloc.rpartition("@")[2], options)
    encrypted = options.get("sslmode") in ("require", "verify-ca", "verify-full")
    for host in hosts:
        _refuse_open_server(
            *("DATABASE_URL", host, parts.password),
            encrypted=encrypted,
            encrypt="?sslmode=verify-full",
        )
    if len(hosts) > 1:
        # A primary and its standbys: a standby answers too, and refuses every write.
        options.setdefault("target_session_attrs", "read-write")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": ",".join(hosts),
        "PORT": ",".join(ports) if any(ports) else "",
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": env_int("DATABASE_CONNECT_TIMEOUT_S", 5, least=1),
            "pool": _database_pool(),
            "options": f"-c statement_timeout={env_int('DATABASE_STATEMENT_TIMEOUT_MS', 60_000)}",
            **options,
        },
    }


def _redis_url(url: str) -> str:
    parts = _parts("REDIS_URL", url)
    try:
        by_sentinel = read_sentinel(url)
    except ValueError as error:
        raise ImproperlyConfigured(f"REDIS_URL: {error}") from None
    if by_sentinel is None and parts.scheme not in ONE_SERVER:
        raise ImproperlyConfigured(f"REDIS_URL: use redis://:password@host:6379/0 or {FORM}")
    options = dict(parse_qsl(parts.query))
    blind: dict[str, tuple[str, ...]] = {
        "ssl_cert_reqs": ("none", "CERT_NONE", "optional", "CERT_OPTIONAL"),
        "ssl_check_hostname": ("false", "False"),
    }
    for name, words in blind.items():
        if not DEBUG and options.get(name) in words:
            raise ImproperlyConfigured(
                f"REDIS_URL: {name}={options[name]} accepts any certificate: leave it out and "
                "name the CA by ssl_ca_certs=/path/to/authority.pem"
            )
    if by_sentinel is not None:
        for host, _ in by_sentinel.sentinels:
            _refuse_open_server(
                *("REDIS_URL", host, by_sentinel.password),
                encrypted=by_sentinel.tls,
                encrypt="sentinels://",
            )
        return url
    encrypted = parts.scheme == "rediss"
    _refuse_open_server(
        "REDIS_URL", parts.hostname, parts.password, encrypted=encrypted, encrypt="rediss://"
    )
    return url


DATABASES = {"default": _database(env_text("DATABASE_URL", ""))}
# Passwords of the accounts that `manage.py database_roles` creates; only that command reads them.
DATABASE_ROLE_VARIABLES = {
    "risk_app": "DATABASE_APP_PASSWORD",
    "risk_readonly": "DATABASE_READONLY_PASSWORD",
}
DATABASE_ROLE_PASSWORDS = {
    role: env_secret(variable) for role, variable in DATABASE_ROLE_VARIABLES.items()
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = _redis_url(env_text("REDIS_URL", "redis://127.0.0.1:6379/0"))
_sentinel = read_sentinel(REDIS_URL)
KAFKA_BOOTSTRAP_SERVERS = env_text("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
KAFKA_ACCESS = kafka_access.read(os.environ, production=not DEBUG)
KAFKA_ACCESS.options_for(KAFKA_BOOTSTRAP_SERVERS)  # a road that is too open stops the start
# How long a fetch waits for data; a tick ends it at once, but for one case: kafka-python 3.0.12
# asks for no partition whose answer it has just got and not yet handed out. A tick of such a
# partition, one in some thousand, waits for the end of that fetch. Short waits are paid for all
# day: an idle bridge takes 4 % of a core with 500 ms, 5 % with 100, 7 % with 50, 20 % with 10.
KAFKA_FETCH_MAX_WAIT_MS = env_int("KAFKA_FETCH_MAX_WAIT_MS", 100, least=1)


# --- Pricing ---------------------------------------------------------------------------------

PRICING_PROCESSES = env_int("WORKER_PROCESSES", 2, least=1)  # of each queue
# What the pricing processes of a host share of blocks, in files that they map.
BLOCK_CACHE_DIR = Path(env_text("BLOCK_CACHE_DIR", str(LOCAL_DIR / "blocks")))
BLOCK_CACHE_MB = env_int("BLOCK_CACHE_MB", 4_000)  # 0: each process keeps its own in memory
IBOR_COUPONS = env_text("IBOR_COUPONS", "at_par")
if IBOR_COUPONS not in ("at_par", "indexed"):
    raise ImproperlyConfigured(f"IBOR_COUPONS={IBOR_COUPONS!r}: use 'at_par' or 'indexed'")


def _curve_interpolation(text: str) -> dict[str, str]:
    """``USD-SOFR=natural_log_cubic,EUR-ESTR=log_linear``; other curves keep their convention's."""
    chosen: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        curve, _, name = pair.partition("=")
        if name not in INTERPOLATIONS:
            use = " or ".join(f"CURVE={allowed}" for allowed in INTERPOLATIONS)
            raise ImproperlyConfigured(f"CURVE_INTERPOLATION={text!r}: use {use}")
        if curve not in CURVES:
            raise ImproperlyConfigured(
                f"CURVE_INTERPOLATION={text!r}: no curve {curve!r}; curves: {', '.join(CURVES)}"
            )
        chosen[curve] = name
    options = CurveOptions(interpolation=chosen)
    for curve in chosen:
        try:
            options.of(CURVES[curve])
        except BadInput as error:
            raise ImproperlyConfigured(f"CURVE_INTERPOLATION={text!r}: {error}") from None
    return chosen


def _curve_limits(text: str) -> SanityLimits:
    """``move_bp=30,kink_bp=100``; limits that are not named keep their defaults."""
    try:
        return read_limits(text)
    except BadInput as error:
        raise ImproperlyConfigured(f"CURVE_LIMITS={text!r}: {error}") from None


CURVE_LIMITS = _curve_limits(env_text("CURVE_LIMITS", ""))
CURVE_INTERPOLATION = _curve_interpolation(env_text("CURVE_INTERPOLATION", ""))


# --- Hosts, cookies, TLS ---------------------------------------------------------------------

LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]  # always served: health probes ask by them
ALLOWED_HOSTS = [
    *(host.strip() for host in env_text("ALLOWED_HOSTS", "").split(",") if host.strip()),
    *LOOPBACK_NAMES,
]
if not DEBUG and "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS='*' accepts every host name: list the hosts you serve"
    )


def _origins(name: str, example: str) -> list[str]:
    origins = [text.strip() for text in env_text(name, "").split(",") if text.strip()]
    for origin in origins:
        parts = _parts(name, origin)
        if origin != f"{parts.scheme}://{parts.netloc}" or parts.scheme not in ("http", "https"):
            raise ImproperlyConfigured(
                f"{name}={origin!r}: write an origin as scheme and host, such as {example}"
            )
        if parts.scheme == "http" and not DEBUG and parts.hostname not in LOOPBACK_NAMES:
            raise ImproperlyConfigured(
                f"{name}={origin!r}: a page that comes unencrypted can be changed on its way:"
                " use https in production"
            )
    return origins


CSRF_TRUSTED_ORIGINS = _origins("CSRF_TRUSTED_ORIGINS", "https://risk.example.com")
CORS_ALLOWED_ORIGINS = _origins("CORS_ALLOWED_ORIGINS", "https://addin.xlwings.org")
# Pages of other origins read the API with a token of their own; cookies are not sent to them.
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_METHODS = ("GET", "HEAD", "OPTIONS")
CORS_ALLOW_HEADERS = ("accept", "authorization", "last-event-id", "x-request-id")
CORS_EXPOSE_HEADERS = ("etag", "link", "retry-after", "x-request-id")


def _dashboard_url() -> str:
    url = env_text("DASHBOARD_URL", "http://127.0.0.1:8501")
    parts = _parts("DASHBOARD_URL", url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ImproperlyConfigured(f"DASHBOARD_URL={url!r}: use https://risk.example.com/screen")
    return url


# Where a login for the dashboard leads to, as browsers reach it. A cookie goes by host name:
# the dashboard must have the same one as web.
DASHBOARD_URL = _dashboard_url()

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env_int("SESSION_AGE_S", 12 * 3600, least=60)
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = not DEBUG
# Probes and scrapers use plain HTTP inside the machine.
# So does the dashboard when it asks for the user of a cookie; browsers send cookies over TLS only.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^api/v1/session/$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else env_int("HSTS_S", 365 * 86_400)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
if env_bool("BEHIND_TLS_PROXY", False):
    # Only for a proxy that sets this header itself: anyone else could forge it.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    if not DEBUG and not env_text("FORWARDED_ALLOW_IPS", ""):
        # Read by uvicorn. Without it all callers would share the proxy's address and its limits.
        raise ImproperlyConfigured(
            "BEHIND_TLS_PROXY=True needs FORWARDED_ALLOW_IPS: the addresses of the proxy as web "
            "sees them, such as 127.0.0.1 or 172.18.0.1, whose X-Forwarded-For is trusted"
        )


# --- Django ----------------------------------------------------------------------------------

INSTALLED_APPS = [
    # Before the admin, whose pages they replace.
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "unfold.contrib.simple_history",
    "instruments",
    "risk",
    "risk.history",
    "feedbridge",
    "ops",
    "demo",
    # Pages are registered where they have addresses (urls.py): bridge and workers need none.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "simple_history",
    "axes",
    "corsheaders",
]
MIDDLEWARE = [
    "riskproject.web.request_id.request_id",  # first: every line below has the request's id
    "riskproject.web.input_limits.InputLimits",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "riskproject.web.browser_security.content_policy",
    "riskproject.web.browser_security.login_brake",
    "riskproject.web.browser_security.anonymous_brake",
    "axes.middleware.AxesMiddleware",  # last: it turns a locked-out login into its answer
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "riskproject.urls"
ASGI_APPLICATION = "riskproject.asgi.application"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it refuses who is locked out
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT, AXES_COOLOFF_TIME = 5, dt.timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS, AXES_VERBOSE = True, False
AXES_LOCKOUT_CALLABLE = "riskproject.web.message_page.locked_out"
CSRF_FAILURE_VIEW = "riskproject.web.message_page.form_refused"
LOGIN_URL = "/accounts/login/"  # leads to the dashboard; the admin's own page to the admin
LOGIN_REDIRECT_URL = "/admin/"
LOGOUT_REDIRECT_URL = LOGIN_URL
ADMIN_ENABLED = env_bool("ADMIN_ENABLED", DEBUG)
LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = ["riskproject.formats"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG  # no collectstatic on a laptop

# The admin's look; its menu is made in riskproject/web/navigation.py.
UNFOLD = {
    "SITE_TITLE": "Live Risk",
    "SITE_HEADER": "Live Risk",
    "SITE_SUBHEADER": "Administration",
    "SITE_SYMBOL": "monitoring",
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": DESIGN["admin"],
    "SIDEBAR": {"show_search": True, "navigation": "riskproject.web.navigation.menu"},
}

# Nothing relies on it. Redis is not the cache: Django pickles into it, and whoever can write
# to Redis must not be able to run code here. Calls are counted in riskproject/web/throttles.py.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


# --- Logs and metrics ------------------------------------------------------------------------


def _log_format() -> str:
    chosen = env_text("LOG_FORMAT", "line" if DEBUG else "json")
    if chosen not in FORMATS:
        raise ImproperlyConfigured(f"LOG_FORMAT={chosen!r}: use 'line' or 'json'")
    return chosen


def _metrics_token() -> str:
    token = env_text("METRICS_TOKEN", "")
    if token and len(token) < METRICS_TOKEN_LEAST_CHARACTERS:
        raise ImproperlyConfigured(
            f"METRICS_TOKEN is short: use {METRICS_TOKEN_LEAST_CHARACTERS} characters or more, "
            'such as python -c "import secrets; print(secrets.token_hex(24))"'
        )
    return token


METRICS_TOKEN_LEAST_CHARACTERS = 20
METRICS_TOKEN = _metrics_token()
LOGGING_CONFIG = "riskproject.logs.configure"
LOGGING = logging_settings(
    _log_format(),
    env_text("LOG_LEVEL", "INFO"),
    secrets=(
        SECRET_KEY,
        METRICS_TOKEN,
        str(DATABASES["default"].get("PASSWORD", "")),
        *DATABASE_ROLE_PASSWORDS.values(),
        password_of(REDIS_URL),
        _sentinel.sentinel_login.get("password", "") if _sentinel else "",
        KAFKA_ACCESS.password,
        env_text("FLOWER_BASIC_AUTH", "").partition(":")[2],
    ),
)


# --- REST API --------------------------------------------------------------------------------

# Calls in a minute: of an address without a login, of a user, ...
API_RATES = {
    "anonymous": env_int("API_ANONYMOUS_CALLS_PER_MINUTE", 20, least=1),
    "user": env_int("API_USER_CALLS_PER_MINUTE", 300, least=1),
    "upload": env_int("API_UPLOADS_PER_MINUTE", 5, least=1),
    "login": env_int("LOGINS_PER_MINUTE", 5, least=1),
}
STREAMS_PER_USER = env_int("STREAMS_PER_USER", 30, least=1)  # in each web process
STREAMS_PER_PROCESS = env_int("STREAMS_PER_PROCESS", 200, least=1)
REQUESTS_PER_CALLER = env_int("REQUESTS_PER_CALLER", 4, least=1)  # at work in each web process
REQUESTS_IN_LINE = env_int("REQUESTS_IN_LINE", 32)  # beside these; more are refused
# As many as REQUESTS_PER_CALLER: all that a caller may have at work can wait for the previewer.
PREVIEWS_PER_USER = env_int("PREVIEWS_PER_USER", 4, least=1)
PREVIEWS_PER_PROCESS = env_int("PREVIEWS_PER_PROCESS", 20, least=1)
STREAM_CHECK_SECONDS = env_int("STREAM_CHECK_SECONDS", 60, least=1)  # of its permissions
STREAM_SECONDS = env_int("STREAM_SECONDS", 600)  # then the client reconnects
API_BODY_BYTES, API_BULK_BYTES = 2_500_000, 20_000_000
BODY_BYTES = 50_000_000  # of any request; files of the admin are the longest
JSON_ONLY = ["rest_framework.renderers.JSONRenderer"]
REST_FRAMEWORK = {
    # The token comes first: its challenge makes an anonymous call 401, not 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "riskproject.web.tokens.TokenAuthentication",
        "riskproject.web.tokens.TokenAsPassword",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": [
        *JSON_ONLY,
        *(["rest_framework.renderers.BrowsableAPIRenderer"] if DEBUG else []),
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "riskproject.web.tables.answers.Negotiation",
    "DEFAULT_PARSER_CLASSES": ["riskproject.web.json_parser.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "riskproject.web.tables.paging.Pages",
    "DEFAULT_THROTTLE_CLASSES": [
        "riskproject.web.throttles.PerAddress",
        "riskproject.web.throttles.PerUser",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "riskproject.web.problems.handle",
    "COERCE_DECIMAL_TO_STRING": False,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
_token_lifetime = None  # a token is good until it is renewed or deleted
REST_KNOX = {"TOKEN_TTL": _token_lifetime}
SPECTACULAR_SETTINGS = {
    "TITLE": "Live Risk API",
    "VERSION": "1",
    "DESCRIPTION": (
        "Static data and trades of the risk engine. Rates are decimals per year (4.25 % is "
        "0.0425), spreads are in basis points (`_bp`), prices are per 100 of face, money is in "
        "the trade's currency; all of them are JSON numbers. Dates are ISO 8601, times are UTC. "
        "Errors are RFC 9457 `application/problem+json`. Send the token in the header "
        "`Authorization: Token <key>` (`manage.py create_token USER` makes one)."
    ),
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [
        "rest_framework.permissions.AllowAny"
        if DEBUG
        else "rest_framework.permissions.IsAuthenticated"
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Groups are closed at first: of more than some 130 operations it draws the first group alone.
    "SWAGGER_UI_SETTINGS": {"docExpansion": "none", "deepLinking": True, "filter": True},
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_NAME_OVERRIDES": {  # of fields with one name and several sets of choices
        "PayReceiveEnum": "instruments.models.swap.PayReceive",
        "SetStatusEnum": "instruments.models.control.what_if_set.SetStatus",
        "StatusEnum": "instruments.models.trade.Status",
        "PayReceiveFirstEnum": "instruments.models.swaps.basis_swap.PayReceiveFirst",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "riskproject.web.openapi_errors.document",
        "riskproject.web.tables.answers.document",
    ],
}


# --- Scenarios and value at risk -------------------------------------------------------------
SCENARIOS_EVERY_S = env_int("SCENARIOS_EVERY_S", 5, least=1)  # between two runs
# Of a close whose numbers by trade are stored with it.
CLOSE_DETAIL_TRADES = env_int("CLOSE_DETAIL_TRADES", 20_000, least=0)
# Between two frames of a currency that are stored within a day; 0 stores closes alone.
KEEP_FRAMES_EVERY_S = env_int("KEEP_FRAMES_EVERY_S", 300, least=0)
KEEP_FRAMES_DAYS = env_int("KEEP_FRAMES_DAYS", 30, least=1)  # then their partition is dropped
VAR_SCENARIOS = env_int("VAR_SCENARIOS", 500, least=20)
VAR_MOVES = env_text("VAR_MOVES", "absolute")
if VAR_MOVES not in ("absolute", "relative"):
    raise ImproperlyConfigured(f"VAR_MOVES={VAR_MOVES!r}: use 'absolute' or 'relative'")

# --- Limits ----------------------------------------------------------------------------------
# Changes of limits are sent to this address, signed, if its host is on the list.
LIMIT_WEBHOOK_URL = env_text("LIMIT_WEBHOOK_URL", "")
LIMIT_WEBHOOK_HOSTS = tuple(filter(None, env_text("LIMIT_WEBHOOK_HOSTS", "").split(",")))
LIMIT_WEBHOOK_SECRET = env_secret("LIMIT_WEBHOOK_SECRET")

# --- Celery: a best-effort dispatcher --------------------------------------------------------
# Celery on Redis can lose a task and can run one twice. Nothing here is relied on for
# correctness: the watchdog sends again what is missing, and every write is safe to run twice.


_broker = broker_of(REDIS_URL)
CELERY_BROKER_URL = _broker.url
CELERY_BROKER_USE_SSL = _broker.tls or False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **_broker.options,
    # A dead worker's tasks are redelivered after this; it must exceed the tasks' time limit.
    "visibility_timeout": 5,
    # How often that is checked. By default it is every 100 s, whatever the timeout.
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    # A dead holder of the restore lock blocks everyone for this long (default 300 s).
    "unacked_mutex_expire": 5,
    # Whoever consumes anything looks there now and then for tasks of dead workers. Flower has a
    # place of its own, or it would need the right to send tasks.
    **{
        f"{name}_key": env_text("CELERY_UNACKED_PREFIX", "") + name
        for name in ("unacked", "unacked_index", "unacked_mutex")
    },
    # kombu's default is no timeout: a half-open connection would hang for ever.
    "socket_timeout": 1,
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
    "health_check_interval": 1,
}
# Acknowledge after the work, and give a killed child's task to another one ...
CELERY_TASK_ACKS_LATE = CELERY_TASK_REJECT_ON_WORKER_LOST = True
# ... but count it as a retry: a task that kills its child would else run for ever.
CELERY_TASK_RETRY_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 2  # seconds; below visibility_timeout
# No soft limits for pricing. Their signal comes late, when the worker has waited for Redis
# meanwhile: it then cuts a result in two that a child is just writing, and the worker ends with
# UnpicklingError.
# Completion is counted in Redis by ourselves; a result backend costs 2 ms and leaks channels.
CELERY_TASK_IGNORE_RESULT, CELERY_RESULT_BACKEND = True, None
# One block at a time: a prefetched one would wait behind the running one.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# "Flaky with Redis" in Celery's own tests.
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False
CELERY_WORKER_DETECT_QUORUM_QUEUES = False  # an AMQP matter
# Crashes of its own when True; our tasks are short and a late one is refused by its frame.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# Wait for Redis for ever, also at start; the default gives up after 100 tries.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A worker takes tasks again soon after its broker is back.
CELERY_WORKER_CONSUMER = "riskproject.celery_patches.reconnect:SoonBack"
# A Redis at its memory limit refuses a worker's notes about its tasks. That must not end the
# worker: it reconnects, once a second at most, until Redis has memory again.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
# A publish fails fast (about 0.1 s): its caller has something better to do than to wait.
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.05,
    "interval_max": 0.1,
}
# QuantLib's memory grows: renew a child now and then. The limit must exceed what a book needs, or
# each task ends with a new child, which reads all of it again: a compiler of 1,000,000 trades
# holds 2 GB.
CELERY_WORKER_MAX_TASKS_PER_CHILD = 50_000
MACHINE_MB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
WORKER_MEMORY_MB = env_int("WORKER_MEMORY_MB", max(1_500, MACHINE_MB // 4), least=500)
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1024 * WORKER_MEMORY_MB  # KiB
# JSON only: whoever can write to Redis must not be able to run code here. Signed, it must come from
# who holds a key besides: TASK_SIGNING_STORE is a pattern of the trusted certificates.
CELERY_SECURITY_KEY = env_text("TASK_SIGNING_KEY_FILE", "") or None
CELERY_SECURITY_CERTIFICATE = env_text("TASK_SIGNING_CERTIFICATE_FILE", "") or None
CELERY_SECURITY_CERT_STORE = env_text("TASK_SIGNING_STORE", "") or None
_signing = (CELERY_SECURITY_KEY, CELERY_SECURITY_CERTIFICATE, CELERY_SECURITY_CERT_STORE)
if any(_signing) and not all(_signing):
    raise ImproperlyConfigured(
        "Signed tasks need all of TASK_SIGNING_KEY_FILE, TASK_SIGNING_CERTIFICATE_FILE and "
        "TASK_SIGNING_STORE (such as /etc/risk/trusted/*.pem)"
    )
TASKS_ARE_SIGNED = all(_signing)
CELERY_ACCEPT_CONTENT = ["auth" if TASKS_ARE_SIGNED else "json"]
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = CELERY_ACCEPT_CONTENT[0]
CELERY_EVENT_SERIALIZER = "json"  # events are only displayed

# Each queue has its own exchange and key: what is published by key reaches one queue, not both.
CELERY_TASK_QUEUES = [
    Queue(name, Exchange(name, type="direct"), routing_key=name)  # type: ignore[no-untyped-call]
    for name in ("sums", "detail", "compile", "preview", "scenarios")
]
CELERY_TASK_CREATE_MISSING_QUEUES = False  # a mistyped queue is an error, not a silent new list
CELERY_TASK_DEFAULT_QUEUE = "compile"  # what names no queue must not delay a tick
CELERY_TASK_DEFAULT_EXCHANGE = CELERY_TASK_DEFAULT_ROUTING_KEY = "compile"
CELERY_TASK_ROUTES = {
    "risk.workers.tasks.price_sums": {"queue": "sums"},
    "risk.workers.tasks.price_detail": {"queue": "detail"},
    "risk.workers.tasks.price_block_carefully": {"queue": "detail"},
    "risk.workers.tasks.compile_book": {"queue": "compile"},
    "risk.workers.tasks.check_frame": {"queue": "compile"},
    "risk.workers.tasks.make_analytics": {"queue": "compile"},
    "risk.workers.tasks.explain_frame": {"queue": "compile"},
    "risk.workers.tasks.preview_trade": {"queue": "preview"},
    "risk.workers.tasks.price_trade": {"queue": "preview"},
    "risk.workers.tasks.contract_flows": {"queue": "preview"},
    "risk.workers.tasks.explain_trade": {"queue": "preview"},
    "risk.workers.tasks.explain_trades": {"queue": "preview"},
    "risk.scenarios.tasks.stress_trade": {"queue": "preview"},
    "risk.reprice.tasks.reprice_close": {"queue": "preview"},
    "risk.reprice.tasks.ask_market": {"queue": "preview"},
    "risk.scenarios.tasks.refresh": {"queue": "scenarios"},
    "risk.scenarios.tasks.price_shock": {"queue": "scenarios"},
}
CELERY_TASK_ANNOTATIONS = {
    # One quick second run after a killed child; the watchdog does the rest.
    **{
        f"risk.workers.tasks.{name}": {
            "time_limit": seconds,  # below visibility_timeout
            "max_retries": 1,
            "default_retry_delay": 0,
            # Three events a task cost the worker's main process as much as all else that it does.
            "send_events": env_bool("PRICING_TASK_EVENTS", False),
        }
        # New instruments on a busy machine: curves of the date and of the next day are set up.
        for name, seconds in (("price_sums", 4), ("price_detail", CELERY_TASK_TIME_LIMIT))
    },
    # Acknowledged before it runs: what dies in it must not run again by itself. 5,000 trades,
    # one by one, take half a second; thoroughly, several.
    "risk.workers.tasks.price_block_carefully": {
        "acks_late": False,
        "time_limit": 12,
    },
    # Longer than visibility_timeout, so it is acknowledged first: late, it would start again
    # every 5 s. A lost one is made good by the next, for it compiles what is current.
    # Those beside it are asked to end first: the process holds what it has compiled.
    **{
        f"risk.workers.tasks.{name}": {
            "acks_late": False,
            "soft_time_limit": 45,
            "time_limit": 60,
        }
        for name in ("check_frame", "make_analytics", "explain_frame")
    },
    # Its caller waits five seconds; run again for nobody, it would hold the queue up.
    "risk.workers.tasks.preview_trade": {"acks_late": False, "time_limit": 6},
    "risk.workers.tasks.price_trade": {"acks_late": False, "time_limit": 6},
    "risk.workers.tasks.contract_flows": {"acks_late": False, "time_limit": 6},
    "risk.workers.tasks.explain_trade": {"acks_late": False, "time_limit": 6},
    "risk.workers.tasks.explain_trades": {"acks_late": False, "time_limit": 8},
    "risk.scenarios.tasks.stress_trade": {"acks_late": False, "time_limit": 6},
    "risk.reprice.tasks.reprice_close": {"acks_late": False, "time_limit": 30},
    "risk.reprice.tasks.ask_market": {"acks_late": False, "time_limit": 30},
    # A lost run is made good by the next.
    "risk.scenarios.tasks.refresh": {"acks_late": False, "time_limit": 120},
    # Its caller waits five seconds; but what a new process nets for it, the next run needs too.
    "risk.scenarios.tasks.price_shock": {"acks_late": False, "time_limit": 120},
    "risk.workers.tasks.compile_book": {
        "acks_late": False,
        "time_limit": env_int("COMPILE_TIME_LIMIT_S", 300, least=10),
    },
}
