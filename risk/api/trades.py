"""Risk by trade over REST."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from instruments import trade_repository
from pricing.errors import shortened
from pricing.products.registry import PRODUCT_NAMES
from risk.api import parameters, previewer, schemas, source
from risk.api.answers import markets
from risk.api.answers.tables import TRADE, TRADES
from risk.api.views import TablesView
from risk.models import LIVE
from risk.queries import cash_flows, trade_detail, trade_fields, trade_list
from risk.queries.curves import NoNodes
from risk.queries.trade_columns import LADDERS, SeveralCurrencies, TradeColumns
from risk.queries.trade_detail import FrameMoved, FrameView
from risk.queries.trade_fields import FIELD_OF
from risk.queries.trade_list import ORDERINGS, Query, Table
from risk.store import previews
from risk.store.frames import BOOK_GONE
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables import paging
from riskproject.web.tables.answers import Column
from riskproject.web.tables.column_names import LOCAL
from riskproject.web.tables.formats import Columns, TableFormat

Json = dict[str, Any]

ORDERING_WORDS = (*ORDERINGS, *(f"-{name}" for name in ORDERINGS))
STATES = ("priced", "failed")
MOST_DAYS_CLOSED = 10
"""Largest number of days between the maturity of a bond and its last payment."""


QUERY = (
    *trade_list.FILTERS,
    *("currency", "market", "status", "search", "ordering", "page", "page_size", paging.CURSOR),
)
PAGED = ("page", "page_size")


class TradesView(TablesView):
    """Risk by trade, of the details published now."""

    tables = TRADES

    @extend_schema(
        operation_id="risk_trades",
        parameters=[
            parameters.CURRENCY,
            markets.MARKET,
            parameters.parameter("book", "Book code"),
            parameters.parameter("desk", "Desk code"),
            parameters.parameter("type", "Product", allowed=PRODUCT_NAMES),
            *(
                parameters.parameter(name, f"{FIELD_OF[name].label}, as rows have it")
                for name in trade_fields.LABELLED
            ),
            parameters.parameter("status", "priced or failed", allowed=STATES),
            parameters.parameter("search", "Part of a trade id, an instrument or an issuer"),
            parameters.parameter(
                "ordering", "prefix - for descending order", allowed=ORDERING_WORDS
            ),
            parameters.PAGE,
            parameters.PAGE_SIZE_PARAMETER,
            parameters.CURSOR_PARAMETER,
            *answer_tables.parameters(["trades"]),
        ],
        responses=schemas.Trades,
    )
    def get(self, request: Request) -> Response:
        """One row a trade; a trade without a number says why."""
        parameters.known_only(request, *QUERY, *answer_tables.FILE_PARAMETERS)
        query, currencies = self._query(request), parameters.currencies(request)
        number, size = parameters.page(request)
        _, fields = self.asked(request)
        market, file = parameters.market(request), answer_tables.file_format(request)
        if market != LIVE:
            return self._of_replay(request, market, query, number, size)
        if file is not None:
            return self._file(request, file, query, fields)

        def look() -> tuple[source.Views, trade_list.Page]:
            views = source.views(currencies)
            tables = [Table.read(source.frames(), view) for view in views.found]
            return views, trade_list.page(tables, query, number, size)

        views, found = source.read(look)
        frames = [view.stamp() for view in views.found]
        return Response(
            _paged(request, frames, views.without, found.count, found.rows, number, size)
        )

    def _of_replay(
        self, request: Request, market: str, query: Query, number: int, size: int
    ) -> Response:
        """A page of the trades of a replay's current closes, priced when asked for."""
        asked = {
            "labels": query.labels,
            **{name: getattr(query, name) for name in ("status", "search", "ordering", "after")},
        }
        found = markets.trades(request, market, asked, number, size, query.desks)
        page = _paged(
            *(request, found["frames"], [], found["count"], found["results"], number, size)
        )
        return self.answer(request, page)

    def _file(
        self, request: Request, found: TableFormat, query: Query, fields: list[str] | None
    ) -> Response:
        """All trades that the query finds, or a page of them, as columns."""
        currencies = parameters.currencies(request)
        chosen = self.tables["trades"].chosen(fields)
        paged = any(name in request.query_params for name in PAGED)
        number, size = parameters.page(request) if paged else (1, found.most_rows)
        money = currencies[0] if len(currencies) == 1 else LOCAL

        def look() -> Columns:
            tables = [Table.read(source.frames(), view) for view in source.views(currencies).found]
            trades = TradeColumns(tables, query)
            if not paged:
                answer_tables.check_length(found, trades.count, "the table of trades")
            page = slice((number - 1) * size, number * size)
            return Columns("trades", dict(_columns(trades, chosen, money, page)))

        with answer_tables.file_slot(request):
            return answer_tables.file_response(found, [source.read(look)])

    def _query(self, request: Request) -> Query:
        parameters.text(request, "type", PRODUCT_NAMES)
        labels = {name: parameters.text(request, name) for name in trade_list.FILTERS}
        return Query(
            labels={name: word for name, word in labels.items() if word},
            status=parameters.text(request, "status", STATES),
            search=parameters.text(request, "search"),
            ordering=parameters.text(request, "ordering", ORDERING_WORDS) or "trade_id",
            after=paging.name_before(cursor) if (cursor := _cursor(request)) else "",
            desks=self.desks(request),
        )


def _paged(
    request: Request,
    frames: list[Json],
    without: Sequence[str],
    count: int,
    rows: list[Json],
    number: int,
    size: int,
) -> Json:
    """A page of trades as it is answered."""
    more = paging.CURSOR in request.query_params and count > size
    return {
        "frames": frames,
        "without_detail": without,
        "count": count,
        "page": number,
        "page_size": size,
        "next_cursor": paging.cursor_after(rows[-1]["trade_id"]) if more else None,
        "results": rows,
    }


