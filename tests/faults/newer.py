"""The next release: each record that it writes to Redis or sends to workers has one more field.

    celery -A tests.faults.newer worker ...       a worker of it
    python -m tests.faults.newer runbridge ...    a command of manage.py of it

By the rule of `risk/store/messages.py` a release adds fields with a default, and nothing else.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

import msgspec

MODULES = (
    *("messages", "results", "heartbeats", "compiled_book", "fx"),
    *("block_analytics", "explains", "previews", "result_log"),
)
"""Of `risk.store`, in the order in which they import each other."""

FEED = ("MarketTick", "FxTick")
"""Sent by feeds, not by us: unknown fields of theirs are refused."""

EXTRA = "of_the_next_release"


def extend(module: ModuleType) -> None:
    """Give each record that a module defines a field more, before others import it."""
    for name, found in list(vars(module).items()):
        if _is_record(found, module) and name not in FEED:
            made = msgspec.defstruct(
                name,
                [(EXTRA, str, "yes")],
                bases=(found,),
                module=module.__name__,
                frozen=found.__struct_config__.frozen,
                kw_only=True,
            )
            setattr(module, name, made)


def _is_record(found: object, module: ModuleType) -> bool:
    return (
        isinstance(found, type)
        and issubclass(found, msgspec.Struct)
        and found.__module__ == module.__name__
        and EXTRA not in found.__struct_fields__
        and not found.__struct_config__.array_like
    )


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")
for _name in MODULES:
    extend(importlib.import_module(f"risk.store.{_name}"))

from riskproject.celery import app  # noqa: E402 - after the records

__all__ = ["app"]

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *sys.argv[1:]])
