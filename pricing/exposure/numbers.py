"""The numbers of all limits, from the newest results of each currency.

A currency's frame replaces that currency's share of each number; shares are added in the order of
the currencies. Shares of all limits are made at once: groups are added up to scopes by one matrix
product, and each limit picks its column.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pricing.arrays import FloatArray, IntArray
from pricing.exposure.definition import MEASURES, LimitTerms, Scope, Source, currency_of_curve
from pricing.exposure.states import BoolArray
from pricing.markets.conventions import CURRENCIES
from pricing.scenarios.tail import tail_count

Column = tuple[str, str, str]
"""Name of a sum or ladder, curve and tenor; the latter two are empty for a sum."""

PLANS_KEPT = 64


class Why(IntEnum):
    """The reason why a part of a number is not known."""

    KNOWN = 0
    ABSENT = 1
    UNPRICED = 2
    NO_RATE = 3
    NOT_QUOTED = 4
    NO_NUMBER = 5
    NOT_EXPLAINED = 6
    NO_HISTORY = 7


SENTENCES = {
    Why.ABSENT: "no {source} of {currency} yet",
    Why.UNPRICED: "{count} trades of {currency} are not priced",
    Why.NO_RATE: "the {currency} frame has no exchange rate to {amounts_in}",
    Why.NOT_QUOTED: "{currency} does not quote {curve} {tenor}",
    Why.NO_NUMBER: "trades of {currency} have no {measure}",
    Why.NOT_EXPLAINED: "the P&L of {currency} is not explained: {detail}",
    Why.NO_HISTORY: "no results of {currency}: {detail}",
}


class Group(NamedTuple):
    """A book and product of a currency."""

    book: str
    product: str
    desk: str


@dataclass(frozen=True, kw_only=True)
class GroupTable:
    """Results of one currency by group, in its own money.

    Attributes:
        groups: The g groups.
        columns: Names of the c columns.
        values: Numbers; NaN where there is none; shape (g, c).
        unpriced: Trades of each group that are in no number; shape (g,).
        elsewhere: Such trades of which no book is known.
        factors: Units of another currency per unit, by currency; absent where there is no rate.
        moves: How far these factors have moved since the start of a period; empty for frames.
        moved: Column of the amounts that a move applies to; -1 for none.
        refused: Why there are no numbers at all; empty when there are.
        frame: Number of the frame.
        published_ns: When that frame was published.
    """

    groups: tuple[Group, ...]
    columns: tuple[Column, ...]
    values: FloatArray
    unpriced: IntArray
    elsewhere: int
    factors: Mapping[str, float]
    moves: Mapping[str, float] = field(default_factory=dict)
    moved: int = -1
    refused: str = ""
    frame: int
    published_ns: int


@dataclass(frozen=True, kw_only=True)
class ScenarioTable:
    """Scenario results of one currency, in its own money.

    Attributes:
        groups: The g groups.
        unpriced: Trades without a number; shape (g,).
        usd: US dollars per unit; None: no rate.
        historical: P&L by day, shape (g, days); None: no history.
        stress: P&L by stress scenario, shape (g, scenarios); NaN where there is none.
        frame: The frame that they are of.
    """

    groups: tuple[Group, ...]
    unpriced: IntArray
    usd: float | None
    historical: FloatArray | None
    stress: FloatArray
    frame: int


class _Plan(NamedTuple):
    """How the limits of one source and currency read a table of given groups and columns."""

    limits: IntArray
    mask: FloatArray
    scope: IntArray
    pick: IntArray
    singles: IntArray
    sums: tuple[tuple[IntArray, bool], ...]
    quoted: BoolArray
    money: tuple[str, ...]
    money_of: IntArray


class Numbers:
    """The numbers of n limits; not for threads."""

    def __init__(self, limits: Sequence[LimitTerms]) -> None:
        """Know nothing yet.

        Args:
            limits: The limits; arrays follow their order.
        """
        self.limits = tuple(limits)
        shape = (len(self.limits), len(CURRENCIES))
        self._shares = np.zeros(shape)
        self._why: NDArray[np.int8] = np.zeros(shape, dtype=np.int8)
        self._counts: NDArray[np.int64] = np.zeros(shape, dtype=np.int64)
        self._put: dict[tuple[Source, str], GroupTable] = {}
        self._detail: dict[tuple[Source, str], str] = {}
        self._scenarios_ns = 0
        self._plans: dict[Any, _Plan] = {}
        measures = [MEASURES[one.measure] for one in self.limits]
        self._source = np.array([m.source for m in measures], dtype=object)
        self._in: BoolArray = np.array(
            [[_in_currency(one, name) for name in CURRENCIES] for one in self.limits], dtype=bool
        ).reshape(shape)
        self._of = {
            (source, name): np.flatnonzero((self._source == source) & self._in[:, place])
            for source in ("sums", "explain", "scenarios")
            for place, name in enumerate(CURRENCIES)
        }
        self._max_age_ns = np.array(
            [np.inf if one.max_age_s is None else one.max_age_s * 1e9 for one in self.limits]
        )
        self._scenario_places = np.flatnonzero(self._source == "scenarios")
        self._why[self._scenario_places, 0] = Why.ABSENT

    def expect(self, currencies: Collection[str]) -> None:
        """Say which currencies have trades: without their results a scope is not known."""
        for (source, name), places in self._of.items():
            if source != "scenarios" and (source, name) not in self._put:
                column = CURRENCIES.index(name)
                self._why[places, column] = Why.ABSENT if name in currencies else Why.KNOWN

    # --- New results -------------------------------------------------------------------------

    def put(self, source: Source, currency: str, table: GroupTable) -> IntArray:
        """Take the newest results of a currency; returns the limits whose number they are part of.

        Args:
            source: ``sums`` or ``explain``.
            currency: The currency.
            table: Its results.
        """
        column = CURRENCIES.index(currency)
        self._put[source, currency] = table
        places = self._of[source, currency]
        if not len(places):
            return places
        if table.refused:
            self._detail[source, currency] = table.refused
            self._shares[places, column], self._why[places, column] = 0.0, Why.NOT_EXPLAINED
            return places
        plan = self._plan(source, currency, table, places)
        # A matrix product would spread a missing number over all scopes.
        sums = plan.mask @ np.nan_to_num(table.values)
        missing = plan.mask @ np.isnan(table.values)
        picked, lacking = _picked(plan, sums), _picked(plan, missing)
        unpriced = plan.mask @ table.unpriced + table.elsewhere
        value = picked[plan.scope, plan.pick]
        factor, move = _factors(plan, currency, table)
        moved = sums[plan.scope, table.moved] if table.moved >= 0 else 0.0
        self._shares[places, column] = np.nan_to_num(value * factor + moved * move)
        self._counts[places, column] = unpriced[plan.scope]
        self._why[places, column] = np.select(
            [
                unpriced[plan.scope] > 0,
                np.isnan(factor),
                ~plan.quoted[plan.pick],
                lacking[plan.scope, plan.pick] > 0,
            ],
            [Why.UNPRICED, Why.NO_RATE, Why.NOT_QUOTED, Why.NO_NUMBER],
            default=Why.KNOWN,
        )
        return places

    def put_scenarios(
        self,
        tables: Mapping[str, ScenarioTable],
        scenarios: Sequence[str],
        unavailable: Mapping[str, str],
        finished_ns: int,
    ) -> IntArray:
        """Take the results of a run of the scenarios; returns the limits on them.

        Args:
            tables: By currency.
            scenarios: Names of the stress scenarios.
            unavailable: Why a currency has no results.
            finished_ns: When the run ended.
        """
        self._scenarios_ns = finished_ns
        self._detail = {k: v for k, v in self._detail.items() if k[0] != "scenarios"}
        self._detail |= {("scenarios", name): why for name, why in unavailable.items()}
        places = self._scenario_places
        self._why[places], self._shares[places], self._counts[places] = 0, 0.0, 0
        made: dict[Any, FloatArray] = {}
        for place in places.tolist():
            self._judge_scenarios(place, tables, scenarios, unavailable, made)
        return places

    def _judge_scenarios(
        self,
        place: int,
        tables: Mapping[str, ScenarioTable],
        scenarios: Sequence[str],
        unavailable: Mapping[str, str],
        made: dict[Any, FloatArray],
    ) -> None:
        """The number of one limit; ``made`` keeps P&L vectors of scopes for its neighbours."""
        limit = self.limits[place]
        stress = limit.measure == "scenario_loss"
        total: FloatArray | None = None
        for name in CURRENCIES:
            column = CURRENCIES.index(name)
            if not self._in[place, column]:
                continue
            if name in unavailable:
                self._why[place, column] = Why.NO_HISTORY
            if name not in tables:
                continue
            table = tables[name]
            mask = _mask(table.groups, limit.scope)
            if not mask.any():
                continue
            count = int(table.unpriced[mask].sum())
            rows = table.stress if stress else table.historical
            factor = _usd_factor(tables, name, limit.amounts_in)
            self._counts[place, column] = count
            if count:
                self._why[place, column] = Why.UNPRICED
            elif rows is None:
                self._why[place, column] = Why.NO_HISTORY
            elif factor is None:
                self._why[place, column] = Why.NO_RATE
            else:
                key = (name, limit.scope, stress)
                if key not in made:
                    made[key] = rows[mask].sum(axis=0)
                total = made[key] * factor + (0.0 if total is None else total)
        if total is not None:
            self._shares[place, 0] = self._loss(place, limit, total, scenarios)

    def _loss(
        self, place: int, limit: LimitTerms, pnl: FloatArray, scenarios: Sequence[str]
    ) -> float:
        """Value at risk, expected shortfall or a scenario's loss; a loss is positive."""
        if limit.measure == "scenario_loss":
            at = scenarios.index(limit.scenario) if limit.scenario in scenarios else -1
            if at < 0 or not np.isfinite(pnl[at]):
                self._why[place, 0] = Why.NO_NUMBER
                return 0.0
            return -float(pnl[at])
        pnl = pnl[np.isfinite(pnl)]
        count = tail_count(len(pnl), limit.level)
        if not count:
            self._why[place, 0] = Why.NO_NUMBER
            return 0.0
        worst = np.partition(pnl, count - 1)[:count]
        return -float(worst.max() if limit.measure == "var" else worst.mean())

    # --- What is known -----------------------------------------------------------------------

    def values(self) -> FloatArray:
        """The numbers; what they are where they are not known means nothing; shape (n,)."""
        return np.asarray(self._shares.sum(axis=1))

    def known(self, now_ns: int) -> BoolArray:
        """Return whether each number is whole and no older than its limit allows; shape (n,)."""
        return ~self._why.any(axis=1) & ~self._too_old(now_ns)

    def reason(self, place: int, now_ns: int) -> str:
        """Why a number is not known; empty when it is."""
        limit, said = self.limits[place], []
        for column in np.flatnonzero(self._why[place]).tolist():
            name, why = CURRENCIES[column], Why(int(self._why[place, column]))
            source = MEASURES[limit.measure].source
            if source == "scenarios" and why in (Why.ABSENT, Why.NO_NUMBER):
                said.append(
                    "no scenario results yet"
                    if why == Why.ABSENT
                    else f"no P&L: {limit.scenario or 'no day has one'}"
                )
                continue
            said.append(
                SENTENCES[why].format(
                    source={"sums": "frame", "explain": "explain"}.get(source, "results"),
                    currency=name,
                    count=int(self._counts[place, column]),
                    amounts_in=limit.amounts_in,
                    curve=limit.curve,
                    tenor=limit.tenor,
                    measure=limit.measure,
                    detail=self._detail.get((source, name), "no history"),
                )
            )
        if not said and self._too_old(now_ns)[place]:
            said.append(f"older than {self.limits[place].max_age_s:g} s")
        return "; ".join(said)

    def frames(self, place: int) -> dict[str, int]:
        """The frames by currency that a number is made of; empty for scenarios."""
        limit = self.limits[place]
        source = MEASURES[limit.measure].source
        return {
            name: self._put[source, name].frame
            for column, name in enumerate(CURRENCIES)
            if self._in[place, column] and (source, name) in self._put
        }

    def _too_old(self, now_ns: int) -> BoolArray:
        """Return whether the oldest result that a number is made of is too old."""
        oldest = np.full(len(self.limits), np.inf)
        for (source, name), table in self._put.items():
            places = self._of[source, name]
            oldest[places] = np.minimum(oldest[places], table.published_ns)
        oldest[self._scenario_places] = self._scenarios_ns
        return np.asarray(now_ns - oldest > self._max_age_ns)

    # --- Plans -------------------------------------------------------------------------------

    def _plan(self, source: Source, currency: str, table: GroupTable, places: IntArray) -> _Plan:
        key = (source, currency, table.groups, table.columns)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = self._made_plan(table, places)
            while len(self._plans) > PLANS_KEPT:
                del self._plans[next(iter(self._plans))]
        return found

    def _made_plan(self, table: GroupTable, places: IntArray) -> _Plan:
        scopes: dict[Scope, int] = {}
        picks: dict[tuple[tuple[int, ...], bool], int] = {}
        rows: list[int] = []
        cols: list[int] = []
        where: dict[str, list[int]] = {}
        for n, (name, _, _) in enumerate(table.columns):
            where.setdefault(name, []).append(n)
        for place in places.tolist():
            limit, measure = self.limits[place], MEASURES[self.limits[place].measure]
            chosen = tuple(
                n
                for n in where.get(measure.column or measure.name, ())
                if limit.curve in ("", table.columns[n][1])
                and limit.tenor in ("", table.columns[n][2])
            )
            gross = measure.ladder == "gross"
            rows.append(scopes.setdefault(limit.scope, len(scopes)))
            cols.append(picks.setdefault((chosen, gross), len(picks)))
        singles = [which[0] if len(which) == 1 and not gross else -1 for which, gross in picks]
        return _Plan(
            places,
            np.array([_mask(table.groups, scope) for scope in scopes], dtype=float).reshape(
                len(scopes), len(table.groups)
            ),
            np.array(rows, dtype=np.int64),
            np.array(cols, dtype=np.int64),
            np.array(singles, dtype=np.int64),
            tuple((np.array(which, dtype=np.int64), gross) for which, gross in picks),
            np.array([bool(which) for which, _ in picks], dtype=bool),
            money := tuple(dict.fromkeys(self.limits[place].amounts_in for place in places)),
            np.array([money.index(self.limits[place].amounts_in) for place in places]),
        )


