"""Every field that comes from outside, at 1, 10 and 100 times its limit, and out of range."""

from __future__ import annotations

import io
import itertools
import logging
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import openpyxl
import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from rest_framework.serializers import DecimalField, IntegerField, JSONField
from rest_framework.test import APIClient

import instruments.admin  # noqa: F401  # registers the pages
from demo import sample, sample_products
from instruments.admin.shared.changelist import ListAdmin
from instruments.api.bulk import CsvParser, XlsxParser
from instruments.api.filters import ORDERINGS, SEARCH_CHARACTERS, SEARCH_TERMS
from instruments.api.refusals import NAMES_SHOWN
from instruments.api.urls import router
from instruments.loading import KINDS, SENTENCES
from pricing.products.registry import PRODUCTS
from pricing.products.terms import MAX_STEPS
from risk.queries.trade_fields import LABELLED
from riskproject.web.input_limits import QUERY_VALUE_CHARACTERS
from riskproject.web.login_form import MAX_PASSWORD_CHARACTERS

ANSWER_BYTES = 40_000
"""Of a refusal: fifty sentences, each with what is allowed."""
PAGE_BYTES = 300_000
MEMORY_BYTES = 50_000_000
FLOOR_S = 0.01
"""Shorter times say nothing about how they grow."""

