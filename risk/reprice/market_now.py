"""Answer for trades and P&L of a replay's current closes, which are priced again when asked for.

A replay stores the sums of its closes. Numbers by trade and the explain are made here, from the
history of rows, by the code that makes live ones; the last closes asked for are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pricing.curves.quotes import CurveOptions
from risk.models import FrameClose
from risk.queries import trade_detail
from risk.queries.cash_flows import cash_flows
from risk.queries.curves import NoNodes
from risk.queries.trade_detail import FrameView
from risk.queries.trade_list import Query, Table, page
from risk.reprice.close_explain import explain_close
from risk.reprice.past_book import PastBook
from risk.reprice.repricer import NothingStored, Repriced, reprice
from risk.store.explains import Explain
from risk.store.previews import MarketQuestion
from risk.store.results import PartColumns

Json = dict[str, Any]
KEPT = 6
NO_FLOWS: Json = {"curves": None, "cash_flows": None, "deliverables": None}


class MarketNow:
    """The closes that were asked for last, priced again; not for threads."""

    def __init__(self, options: CurveOptions) -> None:
        """Hold nothing yet."""
        self.options = options
        self._priced: dict[tuple[int, str], Repriced] = {}
        self._explains: dict[tuple[int, str], Explain | str] = {}

    def answer(self, question: MarketQuestion, frames: Any) -> Json:
        """Return what is asked of some closes.

        Args:
            question: The question.
            frames: Frames of any Redis; nothing of it is read.

        Raises:
            NothingStored: A close is not stored any more, or another release stored it.
            PricingError: Its quotes admit no curve.
        """
        rows = self._rows(question.closes)
        if question.trade_id:
            return {"trade": self._trade(rows, question)}
        if question.query is not None:
            return self._trades(rows, question)
        found = [self._explain(row, frames) for row in rows]
        return {
            "explains": [msgspec.to_builtins(one) for one in found if isinstance(one, Explain)],
            "reasons": {
                row.currency: one
                for row, one in zip(rows, found, strict=True)
                if isinstance(one, str)
            },
        }

    # --- Trades ------------------------------------------------------------------------------

    def _trades(self, rows: Sequence[FrameClose], question: MarketQuestion) -> Json:
        query = msgspec.convert({**(question.query or {}), "desks": question.desks}, Query)
        tables = []
        for row in rows:
            view, columns, _ = self._view(row)
            tables.append(Table(view, columns, [None] * len(columns)))
        found = page(tables, query, question.page, question.page_size)
        stamps = [table.view.stamp() for table in tables]
        return {"frames": stamps, "count": found.count, "results": found.rows}

    def _trade(self, rows: Sequence[FrameClose], question: MarketQuestion) -> Json | None:
        for row in rows:
            view, columns, book = self._view(row)
            record = trade_detail.record_of(view, question.trade_id, columns)
            if record is None:
                continue
            if question.desks is not None and record["desk"] not in question.desks:
                return None
            return record | self._flows(view, book, question.trade_id)
        return None

    def _flows(self, view: FrameView, book: PastBook, trade_id: str) -> Json:
        try:
            found = cash_flows(book, view, trade_id, self.options)
        except NoNodes:
            found = None
        if found is None:
            return NO_FLOWS
        return {"curves": found.curves, "cash_flows": found.flows, "deliverables": None}

    def _view(self, row: FrameClose) -> tuple[FrameView, list[PartColumns | None], PastBook]:
        """A close as a published frame, its numbers by trade by block, and its book."""
        frame = self._repriced(row).frame
        rollup = msgspec.structs.replace(frame.rollup, frame=row.frame)
        manifest = frame.book.manifest(row.currency, rollup.book_version)
        if manifest is None:
            raise NothingStored(f"{row.currency} {row.date}: its book cannot be read")
        columns: list[PartColumns | None] = [None] * manifest.blocks
        for one in frame.columns:
            columns[one.block] = one
        return FrameView(rollup, manifest, None, row.frame, row.frame), columns, frame.book

    # --- Explain -----------------------------------------------------------------------------

    def _explain(self, row: FrameClose, frames: Any) -> Explain | str:
        place = (row.pk, row.sha256)
        found = self._explains.get(place)
        if found is None:
            found = explain_close(row, self._repriced(row), self.options, frames)
            self._explains = {**self._recent(self._explains), place: found}
        return found

    # --- Closes ------------------------------------------------------------------------------

    def _rows(self, closes: Sequence[int]) -> list[FrameClose]:
        found = FrameClose.objects.in_bulk(closes)
        if len(found) < len(closes):
            raise NothingStored("the replay has been deleted or has moved on meanwhile: ask again")
        return [found[pk] for pk in closes]

    def _repriced(self, row: FrameClose) -> Repriced:
        place = (row.pk, row.sha256)
        found = self._priced.get(place)
        if found is None:
            found = reprice(row, self.options)
            self._priced = {**self._recent(self._priced), place: found}
        return found

    @staticmethod
    def _recent(kept: dict[Any, Any]) -> dict[Any, Any]:
        return dict(list(kept.items())[1 - KEPT :])
