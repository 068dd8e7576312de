"""Flower's settings: listen on loopback and allow viewing only.

Flower reads this file by itself. It has no login unless FLOWER_BASIC_AUTH is set, and without one
it refuses to start on an address that other machines can reach. Options on Flower's command line
override this file.
"""

import os
import sys

LOOPBACK = ("127.0.0.1", "::1", "localhost")

read_only = True  # no shutdown of workers, no sending of tasks
address = os.environ.get("FLOWER_ADDRESS", "127.0.0.1")
basic_auth = [pair for pair in os.environ.get("FLOWER_BASIC_AUTH", "").split(",") if pair]


def _last(option: str, default: str) -> str:
    """Return what the command line says of an option; its last word counts."""
    said = [word.partition("=")[2] for word in sys.argv if word.startswith(f"--{option}=")]
    return said[-1] if said else default


if _last("address", address) not in LOOPBACK and not (basic_auth or _last("basic_auth", "")):
    sys.exit(
        "Flower would be open to anyone who can reach "
        f"{_last('address', address) or 'any address'}: set "
        "FLOWER_BASIC_AUTH=user:password, or leave it on 127.0.0.1"
    )
