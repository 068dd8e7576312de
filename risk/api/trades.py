"""Risk by trade over REST."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from pricing.products.registry import PRODUCT_NAMES
from risk.api import parameters, previewer, schemas, source
from risk.api.views import RiskView
from risk.queries import cash_flows, trade_detail, trade_list
from risk.queries.curves import NoNodes
from risk.queries.trade_detail import FrameMoved, FrameView
from risk.queries.trade_list import ORDERINGS, Query, Table
from risk.store import previews
from risk.store.frames import BOOK_GONE

Json = dict[str, Any]

ORDERING_WORDS = (*ORDERINGS, *(f"-{name}" for name in ORDERINGS))
STATES = ("priced", "failed")


class TradesView(RiskView):
    """Risk by trade, of the details published now."""

    @extend_schema(
        operation_id="risk_trades",
        parameters=[
            parameters.CURRENCY,
            parameters.parameter("book", "Book code"),
            parameters.parameter("desk", "Desk code"),
            parameters.parameter("type", "Product", allowed=PRODUCT_NAMES),
            parameters.parameter("status", "priced or failed", allowed=STATES),
            parameters.parameter("search", "Part of a trade id"),
            parameters.parameter(
                "ordering", "prefix - for descending order", allowed=ORDERING_WORDS
            ),
            parameters.PAGE,
            parameters.PAGE_SIZE_PARAMETER,
        ],
        responses=schemas.Trades,
    )
    def get(self, request: Request) -> Response:
        """One row a trade; a trade without a number says why."""
        names = (
            *trade_list.FILTERS,
            "currency",
            "status",
            "search",
            "ordering",
            "page",
            "page_size",
        )
        parameters.known_only(request, *names)
        query, currencies = self._query(request), parameters.currencies(request)
        number, size = parameters.page(request)

        def look() -> tuple[source.Views, trade_list.Page]:
            views = source.views(currencies)
            tables = [Table(source.frames(), view) for view in views.found]
            return views, trade_list.page(tables, query, number, size)

        views, found = source.read(look)
        return Response(
            {
                "frames": [view.stamp() for view in views.found],
                "without_detail": views.without,
                "count": found.count,
                "page": number,
                "page_size": size,
                "results": found.rows,
            }
        )

    def _query(self, request: Request) -> Query:
        parameters.text(request, "type", PRODUCT_NAMES)
        labels = {name: parameters.text(request, name) for name in trade_list.FILTERS}
        return Query(
            labels={name: word for name, word in labels.items() if word},
            status=parameters.text(request, "status", STATES),
            search=parameters.text(request, "search"),
            ordering=parameters.text(request, "ordering", ORDERING_WORDS) or "trade_id",
            desks=self.desks(request),
        )


class TradeView(RiskView):
    """Risk of one trade."""

    @extend_schema(
        operation_id="risk_trade", parameters=[parameters.NOW], responses=schemas.TradeDetail
    )
    def get(self, request: Request, trade_id: str) -> Response:
        """Value, DV01, both ladders by curve and tenor, cash flows to come, or why there are none.

        The present values of the cash flows add up to the NPV. They are null when the frame
        does not carry its curves.
        """
        parameters.known_only(request, "now")
        desks = self.desks(request)
        if parameters.flag(request, "now"):
            with previewer.slot_of(request.user.pk):
                record = source.read(lambda: _priced_now(trade_id, desks))
        else:
            record = source.read(lambda: _published(trade_id, desks))
        if record is None:
            raise NotFound(f"trade_id: no trade {trade_id!r} in the current frames")
        return Response(record)


def _published(trade_id: str, desks: Collection[str] | None) -> Json | None:
    """The trade's record from the published detail; None for a trade that the user may not see.

    Raises:
        NoDetailYet: The trade is in the book of the newest sums, and in no detail yet.
    """
    try:
        views = source.views().found
    except source.NoDetailYet:
        views = []
    for view in views:
        record = trade_detail.trade_detail(source.frames(), view, trade_id)
        if record is not None:
            return record | _flows(view, trade_id) if _seen(record, desks) else None
    found = _in_sums(trade_id)
    if found is not None and _seen(_head(*found), desks):
        raise source.NoDetailYet(f"trade {trade_id}")
    return None


def _priced_now(trade_id: str, desks: Collection[str] | None) -> Json | None:
    """The trade's record, priced by the previewer on the quotes of the newest sums.

    Neither the published detail nor the database is asked: the trade is one of the compiled book
    of the sums.

    Raises:
        FrameMoved: The book has been retired meanwhile.
        PreviewerBusy: No previewer answered in time.
    """
    found = _in_sums(trade_id)
    if found is None or not _seen(_head(*found), desks):
        return None
    view, _, place = found
    failure = view.reasons().get(trade_id)
    if place is None or (failure is not None and failure != trade_detail.LATE):
        return trade_detail.without_numbers(view, trade_id, place, failure) | NO_FLOWS
    rollup = view.rollup
    question = previews.TradeQuestion(
        answer_key=previews.answer_key(uuid.uuid4().hex),
        currency=rollup.currency,
        valuation_date=rollup.valuation_date,
        curves=rollup.curves,
        book_version=rollup.book_version,
        block=place[0],
        row=place[1],
    )
    answer = previewer.ask(previews.TRADE_TASK, question)
    if "failure" in answer:
        code, message = answer["failure"]["code"], answer["failure"]["message"]
        if code == BOOK_GONE:
            raise FrameMoved(message)
        return trade_detail.without_numbers(view, trade_id, place, (code, message)) | NO_FLOWS
    analytics = trade_detail.analytics_of(source.frames(), view, place[0])
    ladders = {name: answer[name] for name in trade_detail.LADDERS}
    record = trade_detail.with_numbers(
        view, trade_id, place, answer["measures"], ladders, analytics
    )
    return record | _flows(view, trade_id)


def _in_sums(trade_id: str) -> tuple[FrameView, str, trade_detail.Place | None] | None:
    """Where a trade is in the books of the newest sums; without a place it did not compile."""
    for view in source.views_of_sums():
        place = view.manifest.place_of(trade_id)
        if place is not None or any(f.trade_id == trade_id for f in view.manifest.failures):
            return view, trade_id, place
    return None


def _head(view: FrameView, trade_id: str, place: trade_detail.Place | None) -> Json:
    return trade_detail.trade_head(view, trade_id, place, None)


def _seen(record: Json, desks: Collection[str] | None) -> bool:
    """Whether a user of these desks (None: all) may see a trade."""
    return desks is None or record["desk"] in desks


NO_FLOWS: Json = {"curves": None, "cash_flows": None}


def _flows(view: FrameView, trade_id: str) -> Json:
    try:
        found = cash_flows.cash_flows(source.books(), view, trade_id, source.options())
    except NoNodes:
        found = None
    if found is None:
        return NO_FLOWS
    return {"curves": found.curves, "cash_flows": found.flows}
