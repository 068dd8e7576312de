"""Price one trade while a caller waits, saved or not, and list the cash flows of a contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from pricing.batch.files import Book, MarketFile, MarketOfCurrency
from pricing.batch.run import price_files
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.quotes import CurveOptions
from pricing.errors import BadInput, Failure, PricingError
from pricing.markets.calendars import date_of, day_of
from pricing.measures.block import BlockRisk, make_ready, price_block
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.products.cash_flows import (
    DAILY,
    DELIVERED,
    FIXED,
    LINK,
    MODEL,
    CompiledTrade,
    last_days,
    only,
)
from pricing.products.flows import compile_trade
from risk.store.compiled_book import Books
from risk.store.compiled_book_store import StaleBook
from risk.store.frames import BOOK_GONE
from risk.store.messages import PriceJob
from risk.store.previews import (
    NAMES,
    ContractQuestion,
    Json,
    PreviewQuestion,
    TradeQuestion,
    terms_of,
)
from risk.workers.session import BookGone, Session


def price_preview(question: PreviewQuestion, books: Books, options: CurveOptions) -> Json:
    """``measures`` as `manage.py price` writes them for a trade, or ``failure``."""
    try:
        terms = terms_of(question.type, question.terms)
    except BadInput as error:
        return _failure(error)
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


class TradeNow(NamedTuple):
    """One trade of a compiled book, rolled to its date, with solved curves."""

    dated: DatedBlock
    curves: CurveSet
    solved: Solved


def trade_now(question: TradeQuestion, session: Session) -> TradeNow:
    """Fetch one trade of a compiled book and solve the curves of its market.

    Raises:
        BookGone, StaleBook: The book version is no longer there.
        PricingError: The market has no curves, or a fixing is missing.
    """
    job = PriceJob(
        currency=question.currency,
        frame=0,
        block=question.block,
        blocks=0,
        book_version=question.book_version,
        valuation_date=question.valuation_date,
        curves=question.curves,
    )
    block = only(session.fetch_block(job, question.block), question.row)
    curves = session.curves(job)
    solved = session.solve(job, curves)
    fixings = session.fixings(job)
    dated = roll_to(block, day_of(question.valuation_date), fixings, curves.names)
    return TradeNow(dated, curves, solved)


def with_trade(
    question: TradeQuestion, session: Session, make: Callable[[TradeNow, BlockRisk], Json]
) -> Json:
    """Return what is made of one priced trade; or ``failure`` when it has no number.

    The failure's code is BOOK_GONE when the book version is no longer there.
    """
    try:
        trade = trade_now(question, session)
        risk = price_block(make_ready(trade.dated, trade.curves.grid), trade.curves, trade.solved)
        if risk.failures:
            return {"failure": msgspec.to_builtins(risk.failures[0])}
        return make(trade, risk)
    except (BookGone, StaleBook) as error:
        return {"failure": {"code": BOOK_GONE, "message": str(error)}}
    except PricingError as error:
        return _failure(error)


def price_trade(question: TradeQuestion, session: Session) -> Json:
    """Price one trade of a compiled book.

    Returns:
        ``measures`` of every frame by name (None where one could not be made), ``ladder_par`` and
        ``krd`` in the order of the frame's keys; or ``failure``.
    """
    return with_trade(
        question,
        session,
        lambda _, risk: {
            "measures": {name: float(column[0]) for name, column in risk.values.items()},
            "ladder_par": risk.ladder_par[0].tolist(),
            "krd": risk.krd[0].tolist(),
        },
    )


def contract_flows(question: ContractQuestion) -> Json:
    """``flows`` in order of payment, the past included, or ``failure``.

    Each flow has ``pay_date``, ``leg`` (its place in ``Product.legs``), ``what`` (coupon,
    redemption, floating, or margin, which is paid daily until that date), ``amount`` (trade
    currency, received is positive; None when it depends on an index), ``index`` and the ``start``
    and ``end`` of its accrual (None for fixed flows).
    """
    try:
        trade = compile_trade(terms_of(question.type, question.terms))
    except PricingError as error:
        return _failure(error)
    return {"flows": _flows(trade)}


def _flows(trade: CompiledTrade) -> list[Json]:
    days = last_days(trade.flows).tolist()
    rows = sorted(zip(days, trade.flows, strict=True), key=lambda row: (row[0], int(row[1]["leg"])))
    # What a price of a bond future, or a compounded rate, is made of is paid to nobody.
    rows = [(day, flow) for day, flow in rows if flow["kind"] not in (DELIVERED, LINK, MODEL)]
    return [
        {
            "pay_date": date_of(day),
            "leg": int(flow["leg"]),
            **(_fixed(flow) if flow["kind"] == FIXED else _floating(flow, trade.indices)),
        }
        for day, flow in rows
    ]


def _fixed(flow: Json) -> Json:
    paid_once = "coupon" if flow["unit"] else "redemption"
    return {
        "what": "margin" if flow["pay"] == DAILY else paid_once,
        "amount": float(flow["amount"]),
        "index": None,
        "start": None,
        "end": None,
    }


def _floating(flow: Json, indices: tuple[str, ...]) -> Json:
    return {
        "what": "floating",
        "amount": None,
        "index": indices[int(flow["index"])],
        "start": date_of(int(flow["start"])),
        "end": date_of(int(flow["end"])),
    }


def _failure(error: PricingError) -> Json:
    failure = Failure(trade_id=NAMES["trade_id"], code=error.code, message=str(error))
    return {"failure": msgspec.to_builtins(failure)}
