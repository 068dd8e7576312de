"""The trades that changed in a period: new, terminated, amended, edited spreads and transfers.

Two compiled books are compared. A trade has changed if its flows, curves, spread, book or product
differ. Changed trades are valued only at the end of the period.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.fixings import Histories
from pricing.errors import Failure
from pricing.explain.explain import Explained
from pricing.explain.flows import TradeFlows
from pricing.explain.market import Move, Period
from pricing.measures.netting import Group
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import CompiledTrade, FlowBlock, make_block, only, trades_of


@dataclass(frozen=True)
class Changes:
    """Trades that differ between the books of the start and of the end.

    Attributes:
        before: The changed trades as they were; by id.
        after: As they are; by id.
    """

    before: Mapping[str, CompiledTrade]
    after: Mapping[str, CompiledTrade]

    @property
    def names(self) -> list[str]:
        """Ids of all of them, ascending."""
        return sorted({*self.before, *self.after})


def changed_trades(
    before: Sequence[FlowBlock], after: Sequence[FlowBlock], until: int = 0
) -> Changes:
    """Compare two books.

    Args:
        before: Blocks of the start. Blocks that both books have can be left out of both.
        after: Blocks of the end.
        until: Day number of the end. A trade that is gone and made its last payment by then has
            matured, which is no change.
    """
    old, new = _by_id(before), _by_id(after)
    changed_before: dict[str, CompiledTrade] = {}
    changed_after: dict[str, CompiledTrade] = {}
    for name in old.keys() | new.keys():
        if _same(old.get(name), new.get(name)):
            continue
        was, is_now = _trade(old.get(name)), _trade(new.get(name))
        if was is not None and is_now is not None and _key(was) == _key(is_now):
            continue
        if was is not None and is_now is None and was.last_payment <= until:
            continue
        if was is not None:
            changed_before[name] = was
        if is_now is not None:
            changed_after[name] = is_now
    return Changes(changed_before, changed_after)


class _Place(NamedTuple):
    block: FlowBlock
    row: int


def _by_id(blocks: Sequence[FlowBlock]) -> dict[str, _Place]:
    return {
        name: _Place(block, row) for block in blocks for row, name in enumerate(block.trade_ids)
    }


def _same(was: _Place | None, is_now: _Place | None) -> bool:
    """Return whether a trade is evidently equal in two blocks; False if unsure."""
    if was is None or is_now is None:
        return False
    old, i, new, j = was.block, was.row, is_now.block, is_now.row
    return (
        (old.curves, old.indices) == (new.curves, new.indices)
        and old.discount[i] == new.discount[j]
        and old.z_spread[i] == new.z_spread[j]
        and (old.books[i], old.products[i]) == (new.books[j], new.products[j])
        and _bytes_of(old, i) == _bytes_of(new, j)
    )


def _bytes_of(block: FlowBlock, row: int) -> bytes:
    return block.flows[block.ptr[row] : block.ptr[row + 1]].tobytes()


def _trade(place: _Place | None) -> CompiledTrade | None:
    return trades_of(only(place.block, place.row))[0] if place is not None else None


def _key(trade: CompiledTrade) -> tuple[object, ...]:
    return (trade.book, trade.z_spread, *_contract(trade))


def _contract(trade: CompiledTrade) -> tuple[object, ...]:
    """Return what a trade pays, without its book and spread."""
    paid = trade.flows.tobytes()
    return (trade.product, paid, trade.discount, trade.forecasts, trade.indices)


@dataclass(frozen=True)
class ChangedTrade:
    """Contribution of a changed trade to its group; trade currency, a gain is positive.

    Attributes:
        trade_id: The trade.
        group: Book and product.
        terms: By name of ``terms.TRADE_TERMS``.
        consideration: What was paid for it, less what was received.
        consideration_known: False where none was given and 0 is taken.
    """

    trade_id: str
    group: Group
    terms: Mapping[str, float]
    consideration: float = 0.0
    consideration_known: bool = True


class ValuedChanges(NamedTuple):
    """The changed trades that could be valued, and those that could not."""

    trades: tuple[ChangedTrade, ...]
    failures: tuple[Failure, ...]


class PreparedChanges:
    """Changed trades prepared for the end of a period; independent of its quotes."""

    def __init__(self, changes: Changes, period: Period) -> None:
        """Roll the old and the new terms of each to the end's date."""
        self.changes = changes
        known = Histories(period.end_fixings, period.today)
        failures: list[Failure] = []

        def flows(trades: Mapping[str, CompiledTrade], *, of_record: bool) -> TradeFlows | None:
            if not trades:
                return None
            block = make_block([trades[name] for name in sorted(trades)])
            dated = roll_to(block, known.today, known, period.curves, of_record=of_record)
            failures.extend(dated.failures)
            return TradeFlows(dated)

        kept = {name: t for name, t in changes.after.items() if name in changes.before}
        # A coupon that has gone ex belongs to whoever held the bond then: not to its buyer.
        bought = {name: t for name, t in changes.after.items() if name not in changes.before}
        self._flows = (
            (flows(changes.before, of_record=True), "before"),
            (flows(kept, of_record=True), "after"),
            (flows(bought, of_record=False), "after"),
        )
        self.failures = tuple({failure.trade_id: failure for failure in failures}.values())

    def values(self, move: Move) -> tuple[dict[str, float], dict[str, float]]:
        """Values of the old and of the new terms at the end, by trade."""
        found: dict[str, dict[str, float]] = {"before": {}, "after": {}}
        for flows, side in self._flows:
            if flows is not None:
                values = flows.values(move.at_end.factors(*flows.points))
                found[side] |= zip(flows.dated.block.trade_ids, values.tolist(), strict=True)
        return found["before"], found["after"]


