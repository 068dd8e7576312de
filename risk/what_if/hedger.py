"""Price the instruments of a hedge on a frame, and find the sizes that flatten its ladder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.errors import BadInput, PricingError, Unpriceable
from pricing.hedging.program import OBJECTIVES, Instrument, hedge, one_each
from risk.what_if.messages import (
    BucketHedge,
    HedgeAnswer,
    HedgeInstrument,
    HedgeQuestion,
    HedgeTrade,
    TradeNumbers,
)
from risk.what_if.pricer import price_market
from risk.workers.session import Session


def find(question: HedgeQuestion, session: Session) -> HedgeAnswer | dict[str, Any]:
    """The trades of a hedge, or ``failure``."""
    try:
        return _find(question, session)
    except PricingError as error:
        return {"failure": {"code": error.code, "message": str(error)}}


def _find(question: HedgeQuestion, session: Session) -> HedgeAnswer:
    trades = [instrument.trade for instrument in question.instruments]
    market = price_market(msgspec.structs.replace(question.market, new=trades), session)
    if market.failure is not None:
        return {"failure": msgspec.to_builtins(market.failure)}  # type: ignore[return-value]
    good = [place for place, one in enumerate(market.new) if one.failure is None]
    unpriced = {
        str(place): one.failure for place, one in enumerate(market.new) if one.failure is not None
    }
    if not good:
        why = "; ".join(failure.message for failure in unpriced.values())
        raise Unpriceable(f"instruments: none can be priced: {why}")
    if question.objective not in OBJECTIVES:
        raise BadInput("objective", question.objective, f"allowed: {', '.join(OBJECTIVES)}")
    numbers = [market.new[place] for place in good]
    asked = [question.instruments[place] for place in good]
    ladders = [_unit_ladder(one, each, question) for one, each in zip(numbers, asked, strict=True)]
    exposure = np.array(question.exposure)
    buckets = np.array(question.buckets, dtype=np.int64)
    started = time.perf_counter()
    instruments = _instruments(asked, numbers, [_view(each, buckets, question) for each in ladders])
    own = _view(exposure, buckets, question)
    found = hedge(
        own,
        np.full(len(own), question.tolerance),
        instruments,
        question.objective,
        question.time_limit_s,
    )
    took_ms = (time.perf_counter() - started) * 1e3
    made = [
        HedgeTrade(
            instrument=good[place],
            size=float(size),
            notional=abs(float(size)) * instruments[place].notional,
            cost=abs(float(size)) * instruments[place].cost,
            solved=numbers[place].solved,
            ladder=(size * ladders[place]).tolist(),
        )
        for place, size in enumerate(found.sizes)
        if size
    ]
    left = exposure + np.sum([found.sizes[:, None] * np.array(ladders)], axis=(0, 1))
    return HedgeAnswer(
        status=found.status,
        gap=found.gap,
        took_ms=took_ms,
        trades=made,
        left=left.tolist(),
        notional=found.notional,
        cost=found.cost,
        each=_each(exposure, buckets, good, asked, ladders),
        unpriced=unpriced,
    )


def _unit_ladder(
    numbers: TradeNumbers, asked: HedgeInstrument, question: HedgeQuestion
) -> FloatArray:
    return np.array(getattr(numbers, question.ladder)) / asked.size


def _view(ladder: FloatArray, buckets: IntArray, question: HedgeQuestion) -> FloatArray:
    """Return what is to be flattened: the buckets, or their sum."""
    some = ladder[buckets]
    return np.array([some.sum()]) if question.total else some


def _instruments(
    asked: Sequence[HedgeInstrument], numbers: Sequence[TradeNumbers], ladders: Sequence[FloatArray]
) -> list[Instrument]:
    return [
        Instrument(
            name=each.name,
            ladder=ladder,
            notional=one.notional / each.size,
            cost=each.cost_bp * abs(sum(one.ladder_par)) / each.size,
            lot=each.lot,
            limit=each.limit,
        )
        for each, one, ladder in zip(asked, numbers, ladders, strict=True)
    ]


def _each(
    exposure: FloatArray,
    buckets: IntArray,
    good: Sequence[int],
    asked: Sequence[HedgeInstrument],
    ladders: Sequence[FloatArray],
) -> list[BucketHedge]:
    whole = [
        Instrument(name=each.name, ladder=ladder, notional=1.0)
        for each, ladder in zip(asked, ladders, strict=True)
    ]
    found = one_each(exposure, whole)
    return [
        BucketHedge(
            bucket=int(bucket),
            instrument=None if (place := found[bucket].instrument) is None else good[place],
            size=found[bucket].size,
            left=float(np.abs(found[bucket].left).sum()),
        )
        for bucket in buckets
    ]
