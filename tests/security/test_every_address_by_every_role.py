"""Every address by every role: a new address without an expectation fails here."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from instruments.models import (
    Bond,
    Book,
    Counterparty,
    Deliverable,
    Desk,
    Fixing,
    FxRate,
    Issuer,
    Limit,
    ScenarioShock,
    TemporaryLimit,
    WhatIfSet,
)
from pricing.products.registry import PRODUCTS
from risk.explain import attribution_runs
from risk.models import LimitBreach, Replay
from risk.reports import results as report
from risk.scenarios import backtest_runs
from tests.risk.curve_history import store_usd_closes
from tests.security.conftest import by_token

READERS = {"viewer", "trader", "both", "risk_admin", "superuser"}
SEES_ALL = READERS - {"trader"}
TRADERS = {"trader", "both", "risk_admin", "superuser"}
ADMINS = {"risk_admin", "superuser"}
EVERYONE = {"anonymous", "nobody", *READERS}
LOGGED_IN = EVERYONE - {"anonymous"}

MASTER = {"GET": READERS, "POST": ADMINS}
ROW = {"GET": READERS, "PUT": ADMINS, "PATCH": ADMINS, "DELETE": ADMINS}
TRADES = {"GET": READERS, "POST": TRADERS}
TRADE = {"GET": READERS, "PUT": TRADERS, "PATCH": TRADERS, "DELETE": ADMINS}
READ, WRITE = {"GET": READERS}, {"POST": ADMINS}

TABLES = tuple(product.address for product in PRODUCTS.values())
OTHER_TRADES = tuple(name for name in TABLES if name not in ("swaps", "bond-positions"))
"""Tables of trades without a trade here: S1 is not found in them."""

CONTROL = ("scenario-shocks", "limits", "temporary-limits")

EXPECTED: dict[str, dict[str, set[str]]] = {
    **{f"{name}/": MASTER for name in ("desks", "books", "issuers", "counterparties", "bonds")},
    **{f"{name}/": MASTER for name in ("deliverables", "fixings", "fx-rates", *CONTROL)},
    **{f"{name}/": TRADES for name in TABLES},
    **{f"{name}/<row>/": ROW for name in ("desks", "books", "issuers", "counterparties", "bonds")},
    "deliverables/<row>/": ROW,
    "what-if-sets/": TRADES,
    "what-if-sets/<row>/": TRADE,
    "what-if-sets/<row>/preview/": {"POST": READERS},
    "what-if-sets/<row>/book/": {"POST": TRADERS},
    "what-if/": {"POST": READERS},
    "what-if/text/": {"POST": READERS},
    "hedge/": {"POST": READERS},
    **{f"{name}/<row>/": ROW for name in CONTROL},
    **{f"{name}/<row>/": TRADE for name in TABLES},
    **{
        f"{name}/<row>/history/": READ
        for name in (
            *("desks", "books", "issuers", "counterparties"),
            *("bonds", "deliverables", "what-if-sets", *CONTROL, *TABLES),
        )
    },
    **{
        f"{name}/bulk/": WRITE
        for name in ("bonds", "deliverables", "fixings", "scenario-shocks", "limits")
    },
    "temporary-limits/<row>/approve/": WRITE,
    **{f"{name}/bulk/": {"POST": TRADERS} for name in TABLES},
    "risk/portfolio/": READ,
    "risk/trades/": READ,
    "risk/trades/<row>/": READ,
    "risk/history/": {"GET": SEES_ALL},
    "explain/": READ,
    "explain/days/": READ,
    "explain/trades/": READ,
    "explain/trades/<row>/": READ,
    "reprice/": READ,
    "closes/": {"GET": READERS},
    "replays/": {"GET": READERS},
    "replays/<row>/": {"GET": READERS, "PATCH": ADMINS},
    "var/": READ,
    "scenarios/": READ,
    "scenarios/price/": {"POST": READERS},
    "scenarios/trades/<row>/": READ,
    "backtest/": READ,
    "pla/": READ,
    "crif/": READ,
    "girr-delta/": READ,
    "reports/": READ,
    "reports/<row>/": READ,
    "limit-states/": READ,
    "limit-breaches/": READ,
    "limit-breaches/<row>/": READ,
    "limit-breaches/<row>/acknowledge/": WRITE,
    "curves/": READ,
    "curves/<row>/": READ,
    "curves/<row>/days/": READ,
    "curves/<row>/days/<row>/": READ,
    "pricing/preview/": {"POST": READERS},
    "stream/risk/": READ,
    "stream/limits/": READ,
    "session/": READ,
}
OTHERS = {
    "": EVERYONE,
    "favicon.ico": EVERYONE,
    "healthz": EVERYONE,
    "readyz": EVERYONE,
    "metrics": EVERYONE,  # tests/riskproject holds what it asks for
    "accounts/login/": EVERYONE,
    "accounts/logout/": EVERYONE,
    "dashboard/": LOGGED_IN,  # others are asked to log in: test_logins.py
    "dashboard/<slug:page>/": LOGGED_IN,
    "api/schema/": EVERYONE,
    "api/docs/": EVERYONE,
    "^api/": EVERYONE,  # a 404
    "^static/(?P<path>.*)$": EVERYONE,
}
NAMES = {
    "desks": "RATES",
    "books": "RATES-BOOK",
    "issuers": "I1",
    "counterparties": "C1",
    "bonds": "T1",
    "bond-positions": "P1",
    "deliverables": "D1",
    "scenario-shocks": "OIL-1",
    "what-if-sets": "W1",
    "limits": "L1",
    "temporary-limits": "L1",
    "swaps": "S1",
    **dict.fromkeys(OTHER_TRADES, "S1"),
    "risk": "S1",
    "explain": "S1",
    "scenarios": "S1",
    "curves": "USD-SOFR",
    "replays": "svb",
    "reports": "2024-03-05",
    "limit-breaches": "19",
}
INNER = {"curves/<row>/days/<row>/": "2024-03-05"}
"""Of addresses with two names, the second."""


def routes(resolver: Any = None, prefix: str = "") -> list[tuple[str, Any]]:
    """All routes with their views, admin's apart."""
    found: list[tuple[str, Any]] = []
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if path.startswith("admin/"):  # below, for itself
            continue
        if isinstance(entry, URLResolver):
            found += routes(entry, path)
        elif isinstance(entry, URLPattern):
            found.append((path, entry.callback))
    return found


