"""Requests to the preview worker and its responses, kept in Redis for the waiting caller.

The previewer is a Celery worker of the queue ``preview``. It does what needs QuantLib while a
caller waits: QuantLib's evaluation date is global to a process, so QuantLib stays out of the
multi-threaded web process, and a trade that hangs or crashes QuantLib ends a worker and not the
web server.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, Protocol

import msgspec
import redis

from pricing.curves.quotes import CurveQuotes
from pricing.products.registry import PRODUCTS
from pricing.products.terms import Terms, decode

PREVIEW_TASK = "risk.workers.tasks.preview_trade"
TRADE_TASK = "risk.workers.tasks.price_trade"
CONTRACT_TASK = "risk.workers.tasks.contract_flows"
EXPLAIN_TASK = "risk.workers.tasks.explain_trade"
EXPLAIN_GROUP_TASK = "risk.workers.tasks.explain_trades"
REPRICE_TASK = "risk.reprice.tasks.reprice_close"
STRESS_TASK = "risk.scenarios.tasks.stress_trade"
SHOCK_TASK = "risk.scenarios.tasks.price_shock"
MARKET_TASK = "risk.reprice.tasks.ask_market"
QUEUE = "preview"
ANSWER_KEPT_S = 30
NAMES = {"trade_id": "preview", "book": "preview"}

Json = dict[str, Any]


class PreviewQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What to price, and on which market; ``book_version`` says with which fixings."""

    answer_key: str
    type: str
    terms: dict[str, Any]
    currency: str
    valuation_date: dt.date
    curves: CurveQuotes
    book_version: str


class TradeQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Which trade of a compiled book to price, and on which market.

    ``block`` and ``row`` are its place in the book version.
    """

    answer_key: str
    currency: str
    valuation_date: dt.date
    curves: CurveQuotes
    book_version: str
    block: int
    row: int


class ContractQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """The terms whose cash flows are asked for, without a market."""

    answer_key: str
    type: str
    terms: dict[str, Any]


class ExplainQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """The trade whose P&L since the close, or since a frame, is to be explained."""

    answer_key: str
    currency: str
    trade_id: str
    period: Literal["close", "frame"] = "close"


class GroupExplainQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """The group of trades whose P&L since the close, or since a frame, is to be explained.

    ``desk`` and ``book`` None and no ``types``: all. ``desks`` are those whose numbers the caller
    may see; None for all. ``reporting`` None: amounts stay in trade currency.
    """

    answer_key: str
    currencies: list[str]
    desk: str | None = None
    book: str | None = None
    types: list[str] = []
    desks: list[str] | None = None
    period: Literal["close", "frame"] = "close"
    reporting: str | None = None
    limit: int


class RepriceQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """The stored close that is to be priced again, with what is known at a later time.

    ``desks`` are those whose numbers the caller may see; None for all.
    """

    answer_key: str
    currency: str
    as_of: dt.date
    as_of_time: dt.datetime | None = None
    known_at: dt.datetime | None = None
    correct: list[str] = []
    market: str = "live"
    desks: list[str] | None = None


class MarketQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the current closes of a replay's market.

    ``closes`` are the ids of their rows. ``query`` has the fields of a list of trades; ``trade_id``
    asks for one trade, and neither for the explain. ``desks`` are those whose numbers the caller
    may see; None for all.
    """

    answer_key: str
    closes: list[int]
    trade_id: str = ""
    query: dict[str, Any] | None = None
    page: int = 1
    page_size: int = 1
    desks: list[str] | None = None


class ShockQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario that is not stored, as rows with the columns of a table of scenarios.

    The process of the scenarios answers it: it holds netted flows and curves of all currencies.
    """

    answer_key: str
    rows: list[dict[str, str]]


class Question(Protocol):
    """What all questions have: where the answer is put."""

    @property
    def answer_key(self) -> str:
        """The Redis key."""


def answer_key(name: str) -> str:
    """The Redis key where the answer to a question is put."""
    return f"risk:preview:{name}"


def terms_of(kind: str, terms: Json) -> Terms:
    """The checked terms of a trade that has no name and no book yet.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    return decode({**NAMES, **terms}, PRODUCTS[kind].terms)


def put_answer(client: redis.Redis, key: str, answer: Json) -> None:
    """Store the answer where the caller waits for it."""
    with client.pipeline(transaction=True) as pipe:
        pipe.rpush(key, msgspec.json.encode(answer))
        pipe.expire(key, ANSWER_KEPT_S)
        pipe.execute()


def wait_for_answer(client: redis.Redis, key: str, timeout_s: float) -> Json | None:
    """Return the response; None when there was none in time."""
    found: Any = client.blpop([key], timeout=timeout_s)
    return msgspec.json.decode(found[1]) if found else None
