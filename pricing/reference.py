"""Price trades by plain QuantLib, with curves rebuilt for every bump, on one market at a time.

The reference shares with the fast path only the schedules and legs that QuantLib makes of the terms
and the helpers that define a curve. Values, curves and differences are QuantLib's own. Tests and
the check of a sample of every frame compare the fast path with it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import QuantLib as ql

from pricing.arrays import FloatArray
from pricing.curves.curve_set import ONE_BP, CurveSet, set_date
from pricing.curves.fixings import Fixings
from pricing.curves.quotes import CurveOptions, CurveQuotes, shape_of
from pricing.errors import Failure, Matured, MissingCurve, MissingFixing, PricingError, Unpriceable
from pricing.kernel_arrays import Tables
from pricing.markets import conventions
from pricing.products import schedules
from pricing.products.flows import Instrument, InstrumentMarket, make_instrument
from pricing.products.registry import PRODUCTS
from pricing.products.terms import Terms

Curves = Mapping[str, ql.YieldTermStructure]
DAYS_AFTER = 3660
"""Days after its last node up to which a curve gives discount factors, at its last forward rate."""


@dataclass
class TradeRisk:
    """Measures of one trade, trade currency; names and signs as in ``BlockRisk``."""

    trade_id: str
    npv: float = float("nan")
    leg_npv: tuple[float, float] = (float("nan"), float("nan"))
    pv01: float = float("nan")
    ladder_par: FloatArray = field(default_factory=lambda: np.empty(0))
    krd: FloatArray = field(default_factory=lambda: np.empty(0))
    dv01_par: float = float("nan")
    dv01_zero: float = float("nan")
    gamma: float = float("nan")
    failure: Failure | None = None


class Reference:
    """One currency's market on one date, in plain QuantLib."""

    def __init__(
        self,
        today: dt.date,
        curves: CurveQuotes,
        fixings: Fixings | None = None,
        options: CurveOptions = CurveOptions(),
    ) -> None:
        """Build the curves at the given quotes; nothing is compiled."""
        self.today, self.options = today, options
        self.fixings = fixings or {}
        self.set = CurveSet(today, shape_of(curves), self.fixings, options)
        self.quotes = self.set.vector(curves)
        self.base = self.rebuild(self.quotes)
        self.handles = {name: ql.RelinkableYieldTermStructureHandle() for name in self.set.names}
        self.link(self.base)
        self.market = InstrumentMarket(today, options.indexed, self._handle, self.base)

    @classmethod
    def on_next_day(
        cls, today: dt.date, curves: CurveQuotes, fixings: Fixings, options: CurveOptions
    ) -> Reference:
        """Return the reference with the same quotes one calendar day later."""
        return cls(today + dt.timedelta(days=1), curves, fixings, options)

    def rebuild(self, quotes: FloatArray) -> Curves:
        """QuantLib's bootstrap at any quotes: real curves, not nodes.

        Curves whose nodes are not where their quotes end have no bootstrap, and monotone convex
        ones are not QuantLib's: they are this library's own solution. Instruments and trades are
        QuantLib's all the same.
        """
        if not self.set.has_bootstrap:
            return self._of_nodes(self.set.solve(quotes).x)
        x = self.set.bootstrap(quotes)
        made: dict[str, ql.YieldTermStructure] = {}
        for name, nodes, offset in zip(
            self.set.names, self.set.grid.curves, self.set.grid.offsets, strict=False
        ):
            days = [self.set.grid.today, *nodes.days.tolist()]
            factors = [1.0, *np.exp(x[offset : offset + len(nodes)]).tolist()]
            dates = [schedules.ql_of_day(day) for day in days]
            made[name] = _interpolated(dates, factors, nodes.interpolation)
        return made

    def _of_nodes(self, x: FloatArray) -> Curves:
        """Curves at solved nodes: log-linear between all days on which a forward rate may step.

        A curve of another interpolation is given a factor for every day.
        """
        made: dict[str, ql.YieldTermStructure] = {}
        for nodes, (dates, tables) in zip(self.set.grid.curves, self._days_of_nodes, strict=True):
            factors = self.set.grid.discount(tables, x).tolist()
            made[nodes.name] = _interpolated(dates, factors, "log_linear")
        return made

    @cached_property
    def _days_of_nodes(self) -> list[tuple[list[ql.Date], Tables]]:
        """The days of each curve of ``_of_nodes``, and how their factors depend on the nodes."""
        grid, made = self.set.grid, list[tuple[list[ql.Date], Tables]]()
        for place, nodes in enumerate(grid.curves):
            days = np.arange(grid.today, int(nodes.days[-1]) + DAYS_AFTER)
            if nodes.interpolation == "log_linear":
                turns = nodes.layout.turns.ravel() if nodes.layout is not None else days[:0]
                last = max(int(turns.max(initial=0)), int(nodes.days[-1])) + DAYS_AFTER
                steps = np.concatenate(([grid.today], nodes.days, turns, [last]))
                days = np.unique(steps[steps >= grid.today])
            dates = [schedules.ql_of_day(day) for day in days.tolist()]
            made.append((dates, grid.tables(np.full(len(days), place), days)))
        return made

    def link(self, curves: Curves) -> None:
        """Link every trade to these curves."""
        for name, curve in curves.items():
            self.handles[name].linkTo(curve)

    @contextmanager
    def history(self) -> Iterator[None]:
        """The fixings of the currency in QuantLib's process-wide store, and out again."""
        set_date(self.today)
        currencies = {conventions.CURVES[name].currency for name in self.set.names}
        indices = {
            name: schedules.make_index(row)
            for name, row in conventions.INDICES.items()
            if row.currency in currencies
        }
        try:
            for name, index in indices.items():
                _fill(index, self.fixings.get(name, {}), self.today)
            yield
        finally:
            for index in indices.values():
                index.clearFixings()  # a curve set puts back what it needs

    def price(self, book: Sequence[Terms], *, ladders: bool = True) -> list[TradeRisk]:
        """All measures of each trade; a failure is a value with a reason."""
        with self.history():
            priced = [self._unmatured(terms) for terms in book]
            alive = [(r, i) for r, i in priced if i is not None]
            for risk, instrument in alive:
                risk.npv, risk.leg_npv, risk.pv01 = instrument.values()
            self._parallel(alive)
            if ladders:
                self._ladders(alive)
            self.link(self.base)
        return [risk for risk, _ in priced]

    def instruments(self, book: Sequence[Terms]) -> list[tuple[TradeRisk, Instrument]]:
        """QuantLib's instruments of the trades that can be priced, within ``history``."""
        return [(r, i) for r, i in map(self._instrument, book) if i is not None]

    def values(self, book: Sequence[Terms]) -> list[float]:
        """Return the values alone; NaN where a trade cannot be priced."""
        with self.history():
            return [_value(i) if i else float("nan") for _, i in map(self._instrument, book)]

    def _unmatured(self, terms: Terms) -> tuple[TradeRisk, Instrument | None]:
        """The instrument of a trade; fails where its product does after the last payment."""
        risk, instrument = self._instrument(terms)
        fails = PRODUCTS[terms.product].fails_when_matured
        if fails and instrument and instrument.last_payment <= schedules.to_ql(self.today):
            error = Matured(instrument.last_payment.ISO())
            risk.failure = Failure(trade_id=terms.trade_id, code=error.code, message=str(error))
            return risk, None
        return risk, instrument

    def _instrument(self, terms: Terms) -> tuple[TradeRisk, Instrument | None]:
        risk = TradeRisk(terms.trade_id)
        try:
            instrument = make_instrument(terms, self.market)
            instrument.npv()  # a missing fixing or curve shows here
        except PricingError as error:
            risk.failure = Failure(trade_id=terms.trade_id, code=error.code, message=str(error))
            return risk, None
        except RuntimeError as error:
            known = _missing_fixing(str(error)) or Unpriceable(str(error))
            risk.failure = Failure(trade_id=terms.trade_id, code=known.code, message=str(known))
            return risk, None
        return risk, instrument

    def _handle(self, name: str) -> ql.YieldTermStructureHandle:
        if name not in self.handles:
            raise MissingCurve(name, ", ".join(self.set.names))
        return self.handles[name]

    def _parallel(self, alive: Sequence[tuple[TradeRisk, Instrument]]) -> None:
        ones = self.set.parallel(1.0)
        up, down = (self._at_quotes(alive, s * ONE_BP * ones) for s in (1.0, -1.0))
        base = np.array([r.npv for r, _ in alive])
        half = self._difference(partial(self._along, alive, ones))
        for (risk, _), u, d, b, slope in zip(alive, up, down, base, half, strict=True):
            risk.gamma, risk.dv01_par = float(u - 2.0 * b + d), float(slope)

    def _ladders(self, alive: Sequence[tuple[TradeRisk, Instrument]]) -> None:
        eye, keys = np.eye(len(self.quotes)), range(len(self.quotes))
        par = [self._difference(partial(self._along, alive, row)) for row in eye]
        krd = [self._difference(partial(self._under_tent, alive, key)) for key in keys]
        for number, (risk, _) in enumerate(alive):
            risk.ladder_par = np.array([column[number] for column in par])
            risk.krd = np.array([column[number] for column in krd])
            risk.dv01_zero = float(risk.krd.sum())

    def _difference(self, values: Callable[[float], FloatArray]) -> FloatArray:
        """Return what a fall of 1 bp earns: central differences over 1 and 2 bp, extrapolated.

        The third-order term of a central difference, (T x 1 bp)^2 / 6, cancels; see
        ``measures``. Slopes of curves that are not linear jump: differences over 1 bp would average
        those of both sides, so they are over a thousandth of it.
        """
        size = ONE_BP if self.set.grid.is_linear else ONE_BP / 1000.0
        one = (values(-size) - values(size)) / 2.0
        two = (values(-2.0 * size) - values(2.0 * size)) / 4.0
        return (4.0 * one - two) / 3.0 * (ONE_BP / size)

    def _along(
        self, alive: Sequence[tuple[TradeRisk, Instrument]], direction: FloatArray, shift: float
    ) -> FloatArray:
        return self._at_quotes(alive, shift * direction)

    def _at_quotes(
        self, alive: Sequence[tuple[TradeRisk, Instrument]], shift: FloatArray
    ) -> FloatArray:
        self.link(self.rebuild(self.quotes + shift))
        return np.array([i.npv() for _, i in alive])

    def _under_tent(
        self, alive: Sequence[tuple[TradeRisk, Instrument]], key: int, shift: float
    ) -> FloatArray:
        name = self.set.keys[key].curve
        place = self.set.names.index(name)
        nodes, offset = self.set.grid.curves[place], self.set.grid.offsets[place]
        ends, keys = nodes.days.tolist(), list(range(len(nodes.days)))
        if nodes.layout is not None:
            ends, keys = nodes.layout.ends.tolist(), nodes.layout.keys.tolist()
        dates = [schedules.ql_of_day(ends[i]) for i in keys]
        spreads = [
            ql.QuoteHandle(ql.SimpleQuote(shift if offset + i == key else 0.0)) for i in keys
        ]
        self.link(self.base)
        self.handles[name].linkTo(_tented(self.base[name], spreads, dates))
        return np.array([i.npv() for _, i in alive])