def value_changes(
    prepared: PreparedChanges,
    move: Move,
    paid: Mapping[str, float | None],
    unpriced: Mapping[str, str] | None = None,
) -> ValuedChanges:
    """Value changed trades at the end of a period.

    Args:
        prepared: The trades.
        move: The market of the end.
        paid: What was paid for each: a price, an upfront fee, a fee for new terms. What was
            received is negative, as the proceeds of a terminated trade are. None: it is not known.
        unpriced: Trades without a number at one end, and why: they are in no term.
    """
    before, after = prepared.values(move)
    lost = {failure.trade_id for failure in prepared.failures} | set(unpriced or ())
    made: list[ChangedTrade] = []
    for name in prepared.changes.names:
        if name not in lost:
            made += _terms_of(name, prepared.changes, before, after, paid.get(name))
    failures = tuple(f for f in prepared.failures if f.trade_id not in (unpriced or ()))
    return ValuedChanges(tuple(made), failures)


def _terms_of(
    name: str,
    changes: Changes,
    before: Mapping[str, float],
    after: Mapping[str, float],
    paid: float | None,
) -> list[ChangedTrade]:
    """Return the contributions of one changed trade, by group."""
    was, is_now, known = changes.before.get(name), changes.after.get(name), paid is not None
    cost = paid or 0.0
    if was is None:
        assert is_now is not None  # nosec B101  # noqa: S101 - one side has it
        return [_change(name, is_now, {"new": after[name] - cost}, cost, known=known)]
    if is_now is None:
        return [_change(name, was, {"terminated": -cost - before[name]}, cost, known=known)]
    same_contract = _contract(was) == _contract(is_now)
    kind = "spread" if same_contract else "amended"
    gain = after[name] - before[name] - (0.0 if same_contract else cost)
    terms = {kind: gain} if was.z_spread != is_now.z_spread or not same_contract else {}
    fee = 0.0 if same_contract else cost
    if _group(was) == _group(is_now):
        return [_change(name, was, terms, fee, known=known or same_contract)]
    return [
        _change(name, was, {**terms, "transfer": -after[name]}, fee, known=known or same_contract),
        _change(name, is_now, {"transfer": after[name]}, 0.0),
    ]


def _group(trade: CompiledTrade) -> Group:
    return trade.book, trade.product


def _change(
    name: str,
    trade: CompiledTrade,
    terms: Mapping[str, float],
    consideration: float,
    *,
    known: bool = True,
) -> ChangedTrade:
    return ChangedTrade(name, _group(trade), terms, consideration, known)


def with_changes(explained: Explained, changes: Sequence[ChangedTrade]) -> Explained:
    """Add changed trades to the explain of their groups, with new rows for new groups.

    Args:
        explained: An explain of groups by book and product.
        changes: What each trade adds.
    """
    if not changes:
        return explained
    more = sorted({change.group for change in changes} - set(explained.names))
    names = (*explained.names, *more)
    wide = len(more)

    def extended(values: FloatArray) -> FloatArray:
        return np.concatenate((values, np.zeros((wide, *values.shape[1:]))))

    terms = {name: extended(values) for name, values in explained.terms.items()}
    place = {group: row for row, group in enumerate(names)}
    for change in changes:
        row = place[change.group]
        for name, amount in change.terms.items():
            terms[name][row] += amount
        gain = sum(change.terms.values())
        terms["total"][row] += gain
        terms["consideration"][row] += change.consideration
        terms["value_end"][row] += gain + change.consideration
    return replace(
        explained,
        names=names,
        trades=np.concatenate((explained.trades, np.zeros(wide, dtype=np.int64))),
        terms=terms,
        delta=extended(explained.delta),
    )
