"""What a run of the scenarios publishes: P&Ls of groups by scenario, and what they were made from.

Answers of any scope are sums of groups, so a reader adds up what its user may see. Processes that
read results load neither QuantLib nor numba.
"""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np

from pricing.arrays import FloatArray


class ScenarioHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a stress scenario is; ``source`` says where its numbers are from."""

    name: str
    title: str
    set_name: str
    space: str
    source: str = ""


class GroupHead(msgspec.Struct, frozen=True, kw_only=True):
    """A book and product of a currency, with its trades and how many of them have no number."""

    book: str
    product: str
    desk: str
    trades: int
    failed: int


class CurrencyScenarios(msgspec.Struct, frozen=True, kw_only=True):
    """P&Ls of one currency's groups, in its own money.

    Attributes:
        frame: The frame that the quotes and the book are of.
        as_of: The market's time of that frame.
        valuation_date: Its date.
        book_version: Its book.
        published_ns: When its sums were published.
        usd: US dollars per unit by the frame's own FX; None when it has none.
        groups: The g groups.
        stress: P&L by stress scenario, float64; shape (g, scenarios).
        delta: The same by ladders alone, an approximation.
        delta_gamma: The same with the second order along the move, an approximation.
        stress_reasons: Why a scenario has no P&L, by its place.
        historical: P&L by day, float64; shape (g, days).
        by_curve: P&L of the moves of one curve alone on ``tail_days``; shape (g, tail days).
        historical_reasons: Why a day has no P&L, by its place.
        holidays: Days on which the currency has no close.
        interpolated: Moves that were made of neighbouring tenors.
        proxies: Curves without an own history, and what stands in for each.
        without: Curves that have neither history nor proxy; they move by 0.
        unmatched: Curves and key rates that scenarios name and the market does not quote.
        keys: Curve and quote of the k quotes that the run started from.
        years: Time from the valuation date to the end of each, Act/365F, float64; shape (k,).
        quotes: The quotes, decimal, float64; shape (k,).
        zero_rates: Continuous zero rate at the end of each, decimal, float64; shape (k,).
        moves: What each stress scenario adds to the quotes, or to the zero rates where that is its
            space; basis points, float64; shape (scenarios, k). NaN where it is not defined for the
            currency.
    """

    currency: str
    frame: int
    as_of: dt.datetime
    valuation_date: dt.date
    book_version: str
    published_ns: int
    usd: float | None
    groups: list[GroupHead]
    stress: bytes = b""
    delta: bytes = b""
    delta_gamma: bytes = b""
    stress_reasons: dict[int, str] = {}
    historical: bytes = b""
    by_curve: dict[str, bytes] = {}
    historical_reasons: dict[int, str] = {}
    holidays: int = 0
    interpolated: int = 0
    proxies: dict[str, str] = {}
    without: list[str] = []
    unmatched: dict[str, list[str]] = {}
    keys: list[tuple[str, str]] = []
    years: bytes = b""
    quotes: bytes = b""
    zero_rates: bytes = b""
    moves: bytes = b""

    def moves_bp(self, scenario: int) -> FloatArray:
        """What a stress scenario moves each key by, in basis points; shape (k,)."""
        rows = np.frombuffer(self.moves, dtype=np.float64).reshape(-1, len(self.keys))
        return np.asarray(rows[scenario])

    def matrix(self, raw: bytes) -> FloatArray:
        """One of the tables; shape (groups, columns)."""
        if not self.groups:
            return np.empty((0, 0))
        return np.frombuffer(raw, dtype=np.float64).reshape(len(self.groups), -1)


class ScenarioFrame(msgspec.Struct, frozen=True, kw_only=True):
    """All results of one run.

    Attributes:
        number: Milliseconds since 1970 when the run began; only rises.
        started_ns: When the run began.
        finished_ns: When it ended.
        worker: The process that made it.
        every_s: The cadence that runs are made at.
        scenarios: Stress scenarios, the columns of ``stress``.
        days: Days of the historical scenarios, the columns of ``historical``.
        kind: ``absolute`` or ``relative`` moves.
        left_out: Days of the range that are no scenario, and why.
        tail_days: Places of the days that P&Ls by curve are given for.
        currencies: Results by currency.
        unavailable: Why a currency with a published frame has no results.
        no_history: Why there are no historical scenarios; empty when there are.
    """

    number: int
    started_ns: int
    finished_ns: int
    worker: str
    every_s: float
    scenarios: list[ScenarioHead]
    days: list[dt.date]
    kind: str
    left_out: dict[str, str]
    tail_days: list[int]
    currencies: dict[str, CurrencyScenarios]
    unavailable: dict[str, str] = {}
    no_history: str = ""