def _cursor(request: Request) -> str:
    """The cursor of a request, beside which there is no other order and no page."""
    cursor = parameters.text(request, paging.CURSOR)
    if cursor:
        paging.check_alone(request)
    return cursor


def _columns(
    trades: TradeColumns, chosen: Sequence[Column], money: str, page: slice
) -> Iterator[tuple[str, Any]]:
    """Header and values of each column; a ladder is a column for each quote."""
    for column in chosen:
        header = column.header(money)
        if column.name not in LADDERS:
            yield header, trades.column(column.name)[page]
            continue
        try:
            found = trades.ladder(column.name)
        except SeveralCurrencies as error:
            raise ValidationError({answer_tables.FIELDS: [str(error)]}) from None
        for (curve, tenor), values in found.items():
            yield f"{header} {curve} {tenor}", values[page]


class TradeView(TablesView):
    """Risk of one trade."""

    tables = TRADE

    @extend_schema(
        operation_id="risk_trade",
        parameters=[parameters.NOW, markets.MARKET, *answer_tables.parameters(TRADE)],
        responses=schemas.TradeDetail,
    )
    def get(self, request: Request, trade_id: str) -> Response:
        """Value, DV01, both ladders by curve and tenor, cash flows to come, or why there are none.

        The present values of the cash flows add up to the NPV. They are null when the frame
        does not carry its curves.
        """
        parameters.known_only(request, "now", "market", *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        desks, market = self.desks(request), parameters.market(request)
        markets.live_only(request, market, "now")
        if market != LIVE:
            record = markets.trade(request, market, trade_id, desks)
        elif parameters.flag(request, "now"):
            record = on_request(request, trade_id, lambda: _priced_now(trade_id, desks))
        else:
            record = source.read(lambda: _published(trade_id, desks))
        record = known(record, trade_id)
        return self.answer(request, record, record["currency"])


def known(record: Json | None, trade_id: str) -> Json:
    """The record of a trade.

    Raises:
        NotFound: There is none that the user may see.
    """
    if record is None:
        shown = shortened(repr(trade_id))
        raise NotFound(f"trade_id: no trade {shown} in the current frames")
    return record


def on_request(request: Request, trade_id: str, look: Callable[[], Json | None]) -> Json:
    """Return what the previewer makes of a trade while its user waits.

    Raises:
        TooMany: The user has as many questions open as allowed.
        NotFound: There is no such trade that the user may see.
    """
    with previewer.slot_of(request.user.pk):
        return known(source.read(look), trade_id)


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
            return record | _flows(view, trade_id) if seen(record, desks) else None
    found = in_sums(trade_id)
    if found is not None and seen(head(*found), desks):
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
    found = in_sums(trade_id)
    if found is None or not seen(head(*found), desks):
        return None
    view, _, place = found
    reason = without_number(*found)
    if place is None or reason is not None:
        return trade_detail.without_numbers(view, trade_id, place, reason) | NO_FLOWS
    answer = previewer.ask(previews.TRADE_TASK, trade_question(view, place))
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


def in_sums(trade_id: str) -> tuple[FrameView, str, trade_detail.Place | None] | None:
    """Where a trade is in the books of the newest sums; without a place it did not compile."""
    for view in source.views_of_sums():
        place = view.manifest.place_of(trade_id)
        if place is not None or any(f.trade_id == trade_id for f in view.manifest.failures):
            return view, trade_id, place
    return None


def head(view: FrameView, trade_id: str, place: trade_detail.Place | None) -> Json:
    """Return what identifies a trade: its book, desk and product."""
    return trade_detail.trade_head(view, trade_id, place, None)


def without_number(
    view: FrameView, trade_id: str, place: trade_detail.Place | None
) -> tuple[str, str] | None:
    """Code and reason why the newest sums have no number of a trade; None where they have one."""
    failure = view.reasons().get(trade_id)
    return failure if place is None or failure != trade_detail.LATE else None


def trade_question(view: FrameView, place: trade_detail.Place) -> previews.TradeQuestion:
    """Return what to ask the previewer of a trade of the newest sums."""
    rollup = view.rollup
    return previews.TradeQuestion(
        answer_key=previews.answer_key(uuid.uuid4().hex),
        currency=rollup.currency,
        valuation_date=rollup.valuation_date,
        curves=rollup.curves,
        book_version=rollup.book_version,
        block=place[0],
        row=place[1],
    )


def seen(record: Json, desks: Collection[str] | None) -> bool:
    """Return whether a user of these desks (None: all) may see a trade."""
    return desks is None or record["desk"] in desks


NO_FLOWS: Json = {"curves": None, "cash_flows": None, "deliverables": None}


def _flows(view: FrameView, trade_id: str) -> Json:
    try:
        found = cash_flows.cash_flows(source.books(), view, trade_id, source.options())
    except NoNodes:
        found = None
    if found is None:
        return NO_FLOWS
    return {
        "curves": found.curves,
        "cash_flows": found.flows,
        "deliverables": found.deliverables and _with_codes(trade_id, found.deliverables),
    }


def _with_codes(trade_id: str, bonds: list[Json]) -> list[Json]:
    """Bonds with the codes that they have in the master, where these are still the same bonds."""
    codes = trade_repository.codes_of_basket(trade_id)
    same = len(codes) == len(bonds) and all(
        0 <= (bond["last_payment"] - maturity).days <= MOST_DAYS_CLOSED
        for bond, (_, maturity) in zip(bonds, codes, strict=True)
    )
    return [
        {
            "bond": codes[place][0] if same else None,
            **{name: bond[name] for name in ("last_payment", "price", "cheapest")},
        }
        for place, bond in enumerate(bonds)
    ]
