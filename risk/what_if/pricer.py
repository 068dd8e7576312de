"""Price trades that are not saved, and trades of the compiled book that would change or go.

What the market gives (a par rate, a model price, a z-spread) is rounded to the digits of its column
in the security master and priced again, so that the trade that is booked later is the one that was
previewed, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import numpy as np

from instruments.trade_repository import SOLVED_DIGITS
from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.errors import BadInput, Failure, Matured, PricingError
from pricing.markets.calendars import date_of, day_of
from pricing.measures.block import BlockRisk, make_ready, price_block
from pricing.measures.table import BY_NAME
from pricing.measures.theta import theta
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import FlowBlock, last_payments, rows_of
from pricing.products.flows import compile_block
from pricing.products.registry import PRODUCTS, as_quoted
from pricing.products.terms import Terms, decode
from risk.compiler.spreads import spreads_on
from risk.store.compiled_book_store import StaleBook
from risk.store.frames import BOOK_GONE
from risk.store.messages import PriceJob
from risk.what_if.messages import (
    NewTrade,
    OldTrade,
    PricedMarket,
    TradeNumbers,
    VarScenarios,
    WhatIfAnswer,
    WhatIfMarket,
    WhatIfQuestion,
)
from risk.what_if.scenario_pnl import LoadCloses, scenario_pnl
from risk.workers.session import BookGone, Session


@dataclass(frozen=True)
class _Market:
    """A solved market of one currency."""

    curves: CurveSet
    solved: Solved
    fixings: Fixings
    next_day: Callable[[], CurveSet]
    pnl: Callable[[FlowBlock], FloatArray] | None = None
    """P&L of a block's trades in historical scenarios; None where nobody asked."""


SOLVED_FROM_PAR: Mapping[str, tuple[Callable[[float], float], int]] = {
    "fixed_rate": (lambda rate: rate, 10),
    "first_spread_bp": (lambda rate: 1e4 * rate, 6),
    "trade_price": (lambda rate: 100.0 - 100.0 * rate, 8),
}
"""Functions that turn a par rate into the value of a column, with the decimal places of
the column."""


def price(
    question: WhatIfQuestion, session: Session, load_closes: LoadCloses | None = None
) -> WhatIfAnswer:
    """Price all markets of a question; one that cannot be priced says why.

    Args:
        question: What is asked.
        session: Curves and books of this process.
        load_closes: Stored closes, for the scenarios of a question that has some.
    """
    return WhatIfAnswer(
        markets=[
            price_market(market, session, question.scenarios, load_closes)
            for market in question.markets
        ]
    )


def price_market(
    market: WhatIfMarket,
    session: Session,
    scenarios: VarScenarios | None = None,
    load_closes: LoadCloses | None = None,
) -> PricedMarket:
    """Price the trades of one currency."""
    job = PriceJob(
        currency=market.currency,
        frame=0,
        block=0,
        blocks=0,
        book_version=market.book_version,
        valuation_date=market.valuation_date,
        curves=market.curves,
    )
    try:
        curves = session.curves(job)
        pnl, reason = None, ""
        if scenarios is not None and load_closes is not None:
            pnl, reason = scenario_pnl(job, scenarios, session, load_closes)
        made = _Market(
            curves,
            session.solve(job, curves),
            session.fixings(job),
            lambda: session.next_day(job, curves),
            pnl,
        )
        old = _old(market.old, made, session, job)
    except (BookGone, StaleBook) as error:
        return _without(market, BOOK_GONE, error)
    except PricingError as error:
        return _without(market, error.code, error)
    return PricedMarket(
        currency=market.currency,
        keys=list(curves.keys),
        new=_new(market.new, made, session),
        old=old,
        no_scenarios=reason,
    )


def _without(market: WhatIfMarket, code: str, error: Exception) -> PricedMarket:
    failure = Failure(trade_id="", code=code, message=str(error))
    return PricedMarket(currency=market.currency, failure=failure)


def _old(
    trades: Sequence[OldTrade], market: _Market, session: Session, job: PriceJob
) -> list[TradeNumbers]:
    by_block: dict[int, list[int]] = {}
    for trade in trades:
        by_block.setdefault(trade.block, []).append(trade.row)
    blocks = [session.fetch_block(job, block) for block in by_block]
    rows = [np.array(rows, dtype=np.int64) for rows in by_block.values()]
    block, _ = rows_of(blocks, rows)
    found = _numbers(block, market)
    return [found[trade.trade_id] for trade in trades]


