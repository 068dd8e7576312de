"""Explain the P&L of one trade since the close or a frame, while a caller waits."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from pricing.curves.curve_set import ONE_BP
from pricing.errors import Failure, PricingError
from pricing.explain.changes import PreparedChanges, changed_trades, value_changes, with_changes
from pricing.explain.explain import Explained, explain, open_period
from pricing.explain.flows import PeriodFixings, roll_period, rows_by_trade
from pricing.explain.market import Move, Period
from pricing.explain.terms import MEMOS, TERMS
from pricing.products.cash_flows import FlowBlock, only
from risk.explain.maker import ExplainMaker, NotNow, comparable, newest_close
from risk.store.compiled_book import BookHead, block_of
from risk.store.explains import PeriodName
from risk.store.results import Rollup

Json = dict[str, Any]
NAMES = tuple(row.name for row in (*TERMS, *MEMOS))


def explain_one(
    maker: ExplainMaker, currency: str, trade_id: str, period: PeriodName = "close"
) -> Json:
    """The terms of one trade since the close or a frame, at the frame published now.

    Args:
        maker: Where frames and explains are.
        currency: Of the trade.
        trade_id: The trade.
        period: Since the close, or since the frame that the published explain starts from.

    Returns:
        ``terms`` by name, ``delta`` by curve and tenor and ``moves_bp``, with the frames that they
        are from; or ``failure`` with the reason.
    """
    end = maker.frames.current(currency)
    if end is None:
        return _failure("NO_FRAME", f"no frame of {currency} is published")
    try:
        return _explain(maker, start_of(maker, period, end), end, trade_id)
    except NotNow as error:
        return _failure("NOT_EXPLAINED", str(error))
    except PricingError as error:
        return _failure(error.code, str(error))


def start_of(maker: ExplainMaker, period: PeriodName, end: Rollup) -> Rollup:
    """The frame that a period starts from, as the published explain has it.

    Raises:
        NotNow: That period is not explained.
    """
    start = newest_close(maker.frames, end) if period == "close" else _frame(maker, end)
    return comparable(period, start, end)


def _frame(maker: ExplainMaker, end: Rollup) -> Rollup:
    """Return the start frame of the shorter period, as the published explain has it.

    Raises:
        NotNow: That period is not explained.
    """
    explained = maker.store.of(end.currency)
    period = explained.periods.get("frame") if explained is not None else None
    if period is None:
        reasons = explained.reasons if explained is not None else {}
        raise NotNow(reasons.get("frame", "no frame has been explained yet"))
    # Of the fields that are not replaced none is read.
    return msgspec.structs.replace(
        end,
        frame=period.start_frame,
        as_of=period.start_as_of,
        valuation_date=period.start_date,
        book_version=period.start_book_version,
        curves=period.start_curves,
        fx=period.start_fx,
        failures=[one for one in period.unpriced if one.at != "end"],
    )


def _failure(code: str, message: str) -> Json:
    return {"failure": {"code": code, "message": message}}


def _explain(maker: ExplainMaker, start: Rollup, end: Rollup, trade_id: str) -> Json:
    for frame in (start, end):
        for failure in frame.failures:
            if failure.trade_id == trade_id:
                said = f"it is unpriced in frame {frame.frame}: {failure.message}"
                return _failure(failure.code, said)
    before, after = maker.head(start), maker.head(end)
    period = maker.period_between(start, end)
    move = period.move_to(end.curves)
    old, new = _find(maker, before, trade_id), _find(maker, after, trade_id)
    found, failures = _since(old, period, move)
    changes = changed_trades(_listed(old), _listed(new), period.today)
    paid = {trade_id: paid_since(maker, start).get(trade_id)}
    valued = value_changes(PreparedChanges(changes, period), move, paid)
    for failure in (*failures, *valued.failures):
        return _failure(failure.code, failure.message)
    return _answer(with_changes(found, valued.trades), start, end)


def _find(maker: ExplainMaker, head: BookHead, trade_id: str) -> FlowBlock | None:
    """Return the trade as a block of its own; None if the book does not contain it."""
    block = maker.block(head.currency, head.block_names[block_of(trade_id, head.blocks)])
    rows = [row for row, name in enumerate(block.trade_ids) if name == trade_id]
    return only(block, rows[0]) if rows else None


def _listed(block: FlowBlock | None) -> list[FlowBlock]:
    return [] if block is None else [block]


def _since(
    block: FlowBlock | None, period: Period, move: Move
) -> tuple[Explained, tuple[Failure, ...]]:
    """The explain of the trade as it was at the start, in a row of its group."""
    if block is None:
        return no_trades(period, move), ()
    rows = rows_by_trade(roll_period(block, PeriodFixings(period)))
    found = explain(open_period(rows, period), move)
    group = (block.books[0], block.products[0])
    return Explained(**{**vars(found), "names": (group,)}), rows.failures


def no_trades(period: Period, move: Move) -> Explained:
    """An explain without rows, to which changed trades can be added."""
    terms = dict.fromkeys(NAMES, np.zeros(0))
    blank = np.zeros((0, len(period.keys)))
    return Explained((), np.zeros(0, np.int64), period.keys, move.shift, terms, blank, ())


def paid_since(maker: ExplainMaker, start: Rollup) -> dict[str, float | None]:
    """Amounts paid since a frame for trades that changed, as the published explain has them."""
    explained = maker.store.of(start.currency)
    periods = explained.periods.values() if explained is not None else ()
    since = [period for period in periods if period.start_frame == start.frame]
    return {
        change.trade_id: change.consideration
        for period in since
        for change in period.changes
        if change.consideration is not None
    }


def _answer(found: Explained, start: Rollup, end: Rollup) -> Json:
    delta, moves = found.delta.sum(axis=0), found.shift / ONE_BP
    by_quote: Json = {"delta": {}, "moves_bp": {}}
    for place, key in enumerate(found.keys):
        by_quote["delta"].setdefault(key.curve, {})[key.tenor] = float(delta[place])
        by_quote["moves_bp"].setdefault(key.curve, {})[key.tenor] = float(moves[place])
    sums = {name: float(np.sum(found.terms[name])) for name in NAMES}
    return {
        "terms": {name: value if math.isfinite(value) else None for name, value in sums.items()},
        **by_quote,
        **ends(start, end),
    }


def ends(start: Rollup, end: Rollup) -> Json:
    """Return what an answer says of the two frames that it is from."""
    return {
        "frame": end.frame,
        "as_of": msgspec.to_builtins(end.as_of),
        "valuation_date": end.valuation_date.isoformat(),
        "start": {
            "frame": start.frame,
            "as_of": msgspec.to_builtins(start.as_of),
            "valuation_date": start.valuation_date.isoformat(),
            "book_version": start.book_version,
        },
    }
