"""The trades page: a table of trades, the same as CSV, and the ladders of one trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import blotter, charts, detail, format, screen, theme
from dashboard.access import auth
from dashboard.answers import priced_now
from dashboard.answers.priced_now import PricedNow
from dashboard.blotter import Sort, TradeKey, TradeRow, Trades
from dashboard.data import Market, Snapshot
from dashboard.risk import NO_DESK, Choice
from pricing.measures.table import TABLE

TABLE_PX, CHART_PX, LADDER_PX = 744, 300, 330
# Rows sent at each refresh; the others are on other pages, in searches and in the CSV file.
PAGE_ROWS = 100

# Session state: how rows are sorted, the trade in the panel, the order that is held, and the trade
# that was priced on demand.
SORT, TRADE, ORDER, NOW = "blotter_sort", "blotter_trade", "blotter_order", "blotter_now"

ALL_TRADES, NOT_PRICED = "All", "Not priced"
MEASURES = "Measures"
LADDERS = {"KRD": "krd", "Par": "ladder_par"}

IN_BLOTTER = [row for row in TABLE if row.in_blotter]
SHOWN = {
    "trade": "Trade",
    "currency": "Ccy",
    "desk": "Desk",
    "book": "Book",
    "product": "Product",
    **{row.name: row.label for row in IN_BLOTTER},
    "pnl": "P&L",
    "status": "Status",
    "message": "Message",
}
NUMBER_FORMATS = {row.label: row.number_format for row in IN_BLOTTER} | {"P&L": "%,.0f"}
COLUMN_OF = {title: column for column, title in SHOWN.items()}


class Search:
    """What the second row of filters asks for."""

    def __init__(self, books: Sequence[str], text: str, status: str) -> None:
        """Keep the books (none: all), the text in a trade's name, and the status."""
        self.books, self.text, self.status = tuple(books), text.strip(), status

    def question(self, choice: Choice) -> int:
        """A number that differs when other rows are asked for."""
        return hash((choice, self.books, self.text, self.status))

    def rows(self, table: pd.DataFrame, choice: Choice) -> pd.DataFrame:
        """The rows that pass; a trade that never compiled has neither product nor desk."""
        keep = table["product"].isin(["", *choice.products])
        if choice.desk is not None:
            keep &= table["desk"].replace("", NO_DESK) == choice.desk
        if self.books:
            keep &= table["book"].isin(self.books)
        if self.text:
            keep &= table["trade"].str.contains(self.text, case=False, regex=False)
        if self.status == NOT_PRICED:
            keep &= table["status"] != blotter.OK
        return table[keep]


def search_row(snapshot: Snapshot) -> tuple[Search, bool]:
    """Book, name and status; and whether the table follows the newest frame."""
    markets = snapshot.markets.values()
    books = sorted({cell.book for market in markets for cell in market.rollup.cells})
    with st.container(horizontal=True, vertical_alignment="center", key="search"):
        text = st.text_input(
            "Trade",
            placeholder="Trade id contains ...",
            key="text",
            width=260,
            bind="query-params",
            **_BARE,
        )
        chosen = st.multiselect("Book", books, placeholder="All books", key="books", **_KEPT)
        status = st.segmented_control(
            "Status",
            [ALL_TRADES, NOT_PRICED],
            default=ALL_TRADES,
            required=True,
            key="only",
            **_KEPT,
        )
        live = st.toggle(
            "Live", value=True, key="live", help="Off: the table does not update while you read it."
        )
    return Search(chosen, text, status or ALL_TRADES), live


_BARE: dict[str, Any] = {"label_visibility": "collapsed"}
_KEPT: dict[str, Any] = {**_BARE, "bind": "query-params"}


def held_or_new(markets: Sequence[Market], *, live: bool) -> dict[str, Trades]:
    """The trades to show: the newest, or those of when the table was stopped."""
    held: dict[str, Trades] = st.session_state.get("held_trades", {})
    reader = screen.reader()
    found = {}
    for market in markets:
        name = market.currency
        trades = held.get(name) if not live else None
        trades = trades or reader.trades(market)
        if trades is not None:
            found[name] = trades
    st.session_state["held_trades"] = found
    return found


