"""Find sizes of instruments that bring a ladder within a tolerance, by linear programming.

With e the exposure by bucket and L the ladder of one unit of each instrument, sizes x solve

    minimise  sum of w |x|   subject to   |e + L' x| <= tolerance in every bucket,  |x| <= limit,

where w is the notional or the cost of a unit. Instruments with a lot size trade in whole lots; lots
and the fewest trades need a mixed-integer program with a time limit, and the answer states the
remaining gap. If no sizes reach the tolerance, the answer has those that come closest.

All amounts are DV01 in money, or money, of one currency. The solver is HiGHS (Huangfu and Hall,
'Parallelizing the dual revised simplex method', Math. Prog. Comp. 10, 2018), called through SciPy;
only pricing workers import this module.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from pricing.arrays import BoolArray, FloatArray
from pricing.errors import BadInput

Objective = Literal["notional", "cost", "trades"]
OBJECTIVES: tuple[Objective, ...] = ("notional", "cost", "trades")
Status = Literal["optimal", "time_limit", "nearest"]

LIMIT_TIMES = 20.0
"""Limit of an instrument without one: this multiple of the DV01 of all buckets together."""

FEASIBILITY = 1e-9
"""Tolerance of constraints, as a share of the largest exposure or tolerance."""

SMALLEST = 1e-9
"""Sizes below this share of an instrument's limit count as 0."""


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """An instrument that may be traded.

    Attributes:
        name: For answers.
        ladder: DV01 by bucket of one unit bought, or received; shape (buckets,).
        notional: Of one unit.
        cost: Of trading one unit, money.
        lot: Units that can be traded at once; 0: any size.
        limit: Largest size in units, bought or sold; None: LIMIT_TIMES the exposure.
    """

    name: str
    ladder: FloatArray
    notional: float
    cost: float = 0.0
    lot: float = 0.0
    limit: float | None = None


@dataclass(frozen=True, kw_only=True)
class Hedge:
    """An answer.

    Attributes:
        status: ``optimal``; ``time_limit``: within the tolerance, perhaps not the best;
            ``nearest``: no sizes reach the tolerance, and these come closest.
        sizes: Units by instrument; positive is bought, or received; shape (instruments,).
        left: Exposure by bucket with the hedge; shape (buckets,).
        notional: Of all trades.
        cost: Of all trades.
        gap: Share by which a better answer may differ, of mixed-integer programs; 0: none.
    """

    status: Status
    sizes: FloatArray
    left: FloatArray
    notional: float
    cost: float
    gap: float


def hedge(
    exposure: FloatArray,
    tolerance: FloatArray,
    instruments: Sequence[Instrument],
    objective: Objective = "notional",
    time_limit_s: float = 1.0,
) -> Hedge:
    """Sizes that flatten an exposure.

    Args:
        exposure: DV01 by bucket; shape (buckets,).
        tolerance: DV01 that may remain by bucket, not negative; shape (buckets,).
        instruments: At least one.
        objective: ``notional`` or ``cost`` in all, or the fewest ``trades`` and then the least
            notional.
        time_limit_s: Of each program.

    Raises:
        BadInput: A shape, a sign or a number is wrong; it names the field.
    """
    problem = _Problem(exposure, tolerance, instruments, time_limit_s)
    weights = problem.costs if objective == "cost" else problem.notionals
    count: int | None = None
    gap = 0.0
    status: Status = "optimal"
    if objective == "trades":
        fewest = problem.solve(np.zeros(problem.size), per_trade=1.0)
        if fewest is None:
            return problem.nearest()
        count, gap = problem.trades(fewest.x), fewest.gap
        status = fewest.status
    found = problem.solve(weights, most_trades=count)
    if found is None:
        return problem.nearest()
    if found.status == "time_limit":
        status = "time_limit"
    return problem.answer(status, found.x, max(gap, found.gap))


@dataclass(frozen=True)
class _Solution:
    x: FloatArray
    gap: float
    status: Status


