"""Price a book file on a market file: no server, no database, no clock.

Two engines give the same numbers: ``compiled`` is the fast path, ``quantlib`` is plain
QuantLib, bump and rebuild.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from pricing.arrays import FloatArray
from pricing.batch.files import Book, MarketFile, MarketOfCurrency
from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.curves.quotes import CurveOptions, CurveQuotes, QuoteId, curve_version, shape_of
from pricing.errors import Failure, Matured, MissingCurve, NothingAfterSettlement, PricingError
from pricing.markets.calendars import date_of, day_of
from pricing.measures.block import make_ready, price_block
from pricing.measures.bond_analytics import BOND_ANALYTICS, price_security
from pricing.measures.dated.solved_quotes import solve_quote
from pricing.measures.delivery.basis import FUTURE_BASIS, basis_of, prepare_future
from pricing.measures.formulas import rate_of_legs
from pricing.measures.table import BY_NAME, LIVE_SUMMED, REQUIRED, with_new_names
from pricing.measures.table import total as added
from pricing.measures.theta import theta, with_forecast_of_today
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import CompiledTrade, FlowBlock, make_block
from pricing.products.flows import compile_block, compile_book
from pricing.products.registry import PRODUCTS, as_quoted, as_security
from pricing.products.swaps.par_terms import par_rates, par_terms
from pricing.products.terms import Terms
from pricing.reference import Reference, TradeRisk

Engine = Literal["compiled", "quantlib"]
Json = dict[str, Any]
TOTALS = LIVE_SUMMED


@dataclass(frozen=True)
class TradeNumbers:
    """Measures of one trade, from either engine; names and signs as in definitions."""

    values: Mapping[str, float]
    leg_npv: tuple[float, float]
    ladder_par: FloatArray
    krd: FloatArray


@dataclass(frozen=True)
class _Market:
    """One currency's market, solved."""

    curves: CurveSet
    solved: Solved
    fixings: Fixings
    entry: MarketOfCurrency
    options: CurveOptions


def price_files(
    book: Book,
    market: MarketFile,
    engine: Engine,
    progress: Callable[[int], None] = lambda _: None,
) -> Json:
    """The whole answer, as docs/file-formats.md has it.

    Args:
        book: Trades; malformed ones are among the failed.
        market: Quotes and fixings of each currency.
        engine: compiled or quantlib.
        progress: Told how many trades more are done.
    """
    options = CurveOptions(market.ibor_coupons == "indexed", market.interpolation)
    failed = list(book.failed)
    rows: list[Json] = []
    versions: dict[str, str] = {}
    for currency in dict.fromkeys(str(t.currency) for t in book.trades):
        mine = [t for t in book.trades if t.currency == currency]
        try:
            made = _solve(market, currency, options)
        except PricingError as error:
            failed += [_failure(t, error) for t in mine]
            progress(len(mine))
            continue
        date = market.valuation_date
        versions[currency] = curve_version(made.entry.curves, date, options)
        done, lost = _price_currency(mine, made, engine)
        rows += done
        failed += lost
        progress(len(mine))
    place = {t.trade_id: i for i, t in enumerate(book.trades)}
    rows.sort(key=lambda row: place[row["trade_id"]])
    return {
        "engine": engine,
        "valuation_date": market.valuation_date.isoformat(),
        "curve_version": _joined(versions),
        "curve_versions": versions,
        "trades": rows,
        "failed": [msgspec.to_builtins(failure) for failure in failed],
        "totals": _totals(rows),
    }


def _joined(versions: dict[str, str]) -> str:
    if len(versions) == 1:
        return next(iter(versions.values()))
    return hashlib.sha256(repr(sorted(versions.items())).encode()).hexdigest()[:16]


def _failure(terms: Terms, error: PricingError) -> Failure:
    return Failure(trade_id=terms.trade_id, code=error.code, message=str(error))


def _solve(market: MarketFile, currency: str, options: CurveOptions) -> _Market:
    entry = next((m for m in market.markets if m.currency == currency), None)
    if entry is None:
        have = ", ".join(m.currency for m in market.markets)
        raise MissingCurve(f"of {currency}", f"markets of {have}" if have else "")
    date = market.valuation_date
    curves = CurveSet(date, shape_of(entry.curves), entry.fixings, options)
    solved = curves.solve(curves.vector(entry.curves))
    return _Market(curves, solved, entry.fixings, entry, options)


def _price_currency(
    trades: Sequence[Terms], market: _Market, engine: Engine
) -> tuple[list[Json], list[Failure]]:
    settled, lost = _with_spreads(trades, market)
    numbers = _compiled if engine == "compiled" else _by_quantlib
    found, more = numbers(settled, market)
    rows: list[Json] = []
    for terms in settled:
        if terms.trade_id in found:
            try:
                rows.append(_row(terms, found[terms.trade_id], market))
            except PricingError as error:
                more.append(_failure(terms, error))
    return rows, [*lost, *more]


