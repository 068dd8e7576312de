"""Build view models in US dollars from the markets and the selection. No clock, no Redis.

Money is converted with the FX rates of its own frame. A currency whose frame has no FX rate is
left out of all sums and listed in ``excluded``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from dashboard import format
from dashboard.blotter import Trades
from dashboard.data import Market, Sample
from pricing.curves.quotes import quote_order
from pricing.markets.conventions import CURVES
from pricing.products.registry import PRODUCT_NAMES
from risk.store.results import BookProductTotals, HistoryLine, Rollup

Measure = Literal["npv", "dv01_par", "dv01_zero", "gamma", "pv01"]
Remembered = Literal["npv", "dv01_par"]
LadderName = Literal["krd", "ladder_par"]
Group = Literal["Ccy", "Desk", "Type", "Book"]

NO_DESK = "(no desk)"

ALL, OIS, GOVT, PROJECTION, OTHER = "All", "OIS", "Govt", "Projection", "Other"
FAMILIES = {"ois": OIS, "ibor": PROJECTION, "par_yield": GOVT, "zero": GOVT}
SAME_TENOR = {"12M": "1Y", "24M": "2Y", "36M": "3Y"}

SPARK_POINTS = 80
RECENT_FRAMES = 300


@dataclass(frozen=True)
class Choice:
    """The currencies, desks and products that the filters select."""

    currencies: tuple[str, ...]
    products: tuple[str, ...] = PRODUCT_NAMES
    desk: str | None = None

    @property
    def all_products(self) -> bool:
        """Return whether all products are selected."""
        return set(self.products) == set(PRODUCT_NAMES)

    @property
    def whole(self) -> bool:
        """Every trade of the chosen currencies."""
        return self.desk is None and self.all_products

    def takes(self, desk: str, product: str) -> bool:
        """Return whether a cell or trade passes the filters."""
        return product in self.products and self.desk in (None, desk or NO_DESK)

    def cells(self, rollup: Rollup) -> list[BookProductTotals]:
        """The cells of a frame that pass."""
        return [cell for cell in rollup.cells if self.takes(cell.desk, cell.product)]

    def markets(self, markets: Mapping[str, Market]) -> list[Market]:
        """The chosen currencies that there are."""
        return [markets[name] for name in self.currencies if name in markets]


# --- Sums ------------------------------------------------------------------------------------


def excluded(markets: Iterable[Market]) -> list[str]:
    """Currencies that cannot be converted, and so are in no sum."""
    return [market.currency for market in markets if market.usd is None]


def convertible(markets: Iterable[Market]) -> list[tuple[Market, float]]:
    """Markets with their US dollars per unit."""
    return [(market, market.usd) for market in markets if market.usd is not None]


def total(markets: Sequence[Market], choice: Choice, measure: Measure) -> float | None:
    """A sum in US dollars; None when no trade passes or nothing can be converted."""
    found = [
        rate * getattr(cell, measure)
        for market, rate in convertible(markets)
        for cell in choice.cells(market.rollup)
    ]
    return math.fsum(found) if found else None


def trade_counts(markets: Sequence[Market], choice: Choice) -> tuple[int, int]:
    """Trades and failed ones; those that did not compile are in no cell, only in the whole."""
    if choice.whole:
        rollups = [market.rollup for market, _ in convertible(markets)]
        return sum(r.trades for r in rollups), sum(r.trades - r.priced for r in rollups)
    cells = [cell for market, _ in convertible(markets) for cell in choice.cells(market.rollup)]
    return sum(cell.trades for cell in cells), sum(cell.failed for cell in cells)


def npv_change(market: Market, choice: Choice) -> float | None:
    """NPV now less NPV at the opening, in the market's currency; None: nothing compares."""
    if market.opening is None:
        return None
    now = math.fsum(cell.npv for cell in choice.cells(market.rollup))
    if choice.whole:
        return now - market.opening.line.npv
    return now - math.fsum(cell.npv for cell in choice.cells(market.opening.rollup))


@dataclass(frozen=True)
class Change:
    """NPV change in US dollars since the opening; None, with a reason, if it cannot be computed."""

    usd: float | None
    note: str


