"""Every field that comes from outside, at 1, 10 and 100 times its limit, and out of range."""

from __future__ import annotations

import io
import logging
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import openpyxl
import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db import connection, transaction
from django.test import Client
from rest_framework.serializers import CharField
from rest_framework.test import APIClient

import instruments.admin  # noqa: F401  # registers the pages
from instruments.admin.shared.changelist import ListAdmin
from instruments.api.bulk import CsvParser, XlsxParser
from instruments.api.filters import ORDERINGS, SEARCH_CHARACTERS, SEARCH_TERMS
from instruments.api.refusals import NAMES_SHOWN
from instruments.api.urls import router
from instruments.loading import KINDS, SENTENCES
from riskproject.web.input_limits import QUERY_VALUE_CHARACTERS
from riskproject.web.login_form import MAX_PASSWORD_CHARACTERS

ANSWER_BYTES = 40_000
"""Of a refusal: fifty sentences, each with what is allowed."""
PAGE_BYTES = 300_000
MEMORY_BYTES = 50_000_000
FLOOR_S = 0.01
"""Shorter times say nothing about how they grow."""

RISK = {
    "risk/trades": ("currency", "book", "desk", "type", "status", "search", "ordering", "page"),
    "risk/portfolio": ("currency", "group_by", "reporting_currency"),
    "risk/history": ("currency", "from", "to", "interval"),
    "risk/curves": ("currency",),
    "stream/risk": ("currency", "group_by"),
}
OUT_OF_RANGE = (
    "99999-01-01",
    "2024-02-30",
    "99999999999",
    "9" * 1_900,
    "1e400",
    "a\0b",
)


@dataclass(frozen=True)
class Field:
    """One outside field.

    Attributes:
        name: For the report.
        limit: How many characters, terms or rows are allowed, or named in an answer.
        send: Sends that many; returns the answer.
        answer_bytes: Greatest size of an answer.
    """

    name: str
    limit: int
    send: Callable[[Any, int], Any]
    answer_bytes: int = ANSWER_BYTES


def query(path: str, name: str, text: Callable[[int], str]) -> Callable[[Any, int], Any]:
    return lambda client, size: client.get(f"/api/v1/{path}/", {name: text(size)})


def letters(size: int) -> str:
    return "x" * size


def rest_fields() -> Iterator[Field]:
    for prefix, view, _ in router.registry:
        yield Field(
            f"{prefix}?search characters", SEARCH_CHARACTERS, query(prefix, "search", letters)
        )
        terms = query(prefix, "search", lambda size: " ".join("ab" for _ in range(size)))
        yield Field(f"{prefix}?search terms", SEARCH_TERMS, terms)
        ordering = query(prefix, "ordering", lambda size: ",".join(["version"] * size))
        yield Field(f"{prefix}?ordering", ORDERINGS, ordering)
        filterset = getattr(view, "filterset_class", None)
        for name in ("page", "page_size", *(filterset.base_filters if filterset else ())):
            yield Field(f"{prefix}?{name}", QUERY_VALUE_CHARACTERS, query(prefix, name, letters))
        for name, field in view.serializer_class().fields.items():
            if isinstance(field, CharField) and field.max_length and not field.read_only:
                yield Field(f"POST {prefix} {name}", field.max_length, posted(prefix, name))
        yield Field(f"POST {prefix} names", NAMES_SHOWN, posted_names(prefix))
    for path, names in RISK.items():
        for name in names:
            yield Field(f"{path}?{name}", QUERY_VALUE_CHARACTERS, query(path, name, letters))


def posted(prefix: str, name: str) -> Callable[[Any, int], Any]:
    return lambda client, size: client.post(f"/api/v1/{prefix}/", {name: "x" * size})


def posted_names(prefix: str) -> Callable[[Any, int], Any]:
    def send(client: Any, size: int) -> Any:
        return client.post(f"/api/v1/{prefix}/", {f"name{number}": 1 for number in range(size)})

    return send


def bulk_fields() -> Iterator[Field]:
    wrong: dict[str, Callable[[int], Any]] = {
        "rows with an unknown book": lambda n: [{"trade_id": f"T{i}", "book": "?"} for i in n],
        "rows with an unknown column": lambda n: [{"trade_id": f"T{i}", "x": 1} for i in n],
    }
    for name, rows in wrong.items():
        for option in ("", "?dry_run=true", "?partial=true"):
            yield Field(f"bulk{option} {name}", SENTENCES, bulk(option, rows))
    columns = bulk("", lambda n: [{f"c{i}": 1 for i in n}])
    yield Field("bulk columns of a row", NAMES_SHOWN, columns)
    yield Field("bulk columns of a file", SENTENCES, header)


def bulk(option: str, rows: Callable[[Any], Any]) -> Callable[[Any, int], Any]:
    return lambda client, size: client.post(f"/api/v1/swaps/bulk/{option}", rows(range(size)))


def header(client: Any, size: int) -> Any:
    text = ",".join(["trade_id", *(f"c{number}" for number in range(size))])
    return client.generic(
        "POST", "/api/v1/swaps/bulk/", f"{text}\n{text}\n", content_type="text/csv"
    )


