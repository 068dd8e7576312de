"""Explain the P&L of the trades of a group one by one, while a caller waits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from pricing.arrays import IntArray
from pricing.errors import Failure, PricingError
from pricing.explain.changes import (
    ChangedTrade,
    PreparedChanges,
    changed_trades,
    value_changes,
    with_changes,
)
from pricing.explain.explain import Explained, explain, open_period
from pricing.explain.flows import PeriodFixings, roll_period, rows_by_trade
from pricing.explain.market import Move, Period
from pricing.measures.netting import Group
from pricing.products.cash_flows import FlowBlock, rows_of
from risk.explain.conversion import NoRate, add_terms, conversion_between, converted
from risk.explain.maker import ExplainMaker, NotNow, require_few, unpriced_between
from risk.explain.one_trade import NAMES, ends, no_trades, paid_since, start_of
from risk.store.explains import UnpricedAt
from risk.store.previews import GroupExplainQuestion
from risk.store.results import Rollup

LATE = "the other currencies took the time of an answer: choose fewer"

Json = dict[str, Any]
Passes = Callable[[str, str], bool]
"""Whether trades of a book and product are in the group."""

MOST_TRADES, MOST_BOOK = 50_000, 150_000
"""Largest number of trades that are explained one by one, and largest number of trades in the book
of their currency: all its blocks are read."""

BUDGET_S = 3.0
"""Seconds after which no further currency is begun: a caller waits, and other questions do."""


def explain_group(maker: ExplainMaker, question: GroupExplainQuestion) -> Json:
    """The terms of the trades of a group that earned or lost most since the close or a frame.

    Args:
        maker: Where frames and explains are.
        question: The group, the period, the currency of the answer, and how many trades.

    Returns:
        ``frames``, one object by currency with both frames, or the ``reason`` why there are none;
        ``trades``, how many are explained; ``terms``, their sums; ``results``, those with the
        largest absolute totals; ``unpriced``, those that are in no term.
    """
    frames: list[Json] = []
    rows: list[Json] = []
    unpriced: list[Json] = []
    started = time.monotonic()
    for currency in question.currencies:
        end = maker.frames.current(currency)
        if end is None:
            continue
        if time.monotonic() - started > BUDGET_S:
            frames.append({"currency": currency, "reason": LATE})
            continue
        try:
            start = start_of(maker, question.period, end)
            found = _OfCurrency(maker, start, end, question, MOST_TRADES - len(rows))
            rows += found.rows()
            unpriced += found.unpriced()
        except (NotNow, NoRate, PricingError) as error:
            frames.append({"currency": currency, "reason": str(error)})
            continue
        frames.append({"currency": currency, "reason": None, **ends(start, end)})
    rows.sort(key=lambda row: (-abs(row["terms"]["total"]), row["trade_id"]))
    terms: dict[str, float | None] = {}
    for row in rows:
        add_terms(terms, row["terms"])
    return {
        "frames": frames,
        "trades": len(rows),
        "terms": terms,
        "results": rows[: question.limit],
        "unpriced": unpriced,
    }


class _OfCurrency:
    """The group's trades of one currency, between two frames.

    Raises:
        NotNow: Books of the frames are no longer held, or the group has too many trades.
        NoRate: Amounts are to be converted, and a frame has no rate.
        PricingError: The quotes of the start admit no curves on the date of the end.
    """

    def __init__(
        self,
        maker: ExplainMaker,
        start: Rollup,
        end: Rollup,
        question: GroupExplainQuestion,
        most: int,
    ) -> None:
        self.most = most
        self.maker, self.start, self.end, self.question = maker, start, end, question
        self.before, self.after = maker.head(start), maker.head(end)
        self.desks = {**self.before.desk_of_book, **self.after.desk_of_book}
        self.factors = conversion_between(
            end.currency, [(frame.fx, frame.frame) for frame in (start, end)], question.reporting
        )
        self.lost = {
            one.trade_id: one
            for one in maker.in_books(unpriced_between(start, end), self.before, self.after)
        }
        self.period: Period = maker.period_between(start, end)
        self.move: Move = self.period.move_to(end.curves)

    def passes(self, book: str, product: str) -> bool:
        """Return whether trades of a book and product are in the group."""
        asked, desk = self.question, self.desks.get(book, "")
        return (
            (asked.desks is None or desk in asked.desks)
            and asked.desk in (None, desk)
            and asked.book in (None, book)
            and (not asked.types or product in asked.types)
        )

    def rows(self) -> list[Json]:
        """The terms of each trade, converted to the currency of the answer."""
        there = self._require_few()
        old = [self._block(name) for name in self.before.block_names] if there else []
        chosen = [_rows(block, self.passes) for block in old]
        count = sum(map(len, chosen))
        places = {
            block.trade_ids[row]: (block.books[row], block.products[row])
            for block, rows in zip(old, chosen, strict=True)
            for row in rows.tolist()
        }
        changes = self._changes()
        places |= {c.trade_id: c.group for c in changes if c.trade_id not in places}
        found = self._since(rows_of(old, chosen)[0]) if count else no_trades(self.period, self.move)
        named = [replace(change, group=_row_name(change.trade_id)) for change in changes]
        whole = with_changes(found, named)
        columns = {name: whole.terms[name].tolist() for name in NAMES}
        names = [str(name[0]) for name in whole.names]  # type: ignore[index]
        known = np.isfinite(whole.terms["total"]).tolist()
        self._note(
            [
                Failure(trade_id=name, code="NOT_FINITE", message="its P&L is not a finite number")
                for name, is_known in zip(names, known, strict=True)
                if not is_known
            ]
        )
        for trade_id in self.lost.keys() & places.keys():
            book, product = places[trade_id]
            named_lost = msgspec.structs.replace(self.lost[trade_id], book=book, product=product)
            self.lost[trade_id] = named_lost
        return [
            self._row(trade_id, places[trade_id], {n: c[row] for n, c in columns.items()})
            for row, trade_id in enumerate(names)
            if trade_id not in self.lost
        ]

    def unpriced(self) -> list[Json]:
        """The trades of the group that are in no row, and why; after ``rows``."""
        return [
            {
                "trade_id": one.trade_id,
                "currency": self.end.currency,
                "book": one.book,
                "type": one.product,
                "at": one.at,
                "code": one.code,
                "message": one.message,
            }
            for one in self.lost.values()
            if one.book and self.passes(one.book, one.product)
        ]

    def _require_few(self) -> int:
        """Refuse what takes too long, before a block is read; returns the trades at the start."""
        cells = [cell for cell in self.start.cells if self.passes(cell.book, cell.product)]
        count = sum(cell.trades for cell in cells)
        if count > self.most:
            raise NotNow(
                f"{count:,} trades are in it: at most {MOST_TRADES:,} are explained one by one;"
                " choose a book"
            )
        whole = max(self.start.trades, self.end.trades)
        if whole > MOST_BOOK:
            raise NotNow(
                f"the {self.end.currency} book has {whole:,} trades: they are explained one by one"
                f" in books of up to {MOST_BOOK:,}; the page of a trade explains it"
            )
        return count

    # --- Rows --------------------------------------------------------------------------------

    def _row(self, trade_id: str, place: Group, terms: dict[str, float]) -> Json:
        known = {name: value if math.isfinite(value) else None for name, value in terms.items()}
        start, end = self.factors
        return {
            "trade_id": trade_id,
            "currency": self.end.currency,
            "desk": self.desks.get(place[0], ""),
            "book": place[0],
            "type": place[1],
            "amounts_in": self.question.reporting or self.end.currency,
            "terms": converted(known, start, end - start),
        }

    def _since(self, block: FlowBlock) -> Explained:
        """The explain of the trades as they were at the start, one row each."""
        rows = rows_by_trade(roll_period(block, PeriodFixings(self.period)))
        self._note(rows.failures)
        found = explain(open_period(rows, self.period), self.move)
        return replace(found, names=tuple(_row_name(name) for name in block.trade_ids))

    def _changes(self) -> list[ChangedTrade]:
        """What the trades that differ between both books add to this group.

        A trade that left for another book is compared with what it is there.
        """
        before, after = self.before.block_names, self.after.block_names
        old = [self._block(name) for name in before if name not in after]
        new = [self._block(name) for name in after if name not in before]
        ids = {
            block.trade_ids[row]
            for block in (*old, *new)
            for row in _rows(block, self.passes).tolist()
        }
        if not ids:
            return []
        changed = changed_trades(_of_ids(old, ids), _of_ids(new, ids), self.period.today)
        require_few(len(changed.names))
        lost = {name: one.message for name, one in self.lost.items()}
        paid = paid_since(self.maker, self.start)
        valued = value_changes(PreparedChanges(changed, self.period), self.move, paid, lost)
        self._note(valued.failures)
        return [change for change in valued.trades if self.passes(*change.group)]

    def _note(self, failures: Sequence[Failure]) -> None:
        """Remember trades that have no number at the end."""
        for one in failures:
            self.lost.setdefault(
                one.trade_id,
                UnpricedAt(trade_id=one.trade_id, code=one.code, message=one.message, at="end"),
            )

    def _block(self, name: str) -> FlowBlock:
        return self.maker.block(self.end.currency, name)


def _row_name(trade_id: str) -> Group:
    """The name of a row that is one trade, in the place of book and product."""
    return trade_id, ""


def _rows(block: FlowBlock, passes: Passes) -> IntArray:
    """The rows of a block that are in the group."""
    places = zip(block.books, block.products, strict=True)
    return np.array([row for row, place in enumerate(places) if passes(*place)], dtype=np.int64)


def _of_ids(blocks: Sequence[FlowBlock], ids: Collection[str]) -> list[FlowBlock]:
    """One block of the trades with these ids; none where there is none."""
    rows = [
        np.array([row for row, name in enumerate(b.trade_ids) if name in ids], dtype=np.int64)
        for b in blocks
    ]
    return [rows_of(blocks, rows)[0]] if sum(map(len, rows)) else []