def change(markets: Sequence[Market], choice: Choice) -> Change:
    """The sum of NPV changes at today's FX: FX moves are not in it."""
    usable = convertible(markets)
    lost = [market.currency for market, _ in usable if market.opening is None]
    if lost or not usable:
        names = ", ".join(lost) or "any currency"
        return Change(None, f"No comparable opening frame of {names}: part of it is missing.")
    amounts = [(npv_change(market, choice) or 0.0) * rate for market, rate in usable]
    return Change(math.fsum(amounts), _since(usable, choice))


def _since(usable: Sequence[tuple[Market, float]], choice: Choice) -> str:
    found = {
        market.currency: market.opening.since(by_book=not choice.whole)
        for market, _ in usable
        if market.opening is not None
    }
    if len(set(found.values())) == 1:
        return f"Open: {next(iter(found.values()))}."
    return " ".join(f"{name} open: {words}." for name, words in found.items())


# --- Series ----------------------------------------------------------------------------------


def series(
    markets: Sequence[Market], choice: Choice, measure: Remembered, *, day: bool = False
) -> list[float]:
    """A total in US dollars over time at today's FX, for a sparkline.

    Only frames with as many trades, as many of them priced: a booked trade, or bonds whose spread
    is not solved yet, would draw a jump that no market made. With ``day`` only since the
    opening. A filter on trades has only what this screen saw.
    """
    lines = {
        market.currency: [(t, v * rate) for t, v in _points(market, choice, measure, day=day)]
        for market, rate in convertible(markets)
    }
    return thinned(summed_over_time(lines))


def _points(
    market: Market, choice: Choice, measure: Remembered, *, day: bool
) -> list[tuple[int, float]]:
    opening = market.opening
    start = opening.line.published_ns if day and opening is not None else 0
    found: Sequence[HistoryLine | Sample] = market.history if choice.whole else market.samples
    points = [
        (line.published_ns, _remembered(line, choice, measure))
        for line in found
        if line.status == "COMPLETE" and line.published_ns >= start and market.compares(line.frame)
    ]
    return [(when, value) for when, value in points if math.isfinite(value)]


def _remembered(line: HistoryLine | Sample, choice: Choice, measure: Remembered) -> float:
    if isinstance(line, HistoryLine):
        return line.npv if measure == "npv" else line.dv01_par
    cells = line.npv if measure == "npv" else line.dv01_par
    return sum(v for (desk, _, product), v in cells.items() if choice.takes(desk, product))


def summed_over_time(lines: Mapping[str, Sequence[tuple[int, float]]]) -> list[float]:
    """Return the sum of step functions, from the time when all have begun."""
    events = sorted((t, name, value) for name, points in lines.items() for t, value in points)
    last: dict[str, float] = {}
    sums = []
    for _, name, value in events:
        last[name] = value
        if len(last) == len(lines):
            sums.append(math.fsum(last.values()))
    return sums


