"""Choose the better of the two Kafka brokers that this machine can run."""

from collections.abc import Callable, Mapping
from pathlib import Path

from devstack.errors import StackError
from devstack.servers.java import find_java
from devstack.servers.kafka import Kafka
from devstack.servers.kafka_libs import kafka_libs
from devstack.servers.tansu import Tansu

APACHE, PACKAGED = "apache", "packaged"


def choose_broker(
    base: Path, environ: Mapping[str, str], say: Callable[[str], None]
) -> Kafka | Tansu:
    """Apache Kafka where Java 17 and Maven are found, else the packaged broker, saying why.

    Args:
        base: Where the broker keeps its files.
        environ: ``KAFKA_BROKER=apache`` or ``packaged`` forces one.
        say: Told the reason when the better one cannot be had.

    Raises:
        StackError: The forced broker cannot be had, or the variable is neither word.
    """
    forced = environ.get("KAFKA_BROKER", "")
    if forced not in ("", APACHE, PACKAGED):
        raise StackError(f"KAFKA_BROKER={forced!r}: use '{APACHE}' or '{PACKAGED}', or unset it.")
    if forced == PACKAGED:
        return Tansu(base)
    try:
        return apache(base, say)
    except StackError as error:
        if forced == APACHE:
            raise StackError(f"KAFKA_BROKER={APACHE}, but {error}") from error
        say(f"Kafka: using the packaged broker, which keeps nothing on disk, because {error}")
        return Tansu(base)


def apache(base: Path, say: Callable[[str], None]) -> Kafka:
    """Apache Kafka, fetched if need be."""
    return Kafka(base, java=find_java(), libs=kafka_libs(say))
