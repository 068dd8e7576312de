"""The schema is made once, whoever asks first, and is nobody's own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from riskproject.web import openapi_view

YAML = "application/vnd.oai.openapi; charset=utf-8"

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A place for each time that the schema is made; none has been made before."""
    monkeypatch.setattr(openapi_view, "_kept", {})
    times: list[int] = []
    make: Any = SchemaGenerator.get_schema

    def counted(self: SchemaGenerator, *args: Any, **kwargs: Any) -> Any:
        times.append(1)
        return make(self, *args, **kwargs)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
    return times


def test_each_format_is_made_once(made: list[int], client: Client) -> None:
    first, again = (client.get("/api/schema/") for _ in range(2))
    as_json = [client.get("/api/schema/?format=json") for _ in range(2)]
    other = client.get("/api/schema/", headers={"accept": "application/yaml"})
    assert len(made) == 3
    assert other["Content-Type"].startswith("application/yaml")
    assert other.content == first.content
    assert first.content == again.content
    assert first["Content-Type"] == again["Content-Type"] == YAML
    assert json.loads(as_json[0].content) == json.loads(as_json[1].content)
    assert json.loads(as_json[0].content)["info"]["title"] == "Live Risk API"


def test_nothing_of_the_first_caller_is_kept(made: list[int], client: Client) -> None:
    ids = {client.get("/api/schema/")["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3
    refused = client.get("/api/schema/?version=9&lang=de")
    assert refused.status_code == 400
    assert b"version" in refused.content


def test_a_kept_schema_is_refused_as_before_to_who_may_not_read_it(
    made: list[int], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rest_framework.permissions import IsAuthenticated

    assert client.get("/api/schema/").status_code == 200
    monkeypatch.setattr(openapi_view.SchemaView, "permission_classes", [IsAuthenticated])
    assert client.get("/api/schema/").status_code in (401, 403)