def _factors(plan: _Plan, currency: str, table: GroupTable) -> tuple[FloatArray, FloatArray]:
    """What converts a limit's share, and how far that has moved since the start of a period."""
    same = [name == currency for name in plan.money]
    pairs = list(zip(plan.money, same, strict=True))
    factor = [1.0 if own else table.factors.get(name, np.nan) for name, own in pairs]
    move = [0.0 if own else table.moves.get(name, 0.0) for name, own in pairs]
    return np.array(factor)[plan.money_of], np.array(move)[plan.money_of]


def _picked(plan: _Plan, sums: FloatArray) -> FloatArray:
    """The columns that limits read, of sums by scope; shape (scopes, picks)."""
    found = np.zeros((len(sums), len(plan.sums)))
    one = plan.singles >= 0
    if one.any():
        found[:, one] = sums[:, plan.singles[one]]
    for n in np.flatnonzero(~one).tolist():
        which, gross = plan.sums[n]
        rows = sums[:, which]
        found[:, n] = (np.abs(rows) if gross else rows).sum(axis=1)
    return found


def _mask(groups: Sequence[Group], scope: Scope) -> BoolArray:
    """The groups of a scope, whatever the currency."""
    return np.array(
        [
            scope.desk in ("", group.desk)
            and scope.book in ("", group.book)
            and scope.product in ("", group.product)
            for group in groups
        ],
        dtype=bool,
    )


def _in_currency(limit: LimitTerms, currency: str) -> bool:
    """Return whether results of a currency are part of a limit's number."""
    if limit.curve and currency_of_curve(limit.curve) != currency:
        return False
    return limit.scope.currency in ("", currency)


def _usd_factor(tables: Mapping[str, ScenarioTable], currency: str, wanted: str) -> float | None:
    """Units of the wanted currency per unit."""
    if currency == wanted:
        return 1.0
    of = tables[currency].usd
    to = 1.0 if wanted == "USD" else tables[wanted].usd if wanted in tables else None
    return of / to if of and to else None
