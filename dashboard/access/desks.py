"""Restrict what is published to the desks that a user may see.

All pages read through this module. It applies the rule of REST (``risk.queries.portfolio``,
``risk.queries.trade_list``): a user sees totals and trades of their own desks; only users who see
all desks see trades that belong to no desk.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import msgspec

from dashboard.blotter import Trades
from dashboard.data import Market, Reader, Sample, Snapshot
from dashboard.opening import FIRST_READ, Opening
from dashboard.trades.value_history import Value
from risk.limits.board import Board
from risk.scenarios.answers import narrowed
from risk.scenarios.messages import ScenarioFrame
from risk.store.compiled_book import Manifest
from risk.store.explains import Explain, ExplainedPeriod
from risk.store.results import HistoryLine, Rollup, history_line


@dataclass(frozen=True)
class Own:
    """Desks, and their part of one book version; ``blocks`` is None if unknown."""

    desks: frozenset[str]
    trades: frozenset[str] = frozenset()
    blocks: frozenset[int] | None = None


def own_of(desks: frozenset[str], manifest: Manifest | None) -> Own:
    """Return what of a book belongs to desks; without its manifest, no trade that can be named."""
    if manifest is None:
        return Own(desks)
    books = {book for book, desk in manifest.desk_of_book.items() if desk in desks}
    rows = [
        (trade, block)
        for block, names in enumerate(manifest.trade_ids)
        for trade, book in zip(names, manifest.books[block], strict=True)
        if book in books
    ]
    lost = {trade.trade_id for trade in manifest.failures if trade.book in books}
    trades = frozenset(lost | {trade for trade, _ in rows})
    return Own(desks, trades, frozenset(block for _, block in rows))


class OwnDesks:
    """A reader for users of the same desks: however many they are, it narrows once a second."""

    def __init__(self, reader: Reader, desks: Collection[str]) -> None:
        self._reader, self._desks = reader, frozenset(desks)
        self._lock = threading.Lock()
        self._whole = self._snapshot = Snapshot(taken_s=0.0)
        self._owns: dict[str, tuple[str, Own]] = {}

    def snapshot(self) -> Snapshot:
        """The newest snapshot, of the own desks."""
        whole = self._reader.snapshot()
        with self._lock:
            if whole is not self._whole:
                markets = {name: self._market(found) for name, found in whole.markets.items()}
                explains = {n: own_explain(e, self._desks) for n, e in whole.explains.items()}
                self._whole = whole
                self._snapshot = replace(whole, markets=markets, explains=explains)
            return self._snapshot

    def trades(self, market: Market) -> Trades | None:
        """The own trades. The whole detail is asked for: the reader keeps it for everyone."""
        whole = self._whole.markets.get(market.currency)
        found = self._reader.trades(whole) if whole is not None else None
        return own_trades(found, self._desks) if found is not None else None

    def values(self, currency: str, trade_id: str) -> list[Value]:
        """The values of a trade over time; none of a trade of another desk."""
        market = self.snapshot().markets.get(currency)
        mine = self.trades(market) if market is not None else None
        if mine is None or not (mine.column("trade") == trade_id).any():
            return []
        return self._reader.values(currency, trade_id)

    def scenarios(self) -> ScenarioFrame | None:
        """The newest scenario results, of the own desks."""
        found = self._reader.scenarios()
        return narrowed(found, self._desks) if found is not None else None

    def limits(self) -> Board | None:
        """The newest states of limits, of the own desks; those of the firm are not theirs."""
        found = self._reader.limits()
        return found.of_desks(self._desks) if found is not None else None

    def _market(self, market: Market) -> Market:
        return own_market(market, self._own(market.rollup))

    def _own(self, rollup: Rollup) -> Own:
        """Made once per book version."""
        version, own = self._owns.get(rollup.currency, ("", Own(self._desks)))
        if version != rollup.book_version:
            manifest = self._reader.manifest(rollup)
            own = own_of(self._desks, manifest)
            if manifest is not None:
                self._owns[rollup.currency] = (rollup.book_version, own)
        return own


def own_market(market: Market, own: Own) -> Market:
    """One currency, with nothing of other desks in it."""
    samples = [own_sample(sample, own.desks) for sample in market.samples]
    seen = {sample.frame: sample for sample in samples}
    return Market(
        rollup=own_rollup(market.rollup, own),
        history=[own_line(line, seen) for line in market.history],
        opening=own_opening(market.opening, own) if market.opening is not None else None,
        samples=samples,
        comparable=market.comparable,
        detail=market.detail,
        curve_samples=market.curve_samples,
    )


def own_rollup(rollup: Rollup, own: Own) -> Rollup:
    """Cells, counts and failures of the own desks; curves and stamps are everyone's."""
    cells = [cell for cell in rollup.cells if cell.desk in own.desks]
    return msgspec.structs.replace(
        rollup,
        cells=cells,
        trades=sum(cell.trades for cell in cells),
        priced=sum(cell.trades - cell.failed for cell in cells),
        failures=[failure for failure in rollup.failures if failure.trade_id in own.trades],
        missing=[b for b in rollup.missing if own.blocks is None or b in own.blocks],
    )


def own_explain(explain: Explain, desks: Collection[str]) -> Explain:
    """Groups and trades of the own desks; moves of quotes are everyone's."""
    periods = {name: _own_period(period, desks) for name, period in explain.periods.items()}
    return msgspec.structs.replace(explain, periods=periods)


def _own_period(period: ExplainedPeriod, desks: Collection[str]) -> ExplainedPeriod:
    groups = [group for group in period.groups if group.desk in desks]
    books = {group.book for group in groups}
    return msgspec.structs.replace(
        period,
        groups=groups,
        unpriced=[trade for trade in period.unpriced if trade.book in books],
        changes=[change for change in period.changes if change.book in books],
    )


def own_sample(sample: Sample, desks: Collection[str]) -> Sample:
    """Sums of the own cells."""
    npv = {place: value for place, value in sample.npv.items() if place[0] in desks}
    dv01 = {place: value for place, value in sample.dv01_par.items() if place[0] in desks}
    return replace(sample, npv=npv, dv01_par=dv01)


def own_line(line: HistoryLine, seen: Mapping[int, Sample]) -> HistoryLine:
    """Keep times, and compute totals of the user's desks where this process saw the frame."""
    sample = seen.get(line.frame)
    npv, dv01 = (sample.npv, sample.dv01_par) if sample is not None else (None, None)
    return msgspec.structs.replace(line, npv=_sum(npv), dv01_par=_sum(dv01))


def _sum(values: Mapping[tuple[str, str, str], float] | None) -> float:
    return math.nan if values is None else math.fsum(values.values())


def own_opening(opening: Opening, own: Own) -> Opening:
    """Restrict the opening by its books; an older frame's line has totals of all desks only."""
    rollup = own_rollup(opening.rollup, own)
    return Opening(
        line=history_line(rollup),
        why=opening.why if opening.exact else FIRST_READ,
        rollup=rollup,
    )


def own_trades(trades: Trades, desks: Collection[str]) -> Trades:
    """Keep the rows of the user's desks; ladders are found by row."""
    table = trades.table
    return replace(trades, table=table[table["desk"].isin(list(desks))].reset_index(drop=True))
