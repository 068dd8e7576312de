"""Risk by trade over REST."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from pricing.products.registry import PRODUCT_NAMES
from risk.api import parameters, schemas, source
from risk.api.views import RiskView
from risk.queries import cash_flows, trade_detail, trade_list
from risk.queries.curves import NoNodes
from risk.queries.trade_detail import FrameView
from risk.queries.trade_list import ORDERINGS, Query, Table

ORDERING_WORDS = (*ORDERINGS, *(f"-{name}" for name in ORDERINGS))
STATES = ("priced", "failed")


class TradesView(RiskView):
    """Risk by trade, of the frames published now."""

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

        def look() -> tuple[list[FrameView], trade_list.Page]:
            views = source.views(currencies)
            tables = [Table(source.frames(), view) for view in views]
            return views, trade_list.page(tables, query, number, size)

        views, found = source.read(look)
        return Response(
            {
                "frames": [view.stamp() for view in views],
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

    @extend_schema(operation_id="risk_trade", responses=schemas.TradeDetail)
    def get(self, request: Request, trade_id: str) -> Response:
        """Value, DV01, both ladders by curve and tenor, cash flows to come, or why there are none.

        The present values of the cash flows add up to the NPV. They are null when the frame
        does not carry its curves.
        """
        desks = self.desks(request)
        record = source.read(lambda: _detail(trade_id))
        if record is None or (desks is not None and record["desk"] not in desks):
            raise NotFound(f"trade_id: no trade {trade_id!r} in the current frames")
        return Response(record)


def _detail(trade_id: str) -> dict[str, Any] | None:
    for view in source.views():
        record = trade_detail.trade_detail(source.frames(), view, trade_id)
        if record is not None:
            return record | _flows(view, trade_id)
    return None


def _flows(view: FrameView, trade_id: str) -> dict[str, Any]:
    try:
        found = cash_flows.cash_flows(source.books(), view, trade_id, source.options())
    except NoNodes:
        found = None
    return {
        "curves": found.curves if found else None,
        "cash_flows": found.flows if found else None,
    }
