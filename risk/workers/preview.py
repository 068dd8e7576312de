"""Terms of an unsaved trade and a published market in; all its measures out.

The web process asks, a worker of the queue `preview` answers: QuantLib's evaluation date belongs
to a whole process, so it stays out of a process with threads, and a trade that hangs or crashes
QuantLib ends a worker child, not the server. The question carries everything; its answer
waits in Redis for whoever asked, and goes away by itself.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import redis

from pricing.batch.files import Book, MarketFile, MarketOfCurrency
from pricing.batch.run import price_files
from pricing.curves.quotes import CurveOptions, CurveQuotes
from pricing.errors import BadInput, Failure
from pricing.products.terms import BondTerms, SwapTerms, decode
from risk.store.compiled_book import Books

TASK, QUEUE = "risk.workers.tasks.preview_trade", "preview"
ANSWER_KEPT_S = 30
KINDS = {"swap": SwapTerms, "bond": BondTerms}
NAMES = {"trade_id": "preview", "book": "preview"}

Json = dict[str, Any]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What to price, and on which market; ``book_version`` says with which fixings."""

    answer_key: str
    type: str
    terms: dict[str, Any]
    currency: str
    valuation_date: dt.date
    curves: CurveQuotes
    book_version: str


def answer_key(name: str) -> str:
    """Where the answer to a question is put."""
    return f"risk:preview:{name}"


def currency_of(kind: str, terms: Json) -> str:
    """The currency of the terms, which are checked on the way.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    return str(decode({**NAMES, **terms}, KINDS[kind]).currency)  # type: ignore[arg-type]


def priced(question: Question, books: Books, options: CurveOptions) -> Json:
    """``measures`` as `manage.py price` writes them for a trade, or ``failure``."""
    try:
        terms = decode({**NAMES, **question.terms}, KINDS[question.type])  # type: ignore[arg-type]
    except BadInput as error:
        failure = Failure(trade_id=NAMES["trade_id"], code=error.code, message=str(error))
        return {"failure": msgspec.to_builtins(failure)}
    manifest = books.manifest(question.currency, question.book_version)
    market = MarketFile(
        valuation_date=question.valuation_date,
        markets=[
            MarketOfCurrency(
                currency=question.currency,
                curves=question.curves,
                fixings=manifest.fixings if manifest else {},
            )
        ],
        ibor_coupons="indexed" if options.indexed else "at_par",
        interpolation=dict(options.interpolation),  # type: ignore[arg-type]
    )
    found = price_files(Book([terms], []), market, "compiled")
    if found["failed"]:
        return {"failure": found["failed"][0]}
    return {"measures": found["trades"][0]}


def put_answer(client: redis.Redis, question: Question, answer: Json) -> None:
    """Put the answer where the asker waits."""
    with client.pipeline(transaction=True) as pipe:
        pipe.rpush(question.answer_key, msgspec.json.encode(answer))
        pipe.expire(question.answer_key, ANSWER_KEPT_S)
        pipe.execute()


def wait_for_answer(client: redis.Redis, key: str, timeout_s: float) -> Json | None:
    """The answer; None when nobody has given one in time."""
    found: Any = client.blpop([key], timeout=timeout_s)
    return msgspec.json.decode(found[1]) if found else None
