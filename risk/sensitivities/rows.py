"""Standard sensitivities of frames: CRIF rows, and the charge for GIRR delta by desk.

A row is the sensitivity of a desk or book to one tenor of one curve, (V(+1 bp) - V) / 0.0001, in
the currency of the curve. It is -10,000 times the DV01 of the frame's ladder, which is mapped to
the tenors of ``pricing.frtb.vertices``; sums of rows are -10,000 times sums of the ladder. Basis
spreads are no rates of a curve: entries of the par ladder to them are left out, as DV01 leaves them
out. The ladder of zero rates has the risk of each curve by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.basis_quotes import outright
from pricing.curves.quotes import QuoteId
from pricing.frtb.girr_delta import GirrDelta, girr_delta
from pricing.frtb.vertices import PER_DV01, VERTICES, shares, years_of
from pricing.markets.calendars import day_of
from risk.queries.portfolio import conversion
from risk.store.results import Rollup

Ladder = Literal["zero", "par"]
LADDERS: dict[Ladder, str] = {"zero": "krd", "par": "ladder_par"}
"""Ladders of a frame by their name in requests: tents on zero rates, or calibrating quotes."""

PORTFOLIOS = ("desk", "book")
RISK_TYPE = "GIRR_DELTA"
COLUMNS = (
    *("PortfolioID", "ProductClass", "RiskType", "Qualifier", "Bucket", "Label1", "Label2"),
    *("Amount", "AmountCurrency", "AmountUSD", "ValuationDate", "Ladder"),
)
"""Columns of the Common Risk Interchange Format, followed by the date and the mapped ladder."""

Json = dict[str, Any]


class Portfolio(NamedTuple):
    """A desk or book in one currency."""

    name: str
    currency: str


Sensitivities = dict[Portfolio, dict[str, FloatArray]]
"""By portfolio and curve: sensitivities at ``VERTICES``; the curve's currency; shape (10,)."""


def sensitivities(
    rollups: Sequence[Rollup],
    ladder: Ladder,
    by: str = "desk",
    desks: Collection[str] | None = None,
) -> Sensitivities:
    """The sensitivities of some frames, one of each currency.

    Args:
        rollups: The frames.
        ladder: Which ladder is mapped.
        by: One of ``PORTFOLIOS``.
        desks: Only these; None for all.
    """
    found: Sensitivities = {}
    for rollup in rollups:
        keys = [QuoteId(curve, tenor) for curve, tenor in rollup.keys]
        days = rollup.node_days or [0] * len(keys)
        share = shares(years_of(keys, days, day_of(rollup.valuation_date)))
        curves = np.array([key.curve for key in keys])
        if ladder == "par":
            share[~outright(keys)] = 0.0
        for cell in rollup.cells:
            if desks is not None and cell.desk not in desks:
                continue
            dv01 = np.array(getattr(cell, LADDERS[ladder]))
            mine = found.setdefault(Portfolio(getattr(cell, by), rollup.currency), {})
            for curve in dict.fromkeys(curves.tolist()):
                of_curve = curves == curve
                row = PER_DV01 * (dv01[of_curve] @ share[of_curve])
                mine[curve] = mine[curve] + row if curve in mine else row
    return found


def crif(
    rollups: Sequence[Rollup],
    ladder: Ladder,
    by: str = "desk",
    desks: Collection[str] | None = None,
) -> list[Json]:
    """CRIF rows; what is exactly 0 has none. ``AmountUSD`` is None without an exchange rate.

    ``Label1`` is the tenor in years, ``Label2`` the name of the curve. Arguments as of
    ``sensitivities``.
    """
    of = {rollup.currency: rollup for rollup in rollups}
    found = sensitivities(rollups, ladder, by, desks)
    return [
        row
        for portfolio in sorted(found)
        for row in _rows(portfolio, found[portfolio], of[portfolio.currency], ladder)
    ]


def _rows(
    portfolio: Portfolio, curves: dict[str, FloatArray], rollup: Rollup, ladder: Ladder
) -> Iterator[Json]:
    usd = 1.0 if portfolio.currency == "USD" else rollup.fx.get(portfolio.currency)
    for curve, amounts in curves.items():
        for years, amount in zip(VERTICES, amounts.tolist(), strict=True):
            if amount:
                cells = (
                    *(portfolio.name, "", RISK_TYPE, portfolio.currency, "", f"{years:g}", curve),
                    *(amount, portfolio.currency, None if usd is None else usd * amount),
                    *(rollup.valuation_date, ladder),
                )
                yield dict(zip(COLUMNS, cells, strict=True))


def charges(
    rollups: Sequence[Rollup],
    ladder: Ladder,
    reporting: str,
    desks: Collection[str] | None = None,
) -> Json:
    """The charge of each desk by itself, and of all of them together.

    Args:
        rollups: The frames, one of each currency.
        ladder: Which ladder is mapped.
        reporting: The bank's reporting currency; amounts are converted by each frame's own FX.
        desks: Only these; None for all. The total is then of these.

    Raises:
        ValueError: A frame has no exchange rate of its currency or of the reporting one.
    """
    factors = {rollup.currency: conversion(rollup, reporting) for rollup in rollups}
    by_desk: dict[str, dict[str, dict[str, FloatArray]]] = {}
    for portfolio, curves in sensitivities(rollups, ladder, "desk", desks).items():
        factor = factors[portfolio.currency]
        converted = {curve: factor * row for curve, row in curves.items()}
        by_desk.setdefault(portfolio.name, {})[portfolio.currency] = converted
    whole: dict[str, dict[str, FloatArray]] = {}
    for currencies in by_desk.values():
        for currency, curves in currencies.items():
            mine = whole.setdefault(currency, {})
            for curve, row in curves.items():
                mine[curve] = mine[curve] + row if curve in mine else row
    return {
        "total": _charge(girr_delta(whole, reporting)),
        "desks": [
            {"desk": desk, **_charge(girr_delta(by_desk[desk], reporting))}
            for desk in sorted(by_desk)
        ],
    }


def _charge(found: GirrDelta) -> Json:
    return {
        "charge": found.charge,
        "scenario": found.scenario,
        "scenarios": {
            name: {
                "charge": one.charge,
                "currencies": [
                    {"currency": currency, "charge": bucket.charge, "net": bucket.net}
                    for currency, bucket in sorted(one.buckets.items())
                ],
            }
            for name, one in found.scenarios.items()
        },
    }


def stamp(rollup: Rollup) -> Json:
    """Return what an answer says of a frame that it is from."""
    return {
        "currency": rollup.currency,
        "frame": rollup.frame,
        "as_of": rollup.as_of,
        "valuation_date": rollup.valuation_date,
        "book_version": rollup.book_version,
        "curve_version": rollup.curve_version,
        "priced": rollup.priced,
        "total": rollup.trades,
        "fx_usd": rollup.fx.get(rollup.currency),
    }
