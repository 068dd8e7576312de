"""Make the scenario results of the frames that are published now.

One process holds netted flows and curves of all currencies, as the workers of the sums do: the
netted flows come from the files that the processes of a host share. A run reads the newest frames,
solves their curves at all scenarios, and publishes all results at once.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.quotes import QuoteId
from pricing.errors import PricingError
from pricing.markets.conventions import CURRENCIES
from pricing.measures.groups import GroupSums
from pricing.measures.netting import NettedBlock
from pricing.scenarios.definition import Scenario
from pricing.scenarios.historical import SCENARIOS, Closes, HistoricalMoves, historical_moves
from pricing.scenarios.moves import Moves
from pricing.scenarios.revaluation import ReadyRevaluation, ready_groups, revalue
from pricing.scenarios.tail import LEVELS, tail_of
from risk.scenarios.messages import CurrencyScenarios, GroupHead, ScenarioFrame, ScenarioHead
from risk.scenarios.stress import stress_pnl
from risk.store.frames import Frames
from risk.store.messages import SumsJob
from risk.store.results import Rollup
from risk.workers.book_netter import BookNetter

log = logging.getLogger(__name__)

LoadCloses = Callable[[str, dt.date], Closes | None]
"""The stored closes of a currency before a date; None where nothing is stored."""

NO_HISTORY = "no closes of the market are stored"


@dataclass(frozen=True)
class Ready:
    """A currency's published frame, netted, with its curves solved."""

    rollup: Rollup
    curves: CurveSet
    solved: Solved
    netted: NettedBlock
    sums: GroupSums
    flows: ReadyRevaluation

    @property
    def keys(self) -> tuple[QuoteId, ...]:
        """The quotes of the frame."""
        return self.curves.keys