def _with_spreads(trades: Sequence[Terms], market: _Market) -> tuple[list[Terms], list[Failure]]:
    """Turn quotes into numbers on this market; after that a bond is its terms and a spread."""
    settled: list[Terms] = []
    lost: list[Failure] = []
    for terms in trades:
        try:
            settled.append(_with_spread(terms, market))
        except PricingError as error:
            lost.append(_failure(terms, error))
    return settled, lost


def _with_spread(terms: Terms, market: _Market) -> Terms:
    quoted = as_quoted(terms)
    if quoted is None or not quoted.waits_for_market:
        return terms
    number = solve_quote(quoted, market.curves, market.solved)
    return msgspec.structs.replace(quoted, **{quoted.solves: number})


# --- Engines ---------------------------------------------------------------------------------

Numbers = tuple[dict[str, TradeNumbers], list[Failure]]


def _compiled(trades: Sequence[Terms], market: _Market) -> Numbers:
    curves, solved = market.curves, market.solved
    good, lost = compile_book(trades, indexed=market.options.indexed)
    good, matured = _unmatured(good, curves.today)
    block = make_block(good)
    dated = roll_to(block, day_of(curves.today), market.fixings, curves.names)
    risk = price_block(make_ready(dated, curves.grid), curves, solved)
    passing = _theta_or_nothing(block, risk.npv, market)
    failed = {failure.trade_id for failure in risk.failures}
    columns = {**risk.values, "theta": passing}
    found = {
        name: TradeNumbers(
            values={measure: float(column[i]) for measure, column in columns.items()},
            leg_npv=(float(risk.leg_npv[i, 0]), float(risk.leg_npv[i, 1])),
            ladder_par=risk.ladder_par[i],
            krd=risk.krd[i],
        )
        for i, name in enumerate(block.trade_ids)
        if name not in failed
    }
    return found, [*lost, *matured, *risk.failures]


def _unmatured(
    trades: Sequence[CompiledTrade], today: dt.date
) -> tuple[list[CompiledTrade], list[Failure]]:
    """Trades without those that fail after their last payment, and these as failures."""
    left: list[CompiledTrade] = []
    failed: list[Failure] = []
    for trade in trades:
        fails = PRODUCTS[trade.product].fails_when_matured
        if fails and trade.last_payment <= day_of(today):
            error = Matured(date_of(trade.last_payment).isoformat())
            failed.append(Failure(trade_id=trade.trade_id, code=error.code, message=str(error)))
        else:
            left.append(trade)
    return left, failed


def _theta_or_nothing(block: FlowBlock, npv: FloatArray, market: _Market) -> FloatArray:
    """Compute theta; NaN where the quotes admit no curve on the next day."""
    try:
        return theta(block, npv, market.curves, market.solved, market.fixings)
    except PricingError:
        return np.full(len(block), np.nan)


def _by_quantlib(trades: Sequence[Terms], market: _Market) -> Numbers:
    today, quotes = market.curves.today, market.entry.curves
    reference = Reference(today, quotes, market.fixings, market.options)
    risks = reference.price(trades)
    later = with_forecast_of_today(market.curves, market.solved, market.fixings)
    tomorrow = _values_on_next_day(today, quotes, later, market.options, trades)
    spreads = _cs01_by_quantlib(reference, trades)
    rates = _par_rates_by_quantlib(trades, risks)
    lost = [risk.failure for risk in risks if risk.failure is not None]
    found = {
        risk.trade_id: TradeNumbers(
            values={
                **{name: getattr(risk, name) for name in REQUIRED},
                "theta": float(value - risk.npv),
                "cs01": spread,
                "par_rate": par,
            },
            leg_npv=risk.leg_npv,
            ladder_par=risk.ladder_par,
            krd=risk.krd,
        )
        for risk, value, spread, par in zip(risks, tomorrow, spreads, rates, strict=True)
        if risk.failure is None
    }
    return found, lost


def _cs01_by_quantlib(reference: Reference, trades: Sequence[Terms]) -> list[float]:
    """Central differences over 1 and 2 bp of z-spread, extrapolated; NaN without a spread."""

    def values(shift_bp: float) -> FloatArray:
        return np.array(reference.values([_with_spread_moved(t, shift_bp) for t in trades]))

    one, two = (values(-1.0) - values(1.0)) / 2.0, (values(-2.0) - values(2.0)) / 4.0
    found = (4.0 * one - two) / 3.0
    return [
        float(value) if BY_NAME["cs01"].supports(terms.product) else math.nan
        for terms, value in zip(trades, found, strict=True)
    ]


def _with_spread_moved(terms: Terms, shift_bp: float) -> Terms:
    bond = as_security(terms)
    if bond is None:
        return terms
    return msgspec.structs.replace(bond, z_spread_bp=(bond.z_spread_bp or 0.0) + shift_bp)