class _Problem:
    """The program in scaled units: each instrument's limit and the largest exposure are 1.

    The variables are the amounts bought and sold of each instrument and, if trades are counted,
    whether it is traded.
    """

    def __init__(
        self,
        exposure: FloatArray,
        tolerance: FloatArray,
        instruments: Sequence[Instrument],
        time_limit_s: float,
    ) -> None:
        """Check and scale."""
        _check(exposure, tolerance, instruments)
        self.exposure, self.tolerance = exposure, tolerance
        self.time_limit_s = time_limit_s
        self.size = len(instruments)
        self.ladders = np.array([each.ladder for each in instruments])
        self.notionals = np.array([each.notional for each in instruments])
        self.costs = np.array([each.cost for each in instruments])
        lots = np.array([each.lot for each in instruments])
        self.whole: BoolArray = lots > 0.0
        gross = float(np.abs(exposure).sum()) or float(tolerance.sum()) or 1.0
        reach = np.abs(self.ladders).max(axis=1)
        own = np.array([math.inf if each.limit is None else each.limit for each in instruments])
        usual = np.divide(LIMIT_TIMES * gross, reach, out=np.zeros(self.size), where=reach > 0.0)
        limit = np.minimum(own, usual)
        # A variable counts lots, or units of such a size that it moves the ladder by its gross.
        plain = np.divide(gross, reach, out=np.ones(self.size), where=reach > 0.0)
        self.unit = np.where(self.whole, lots, plain)
        self.most = np.where(self.whole, np.floor(limit / self.unit + SMALLEST), limit / self.unit)
        self.scale = max(
            float(np.abs(exposure).max(initial=0.0)), float(tolerance.max(initial=0.0))
        )
        self.scale = self.scale or 1.0
        self.rows = (self.ladders * self.unit[:, None]).T / self.scale

    def solve(
        self, weights: FloatArray, *, per_trade: float = 0.0, most_trades: int | None = None
    ) -> _Solution | None:
        """Return the best sizes within the tolerance; None if there are none.

        Args:
            weights: Of a unit of each instrument.
            per_trade: Weight of each trade.
            most_trades: At most so many trades; None: any number.
        """
        n, counted = self.size, bool(per_trade) or most_trades is not None
        low = (-self.tolerance - self.exposure) / self.scale
        high = (self.tolerance - self.exposure) / self.scale
        rows = np.hstack([self.rows, -self.rows])
        money = weights * self.unit
        money = money / (float(np.abs(money).max(initial=0.0)) or 1.0)
        objective, upper = np.concatenate([money, money]), np.concatenate([self.most, self.most])
        whole = np.concatenate([self.whole, self.whole]).astype(np.int64)
        constraints = []
        if counted:
            rows = np.hstack([rows, np.zeros((len(rows), n))])
            objective = np.concatenate([objective, np.full(n, per_trade)])
            upper, whole = np.concatenate([upper, np.ones(n)]), np.concatenate([whole, np.ones(n)])
            tied = np.hstack([np.eye(n), np.eye(n), -np.diag(self.most)])
            constraints.append(LinearConstraint(tied, -np.inf, 0.0))
        if most_trades is not None:
            number = np.concatenate([np.zeros(2 * n), np.ones(n)])
            constraints.append(LinearConstraint(number, -np.inf, float(most_trades)))
        constraints.append(LinearConstraint(rows, low - FEASIBILITY, high + FEASIBILITY))
        found = milp(
            objective,
            integrality=whole,
            bounds=Bounds(0.0, upper),
            constraints=constraints,
            options={"time_limit": self.time_limit_s},
        )
        if found.x is None:
            return None
        x = np.where(whole.astype(bool), np.round(found.x), found.x)
        gap = found.mip_gap if found.mip_gap is not None and math.isfinite(found.mip_gap) else 0.0
        status: Status = "optimal" if found.status == 0 else "time_limit"
        return _Solution(x[:n] - x[n : 2 * n], float(gap), status)

    def trades(self, x: FloatArray) -> int:
        """How many instruments are traded."""
        return int((np.abs(x) > SMALLEST * np.maximum(self.most, 1.0)).sum())

    def nearest(self) -> Hedge:
        """Return the sizes with the smallest total excess over the tolerance."""
        n, buckets = self.size, len(self.exposure)
        rows = np.hstack([self.rows, -self.rows])
        over = np.eye(buckets)
        low = (-self.tolerance - self.exposure) / self.scale
        high = (self.tolerance - self.exposure) / self.scale
        small = np.full(2 * n, 1e-9)  # of equals, the smaller sizes
        found = milp(
            np.concatenate([small, np.ones(buckets)]),
            integrality=np.concatenate([self.whole, self.whole, np.zeros(buckets)]).astype(
                np.int64
            ),
            bounds=Bounds(0.0, np.concatenate([self.most, self.most, np.full(buckets, np.inf)])),
            constraints=[
                LinearConstraint(np.hstack([rows, over]), low, np.inf),
                LinearConstraint(np.hstack([rows, -over]), -np.inf, high),
            ],
            options={"time_limit": self.time_limit_s},
        )
        if found.x is None:  # the time was too short for any sizes: no trade is an answer
            return self.answer("nearest", np.zeros(n), 1.0)
        gap = found.mip_gap if found.mip_gap is not None and math.isfinite(found.mip_gap) else 0.0
        return self.answer("nearest", found.x[:n] - found.x[n : 2 * n], float(gap))

    def answer(self, status: Status, x: FloatArray, gap: float) -> Hedge:
        """Sizes in units, and what they leave."""
        x = np.where(self.whole, np.round(x), x)
        x = np.where(np.abs(x) > SMALLEST * np.maximum(self.most, 1.0), x, 0.0)
        sizes = x * self.unit
        return Hedge(
            status=status,
            sizes=sizes,
            left=self.exposure + sizes @ self.ladders,
            notional=float(np.abs(sizes) @ self.notionals),
            cost=float(np.abs(sizes) @ self.costs),
            gap=gap,
        )


