"""Run with MARKETS_DIR set: compile and price trades of all kinds; print what came out as JSON.

The first argument is the currency to price: swaps and bonds of its conventions, on the fast path
and by QuantLib.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sys

import numpy as np

from pricing.curves.fixings import public_on
from pricing.curves.quotes import CurveOptions
from pricing.markets import conventions
from pricing.products.cash_flows import make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade
from pricing.products.terms import Terms
from pricing.reference import Reference
from risk.compiler.parallel_compile import name_of
from risk.store.compiled_book_store import decode_block, encode_block
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced

TODAY = dt.date(2025, 2, 10)


def book_of(currency: str) -> list[Terms]:
    made: list[Terms] = []
    for name, swap in conventions.SWAPS.items():
        if swap.currency == currency:
            made += [_swap(name, start) for start in (TODAY, dt.date(2024, 11, 8))]
    for name, bond in conventions.BONDS.items():
        if bond.currency in (currency, None):
            made.append(_bond(name, currency))
    return made


def _swap(convention: str, start: dt.date) -> SwapTerms:
    return SwapTerms(
        trade_id=f"{convention} {start}",
        book="book",
        convention=convention,
        pay_receive="receive",
        notional=sample_markets.NOTIONAL,
        effective_date=start,
        termination_date=dt.date(2032, 5, 10),
        fixed_rate=0.031,
    )


def _bond(convention: str, currency: str) -> BondTerms:
    return BondTerms(
        trade_id=convention,
        book="book",
        convention=convention,
        currency=currency,
        face_amount=sample_markets.NOTIONAL,
        issue_date=dt.date(2020, 6, 15),
        maturity_date=dt.date(2033, 6, 15),
        coupon_rate=0.0425,
        z_spread_bp=12.0,
    )


def main() -> None:
    """Print names and bytes of USD's trades, and values of the currency that is asked for."""
    currency = sys.argv[1]
    usd = book_of("USD")
    blob = encode_block(make_block([compile_trade(terms) for terms in usd]))
    book, quotes = book_of(currency), sample_markets.curves_of(currency, 0.025, 0.008, -0.003)
    block = make_block([compile_trade(terms) for terms in book])
    known = sample_markets.fixings_until(TODAY)
    fixings = {n: public_on(conventions.INDICES[n], r, TODAY) for n, r in known.items()}
    fast = priced(block, TODAY, quotes, fixings)
    slow = Reference(TODAY, quotes, fixings, CurveOptions()).price(book)
    again = decode_block(encode_block(block))
    print(
        json.dumps(
            {
                "currencies": conventions.CURRENCIES,
                "usd_names": [name_of(terms, indexed=False).hex() for terms in usd],
                "usd_block": hashlib.sha256(blob).hexdigest(),
                "trades": [terms.trade_id for terms in book],
                "npv": fast.risk.npv.tolist(),
                "dv01_par": fast.risk.dv01_par.tolist(),
                "reference_npv": [risk.npv for risk in slow],
                "reference_dv01_par": [float(np.sum(risk.ladder_par)) for risk in slow],
                "failures": [str(failure) for failure in fast.risk.failures],
                "same_after_decoding": encode_block(again) == encode_block(block),
                "public": {n: max(rates).isoformat() for n, rates in fixings.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
