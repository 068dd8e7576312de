"""The form of every record that processes exchange, to be compared with that of earlier releases.

    python -m tests.risk.release_records 0.1.0      writes tests/risk/releases/0.1.0.json

Run it once when a release is made. ``tests/risk/test_releases.py`` holds later releases to it.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

MODULES = (
    "risk.store.messages",
    "risk.store.results",
    "risk.store.result_log",
    "risk.store.heartbeats",
    "risk.store.frames",
    "risk.store.fx",
    "risk.store.compiled_book",
    "risk.store.block_analytics",
    "risk.store.explains",
    "risk.store.previews",
    "risk.scenarios.messages",
    "risk.what_if.messages",
    "risk.limits.board",
)
"""Modules whose records are written to Redis or sent to workers."""

FOLDER = Path(__file__).parent / "releases"

Form = dict[str, Any]


def forms() -> dict[str, Form]:
    """By record: its fields in order, each with its JSON schema and whether it must be there."""
    found: dict[str, Form] = {}
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name, record in vars(module).items():
            if _is_record(record, module_name):
                found[f"{module_name}.{name}"] = _form(record)
    return found


def _is_record(record: object, module: str) -> bool:
    return (
        isinstance(record, type)
        and issubclass(record, msgspec.Struct)
        and record.__module__ == module
    )


def _form(record: type[msgspec.Struct]) -> Form:
    fields = msgspec.structs.fields(record)
    return {
        "array": record.__struct_config__.array_like,
        "closed": record.__struct_config__.forbid_unknown_fields,
        "fields": {
            one.encode_name: {"type": _type(one.type), "required": one.required} for one in fields
        },
    }


def _type(of: Any) -> str:
    """The JSON schema of a type as one text; records are named, as each is compared by itself.

    So are types that msgspec encodes by a hook, such as arrays.
    """
    (schema,), _ = msgspec.json.schema_components(
        (of,), ref_template="{name}", schema_hook=lambda own: {"own type": own.__name__}
    )
    return json.dumps(schema, sort_keys=True)


def write(release: str) -> Path:
    """Record the present forms as those of a release; returns the file."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{release}.json"
    path.write_text(json.dumps(forms(), indent=1, sort_keys=False) + "\n")
    return path


if __name__ == "__main__":
    print(write(sys.argv[1]))