def thinned(values: Sequence[float], points: int = SPARK_POINTS) -> list[float]:
    """Thin a series evenly to that many values, keeping the last; [] when it is constant."""
    if not values or max(values) - min(values) <= 1e-9 * max(map(abs, values)):
        return []
    step = max(1, -(-len(values) // points))
    return list(values[::-1][::step])[::-1]


@dataclass(frozen=True)
class Latency:
    """Tick to published risk in milliseconds over the last frames of the chosen currencies."""

    frames: int
    p50: float | None
    p95: float | None
    p99: float | None
    recent: list[float]


def latency(markets: Sequence[Market]) -> Latency:
    """Percentiles of what was measured; frames whose tick carried no time are left out."""
    lines = sorted(
        (line.published_ns, line.tick_to_published_ms)
        for market in markets
        for line in market.history[-RECENT_FRAMES:]
        if math.isfinite(line.tick_to_published_ms)
    )
    values = [ms for _, ms in lines]
    p50, p95, p99 = (percentile(values, p) for p in (50, 95, 99))
    return Latency(len(values), p50, p95, p99, values[-SPARK_POINTS:])


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the percentile by nearest rank; None for an empty list."""
    if not values:
        return None
    rank = max(1, math.ceil(percent / 100 * len(values)))
    return sorted(values)[rank - 1]


# --- Ladders ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ladder:
    """US dollars per bp by tenor: one row of numbers per currency, in the tenors' order."""

    tenors: list[str]
    rows: dict[str, list[float]]

    @property
    def net(self) -> list[float]:
        """The sum over currencies."""
        return [math.fsum(column) for column in zip(*self.rows.values(), strict=True)]

    def table(self) -> list[tuple[str, list[float]]]:
        """Exact numbers: tenors down, currencies across and then their net; the sums last."""
        columns = [*self.rows.values(), self.net]
        lines = [(tenor, [c[n] for c in columns]) for n, tenor in enumerate(self.tenors)]
        return [*lines, ("Sum", [math.fsum(column) for column in columns])]


def family_of(curve: str) -> str:
    """OIS, Govt or Projection, by how the curve's quotes are read."""
    row = CURVES.get(curve)
    return FAMILIES[row.quotes] if row else OTHER


def tenor_name(tenor: str) -> str:
    """One name for tenors of the same length: 12M is 1Y."""
    return SAME_TENOR.get(tenor, tenor)


def ladder(
    markets: Sequence[Market], choice: Choice, name: LadderName, family: str = ALL
) -> Ladder:
    """A ladder over the curves of a family, by exact tenor; every tenor there is."""
    rows = {
        market.currency: _ladder_row(market.rollup, choice, name, family, rate)
        for market, rate in convertible(markets)
    }
    tenors = sorted({tenor for row in rows.values() for tenor in row}, key=quote_order)
    return Ladder(tenors, {c: [row.get(t, 0.0) for t in tenors] for c, row in rows.items()})


def _ladder_row(
    rollup: Rollup, choice: Choice, name: LadderName, family: str, rate: float
) -> dict[str, float]:
    row: dict[str, float] = {}
    cells = [getattr(cell, name) for cell in choice.cells(rollup)]
    for place, (curve, tenor) in enumerate(rollup.keys):
        if family in (ALL, family_of(curve)):
            value = rate * math.fsum(cell[place] for cell in cells)
            row[tenor_name(tenor)] = row.get(tenor_name(tenor), 0.0) + value
    return row


@dataclass(frozen=True)
class LargestKeyRate:
    """The tenor with the largest net |KRD|, and its share of the sum of |net KRD|."""

    tenor: str
    usd: float
    all_usd: float


def largest_key_rate(found: Ladder) -> LargestKeyRate | None:
    """Return the largest key rate; None if there is none."""
    if not found.rows or not found.tenors:
        return None
    sizes = [abs(value) for value in found.net]
    place = sizes.index(max(sizes))
    return LargestKeyRate(found.tenors[place], found.net[place], math.fsum(sizes))


# --- Curves ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class CurveLine:
    """Zero rates of one curve by tenor, as decimals, now and at the opening."""

    curve: str
    currency: str
    now: dict[str, float]
    open: dict[str, float]

    @property
    def change_bp(self) -> dict[str, float]:
        """Now less open, in basis points, where both are known."""
        return {t: 1e4 * (rate - self.open[t]) for t, rate in self.now.items() if t in self.open}


def curve_lines(markets: Sequence[Market], family: str) -> list[CurveLine]:
    """The curves of a family; rates need no FX, so every chosen currency is there."""
    lines = []
    for market in markets:
        opening = market.opening.rollup if market.opening is not None else None
        for curve in dict.fromkeys(curve for curve, _ in market.rollup.keys):
            if family == family_of(curve):
                then = _zeros(opening, curve) if opening is not None else {}
                lines.append(CurveLine(curve, market.currency, _zeros(market.rollup, curve), then))
    return lines


def _zeros(rollup: Rollup, curve: str) -> dict[str, float]:
    pairs = zip(rollup.keys, rollup.zero_rates, strict=True)
    return {tenor_name(tenor): rate for (name, tenor), rate in pairs if name == curve}


# --- Groups ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Breakdown:
    """DV01 in US dollars by group and product, largest group first."""

    groups: list[str]
    by_product: dict[str, list[float]]


def breakdown(markets: Sequence[Market], choice: Choice, by: Group) -> Breakdown:
    """DV01 (par) by currency, desk, product or book."""
    sums: dict[str, dict[str, float]] = {}
    for market, rate in convertible(markets):
        for cell in choice.cells(market.rollup):
            row = sums.setdefault(_group(market, cell, by), {})
            row[cell.product] = row.get(cell.product, 0.0) + rate * cell.dv01_par
    groups = sorted(sums, key=lambda name: -sum(abs(v) for v in sums[name].values()))
    present = {product for row in sums.values() for product in row}
    products = [product for product in PRODUCT_NAMES if product in present]
    return Breakdown(groups, {p: [sums[g].get(p, 0.0) for g in groups] for p in products})


def _group(market: Market, cell: BookProductTotals, by: Group) -> str:
    names = {
        "Ccy": market.currency,
        "Desk": cell.desk or NO_DESK,
        "Type": format.product(cell.product),
        "Book": cell.book,
    }
    return names[by]


@dataclass
class DeskRow:
    """One desk in US dollars; ``pnl`` None when the opening does not compare."""

    desk: str
    npv: float = 0.0
    dv01: float = 0.0
    pnl: float | None = 0.0
    trades: int = 0
    failed: int = 0


def desk_rows(markets: Sequence[Market], choice: Choice) -> list[DeskRow]:
    """Desks by |DV01|; they add up to the cards."""
    rows: dict[str, DeskRow] = {}
    for market, rate in convertible(markets):
        opened = _npv_by_cell(market.opening.rollup) if market.opening is not None else None
        for cell in choice.cells(market.rollup):
            row = rows.setdefault(cell.desk, DeskRow(cell.desk or NO_DESK))
            row.npv += rate * cell.npv
            row.dv01 += rate * cell.dv01_par
            row.trades += cell.trades
            row.failed += cell.failed
            then = (opened or {}).get((cell.book, cell.product))
            _add_change(row, None if then is None else rate * (cell.npv - then))
    return sorted(rows.values(), key=lambda row: -abs(row.dv01))


def _npv_by_cell(rollup: Rollup) -> dict[tuple[str, str], float]:
    return {(cell.book, cell.product): cell.npv for cell in rollup.cells}


def _add_change(row: DeskRow, amount: float | None) -> None:
    row.pnl = None if amount is None or row.pnl is None else row.pnl + amount


def desk_names(markets: Iterable[Market]) -> list[str]:
    """Desks that have a trade."""
    return sorted({cell.desk or NO_DESK for m in markets for cell in m.rollup.cells})


# --- Trades ----------------------------------------------------------------------------------


class Mover(NamedTuple):
    """A trade that matters; money in US dollars, ``pnl`` NaN where nothing compares."""

    trade: str
    currency: str
    book: str
    product: str
    dv01: float
    pnl: float
    why: str


def movers(
    markets: Sequence[Market],
    trades: Mapping[str, Trades],
    choice: Choice,
    *,
    by: Literal["pnl", "dv01"],
    count: int = 8,
) -> list[Mover]:
    """The largest trades by |P&L| or |DV01|, largest first; of equal P&L, those of larger DV01.

    The P&L of a trade is measured from the first detail that this screen has read, see
    ``Trades.since``.
    """
    found = [
        mover
        for market, rate in convertible(markets)
        if market.currency in trades
        for mover in _largest(rate, trades[market.currency], choice, by=by, count=count)
    ]
    return sorted(found, key=lambda m: (-abs(getattr(m, by)), -abs(m.dv01)))[:count]


def _largest(
    rate: float, trades: Trades, choice: Choice, *, by: Literal["pnl", "dv01"], count: int
) -> Iterator[Mover]:
    """The movers of one currency; the columns of all trades are only compared."""
    column = trades.column
    dv01, pnl = rate * column("dv01_par"), rate * column("pnl")
    size = np.abs(pnl if by == "pnl" else dv01)
    keep = np.isfinite(size)
    if not choice.all_products:
        keep &= np.isin(column("product"), choice.products)
    if choice.desk is not None:
        keep &= column("desk") == ("" if choice.desk == NO_DESK else choice.desk)
    places = np.flatnonzero(keep)
    order = places[np.lexsort((-np.abs(dv01[places]), -size[places]))][:count]
    for place, row in zip(order, trades.rows(order).itertuples(index=False), strict=True):
        money = float(dv01[place]), float(pnl[place])
        yield Mover(row.trade, trades.currency, row.book, row.product, *money, row.why)


@dataclass(frozen=True)
class Trouble:
    """A reason why the numbers are incomplete: a trade that failed, or a missing block."""

    currency: str
    what: str
    code: str
    message: str


def troubles(markets: Iterable[Market]) -> list[Trouble]:
    """Failed trades and missing blocks of the frames shown; none is ever left out."""
    found = []
    for market in markets:
        rollup = market.rollup
        for block in rollup.missing:
            words = f"block {block} of {rollup.blocks} has not been priced"
            found.append(Trouble(rollup.currency, f"block {block}", "missing_block", words))
        for failure in rollup.failures:
            found.append(Trouble(rollup.currency, failure.trade_id, failure.code, failure.message))
    return found
