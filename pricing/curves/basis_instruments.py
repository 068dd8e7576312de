"""Make the flows of quoted basis swaps: a floating leg plus the quote against another floating leg.

The legs are those of the product ``basis_swap`` at its conventions, so a trade at the quoted spread
is worth 0 on the curves that are made of it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from pricing.curves.quote_ids import Basis
from pricing.curves.rate_instruments import RateInstrument
from pricing.markets import conventions
from pricing.markets.conventions import BasisSwapConvention, CurveConvention
from pricing.products.cash_flows import Row
from pricing.products.period_rows import fixed_row
from pricing.products.swaps.basis_swap import BasisSwapTerms
from pricing.products.swaps.basis_swap_flows import BasisSwap, resolve_basis_swap


def basis_row(row: CurveConvention, made: Basis) -> BasisSwapConvention:
    """How the market quotes a basis swap of a curve's index.

    Raises:
        KeyError: No row of the market file says; ``quote_ids.check`` refuses such quotes.
    """
    found = conventions.basis_swap(str(row.index), made.other)
    if found is None:
        raise KeyError(made.other)
    return found


def make_basis_swap(
    row: BasisSwapConvention, start: dt.date, end: dt.date, *, indexed: bool
) -> RateInstrument:
    """A basis swap per unit of notional: receive the first leg and the quote, pay the second.

    Args:
        row: Which indices, and what pays the quote.
        start: Where it begins: a business day.
        end: Where it ends, unadjusted.
        indexed: True for indexed IBOR coupons, False for coupons at par.
    """
    terms = BasisSwapTerms(
        trade_id="quote",
        book="quotes",
        first_index=row.first_index,
        second_index=row.second_index,
        pay_receive="receive",
        notional=1.0,
        effective_date=start,
        termination_date=end,
    )
    swap = resolve_basis_swap(terms)
    rows: list[Row] = []
    for place, (leg, sign) in enumerate(zip(swap.legs, swap.signs, strict=True)):
        rows += [
            each._replace(scale=sign * each.scale, accrued=sign * each.accrued, amount=0.0)
            for each in leg.rows(terms, place=place, leg=place, indexed=indexed)
        ]
    last = max(max(each.pay, each.end) for each in rows)
    indices = (row.first_index, row.second_index)
    return RateInstrument(last, (*_spread_rows(row, swap), *rows), indices)


def _spread_rows(row: BasisSwapConvention, swap: BasisSwap) -> list[Row]:
    """Return what a quote of 1.0 pays."""
    payer = swap.legs[1 if row.spread_on == "second_leg" else 0]
    if row.spread_on == "fixed_leg":
        standard = swap.terms.rows[0]
        payer = replace(
            payer, frequency=standard.fixed_frequency, day_count=standard.fixed_day_count
        )
    made = (fixed_row(payer.rules, end, accrued) for (_, end), accrued in payer.periods(swap.terms))
    return [each._replace(amount=0.0) for each in made]