class ScenarioMaker:
    """Makes scenario results in one process; not for threads (QuantLib's date is process-wide)."""

    def __init__(
        self,
        frames: Frames,
        netter: BookNetter,
        load_scenarios: Callable[[], Sequence[Scenario]],
        load_closes: LoadCloses,
        *,
        every_s: float,
        count: int = SCENARIOS,
        kind: str = "absolute",
    ) -> None:
        """Make nothing yet.

        Args:
            frames: Where published frames are.
            netter: Nets their books.
            load_scenarios: The stress scenarios, built-in ones and tables of users.
            load_closes: The stored closes.
            every_s: The cadence, which results state.
            count: How many historical scenarios at most.
            kind: Of their moves, ``absolute`` or ``relative``.
        """
        self.frames, self.netter, self.every_s = frames, netter, every_s
        self.load_scenarios, self.load_closes = load_scenarios, load_closes
        self.count, self.kind = count, kind
        self._flows: dict[str, tuple[NettedBlock, ReadyRevaluation]] = {}
        self._closes: dict[tuple[str, dt.date], Closes | None] = {}

    def run(self) -> ScenarioFrame | None:
        """Make the results of all currencies; None when nothing is published."""
        started = time.time_ns()
        ready, unavailable = self._all_ready()
        if not ready and not unavailable:
            return None
        scenarios = list(self.load_scenarios())
        history, missing = self._history(ready)
        stress = {name: self._stress(one, scenarios) for name, one in ready.items()}
        historical = {
            name: self._historical(one, history)
            for name, one in ready.items()
            if history and name in history.currencies
        }
        tail = tail_days_of(ready, historical)
        found = {
            name: self._results(
                one,
                stress[name],
                historical.get(name),
                self._by_curve(one, history, tail) if history and name in historical else {},
                history,
            )
            for name, one in ready.items()
        }
        no_history = "" if history and history.days else NO_HISTORY
        return self._frame(
            started,
            scenarios,
            days=list(history.days) if history else [],
            left_out={
                day.isoformat(): why for day, why in (history.left_out if history else {}).items()
            },
            tail_days=tail,
            currencies=found,
            unavailable=unavailable | missing,
            no_history=no_history,
        )

    def price(self, scenarios: Sequence[Scenario]) -> ScenarioFrame | None:
        """Results of these scenarios alone, without a history; None when nothing is published.

        They are those that a run would publish if the scenarios were stored.
        """
        started = time.time_ns()
        ready, unavailable = self._all_ready()
        if not ready and not unavailable:
            return None
        found = {
            name: self._results(one, self._stress(one, scenarios), None, {}, None)
            for name, one in ready.items()
        }
        return self._frame(started, scenarios, currencies=found, unavailable=unavailable)

    def _frame(
        self, started_ns: int, scenarios: Sequence[Scenario], **results: Any
    ) -> ScenarioFrame:
        """Results with what they are of."""
        nothing: dict[str, Any] = {"days": [], "left_out": {}, "tail_days": []}
        return ScenarioFrame(
            number=started_ns // 1_000_000,
            started_ns=started_ns,
            finished_ns=time.time_ns(),
            worker=self.netter.session.name,
            every_s=self.every_s,
            scenarios=[
                ScenarioHead(
                    name=s.name,
                    title=s.title or s.name,
                    set_name=s.set_name,
                    space=s.space,
                    source=s.source,
                )
                for s in scenarios
            ],
            kind=self.kind,
            **(nothing | results),
        )

    # --- Inputs ------------------------------------------------------------------------------

    def _all_ready(self) -> tuple[dict[str, Ready], dict[str, str]]:
        """The newest published frames, and why some of them cannot be revalued."""
        ready: dict[str, Ready] = {}
        unavailable: dict[str, str] = {}
        for currency, rollup in self.frames.current_all(CURRENCIES).items():
            try:
                ready[currency] = self._ready(rollup)
            except (PricingError, ArithmeticError) as error:
                unavailable[currency] = str(error)
        return ready, unavailable

    def _ready(self, rollup: Rollup) -> Ready:
        """Net a frame's book, and solve its curves.

        Raises:
            PricingError: The frame cannot be priced here.
        """
        job = SumsJob(
            currency=rollup.currency,
            frame=rollup.frame,
            blocks=rollup.blocks,
            book_version=rollup.book_version,
            valuation_date=rollup.valuation_date,
            curves=rollup.curves,
            part=0,
            parts=1,
            excluded=rollup.missing,
        )
        priced = self.netter.priced(job)
        kept = self._flows.get(rollup.currency)
        if kept is None or kept[0] is not priced.netted:
            kept = (priced.netted, ready_groups(priced.netted, priced.curves.grid))
            self._flows[rollup.currency] = kept
        return Ready(rollup, priced.curves, priced.solved, priced.netted, priced.sums, kept[1])

    def _history(self, ready: Mapping[str, Ready]) -> tuple[HistoricalMoves | None, dict[str, str]]:
        """Moves of all currencies that have closes, and why the others have none."""
        closes, wanted, now, years = [], {}, {}, {}
        missing: dict[str, str] = {}
        for currency, one in ready.items():
            stored = self._closes_of(currency, one.rollup.valuation_date)
            if stored is None or len(stored.dates) < 2:
                missing[currency] = "no historical scenarios: it has no stored closes"
                continue
            closes.append(stored)
            wanted[currency], now[currency] = one.keys, one.solved.quotes
            years[currency] = one.curves.grid.key_years()
        if not closes:
            return None, missing
        found = historical_moves(closes, wanted, now, count=self.count, kind=self.kind, years=years)
        return found, missing

    def _closes_of(self, currency: str, date: dt.date) -> Closes | None:
        """Read once a valuation date."""
        place = (currency, date)
        if place not in self._closes:
            self._closes = {k: v for k, v in self._closes.items() if k[0] != currency}
            self._closes[place] = self.load_closes(currency, date)
        return self._closes[place]

    # --- Results -----------------------------------------------------------------------------

    def _stress(self, one: Ready, scenarios: Sequence[Scenario]) -> dict[str, Any]:
        """P&Ls of the stress scenarios beside their approximations."""
        found = stress_pnl(
            *(one.flows, one.curves, one.solved),
            ladder_par=one.sums.ladder_par,
            krd=one.sums.krd,
            scenarios=scenarios,
            currency=one.rollup.currency,
        )
        return {
            "stress": found.pnl.tobytes(),
            "delta": found.delta.tobytes(),
            "delta_gamma": found.delta_gamma.tobytes(),
            "stress_reasons": found.reasons,
            "unmatched": found.unmatched,
            "moves": found.moves_bp.tobytes(),
        }

    def _historical(
        self, one: Ready, history: HistoricalMoves
    ) -> tuple[FloatArray, dict[int, str]]:
        """P&L of the groups by day, and why a day has none."""
        par = history.currencies[one.rollup.currency].moves
        found = revalue(one.flows, one.curves, one.solved, Moves(par, np.zeros_like(par)))
        return found.pnl, {place: str(error) for place, error in found.failures.items()}

    def _by_curve(
        self, one: Ready, history: HistoricalMoves | None, days: Sequence[int]
    ) -> dict[str, bytes]:
        """P&L of some days with the moves of one curve alone."""
        if history is None or not days:
            return {}
        par = history.currencies[one.rollup.currency].moves[list(days)]
        found: dict[str, bytes] = {}
        for curve in one.curves.names:
            mine = np.array([key.curve == curve for key in one.keys])
            moves = np.where(mine, par, 0.0)
            pnl = revalue(one.flows, one.curves, one.solved, Moves(moves, np.zeros_like(moves))).pnl
            found[curve] = pnl.tobytes()
        return found

    def _results(
        self,
        one: Ready,
        stress: Mapping[str, Any],
        historical: tuple[FloatArray, dict[int, str]] | None,
        by_curve: dict[str, bytes],
        history: HistoricalMoves | None,
    ) -> CurrencyScenarios:
        rollup, netted = one.rollup, one.netted
        usd = 1.0 if rollup.currency == "USD" else rollup.fx.get(rollup.currency)
        desks = {cell.book: cell.desk for cell in rollup.cells}
        make = partial(
            CurrencyScenarios,
            currency=rollup.currency,
            frame=rollup.frame,
            as_of=rollup.as_of,
            valuation_date=rollup.valuation_date,
            book_version=rollup.book_version,
            published_ns=rollup.published_ns,
            usd=usd if usd and usd > 0 else None,
            groups=[
                GroupHead(
                    book=book,
                    product=product,
                    desk=desks.get(book, ""),
                    trades=int(netted.trades[place]),
                    failed=int(netted.failed[place]),
                )
                for place, (book, product) in enumerate(netted.groups)
            ],
            keys=[(key.curve, key.tenor) for key in one.keys],
            years=one.curves.grid.key_years().tobytes(),
            quotes=one.solved.quotes.tobytes(),
            zero_rates=one.curves.grid.zero_rates(one.solved.x).tobytes(),
            **stress,
        )
        if historical is None or history is None:
            return make()
        moves = history.currencies[rollup.currency]
        return make(
            historical=historical[0].tobytes(),
            historical_reasons=historical[1],
            by_curve=by_curve,
            holidays=moves.holidays,
            interpolated=moves.interpolated,
            proxies=dict(moves.proxies),
            without=list(moves.without),
        )


def tail_days_of(
    ready: Mapping[str, Ready], historical: Mapping[str, tuple[FloatArray, dict[int, str]]]
) -> list[int]:
    """Days in the tail of the firm, of a desk, or of a currency, at the widest level.

    P&Ls are added in US dollars; currencies without a rate are left out, as in answers.
    """
    level = min(LEVELS, key=float)
    scopes: dict[tuple[str, str], FloatArray] = {}
    for currency, (pnl, _) in historical.items():
        rollup = ready[currency].rollup
        usd = 1.0 if currency == "USD" else rollup.fx.get(currency) or np.nan
        desks = {cell.book: cell.desk for cell in rollup.cells}
        for (book, _), row in zip(ready[currency].netted.groups, pnl, strict=True):
            for scope in (("firm", ""), ("desk", desks.get(book, "")), ("currency", currency)):
                scopes[scope] = scopes.get(scope, np.zeros(pnl.shape[1])) + usd * row
    days: set[int] = set()
    for total in scopes.values():
        good = np.flatnonzero(np.isfinite(total))
        if len(good):
            days.update(good[tail_of(total[good], level).days].tolist())
    return sorted(days)