def plain(path: str) -> str:
    """``api/v1/^swaps/(?P<trade_id>[^/.]+)/$`` as ``swaps/<row>/``."""
    words = path.removeprefix("api/v1/").replace("^", "").replace("$", "").replace("\\Z", "")
    parts = ["<row>" if part.startswith(("(?P<", "<")) else part for part in words.split("/")]
    return "/".join(parts)


def methods_of(view: Any) -> set[str]:
    handlers = getattr(view, "actions", None)
    names = handlers or [
        m for m in ("get", "post", "put", "patch", "delete") if hasattr(view.cls, m)
    ]
    return {name.upper() for name in names} - {"HEAD", "OPTIONS"}


API = {plain(path): view for path, view in routes() if path.startswith("api/v1/")}


def test_every_address_has_an_expectation() -> None:
    assert set(API) == set(EXPECTED)
    assert {path for path, _ in routes() if not path.startswith("api/v1/")} <= set(OTHERS)
    for path, view in API.items():
        assert methods_of(view) == set(EXPECTED[path]), path


@pytest.fixture
def rows(users: dict[str, Any], bond_position: Any) -> None:
    Issuer.objects.create(code="I1", name="Issuer")
    Counterparty.objects.create(code="C1", name="Counterparty")
    Fixing.objects.create(index="SOFR", date="2024-01-02", rate="0.05", source="x")
    FxRate.objects.create(currency="EUR", date="2024-01-02", usd="1.1", source="x")
    WhatIfSet.objects.create(code="W1", desk=Book.objects.get(code="RATES-BOOK").desk)
    bond = Bond.objects.get(code="T1")
    Deliverable.objects.create(code="D1", contract="ZNH26", bond=bond)
    ScenarioShock.objects.create(
        code="OIL-1", scenario="Oil", space="par", shape="parallel", move_bp=1
    )
    Replay.objects.create(
        name="svb", currencies=["USD"], start=dt.date(2023, 3, 8), end=dt.date(2023, 3, 24)
    )
    backtest_runs.keep("99", {}, [], [])
    attribution_runs.keep({}, [])
    store_usd_closes(dt.date(2024, 3, 6))
    report.keep(
        report.DayResults(
            **{"date": dt.date(2024, 3, 5), "market": "live", "made": timezone.now()},
            **{name: [] for name in ("rollups", "explains", "limits", "breaches")},
            **{"unexplained": {}, "scenarios": None, "reproduced": {}},
        )
    )
    desk = Desk.objects.get(code="RATES")
    limit = Limit.objects.create(code="L1", name="L1", desk=desk, measure="npv", hard_limit=1)
    end = timezone.now() + dt.timedelta(days=1)
    LimitBreach.objects.create(
        **{"pk": 19, "limit": limit, "frame": 1, "kind": "sums", "began": end, "desk": "RATES"},
        **{"value": 2, "worst": 2, "hard_limit": 1, "scope": "desk RATES"},
    )
    TemporaryLimit.objects.create(
        code="L1", limit=limit, hard_limit=2, valid_until=end, reason="month end"
    )