@dataclass(frozen=True, kw_only=True)
class OneInstrument:
    """The hedge of one bucket by one instrument alone.

    Attributes:
        instrument: Its place; None where no instrument moves the bucket.
        size: Units that make the bucket 0.
        left: Exposure by bucket with it; shape (buckets,).
    """

    instrument: int | None
    size: float
    left: FloatArray


def one_each(exposure: FloatArray, instruments: Sequence[Instrument]) -> list[OneInstrument]:
    """For each bucket, find the instrument with the ladder most concentrated in it, and its size.

    With the par instruments of a curve this is the notional equivalent of each bucket: each has its
    whole par ladder in its own bucket.
    """
    ladders = np.array([each.ladder for each in instruments])
    gross = np.abs(ladders).sum(axis=1, keepdims=True)
    share = np.divide(np.abs(ladders), gross, out=np.zeros_like(ladders), where=gross > 0.0)
    found = []
    for bucket, amount in enumerate(exposure):
        best = int(share[:, bucket].argmax())
        if not share[best, bucket]:
            found.append(OneInstrument(instrument=None, size=0.0, left=exposure))
            continue
        size = float(-amount / ladders[best, bucket]) + 0.0
        found.append(
            OneInstrument(instrument=best, size=size, left=exposure + size * ladders[best])
        )
    return found


def _check(exposure: FloatArray, tolerance: FloatArray, instruments: Sequence[Instrument]) -> None:
    if not len(instruments):
        raise BadInput("instruments", [], "at least one instrument")
    if tolerance.shape != exposure.shape or not (np.isfinite(tolerance) & (tolerance >= 0)).all():
        raise BadInput("tolerance", tolerance.tolist(), "a number from 0 on for each bucket")
    if not np.isfinite(exposure).all():
        raise BadInput("exposure", exposure.tolist(), "a finite number for each bucket")
    for each in instruments:
        if each.ladder.shape != exposure.shape or not np.isfinite(each.ladder).all():
            raise BadInput(each.name, each.ladder.tolist(), "a finite DV01 for each bucket")
        for field in ("notional", "cost", "lot", "limit"):
            value = getattr(each, field)
            if value is not None and not (math.isfinite(value) and value >= 0.0):
                raise BadInput(f"{each.name}.{field}", value, "a number from 0 on")