def held_order(rows: pd.DataFrame, question: int) -> list[TradeKey]:
    """Return the keys of the rows in the order in which they were first shown.

    Numbers change in place and rows keep their positions: a row that moves while it is read, or
    clicked, is mistaken for another trade. Rows are sorted again by another sort or search, or when
    trades were added or removed.
    """
    sort: Sort = st.session_state.setdefault(SORT, Sort())
    keys = set(zip(rows["currency"], rows["trade"], strict=True))
    asked: tuple[int, Sort] | None
    order: list[TradeKey]
    asked, order = st.session_state.get(ORDER, (None, []))
    if asked != (question, sort) or set(order) != keys:
        order = sort.order(rows)
        st.session_state[ORDER] = ((question, sort), order)
    return order


def sort_again() -> None:
    """Forget the order that is held: the next one goes by the numbers of now."""
    st.session_state.pop(ORDER, None)


def on_click(widget: str, shown: Sequence[TradeKey]) -> None:
    """Take a tick or a click on a heading out of the table's state."""
    selection = st.session_state[widget].selection
    sort: Sort = st.session_state[SORT]
    if selection.columns:
        st.session_state[SORT] = sort.after_click(COLUMN_OF[selection.columns[0]])
    elif selection.rows:
        st.session_state[TRADE] = shown[selection.rows[0]]
    else:
        st.session_state.pop(TRADE, None)


def column_config(sort: Sort) -> dict[str, Any]:
    """Formats of the numbers, and an arrow in the heading that the rows are sorted by."""
    found = {title: _heading(title) for title in SHOWN.values()}
    arrow = "▼" if sort.descending else "▲"
    title = SHOWN[sort.column]
    found[title] = _heading(title, f"{title} {arrow}")
    return found


def _heading(title: str, label: str | None = None) -> Any:
    if title in NUMBER_FORMATS:
        return st.column_config.NumberColumn(label, format=NUMBER_FORMATS[title], width=90)
    return st.column_config.TextColumn(label)


def columns_shown() -> list[str]:
    """The titles of the columns that the user has chosen, in the order of the table."""
    with st.popover("Columns", key="switch-columns"):
        chosen = st.multiselect(
            "Columns",
            list(COLUMN_OF),
            placeholder="All columns",
            key="columns",
            bind="query-params",
        )
    titles = [title for title in COLUMN_OF if title in chosen]
    return titles or list(COLUMN_OF)


def blotter_table(
    rows: pd.DataFrame, shown: Sequence[TradeKey], question: int, titles: Sequence[str]
) -> None:
    """Draw one page of the table.

    The widget is known by the keys of its rows: as long as it is the same widget, a place is the
    same trade. Another widget gets the tick by the trade's key.
    """
    sort: Sort = st.session_state[SORT]
    page = blotter.in_order(rows, shown)[list(SHOWN)]
    page["product"] = page["product"].map(format.product)
    table = page.rename(columns=SHOWN)[list(titles)]
    widget = f"blotter-{hash((question, sort, tuple(shown), tuple(titles)))}"
    chosen = st.session_state.get(TRADE)
    st.dataframe(
        table,
        hide_index=True,
        height=TABLE_PX,
        key=widget,
        row_height=28,
        column_config={title: of for title, of in column_config(sort).items() if title in titles},
        on_select=partial(on_click, widget, shown),
        # With columns to select, the grid does not sort by itself: its order would be its own.
        selection_mode=["single-row", "single-column"],
        selection_default={
            "selection": {
                "rows": [shown.index(chosen)] if chosen in shown else [],
                "columns": [],
            }
        },
    )