@pytest.fixture
def bond_position(desks: Any) -> Any:
    from instruments.models import Bond, BondPosition

    book = Book.objects.get(code="RATES-BOOK")
    bond = Bond.objects.get(code="T1")
    return BondPosition.objects.create(trade_id="P1", book=book, bond=bond, face_amount=1)


class Undo(Exception):
    """Roll back what a call has written."""


def named(path: str) -> str:
    """The address of a row that is there."""
    first = path.replace("<row>", NAMES.get(path.split("/")[0], ""), 1)
    return first.replace("<row>", INNER.get(path, ""))


def status(client: Any, method: str, path: str) -> int:
    try:
        with transaction.atomic():
            answer = client.generic(method, f"/api/v1/{path}", "{}", "application/json")
            found = int(answer.status_code)
            assert found < 500 or found == 503, answer.content
            raise Undo
    except Undo:
        return found


@pytest.mark.parametrize("path", sorted(EXPECTED))
def test_each_role_gets_what_it_may_and_a_refusal_else(
    users: dict[str, Any], rows: None, path: str
) -> None:
    name = NAMES.get(path.split("/")[0], "")
    for role, user in users.items():
        client = by_token(user)
        for method, allowed in EXPECTED[path].items():
            found = status(client, method, named(path))
            if role in allowed:
                assert found not in (401, 403, 404, 405) or name == "S1", (role, method, found)
                assert found not in (401, 403, 405), (role, method, found)
            else:
                assert found == (401 if role == "anonymous" else 403), (role, method, found)


def test_methods_that_an_address_does_not_have_are_405(users: dict[str, Any], rows: None) -> None:
    client = by_token(users["superuser"])
    for path, methods in EXPECTED.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(methods):
            assert status(client, method, named(path)) == 405, (method, path)


def test_the_admin_shows_nothing_without_a_login(client: Any, users: dict[str, Any]) -> None:
    """By anyone who is no staff: the login page, or its address."""
    resolver = next(e for e in get_resolver().url_patterns if str(e.pattern) == "admin/")
    paths = [p for p, _ in routes(resolver, "/admin/") if "<" not in p and "(" not in p]
    assert len(paths) > 20
    for user in (None, users["nobody"], users["risk_admin"]):
        if user is not None:
            client.force_login(user)
        for path in paths:
            if path in ("/admin/login/", "/admin/logout/", "/admin/jsi18n/"):
                continue
            answer = client.get(path)
            assert answer.status_code in (301, 302), (path, answer.status_code)
            assert "/admin/login/" in answer.headers["Location"], path
