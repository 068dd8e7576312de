"""Flower's settings, which it reads from here by itself: on this machine, and looking only.

It has no login of its own unless it is given one: without FLOWER_BASIC_AUTH it does not start on an
address that others reach. A word on its command line counts more than this file.
"""

import os
import sys

LOOPBACK = ("127.0.0.1", "::1", "localhost")

read_only = True  # no shutdown of workers, no sending of tasks
address = os.environ.get("FLOWER_ADDRESS", "127.0.0.1")
basic_auth = [pair for pair in os.environ.get("FLOWER_BASIC_AUTH", "").split(",") if pair]


def _last(option: str, default: str) -> str:
    """What the command line says of an option; its last word counts."""
    said = [word.partition("=")[2] for word in sys.argv if word.startswith(f"--{option}=")]
    return said[-1] if said else default


if _last("address", address) not in LOOPBACK and not (basic_auth or _last("basic_auth", "")):
    sys.exit(
        f"Flower is open to whoever reaches {_last('address', address) or 'any address'}: set "
        "FLOWER_BASIC_AUTH=user:password, or leave it on 127.0.0.1"
    )