PAGES = ("page", "page_size")
FILES = ("format", "fields", "table")
LABELS = ("currency", "book", "desk", "type")
SCENARIOS = (*LABELS, "group_by", "reporting_currency")
RISK = {
    "risk/trades": (
        *LABELS,
        "market",
        *LABELLED,
        "status",
        "search",
        "ordering",
        *PAGES,
        "cursor",
        *FILES[:2],
    ),
    "risk/trades/T1": ("market", "now", *FILES),
    "risk/portfolio": ("currency", "market", "group_by", "reporting_currency", *FILES),
    "risk/history": ("currency", "from", "to", "interval", *FILES[:2]),
    "curves": ("currency", "market", *FILES),
    "curves/T1": ("market", *FILES),
    "curves/T1/days": ("days",),
    "explain": (
        *("currency", "market", "period", "as_of", "group_by", "reporting_currency"),
        *FILES,
    ),
    "explain/days": (
        *("market", "currency", "from", "to", "days"),
        *("group_by", "reporting_currency", *FILES),
    ),
    "explain/trades": (*LABELS, "period", "reporting_currency", "limit", *FILES),
    "explain/trades/T1": ("period", *FILES),
    "var": (*SCENARIOS, "level", *FILES),
    "scenarios": (*SCENARIOS, *FILES),
    "scenarios/trades/T1": FILES,
    "limit-breaches": ("acknowledged", "limit", "open", *PAGES, *FILES),
    "limit-states": ("state", *FILES[:2]),
    "closes": (
        *("market", "currency", "from", "to", "days"),
        *("group_by", "reporting_currency", *FILES),
    ),
    "reprice": ("as_of", "correct", "currency", "known_at", "market", *FILES),
    "replays": FILES,
    "backtest": ("level", "series"),
    "pla": ("series",),
    "crif": ("by", "currency", "date", "ladder", "market", *FILES),
    "girr-delta": ("currency", "date", "ladder", "market", "reporting_currency", *FILES),
    "reports": ("market",),
    "reports/T1": ("market", "reporting_currency", "table"),
    "stream/risk": ("currency", "market", "group_by", "events"),
}
"""Addresses of live risk, with their query parameters."""
BODIES = {
    "hedge": (
        *("currency", "book", "desk", "of_book", "type", "ladder", "buckets", "total"),
        *("tolerance", "instruments", "objective", "time_limit_s"),
    ),
    "limit-breaches/T1/acknowledge": ("classification", "resolution", "comment"),
    "scenarios/price": ("scenario", "rows"),
    "what-if": ("entries", "text", "book"),
    "what-if/text": ("text", "book"),
}
"""Addresses of live risk, with the fields of what is sent to them."""
NAMED = ("risk/trades", "explain/trades", "scenarios/trades", "curves", "curves/USD-SOFR/days")
"""Addresses that a name of a trade or a curve ends."""
SAMPLES: dict[str, dict[str, Any]] = {
    terms.product: msgspec.to_builtins(terms)
    for terms in (*sample.trades(40), *sample_products.trades())
}
"""Terms of a trade of each product."""
BULK_OPTIONS = ("dry_run", "partial", "sheet")
STEPS = MAX_STEPS
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
        times: Of its limit, that are sent.
        is_text: Any text is a name that may exist: 404, or 503 without frames, is its answer.
    """

    name: str
    limit: int
    send: Callable[[Any, int], Any]
    answer_bytes: int = ANSWER_BYTES
    times: tuple[int, ...] = (1, 10, 100)
    is_text: bool = False


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
        for name in (*PAGES, "cursor", *FILES[:2], *(filterset.base_filters if filterset else ())):
            yield Field(f"{prefix}?{name}", QUERY_VALUE_CHARACTERS, query(prefix, name, letters))
        if hasattr(view, "history"):
            path = f"{prefix}/T1/history"
            yield Field(f"{path}?fields", QUERY_VALUE_CHARACTERS, query(path, "fields", letters))
        for name, field in view.serializer_class().fields.items():
            if not field.read_only:
                yield Field(f"POST {prefix} {name}", *posted(prefix, name, field))
        yield Field(f"POST {prefix} names", NAMES_SHOWN, posted_names(prefix))
    for path, names in RISK.items():
        for name in names:
            yield Field(f"{path}?{name}", QUERY_VALUE_CHARACTERS, query(path, name, letters))
    for path, names in BODIES.items():
        for name in names:
            for kind, value in (("characters", "x"), ("entries", ["x"]), ("names", [{"x": "x"}])):
                yield Field(
                    f"POST {path} {name} {kind}",
                    64,
                    lambda client, size, path=path, name=name, value=value: client.post(
                        f"/api/v1/{path}/", {name: value * size}
                    ),
                    is_text=True,
                )
    for path in NAMED:
        yield Field(
            f"{path}/",
            64,
            lambda client, size, path=path: client.get(f"/api/v1/{path}/{'x' * size}/"),
            is_text=True,
        )


def posted(prefix: str, name: str, field: Any) -> tuple[int, Callable[[Any, int], Any]]:
    """The limit of a field, and how that much is sent: letters, digits or steps."""
    digits = isinstance(field, (DecimalField, IntegerField))
    steps = isinstance(field, JSONField)
    limit = getattr(field, "max_length", None) or getattr(field, "max_digits", None) or 64

    def send(client: Any, size: int) -> Any:
        text = ("9" if digits else "x") * size
        value = [{"date": "2024-01-01"}] * size if steps else text
        return client.post(f"/api/v1/{prefix}/", {name: value})

    return (STEPS if steps else limit), send


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
    for prefix, view, _ in router.registry:
        for name in BULK_OPTIONS if hasattr(view, "bulk_kind") else ():
            yield Field(
                f"{prefix}/bulk?{name}",
                QUERY_VALUE_CHARACTERS,
                lambda client, size, prefix=prefix, name=name: client.post(
                    f"/api/v1/{prefix}/bulk/?{name}={'x' * size}", []
                ),
            )
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
    """A cell of each column of each kind of file as CSV, and of its first column as a workbook.

    Whatever a file is, its cells are rows of text when their columns are looked at.
    """
    for prefix, view, _ in router.registry:
        kind = getattr(view, "bulk_kind", None)
        if kind is None:
            continue
        media_types = [CsvParser.media_type, XlsxParser.media_type]
        for name, field in view.serializer_class().fields.items():
            limit = getattr(field, "max_length", None)
            if limit and not field.read_only and name in KINDS[kind].columns:
                for media_type in media_types:
                    word = media_type.rpartition(".")[2]
                    yield Field(
                        f"{prefix} {word} {name}", limit, cell(prefix, kind, name, media_type)
                    )
                media_types = media_types[:1]


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
        "curves If-None-Match",
        64,
        lambda client, size: client.get(
            "/api/v1/curves/USD-SOFR/", headers={"If-None-Match": f'"{"x" * size}"'}
        ),
        is_text=True,
    )
    yield Field(
        "preview terms",
        NAMES_SHOWN,
        lambda client, size: client.post(
            "/api/v1/pricing/preview/",
            {"type": "swap", "terms": {f"name{number}": 1 for number in range(size)}},
        ),
    )
    yield from preview_fields()
    for page in ("/admin/login/", "/accounts/login/"):
        for name, limit in (("username", 150), ("password", MAX_PASSWORD_CHARACTERS)):
            yield Field(f"{page} {name}", limit, login(page, name), PAGE_BYTES)


def preview_fields() -> Iterator[Field]:
    """Each field of the terms of each product, beside terms that are right."""
    yield Field(
        "preview type",
        64,
        lambda client, size: client.post(
            "/api/v1/pricing/preview/", {"type": "x" * size, "terms": {}}
        ),
    )
    for kind, terms in SAMPLES.items():
        for name in PRODUCTS[kind].terms.__struct_fields__:
            steps = name.endswith("_schedule")
            yield Field(
                f"preview {kind} {name}",
                STEPS if steps else 64,
                previewed(kind, terms, name, steps=steps),
                times=(10, 100),
            )


def previewed(
    kind: str, terms: dict[str, Any], name: str, *, steps: bool
) -> Callable[[Any, int], Any]:
    def send(client: Any, size: int) -> Any:
        value = [{"date": "2024-01-01"}] * size if steps else "x" * size
        body = {"type": kind, "terms": {**terms, name: value}}
        return client.post("/api/v1/pricing/preview/", body)

    return send


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
    for times in field.times:
        size = field.limit * times
        found[times], answer = seconds(lambda size=size: field.send(api, size), calls)
        no_frames = (times == 1 or field.is_text) and answer.status_code == 503
        where = (field.name, times, answer.status_code)
        assert answer.status_code < 500 or no_frames, (where, answer.content[:500])
        assert len(answer.content) <= field.answer_bytes, (where, len(answer.content))
        if times == 100:
            assert memory(lambda size=size: field.send(api, size)) < MEMORY_BYTES, where
        lenient = ("dry_run", "partial", "login")
        if times > 1 and not any(word in field.name for word in lenient):
            assert answer.status_code >= 400, where
    return found[100] / found[10]


def of_one_address(field: Field) -> str:
    """Fields of one address are tried by one test: each test makes its own users."""
    words = re.split(r"[? /]", field.name)
    return " ".join(words[:2] if words[0] in ("POST", "preview", "risk") else words[:1])


ADDRESSES = {
    name: tuple(fields)
    for name, fields in itertools.groupby(sorted(FIELDS, key=of_one_address), of_one_address)
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_field_beyond_its_limit_costs_little_and_is_answered_shortly(
    api: APIClient, address: str
) -> None:
    for field in ADDRESSES[address]:
        # Ten times as much may take ten times as long; with a margin for a busy machine.
        slow = growth(api, field, calls=1) >= 30 and growth(api, field, calls=3) >= 30
        assert not slow, field.name


def test_every_query_parameter_and_every_body_of_the_schema_is_tried() -> None:
    tried = {field.name.split(" ")[0] for field in FIELDS}
    posted = {field.name.split(" ")[1] for field in FIELDS if field.name.startswith("POST ")}
    for path, operations in (
        SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
    ):
        address = re.sub(r"\{\w+\}", "T1", path.removeprefix("/api/v1/").rstrip("/"))
        for parameter in operations.get("get", {}).get("parameters", ()):
            if parameter["in"] == "query" and parameter["name"] != "format":
                assert f"{address}?{parameter['name']}" in tried
        if "requestBody" in operations.get("post", {}) and "bulk" not in path:
            assert address in (*posted, "pricing/preview"), address


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


class Kind(NamedTuple):
    """What of a parameter decides which code of Django answers it: the page does not."""

    field: str
    lookup: str
    filter: str = ""


def kind_of(pages: ModelAdmin[Any], lookup: str) -> Kind:
    """The class of the field that a parameter asks for, how, and the filter that draws it."""
    model: Any = pages.model
    name, field = "", None
    words = lookup.split("__")
    while words and model is not None:
        try:
            field = model._meta.get_field(words[0])
        except FieldDoesNotExist:
            break
        model, name = field.related_model, type(field).__name__
        words.pop(0)
    own = [f for f in pages.list_filter if isinstance(f, tuple) and lookup.startswith(f[0])]
    return Kind(name or lookup, "__".join(words), own[0][1].__name__ if own else "")


def wrong_filters() -> dict[ModelAdmin[Any], list[dict[str, str]]]:
    """Of each kind of parameter every wrong value, on the first page that has it.

    A page that has nothing first is asked one question.
    """
    tried: set[Kind] = set()
    found: dict[ModelAdmin[Any], list[dict[str, str]]] = {}
    for number, pages in enumerate(admin.site._registry.values()):
        questions = found[pages] = []
        names = list(dict.fromkeys(lookups(pages)))
        for name in names:
            kind = kind_of(pages, name)
            if kind not in tried:
                questions += [{name: value} for value in OUT_OF_RANGE]
            tried.add(kind)
        days = Kind(kind_of(pages, str(pages.date_hierarchy)).field, "days")
        if pages.date_hierarchy and days not in tried:
            questions += days_out_of_range(pages)
            tried.add(days)
        if not questions:
            questions += [{names[number % len(names)]: OUT_OF_RANGE[number % len(OUT_OF_RANGE)]}]
    return found


WRONG_FILTERS = wrong_filters()


@pytest.mark.parametrize("pages", WRONG_FILTERS, ids=lambda pages: pages.model._meta.model_name)
def test_no_filter_of_an_admin_page_is_an_error_of_the_server(
    users: dict[str, Any], pages: Any
) -> None:
    assert isinstance(pages, ListAdmin)
    client = Client(raise_request_exception=False)
    client.force_login(users["superuser"], "django.contrib.auth.backends.ModelBackend")
    address = f"/admin/{pages.model._meta.app_label}/{pages.model._meta.model_name}/"
    logging.disable(logging.WARNING)
    try:
        for question in WRONG_FILTERS[pages]:
            point = transaction.savepoint()
            answer = client.get(address, question)
            connection.needs_rollback = False  # PostgreSQL may have refused a value
            transaction.savepoint_rollback(point)
            assert answer.status_code in (200, 302, 400), (question, answer.status_code)
            assert len(answer.content) < PAGE_BYTES
    finally:
        logging.disable(logging.NOTSET)


def test_every_filter_of_every_admin_page_is_of_a_kind_that_is_asked_with_every_value() -> None:
    asked: dict[Kind, set[str]] = {}
    for pages, questions in WRONG_FILTERS.items():
        assert questions, pages
        for question in questions:
            for name, value in question.items():
                asked.setdefault(kind_of(pages, name), set()).add(value)
    for pages in admin.site._registry.values():
        for name in lookups(pages):
            assert asked[kind_of(pages, name)] >= set(OUT_OF_RANGE), (pages, name)


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
            allowed = (400, 404, 503)  # 503: no frames yet
            if (path, name) == ("limit-breaches", "limit"):
                allowed = (200, 400)  # any text may be the code of a limit, which has no breach
            assert answer.status_code in allowed, (path, name)


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
