"""Run an Apache Kafka that requires logins and TLS and grants nothing by default.

It is configured on one node as docs/operations.md describes for a real cluster: accounts made
before the first start, a certificate, and an authorizer with one account that may do everything.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from devstack.errors import StackError
from devstack.servers.java import Java
from devstack.servers.kafka import Door, Kafka

ADMIN, BRIDGE, FEED, OPERATOR, STRANGER = "admin", "bridge", "feed", "operator", "stranger"
ACCOUNTS = (ADMIN, BRIDGE, FEED, OPERATOR, STRANGER)
STORE_PASSWORD = "of-the-store"
LOGIN = "org.apache.kafka.common.security"


def password_of(account: str) -> str:
    return f"{account}-8c1f0b7d"


def guarded_kafka(base: Path, java: Java, libs: Path) -> Kafka:
    """Not started yet; the certificate is at ``base/broker.pem``, signed by itself."""
    make_certificate(base, java)
    return Kafka(base, java=java, libs=libs, door=door_of(base))


def make_certificate(
    base: Path, java: Java, name: str = "broker", address: str = "127.0.0.1"
) -> Path:
    """A key in ``name.p12`` and its certificate for an address in ``name.pem``; returns that."""
    store, certificate = base / f"{name}.p12", base / f"{name}.pem"
    keep = ["-alias", name, "-keystore", str(store), "-storepass", STORE_PASSWORD]
    make = ["-genkeypair", "-keyalg", "EC", "-dname", f"CN={name}", "-ext", f"san=ip:{address}"]
    _keytool(java, *make, "-storetype", "PKCS12", *keep)
    _keytool(java, "-exportcert", "-rfc", "-file", str(certificate), *keep)
    return certificate


def _keytool(java: Java, *arguments: str) -> None:
    tool = Path(java.binary).resolve().with_name("keytool")
    if not tool.exists():
        raise StackError("this Java has no keytool beside it, to make a certificate with")
    subprocess.run([str(tool), *arguments], check=True, capture_output=True, timeout=60)


def door_of(base: Path) -> Door:
    """TLS with that certificate, logins, and rights: what docs/operations.md writes."""
    user, password = f'username="{ADMIN}"', f'password="{password_of(ADMIN)}"'
    controllers = f'user_{ADMIN}="{password_of(ADMIN)}"'
    return Door(
        protocol="SASL_SSL",
        controller_protocol="SASL_PLAINTEXT",
        properties={
            "ssl.keystore.location": str(base / "broker.p12"),
            "ssl.keystore.password": STORE_PASSWORD,
            "ssl.keystore.type": "PKCS12",
            "ssl.truststore.location": str(base / "broker.pem"),
            "ssl.truststore.type": "PEM",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                f"{LOGIN}.scram.ScramLoginModule required {user} {password};"
            ),
            # Its accounts cannot lie in the metadata that it is itself to bring up.
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": (
                f"{LOGIN}.plain.PlainLoginModule required {user} {password} {controllers};"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN}",
            "connection.failed.authentication.delay.ms": "10",
        },
        format_arguments=[part for name in ACCOUNTS for part in ("--add-scram", _scram(name))],
    )


def _scram(account: str) -> str:
    return f"SCRAM-SHA-512=[name={account},password={password_of(account)}]"
