"""The market and the trades of ``quantlib_script.py`` in our own terms, netted and ready."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.quotes import CurveQuotes, shape_of
from pricing.markets.calendars import day_of
from pricing.measures.groups import GroupSums, make_ready_groups, price_groups
from pricing.measures.netting import NettedBlock, net
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.products.cash_flows import make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade
from pricing.scenarios.revaluation import ReadyRevaluation, ready_groups
from tests.pricing.scenarios.quantlib_script import NOTIONAL

TODAY = dt.date(2024, 3, 5)
SPOT = dt.date(2024, 3, 7)
QUOTES: CurveQuotes = {
    "EUR-GOVT": {"1Y": 0.033, "2Y": 0.028, "5Y": 0.0242, "10Y": 0.0241, "30Y": 0.0255},
    "EUR-ESTR": {"1Y": 0.0352, "2Y": 0.0295, "5Y": 0.0251, "10Y": 0.0248, "30Y": 0.0229},
    "EUR-EURIBOR6M": {"1Y": 0.0371, "2Y": 0.0317, "5Y": 0.0274, "10Y": 0.0267, "30Y": 0.0242},
}
NAMES = ("ois", "swap", "bond")


def trades() -> list[SwapTerms | BondTerms]:
    return [
        SwapTerms(
            trade_id="ois",
            book="ois",
            convention="EUR-ESTR-OIS",
            pay_receive="receive",
            notional=NOTIONAL,
            effective_date=SPOT,
            termination_date=dt.date(2034, 3, 7),
            fixed_rate=0.027,
        ),
        SwapTerms(
            trade_id="swap",
            book="swap",
            convention="EUR-EURIBOR-6M",
            pay_receive="pay",
            notional=NOTIONAL,
            effective_date=SPOT,
            termination_date=dt.date(2031, 3, 7),
            fixed_rate=0.029,
        ),
        BondTerms(
            trade_id="bond",
            book="bond",
            convention="DE-BUND",
            face_amount=NOTIONAL,
            issue_date=dt.date(2024, 1, 12),
            maturity_date=dt.date(2034, 2, 15),
            coupon_rate=0.022,
            z_spread_bp=0.0,
        ),
    ]


@dataclass
class Market:
    curves: CurveSet
    solved: Solved
    dated: DatedBlock
    netted: NettedBlock
    ready: ReadyRevaluation

    def sums(self) -> GroupSums:
        ready = make_ready_groups(self.netted, self.curves.grid)
        return price_groups(ready, self.curves, self.solved)

    def place(self, book: str) -> int:
        return [name for name, _ in self.netted.groups].index(book)

    def quotes_moved(self, move: np.ndarray) -> CurveQuotes:
        """The market with the quotes of ``curves.keys`` moved, decimal."""
        made = {name: dict(rates) for name, rates in QUOTES.items()}
        for key, by in zip(self.curves.keys, move, strict=True):
            made[key.curve][key.tenor] += by
        return made


def market() -> Market:
    curves = CurveSet(TODAY, shape_of(QUOTES), {})
    solved = curves.solve(curves.vector(QUOTES))
    block = make_block([compile_trade(terms, indexed=False) for terms in trades()])
    dated = roll_to(block, day_of(TODAY), {}, curves.names)
    netted = net(dated, curves.names)
    return Market(curves, solved, dated, netted, ready_groups(netted, curves.grid))
