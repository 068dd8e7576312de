"""Processes of two releases, one apart, read what the other writes.

The rule of ``risk/store/messages.py``: fields are added with a default, and never renamed, removed
or given another type. What each release writes is recorded in ``tests/risk/releases``.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.risk.release_records import FOLDER, Form, forms

NOW = forms()
RELEASES = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}

#: Sent by feeds, which must not write what nobody reads.
CLOSED = {"risk.store.messages.MarketTick", "risk.store.messages.FxTick"}


def broken(before: dict[str, Form], now: dict[str, Form]) -> list[str]:
    """Return what a process of one of the two releases could not read of the other's."""
    found = []
    for name, old in before.items():
        new = now.get(name)
        if new is None:
            found.append(f"{name} is gone")
            continue
        fields = new["fields"]
        for field, form in old["fields"].items():
            if field not in fields:
                found.append(f"{name}.{field} is gone")
            elif fields[field]["type"] != form["type"]:
                found.append(f"{name}.{field} is {fields[field]['type']}, was {form['type']}")
            elif fields[field]["required"] > form["required"]:
                found.append(f"{name}.{field} must now be there")
        added = [field for field in fields if field not in old["fields"]]
        found += [f"{name}.{one} is new and has no default" for one in added if _must(fields, one)]
        if new["array"] != old["array"]:
            found.append(f"{name} is written in another way")
        if new["array"] and list(fields)[: len(old["fields"])] != list(old["fields"]):
            found.append(f"{name} has its fields in another order")
    return found


def _must(fields: dict[str, Any], name: str) -> bool:
    return bool(fields[name]["required"])


def test_a_release_is_recorded() -> None:
    assert RELEASES


@pytest.mark.parametrize("release", sorted(RELEASES))
def test_this_release_and_the_one_before_read_each_other(release: str) -> None:
    assert broken(RELEASES[release], NOW) == []


def test_only_the_records_of_feeds_refuse_unknown_fields() -> None:
    assert {name for name, form in NOW.items() if form["closed"]} == CLOSED


# --- The comparison itself ------------------------------------------------------------------------

JOB = "risk.store.messages.SumsJob"


def changed(change: Any) -> list[str]:
    now = copy.deepcopy(NOW)
    change(now)
    return broken(NOW, now)


def rename(now: dict[str, Form]) -> None:
    fields = now[JOB]["fields"]
    fields["try"] = fields.pop("attempt")


def retype(now: dict[str, Form]) -> None:
    now[JOB]["fields"]["attempt"]["type"] = '{"type": "string"}'


def require(now: dict[str, Form]) -> None:
    now[JOB]["fields"]["colour"] = {"type": '{"type": "string"}', "required": True}


def add(now: dict[str, Form]) -> None:
    now[JOB]["fields"]["colour"] = {"type": '{"type": "string"}', "required": False}


def reorder(now: dict[str, Form]) -> None:
    form = now["risk.store.result_log.LoggedGroup"]
    form["fields"] = dict(reversed(form["fields"].items()))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rename, [f"{JOB}.attempt is gone"]),
        (retype, [f'{JOB}.attempt is {{"type": "string"}}, was {{"type": "integer"}}']),
        (require, [f"{JOB}.colour is new and has no default"]),
        (reorder, ["risk.store.result_log.LoggedGroup has its fields in another order"]),
        (add, []),
    ],
)
def test_what_another_release_could_not_read_is_named(change: Any, said: list[str]) -> None:
    assert changed(change) == said
