"""Questions of what-if to the preview worker, and its answers. JSON, as all tasks are.

The web process reads and checks entries, and knows the sums of the frame; the worker prices what is
new and what would go, on the quotes of that frame. Importing this module loads no QuantLib.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from pricing.curves.quotes import CurveQuotes
from pricing.errors import Failure

PRICE_TASK = "risk.what_if.tasks.price_what_if"
HEDGE_TASK = "risk.what_if.tasks.find_hedge"


class NewTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade as it would be.

    ``solve`` names a field of the terms that the market has to give; its value in ``terms`` is a
    placeholder.
    """

    product: str
    terms: dict[str, Any]
    solve: str = ""


class OldTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade as it is in the compiled book, in row ``row`` of block ``block``."""

    trade_id: str
    block: int
    row: int


class VarScenarios(msgspec.Struct, frozen=True, kw_only=True):
    """The historical scenarios of a run: entries are revalued at the same ones.

    Attributes:
        currencies: Whose stored closes make the days.
        days: The days.
        kind: ``absolute`` or ``relative`` moves.
        curves: By currency, the quotes that the run started from.
    """

    currencies: list[str]
    days: list[dt.date]
    kind: str
    curves: dict[str, CurveQuotes]


class WhatIfMarket(msgspec.Struct, frozen=True, kw_only=True):
    """The trades of one currency, on the quotes and the book version of its frame."""

    currency: str
    valuation_date: dt.date
    curves: CurveQuotes
    book_version: str
    new: list[NewTrade] = []
    old: list[OldTrade] = []


class WhatIfQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What to price; the answer is put under ``answer_key``.

    With ``scenarios``, trades have their P&L in each of them too.
    """

    answer_key: str
    markets: list[WhatIfMarket]
    scenarios: VarScenarios | None = None


class TradeNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one trade in its currency, or why there are none.

    Attributes:
        trade_id: Its name.
        values: The measures that have sums, by name; None where the product has none, or where it
            could not be made.
        ladder_par: DV01 by quote, in the order of the market's ``keys``.
        krd: The same under tents on zero rates.
        notional: Present size, unsigned.
        solved: What the market gave, by column of the security master, rounded as it is stored.
        failure: Why there are no numbers.
        historical: P&L in each historical scenario, float64; empty where nobody asked.
    """

    trade_id: str
    values: dict[str, float | None] = {}
    ladder_par: list[float] = []
    krd: list[float] = []
    notional: float = 0.0
    solved: dict[str, float] = {}
    failure: Failure | None = None
    historical: bytes = b""


class PricedMarket(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one currency; ``failure`` when it could not be priced at all.

    ``no_scenarios`` says why its trades have no P&L in the scenarios that were asked for.
    """

    currency: str
    keys: list[tuple[str, str]] = []
    new: list[TradeNumbers] = []
    old: list[TradeNumbers] = []
    failure: Failure | None = None
    no_scenarios: str = ""


class WhatIfAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A market for each of the question."""

    markets: list[PricedMarket]


class HedgeInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """What may be traded.

    Attributes:
        name: As it was asked for, such as ``USD 10Y``.
        trade: The trade of ``size`` units, received or bought.
        size: Notional, face or contracts of ``trade``.
        cost_bp: Of trading, in bp of rate: times the DV01 of the trade.
        lot: Units that can be traded at once; 0: any size.
        limit: Most units; None: a limit that no sensible hedge reaches.
    """

    name: str
    trade: NewTrade
    size: float
    cost_bp: float = 0.0
    lot: float = 0.0
    limit: float | None = None


class HedgeQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A ladder to flatten.

    Attributes:
        answer_key: Where the answer is put.
        market: The currency, without trades.
        instruments: What may be traded.
        ladder: ``ladder_par`` or ``krd``.
        exposure: The ladder, in the order of the market's keys.
        buckets: Places of the keys to flatten.
        total: True flattens the sum of the buckets, not each.
        tolerance: What may be left in each of them, money.
        objective: Of ``pricing.hedging.program``.
        time_limit_s: Of each program.
    """

    answer_key: str
    market: WhatIfMarket
    instruments: list[HedgeInstrument]
    ladder: str
    exposure: list[float]
    buckets: list[int]
    total: bool
    tolerance: float
    objective: str
    time_limit_s: float


class HedgeTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument of an answer; ``ladder`` is of the trade, in the order of the keys."""

    instrument: int
    size: float
    notional: float
    cost: float
    solved: dict[str, float]
    ladder: list[float]


class BucketHedge(msgspec.Struct, frozen=True, kw_only=True):
    """The hedge of a bucket by one instrument alone; ``instrument`` is None where none moves it.

    ``left`` is the sum of absolute values of all buckets with it.
    """

    bucket: int
    instrument: int | None
    size: float
    left: float


class HedgeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The trades that flatten a ladder, and what they leave.

    Attributes:
        status: Of ``pricing.hedging.program.Hedge``.
        gap: Of mixed-integer programs.
        took_ms: Of the programs alone.
        trades: Instruments with a size.
        left: The whole ladder with them, in the order of the keys.
        notional: Of all trades.
        cost: Of all trades, money.
        each: One instrument for each bucket to flatten.
        unpriced: By place, instruments that could not be priced, and why.
    """

    status: str
    gap: float
    took_ms: float
    trades: list[HedgeTrade]
    left: list[float]
    notional: float
    cost: float
    each: list[BucketHedge]
    unpriced: dict[str, Failure]