def page_of(order: Sequence[TradeKey], question: int) -> Sequence[TradeKey]:
    """The keys of the page that is open; a choice of pages when there is more than one."""
    pages = -(-len(order) // PAGE_ROWS)
    if pages <= 1:
        return order
    page = st.number_input(
        "Page",
        min_value=1,
        max_value=pages,
        key=f"switch-page-{question}",
        width=120,
        help=f"{PAGE_ROWS} rows a page, {pages:,} pages",
        **_BARE,
    )
    return order[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]


def chosen_row(rows: pd.DataFrame) -> pd.Series | None:
    """The row of the trade in the panel; None when none is chosen or the filters hide it."""
    currency, trade = st.session_state.get(TRADE, ("", ""))
    found = rows[(rows["trade"] == trade) & (rows["currency"] == currency)]
    return None if found.empty else found.iloc[0]


def trade_panel(
    row: pd.Series | None, trades: Mapping[str, Trades], markets: Sequence[Market]
) -> None:
    """The selected trade's ladders by curve: chart and exact numbers."""
    with st.container(key="panel-trade", border=True, height=TABLE_PX + 38, gap="small"):
        if row is None:
            st.html(theme.heading("Trade", "select a row to see its ladders"))
            return
        key = (str(row["currency"]), str(row["trade"]))
        shown = trades[key[0]]
        market = next(market for market in markets if market.currency == key[0])
        st.html(theme.heading(key[1], _about(row)))
        now = newer(key, shown)
        on_demand(key, row, shown, market, now)
        if isinstance(now, PricedNow) and not now.failure:
            trade_tabs(now.ladder(), now.measures(), key[0])
        elif row["status"] != blotter.OK:
            why = f"{row['status']}: {row['message'] or 'its block is not priced yet'}"
            st.html(theme.warning(why))  # a box would read Markdown, such as an image's address
        else:
            place = TradeRow(key[1], key[0], int(row["block"]), int(row["row"]))
            product = str(row["product"])
            trade_tabs(shown.ladder(place), shown.measures(place, product), key[0])


def newer(key: TradeKey, shown: Trades) -> PricedNow | str | None:
    """What pricing the trade on demand gave, unless the numbers shown have overtaken it."""
    asked, found = st.session_state.get(NOW, (None, None))
    if asked != key or (isinstance(found, PricedNow) and found.frame <= shown.frame):
        st.session_state.pop(NOW, None)
        return None
    answer: PricedNow | str = found
    return answer


def on_demand(
    key: TradeKey,
    row: pd.Series,
    shown: Trades,
    market: Market,
    now: PricedNow | str | None,
) -> None:
    """Say of which frame the trade's numbers are; offer to price it when they are late."""
    if isinstance(now, PricedNow):
        frame = detail.frame_name(now.frame, shown.frame)
        said = f"Priced on demand, on frame {frame} ({now.market_time})"
        st.html(theme.warning(f"{said}: {now.failure}") if now.failure else theme.note(said, ""))
    elif isinstance(now, str):
        st.html(theme.warning(now))
    late = detail.is_late(market, shown) or row["status"] == blotter.MISSING
    if late and int(row["block"]) >= 0:
        st.button("Price now", key="switch-now", help=NOW_HINT, on_click=partial(price_now, key))


NOW_HINT = "Prices this trade on the quotes of the newest sums; the table does not change."


def price_now(key: TradeKey) -> None:
    """Ask the web process, which prices it with the user's own rights and limits."""
    st.session_state[NOW] = (key, priced_now.ask(auth.web(), auth.cookie(), key[1]))


def _about(row: pd.Series) -> str:
    return ", ".join(
        part for part in (format.product(row["product"]), row["book"], row["desk"]) if part
    )


def trade_tabs(ladder: pd.DataFrame, measures: pd.DataFrame, currency: str) -> None:
    """One ladder as a chart and both as numbers, or all measures of the trade."""
    name = st.segmented_control(
        "View", [*LADDERS, MEASURES], default="KRD", required=True, key="switch-trade", **_BARE
    )
    if name == MEASURES:
        measures_table(measures)
    else:
        ladders(ladder, currency, name or "KRD")


def measures_table(measures: pd.DataFrame) -> None:
    """All measures, each with the frame that it is of: some are made at a lower cadence."""
    titles = {"measure": "Measure", "value": "Value", "unit": "Unit", "frame": "Frame"}
    st.dataframe(
        measures.rename(columns=titles),
        hide_index=True,
        height=CHART_PX + LADDER_PX,
        row_height=26,
        key="trade-measures-table",
    )


def ladders(ladder: pd.DataFrame, currency: str, name: str) -> None:
    """One ladder as a chart, both as numbers."""
    column = LADDERS[name]
    st.html(theme.heading(f"{name} per bp", f"{currency}; sum {ladder[column].sum():,.2f}"))
    st.echarts_chart(
        charts.trade_ladder_chart(ladder, column),
        theme=None,
        height=CHART_PX,
        key="trade-ladder",
        alt="Ladder of the selected trade by tenor and curve",
    )
    names = {"curve": "Curve", "tenor": "Tenor", "krd": "KRD", "ladder_par": "Par"}
    exact = ladder.round(2).replace(-0.0, 0.0).rename(columns=names)
    st.dataframe(
        exact.style.format(precision=2, thousands=","),
        hide_index=True,
        height=LADDER_PX,
        row_height=26,
        key="trade-ladder-table",
    )


def summary(rows: pd.DataFrame, table: pd.DataFrame) -> str:
    """How many rows, and of what."""
    bad = int((rows["status"] != blotter.OK).sum())
    lost = f", {bad:,} not priced" if bad else ""
    trades = format.count(len(table), "trade")
    return f"{len(rows):,} of {trades}{lost}; money in each trade's currency"


@st.fragment(run_every=screen.REFRESH_S)
def trades_page(choice: Choice, search: Search, before: Snapshot, *, live: bool) -> None:
    snapshot = screen.reader().snapshot()
    screen.redraw_filters_if_new(before, snapshot)
    markets = screen.status_line("Trades", snapshot, choice)
    if not markets:
        return
    trades = held_or_new(markets, live=live)
    notes = screen.detail_notes(markets, trades)
    if notes:
        st.html(notes)
    if not trades:
        return
    table = pd.concat([found.table for found in trades.values()], ignore_index=True)
    rows = search.rows(table, choice)
    with st.container(key="body"):
        left, right = st.columns([66, 34], gap="small")
        with left:
            question = search.question(choice)
            order = held_order(rows, question)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.html(theme.heading("Blotter", summary(rows, table)))
                shown = page_of(order, question)
                titles = columns_shown()
                st.button("Sort again", key="switch-sort", help=SORT_HINT, on_click=sort_again)
                download(rows, order, titles, trades)
            blotter_table(rows, shown, question, titles)
        with right:
            trade_panel(chosen_row(rows), trades, markets)


SORT_HINT = (
    "Click a heading to sort by it, and again to reverse the order. Updates do not reorder the "
    "rows; click again to sort by current values."
)


def download(
    rows: pd.DataFrame,
    order: Sequence[TradeKey],
    titles: Sequence[str],
    trades: Mapping[str, Trades],
) -> None:
    """CSV of the rows that pass the filters, all pages, in the order and columns of the table."""
    stamps = {currency: found.stamp for currency, found in trades.items()}
    newest = max(stamp.market_time for stamp in stamps.values())
    st.download_button(
        "CSV",
        partial(csv, rows, order, [COLUMN_OF[title] for title in titles], stamps),
        file_name=f"trades-{newest:%Y%m%dT%H%M%SZ}.csv",
        mime="text/csv",
        key="switch-csv",
        on_click="ignore",
    )


def csv(
    rows: pd.DataFrame,
    order: Sequence[TradeKey],
    columns: Sequence[str],
    stamps: Mapping[str, blotter.Stamp],
) -> bytes:
    """The file, made when it is asked for."""
    return blotter.csv_bytes(blotter.in_order(rows, order), stamps, columns)


first = screen.reader().snapshot()
picked = screen.filters(first)
asked, follow = search_row(first)
trades_page(picked, asked, first, live=follow)