def _par_rates_by_quantlib(trades: Sequence[Terms], risks: Sequence[TradeRisk]) -> list[float]:
    """Return par rates from QuantLib's values and annuities, and contract terms from the flows."""
    value = np.array([risk.npv for risk in risks])
    floating = np.array([risk.leg_npv[1] for risk in risks])
    annuity = np.array([risk.pv01 / ONE_BP for risk in risks])
    rates = rate_of_legs(floating, annuity)
    place = {risk.trade_id: row for row, risk in enumerate(risks)}
    block, _ = compile_block(trades)
    terms = par_terms(block)
    rows = np.array([place[name] for name in block.trade_ids], dtype=np.int64)
    rates[rows[terms.row]] = par_rates(terms, value[rows], annuity[rows])
    return [float(rate) for rate in rates]


def _values_on_next_day(
    today: dt.date,
    quotes: CurveQuotes,
    fixings: Fixings,
    options: CurveOptions,
    trades: Sequence[Terms],
) -> list[float]:
    try:
        return Reference.on_next_day(today, quotes, fixings, options).values(trades)
    except PricingError:
        return [math.nan] * len(trades)


# --- Answer ----------------------------------------------------------------------------------


def _row(terms: Terms, numbers: TradeNumbers, market: _Market) -> Json:
    row: Json = {
        "trade_id": terms.trade_id,
        "book": terms.book,
        "type": terms.product,
        "currency": terms.currency,
        "leg_npv": _leg_values(terms, numbers),
        **with_new_names(
            {
                name: _number(value)
                for name, value in numbers.values.items()
                if BY_NAME[name].supports(terms.product)
            }
        ),
        "ladder_par": _ladder(market.curves.keys, numbers.ladder_par),
        "krd": _ladder(market.curves.keys, numbers.krd),
    }
    for group in dict.fromkeys(
        OWN_MEASURES[name] for name in PRODUCTS[terms.product].measures if name in OWN_MEASURES
    ):
        row |= group(terms, numbers, market)
    return row


def _analytics(terms: Any, _: TradeNumbers, market: _Market) -> Json:
    """Prices and yield; none when nothing is left for a buyer of today."""
    names = [name for name in BOND_ANALYTICS if BY_NAME[name].supports(terms.product)]
    try:
        found = price_security(terms, market.curves, market.solved).analytics()
    except NothingAfterSettlement:
        return dict.fromkeys(names)
    return {name: _number(getattr(found, name)) for name in names}


def _future_basis(terms: Any, _: TradeNumbers, market: _Market) -> Json:
    """Price and basis of a bond future; none when its contract has been delivered."""
    try:
        flows = prepare_future(terms, market.curves, market.solved)
    except (Matured, NothingAfterSettlement):
        return dict.fromkeys(FUTURE_BASIS)
    found = basis_of(flows, market.curves, market.solved)
    return {name: _number(getattr(found, name)) for name in FUTURE_BASIS}


def _krd_duration(_: Any, numbers: TradeNumbers, market: _Market) -> Json:
    """Key rate DV01s as durations in years: per value and per unit of rate."""
    npv = numbers.values["npv"]
    by_value = 1e4 / npv if npv else math.nan
    return {"krd_duration": _ladder(market.curves.keys, numbers.krd * by_value)}


OWN_MEASURES: Mapping[str, Callable[[Any, TradeNumbers, _Market], Json]] = {
    **dict.fromkeys(BOND_ANALYTICS, _analytics),
    **dict.fromkeys(FUTURE_BASIS, _future_basis),
    "krd_duration": _krd_duration,
}
"""Functions for the measures that only this command makes, see ``Product.measures``."""


def _leg_values(terms: Terms, numbers: TradeNumbers) -> Json:
    return dict(zip(PRODUCTS[terms.product].legs, numbers.leg_npv, strict=False))


def _ladder(keys: Sequence[QuoteId], values: FloatArray) -> Json:
    ladder: dict[str, dict[str, float | None]] = {}
    for key, value in zip(keys, values, strict=True):
        ladder.setdefault(key.curve, {})[key.tenor] = _number(value)
    return ladder


def _number(value: float) -> float | None:
    """JSON has no NaN: a number that could not be made is null."""
    return float(value) + 0.0 if math.isfinite(value) else None  # + 0.0: no minus zero


def _totals(rows: Sequence[Json]) -> Json:
    """Sums by currency, ladders with them; failed trades are counted and in no sum."""
    totals: Json = {}
    for currency in dict.fromkeys(row["currency"] for row in rows):
        mine = [row for row in rows if row["currency"] == currency]
        total: Json = {"trades": len(mine)}
        sums = {n: added([(row["type"], row.get(n)) for row in mine], n) for n in TOTALS}
        total |= with_new_names(sums)
        for name in ("ladder_par", "krd"):
            total[name] = _added([row[name] for row in mine])
        totals[currency] = total
    return totals


def _added(ladders: Sequence[Json]) -> Json:
    first = ladders[0]
    return {
        curve: {tenor: float(sum(one[curve][tenor] for one in ladders)) for tenor in tenors}
        for curve, tenors in first.items()
    }
