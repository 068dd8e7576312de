"""Read the Kafka connection and login options of every client from the environment.

    KAFKA_SECURITY_PROTOCOL   PLAINTEXT (the default), SSL, SASL_PLAINTEXT or SASL_SSL
    KAFKA_SASL_MECHANISM      SCRAM-SHA-512 (the default), SCRAM-SHA-256 or PLAIN
    KAFKA_USERNAME            the account, with KAFKA_PASSWORD or KAFKA_PASSWORD_FILE
    KAFKA_CA_FILE             the CA that signed the brokers' certificates, if not a system CA
    PRIVATE_NETWORK           True allows PLAINTEXT to another machine in production

The host name in a broker's certificate is always checked; there is no setting to turn that off.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


@dataclass(frozen=True)
class KafkaAccess:
    """How to connect and log in to the brokers; see ``read``."""

    protocol: str = "PLAINTEXT"
    mechanism: str = MECHANISMS[0]
    username: str = ""
    password: str = field(default="", repr=False)  # repr ends up in logs
    ca_file: str = ""
    open_road: bool = True
    """PLAINTEXT connections may leave this machine."""

    @property
    def logs_in(self) -> bool:
        """Return whether the client logs in."""
        return self.protocol.startswith("SASL_")

    @property
    def encrypts(self) -> bool:
        """Return whether the connection uses TLS."""
        return self.protocol.endswith("SSL")

    def options_for(self, bootstrap_servers: str) -> dict[str, object]:
        """Client options of kafka-python for these brokers.

        Asked for with the address, for an address can come from a command line too.

        Raises:
            ImproperlyConfigured: The road there is too open for what would travel on it.
        """
        self._refuse_open_road(bootstrap_servers)
        options: dict[str, object] = {"security_protocol": self.protocol}
        if self.encrypts:
            options |= {"ssl_check_hostname": True, "ssl_cafile": self.ca_file or None}
        if self.logs_in:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return options

    def _refuse_open_road(self, bootstrap_servers: str) -> None:
        away = [host for host in hosts(bootstrap_servers) if not is_this_machine(host)]
        if not away or self.encrypts:
            return
        if self.logs_in:
            raise ImproperlyConfigured(
                f"KAFKA_SECURITY_PROTOCOL={self.protocol} would send the login to {away[0]} in the"
                " clear: use SASL_SSL"
            )
        if not self.open_road:
            raise ImproperlyConfigured(
                f"KAFKA_SECURITY_PROTOCOL={self.protocol} has neither a login nor encryption, and"
                f" {away[0]} is not this machine: use SASL_SSL, or set PRIVATE_NETWORK=True if its"
                " network is private"
            )


def read(environ: Mapping[str, str], *, production: bool) -> KafkaAccess:
    """Read the options from the environment.

    Args:
        environ: Variables by name; an empty one counts as not set.
        production: PLAINTEXT to another machine is refused unless PRIVATE_NETWORK is set.

    Raises:
        ImproperlyConfigured: The options are inconsistent; the message says what to correct.
    """
    access = KafkaAccess(
        protocol=_one_of(environ, "KAFKA_SECURITY_PROTOCOL", PROTOCOLS),
        mechanism=_one_of(environ, "KAFKA_SASL_MECHANISM", MECHANISMS),
        username=_text(environ, "KAFKA_USERNAME"),
        password=_password(environ),
        ca_file=_text(environ, "KAFKA_CA_FILE"),
        open_road=_private_network(environ) or not production,
    )
    _refuse_half_a_login(access)
    _refuse_what_is_not_used(access)
    if access.ca_file:
        _refuse_bad_certificates(access.ca_file)
    return access


def hosts(bootstrap_servers: str) -> list[str]:
    """Hosts of ``host:port,[::1]:port,host``."""
    addresses = (address.strip() for address in bootstrap_servers.split(","))
    return [_host(address.rpartition("://")[2]) for address in addresses if address]


def is_this_machine(host: str) -> bool:
    """Return whether nothing sent there leaves this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _text(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def _one_of(environ: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    word = _text(environ, name) or words[0]
    if word not in words:
        raise ImproperlyConfigured(f"{name}={word!r}: use {', '.join(words[:-1])} or {words[-1]}")
    return word


def _private_network(environ: Mapping[str, str]) -> bool:
    return _one_of(environ, "PRIVATE_NETWORK", ("False", "True")) == "True"


def _password(environ: Mapping[str, str]) -> str:
    password, file = _text(environ, "KAFKA_PASSWORD"), _text(environ, "KAFKA_PASSWORD_FILE")
    if password or not file:
        return password
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"KAFKA_PASSWORD_FILE={file!r} cannot be read: {error}"
        ) from None


def _refuse_half_a_login(access: KafkaAccess) -> None:
    """Check the login here, because the client would fail with a KeyError or a broker's error."""
    if not access.logs_in:
        return
    if not access.username:
        raise ImproperlyConfigured(
            f"KAFKA_SECURITY_PROTOCOL={access.protocol} needs an account: set KAFKA_USERNAME"
        )
    if not access.password:
        raise ImproperlyConfigured(
            f"The Kafka account {access.username!r} has no password: set KAFKA_PASSWORD or"
            " KAFKA_PASSWORD_FILE"
        )
    if access.mechanism.startswith("SCRAM") and set(",=") & set(access.username):
        # The client puts the name into the protocol's line as it is: RFC 5802 separates by these.
        raise ImproperlyConfigured(
            f"KAFKA_USERNAME={access.username!r}: SCRAM does not allow a comma or = in the name"
        )


def _refuse_what_is_not_used(access: KafkaAccess) -> None:
    """A login or a certificate that was set was meant to protect something."""
    if not access.logs_in and (access.username or access.password):
        raise ImproperlyConfigured(
            "A Kafka account is set, and KAFKA_SECURITY_PROTOCOL="
            f"{access.protocol} would not log in: use SASL_SSL"
        )
    if not access.encrypts and access.ca_file:
        raise ImproperlyConfigured(
            "KAFKA_CA_FILE is set, and KAFKA_SECURITY_PROTOCOL="
            f"{access.protocol} would not use it: use SASL_SSL"
        )


def _refuse_bad_certificates(file: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise ImproperlyConfigured(
            f"KAFKA_CA_FILE={file!r} holds no certificate in PEM form"
        ) from None
    except OSError as error:
        raise ImproperlyConfigured(
            f"KAFKA_CA_FILE={file!r} cannot be read: {error.strerror}"
        ) from None