def file_fields() -> Iterator[Field]:
    """A cell of each column of each kind of file, as CSV and as a workbook."""
    for prefix, view, _ in router.registry:
        kind = getattr(view, "bulk_kind", None)
        if kind is None:
            continue
        for name, field in view.serializer_class().fields.items():
            limit = getattr(field, "max_length", None)
            if limit and not field.read_only and name in KINDS[kind].columns:
                for media_type in (CsvParser.media_type, XlsxParser.media_type):
                    word = media_type.rpartition(".")[2]
                    yield Field(
                        f"{prefix} {word} {name}", limit, cell(prefix, kind, name, media_type)
                    )


def cell(prefix: str, kind: str, name: str, media_type: str) -> Callable[[Any, int], Any]:
    def send(client: Any, size: int) -> Any:
        row = {key: str(value) for key, value in KINDS[kind].example.items()} | {name: "x" * size}
        if media_type == CsvParser.media_type:
            content = "\n".join([",".join(row), ",".join(row.values())]).encode()
        else:
            book, file = openpyxl.Workbook(), io.BytesIO()
            for line in (row, row.values()):
                book.active.append(list(line))
            book.save(file)
            content = file.getvalue()
        return client.generic("POST", f"/api/v1/{prefix}/bulk/", content, content_type=media_type)

    return send


def other_fields() -> Iterator[Field]:
    yield Field("path", 64, lambda client, size: client.get(f"/api/v1/swaps/{'x' * size}/"))
    yield Field(
        "Idempotency-Key",
        255,
        lambda client, size: client.post(
            "/api/v1/swaps/", {}, headers={"Idempotency-Key": "k" * size}
        ),
    )
    yield Field(
        "Last-Event-ID",
        70,
        lambda client, size: client.get(
            "/api/v1/stream/risk/", headers={"Last-Event-ID": "x" * size}
        ),
    )
    yield Field(
        "preview terms",
        NAMES_SHOWN,
        lambda client, size: client.post(
            "/api/v1/pricing/preview/",
            {"type": "swap", "terms": {f"name{number}": 1 for number in range(size)}},
        ),
    )
    for page in ("/admin/login/", "/accounts/login/"):
        for name, limit in (("username", 150), ("password", MAX_PASSWORD_CHARACTERS)):
            yield Field(f"{page} {name}", limit, login(page, name), PAGE_BYTES)


def login(page: str, name: str) -> Callable[[Any, int], Any]:
    def send(_client: Any, size: int) -> Any:
        body = {"username": "a", "password": "b", name: "x" * size}
        return Client(raise_request_exception=False).post(page, body)

    return send


FIELDS = (*rest_fields(), *bulk_fields(), *file_fields(), *other_fields())


@pytest.fixture
def api(users: dict[str, Any], settings: Any) -> APIClient:
    settings.API_RATES = dict.fromkeys(settings.API_RATES, 1_000_000)
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(users["risk_admin"])
    return client


def seconds(send: Callable[[], Any], calls: int) -> tuple[float, Any]:
    """The shortest of some calls, and the answer of the last."""
    took = []
    for _ in range(calls):
        begun = time.perf_counter()
        answer = send()
        took.append(time.perf_counter() - begun)
    return max(min(took), FLOOR_S), answer


def memory(send: Callable[[], Any]) -> int:
    """Greatest memory of Python's objects while a call is answered, in bytes."""
    tracemalloc.start()
    try:
        send()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def growth(api: APIClient, field: Field, calls: int) -> float:
    """How much longer 100 times the limit takes than 10 times; looks at the answers."""
    found = {}
    for times in (1, 10, 100):
        size = field.limit * times
        found[times], answer = seconds(lambda size=size: field.send(api, size), calls)
        no_frames = times == 1 and answer.status_code == 503
        assert answer.status_code < 500 or no_frames, (times, answer.content[:500])
        assert len(answer.content) <= field.answer_bytes, (times, len(answer.content))
        if times == 100:
            assert memory(lambda size=size: field.send(api, size)) < MEMORY_BYTES
        lenient = ("dry_run", "partial", "login")
        if times > 1 and not any(word in field.name for word in lenient):
            assert answer.status_code >= 400, (times, answer.status_code)
    return found[100] / found[10]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_field_beyond_its_limit_costs_little_and_is_answered_shortly(
    api: APIClient, field: Field
) -> None:
    # Ten times as much may take ten times as long; with a margin for a busy machine.
    assert growth(api, field, calls=1) < 30 or growth(api, field, calls=3) < 30


def test_a_search_of_ten_thousand_terms_is_refused_with_the_limits(api: APIClient) -> None:
    answer = api.get("/api/v1/swaps/", {"search": " ".join(f"a{n}" for n in range(10_000))})
    assert answer.status_code == 400
    assert "at most" in answer.json()["detail"]
    answer = api.get("/api/v1/swaps/", {"search": "a b c d e f g h i"})
    assert answer.json()["detail"] == "search: has 9 terms; allowed: at most 8"
    assert api.get("/api/v1/swaps/", {"search": "a b c d e f g h"}).status_code == 200