def _new(trades: Sequence[NewTrade], market: _Market, session: Session) -> list[TradeNumbers]:
    names = [str(trade.terms["trade_id"]) for trade in trades]
    found: dict[str, TradeNumbers] = {}
    terms: dict[str, Terms] = {}
    solved: dict[str, dict[str, float]] = {}
    for name, trade in zip(names, trades, strict=True):
        try:
            terms[name] = decode(trade.terms, PRODUCTS[trade.product].terms)
        except PricingError as error:
            found[name] = _failed(name, error)
    quoted = [each for each in map(as_quoted, terms.values()) if each is not None]
    unpriced = {each.trade_id: each for each in quoted if each.waits_for_market}
    numbers_of, failures = spreads_on(unpriced.values(), market.curves, market.solved)
    for name, number in numbers_of.items():
        column = unpriced[name].solves
        solved[name] = {column: _rounded(number, SOLVED_DIGITS[column])}
    for failure in failures:
        found[failure.trade_id] = TradeNumbers(trade_id=failure.trade_id, failure=failure)
        del terms[failure.trade_id]
    columns = {name: t.solve for name, t in zip(names, trades, strict=True) if t.solve}
    waiting = [each for name, each in terms.items() if name in columns]
    for name, numbers in _priced(waiting, market, session, with_theta=False).items():
        try:
            solved[name] = _from_par(columns[name], numbers)
        except PricingError as error:
            found[name] = _failed(name, error)
            del terms[name]
    settled = [
        msgspec.structs.replace(each, **solved.get(name, {})) for name, each in terms.items()
    ]
    found |= _priced(settled, market, session)
    return [msgspec.structs.replace(found[name], solved=solved.get(name, {})) for name in names]


def _from_par(column: str, numbers: TradeNumbers) -> dict[str, float]:
    """Return what the par rate of a trade makes of a column."""
    if numbers.failure is not None:
        raise BadInput(column, None, f"it cannot be solved: {numbers.failure.message}")
    par = numbers.values["par_rate"]
    if par is None:
        raise BadInput(column, None, "the market has no par rate for it")
    from_par, digits = SOLVED_FROM_PAR[column]
    return {column: _rounded(from_par(par), digits)}


def _rounded(number: float, digits: int) -> float:
    """Rounded as the database rounds it: half to even, in decimals."""
    return float(round(Decimal(repr(number)), digits))


def _priced(
    terms: Sequence[Terms], market: _Market, session: Session, *, with_theta: bool = True
) -> dict[str, TradeNumbers]:
    if not terms:
        return {}
    block, failed = compile_block(terms, indexed=session.options.indexed)
    found = {f.trade_id: TradeNumbers(trade_id=f.trade_id, failure=f) for f in failed}
    if len(block):
        found |= _numbers(block, market, with_theta=with_theta)
        found |= _matured(block, market)
    return found


def _matured(block: FlowBlock, market: _Market) -> dict[str, TradeNumbers]:
    """Trades that have made their last payment: a book leaves them out."""
    today, last = day_of(market.curves.today), last_payments(block)
    return {
        name: _failed(name, Matured(date_of(int(day)).isoformat()))
        for name, day in zip(block.trade_ids, last, strict=True)
        if day <= today
    }


def _failed(name: str, error: PricingError) -> TradeNumbers:
    failure = Failure(trade_id=name, code=error.code, message=str(error))
    return TradeNumbers(trade_id=name, failure=failure)


def _numbers(
    block: FlowBlock, market: _Market, *, with_theta: bool = True
) -> dict[str, TradeNumbers]:
    if not len(block):
        return {}
    curves = market.curves
    dated = roll_to(block, day_of(curves.today), market.fixings, curves.names)
    risk = price_block(make_ready(dated, curves.grid), curves, market.solved)
    values = {**risk.values, **({"theta": _theta(block, risk, market)} if with_theta else {})}
    failures = {failure.trade_id: failure for failure in risk.failures}
    found = {
        name: _number_of(risk, values, block, row, failures.get(name))
        for row, name in enumerate(block.trade_ids)
    }
    if market.pnl is None or not with_theta:
        return found
    return {
        name: msgspec.structs.replace(found[name], historical=row.tobytes())
        for name, row in zip(block.trade_ids, market.pnl(block), strict=True)
    }


def _number_of(
    risk: BlockRisk,
    values: Mapping[str, FloatArray],
    block: FlowBlock,
    row: int,
    failure: Failure | None,
) -> TradeNumbers:
    name, notional = block.trade_ids[row], float(block.notional[row])
    if failure is not None:
        return TradeNumbers(trade_id=name, notional=notional, failure=failure)
    return TradeNumbers(
        trade_id=name,
        values={
            measure: _finite(column[row])
            for measure, column in values.items()
            if BY_NAME[measure].supports(block.products[row])
        },
        ladder_par=risk.ladder_par[row].tolist(),
        krd=risk.krd[row].tolist(),
        notional=notional,
    )


def _theta(block: FlowBlock, risk: BlockRisk, market: _Market) -> FloatArray:
    """Compute theta; NaN where the quotes admit no curve on the next day."""
    try:
        return theta(
            block, risk.npv, market.curves, market.solved, market.fixings, market.next_day()
        )
    except PricingError:
        return np.full(len(block), np.nan)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