def _value(instrument: Instrument) -> float:
    return instrument.npv()


def _fill(index: ql.IborIndex, fixings: Mapping[dt.date, float], today: dt.date) -> None:
    index.clearFixings()
    known = [(schedules.to_ql(d), r) for d, r in fixings.items() if d <= today]
    known = [(d, r) for d, r in known if index.isValidFixingDate(d)]
    if known:
        index.addFixings([d for d, _ in known], [r for _, r in known], True)


def _interpolated(
    dates: list[ql.Date], factors: list[float], interpolation: str
) -> ql.DiscountCurve:
    make = {
        "log_linear": ql.DiscountCurve,
        "natural_log_cubic": ql.NaturalLogCubicDiscountCurve,
    }[interpolation]
    curve = make(dates, factors, ql.Actual365Fixed())
    curve.enableExtrapolation()
    return curve


def _tented(
    base: ql.YieldTermStructure, spreads: list[ql.QuoteHandle], dates: list[ql.Date]
) -> ql.YieldTermStructure:
    """QuantLib's own linear spread on continuous zero rates, flat outside."""
    handle = ql.YieldTermStructureHandle(base)
    if len(dates) == 1:
        curve = ql.ZeroSpreadedTermStructure(handle, spreads[0], ql.Continuous)
    else:
        curve = ql.SpreadedLinearZeroInterpolatedTermStructure(handle, spreads, dates)
    curve.enableExtrapolation()
    return curve


def _missing_fixing(text: str) -> MissingFixing | None:
    """QuantLib says 'Missing SOFRON Actual/360 fixing for February 7th, 2025'."""
    if "Missing" not in text or "fixing for" not in text:
        return None
    head, _, date = text.partition(" fixing for ")
    name = head.split("Missing ")[1].split()[0]
    row = next((r for r in conventions.INDICES if name.upper().startswith(r.upper())), name)
    return MissingFixing(row, _iso(date.strip()))


def _iso(date: str) -> str:
    """QuantLib's 'February 7th, 2025' as 2025-02-07."""
    plain = re.sub(r"(\d+)(st|nd|rd|th)", r"\1", date)
    return dt.datetime.strptime(plain, "%B %d, %Y").date().isoformat()  # noqa: DTZ007