def test_thousands_of_bad_rows_are_counted_and_the_first_ones_named(api: APIClient) -> None:
    rows = [{"trade_id": f"T{number}", "book": "?"} for number in range(5_000)]
    for option in ("", "?dry_run=true", "?partial=true"):
        body = api.post(f"/api/v1/swaps/bulk/{option}", rows).json()
        assert 0 < len(body["rows"]) <= SENTENCES
        assert len(body["rows"]) + body["errors_left_out"] == 5_000
        assert body["rows"][0]["row"] == 1


def test_a_login_name_of_a_hundred_thousand_letters_is_a_wrong_one(
    users: dict[str, Any], settings: Any
) -> None:
    settings.API_RATES = dict.fromkeys(settings.API_RATES, 1_000_000)
    for page in ("/admin/login/", "/accounts/login/"):
        said = []
        for name in ("nobody", "x" * 151, "x" * 100_000):
            body = {"username": name, "password": "wrong"}
            answer = Client(raise_request_exception=False).post(page, body)
            assert answer.status_code == 200
            said.append([str(error) for error in answer.context["form"].non_field_errors()])
        assert said[0] == said[1] == said[2]
        assert said[0]


def lookups(pages: ModelAdmin[Any]) -> Iterator[str]:
    """Parameters of the list page that ask the database."""
    yield from ("q", "p", "o", "id", "pk", "created__gte", "trade_date__gte", "version")
    if pages.date_hierarchy:
        name = str(pages.date_hierarchy)
        yield from (name, f"{name}__gte", f"{name}__lt", f"{name}__year", f"{name}__in")
    for entry in pages.list_filter:
        name = str(entry[0] if isinstance(entry, tuple) else entry)
        yield from (name, f"{name}__exact", f"{name}__in", f"{name}__id__exact")
        yield from (f"{name}__isnull", f"{name}__gte", f"{name}__icontains", f"{name}__regex")


def days_out_of_range(pages: ModelAdmin[Any]) -> Iterator[dict[str, str]]:
    name = pages.date_hierarchy
    for year, month, day in (
        ("99999999999", "1", "1"),
        ("2024", "99999999999", "1"),
        ("2024", "1", "99999999999"),
        ("9999", "12", "31"),
    ):
        parts = {f"{name}__year": year, f"{name}__month": month, f"{name}__day": day}
        for count in (1, 2, 3):
            yield dict(list(parts.items())[:count])


@pytest.mark.parametrize(
    "pages", admin.site._registry.values(), ids=lambda pages: pages.model._meta.model_name
)
def test_no_filter_of_an_admin_page_is_an_error_of_the_server(
    users: dict[str, Any], pages: Any
) -> None:
    assert isinstance(pages, ListAdmin)
    client = Client(raise_request_exception=False)
    client.force_login(users["superuser"], "django.contrib.auth.backends.ModelBackend")
    address = f"/admin/{pages.model._meta.app_label}/{pages.model._meta.model_name}/"
    questions = [{name: value} for name in set(lookups(pages)) for value in OUT_OF_RANGE]
    if pages.date_hierarchy:
        questions += days_out_of_range(pages)
    logging.disable(logging.WARNING)
    try:
        for question in questions:
            point = transaction.savepoint()
            answer = client.get(address, question)
            connection.needs_rollback = False  # PostgreSQL may have refused a value
            transaction.savepoint_rollback(point)
            assert answer.status_code in (200, 302, 400), (question, answer.status_code)
            assert len(answer.content) < PAGE_BYTES
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("value", OUT_OF_RANGE)
def test_no_parameter_of_the_api_is_an_error_of_the_server(api: APIClient, value: str) -> None:
    for prefix, view, _ in router.registry:
        filterset = getattr(view, "filterset_class", None)
        for name in ("search", "page", "page_size", *(filterset.base_filters if filterset else ())):
            answer = api.get(f"/api/v1/{prefix}/", {name: value})
            assert answer.status_code in (200, 400, 404), (prefix, name)
    for path, names in RISK.items():
        for name in names:
            answer = api.get(f"/api/v1/{path}/", {name: value})
            assert answer.status_code in (400, 404, 503), (path, name)  # 503: no frames yet


def test_a_value_that_only_postgresql_refuses_is_a_bad_request(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import DataError

    def refused(*_: Any, **__: Any) -> None:
        raise DataError("value out of range")

    monkeypatch.setattr("instruments.api.views.SwapViewSet.list", refused)
    answer = api.get("/api/v1/swaps/")
    assert answer.status_code == 400
    assert "outside the range of its field" in answer.json()["detail"]


@pytest.mark.parametrize("field", ["term", "page"])
def test_the_admin_s_autocompletion_takes_any_text(users: dict[str, Any], field: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(users["superuser"], "django.contrib.auth.backends.ModelBackend")
    where = {"app_label": "instruments", "model_name": "bondposition", "field_name": "bond"}
    for value in (*OUT_OF_RANGE, "x" * 100_000):
        answer = client.get("/admin/autocomplete/", {**where, field: value})
        assert answer.status_code in (200, 400, 404)
