"""The trades page: a table of trades, the same as CSV, and the ladders of one trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import format, screen, theme
from dashboard.blotter import TradeKey, Trades
from dashboard.data import Market, Snapshot
from dashboard.risk import Choice
from dashboard.trades import columns
from dashboard.trades.columns import BY_TITLE, ShownColumn
from dashboard.trades.panels import BARE, numbers_of_trade
from dashboard.trades.rows import Search, Sort, Stack, csv_bytes
from pricing.arrays import IntArray

TABLE_PX = 744
# Rows sent at each refresh; the others are on other pages, in searches and in the CSV file.
PAGE_ROWS = 100

# Session state: how rows are sorted, the trade in the panel, and the order that is held.
SORT, TRADE, ORDER = "blotter_sort", "blotter_trade", "blotter_order"

ALL_TRADES, NOT_PRICED = "All", "Not priced"


def search_row(snapshot: Snapshot) -> tuple[Search, bool]:
    """Book, name and status; and whether the table follows the newest frame."""
    markets = snapshot.markets.values()
    books = sorted({cell.book for market in markets for cell in market.rollup.cells})
    with st.container(horizontal=True, vertical_alignment="center", key="search"):
        text = st.text_input(
            "Trade",
            placeholder="Trade, instrument or issuer",
            key="text",
            width=260,
            bind="query-params",
            **BARE,
        )
        chosen = st.multiselect(
            "Book", books, placeholder="All books", key="books", **BARE, bind="query-params"
        )
        status = st.segmented_control(
            "Status",
            [ALL_TRADES, NOT_PRICED],
            default=ALL_TRADES,
            required=True,
            key="only",
            **BARE,
            bind="query-params",
        )
        live = st.toggle(
            "Live", value=True, key="live", help="Off: the table does not update while you read it."
        )
    return Search(tuple(chosen), text or "", status == NOT_PRICED), live


__KEPT: dict[str, Any] = {**BARE, "bind": "query-params"}


def held_or_new(markets: Sequence[Market], *, live: bool) -> dict[str, Trades]:
    """Return the newest trades, or those of the moment at which the table was stopped."""
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


def held_order(stack: Stack, search: Search, choice: Choice) -> IntArray:
    """Return the places of the rows in the order in which they were first shown.

    Numbers change in place and rows keep their positions: a row that moves while it is read, or
    clicked, is mistaken for another trade. Rows are sorted again by another sort or search, or when
    the books or, of a search for trades without numbers, what it finds have changed.
    """
    sort = sort_now()
    asked = (search, choice, sort, stack.books)
    before, order = st.session_state.get(ORDER, (None, None))
    if before == asked and not search.not_priced:
        held: IntArray = order
        return held
    found = stack.found(search, choice)
    if before == asked and np.array_equal(np.sort(order), found):
        held = order
        return held
    made = stack.ordered(found, sort)
    st.session_state[ORDER] = (asked, made)
    return made


def sort_now() -> Sort:
    """How rows are sorted: as the user has clicked; at first, as the URL says."""
    if SORT not in st.session_state:
        word = st.query_params.get("sort", "")
        name = word.removeprefix("-")
        known = name in columns.BY_NAME
        st.session_state[SORT] = Sort(name, word.startswith("-")) if known else Sort()
    sort: Sort = st.session_state[SORT]
    return sort


def keep_in_url(name: str, word: str) -> None:
    """Write a parameter of the URL, or remove it where there is nothing to say."""
    if word and st.query_params.get(name) != word:
        st.query_params[name] = word
    elif not word and name in st.query_params:
        del st.query_params[name]


def sort_again() -> None:
    """Forget the order that was kept, so that the rows are sorted by the present numbers."""
    st.session_state.pop(ORDER, None)


def on_click(widget: str, shown: Sequence[TradeKey]) -> None:
    """Take a tick or a click on a heading out of the table's state."""
    selection = st.session_state[widget].selection
    if selection.columns:
        st.session_state[SORT] = sort_now().after_click(BY_TITLE[selection.columns[0]].name)
    elif selection.rows:
        st.session_state[TRADE] = shown[selection.rows[0]]
    else:
        st.session_state.pop(TRADE, None)


def column_config(shown: Sequence[ShownColumn], sort: Sort) -> dict[str, Any]:
    """Formats of the columns, and an arrow in the heading that the rows are sorted by."""
    arrow = "▼" if sort.descending else "▲"
    return {
        column.title: _heading(
            column, f"{column.title} {arrow}" if column.name == sort.column else None
        )
        for column in shown
    }


def _heading(column: ShownColumn, label: str | None) -> Any:
    pinned = column.name == "trade"
    if column.kind == "number":
        return st.column_config.NumberColumn(label, format=column.number_format, width=column.width)
    if column.kind == "date":
        return st.column_config.DateColumn(label, format="YYYY-MM-DD", width=column.width)
    return st.column_config.TextColumn(label, width=column.width, pinned=pinned)


def columns_shown() -> list[ShownColumn]:
    """The columns that the user has chosen, in the order of the table."""
    with st.popover("Columns", key="switch-columns"):
        titles = st.multiselect(
            "Columns",
            list(BY_TITLE),
            placeholder="The usual columns",
            key="columns",
            bind="query-params",
        )
    return columns.chosen(titles)


def on_screen(rows: pd.DataFrame, shown: Sequence[ShownColumn]) -> pd.DataFrame:
    """Rows with the titles and in the units of the screen."""
    found = rows[[column.name for column in shown]].copy()
    for column in shown:
        if column.scale != 1.0:
            found[column.name] *= column.scale
    if "product" in found:
        found["product"] = found["product"].map(format.product)
    return found.rename(columns={column.name: column.title for column in shown})


def blotter_table(rows: pd.DataFrame, question: int, shown: Sequence[ShownColumn]) -> None:
    """Draw one page of the table.

    The widget is known by the keys of its rows: as long as it is the same widget, a place is the
    same trade. Another widget gets the tick by the trade's key.
    """
    sort, chosen = sort_now(), st.session_state.get(TRADE)
    keys: list[TradeKey] = list(zip(rows["currency"], rows["trade"], strict=True))
    titles = tuple(column.title for column in shown)
    widget = f"blotter-{hash((question, sort, tuple(keys), titles))}"
    st.dataframe(
        on_screen(rows, shown),
        hide_index=True,
        height=TABLE_PX,
        key=widget,
        row_height=28,
        placeholder=format.NOTHING,
        column_config=column_config(shown, sort),
        on_select=partial(on_click, widget, keys),
        # With columns to select, the grid does not sort by itself: its order would be its own.
        selection_mode=["single-row", "single-column"],
        selection_default={
            "selection": {
                "rows": [keys.index(chosen)] if chosen in keys else [],
                "columns": [],
            }
        },
    )


def page_of(order: IntArray, question: int) -> IntArray:
    """The places of the page that is open; a choice of pages when there is more than one."""
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
        **BARE,
    )
    return order[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]


def chosen_row(stack: Stack, order: IntArray) -> pd.Series | None:
    """The row of the trade in the panel; None when none is chosen or the filters hide it."""
    if TRADE not in st.session_state and "trade" in st.query_params:
        key = stack.key_of(st.query_params["trade"])
        if key is not None:
            st.session_state[TRADE] = key
    place = stack.place_of(st.session_state.get(TRADE))
    if place is None or place not in order:
        return None
    return stack.rows(np.array([place])).iloc[0]


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
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(theme.heading(key[1], _about(row)))
            st.page_link(
                "views/trade.py",
                label="Trade page",
                icon=":material/open_in_new:",
                query_params={"trade": key[1]},
            )
        numbers_of_trade(row, shown, market)


def _about(row: pd.Series) -> str:
    return ", ".join(
        part for part in (format.product(row["product"]), row["book"], row["desk"]) if part
    )


def summary(stack: Stack, order: IntArray) -> str:
    """How many rows, and of what."""
    bad = stack.not_priced(order)
    lost = f", {bad:,} not priced" if bad else ""
    trades = format.count(len(stack), "trade")
    return f"{len(order):,} of {trades}{lost}; money in each trade's currency"


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
    stack = Stack(trades.values())
    with st.container(key="body"):
        left, right = st.columns([73, 27], gap="small")
        with left:
            question = hash((search, choice))
            order = held_order(stack, search, choice)
            with st.container(horizontal=True, vertical_alignment="center"):
                st.html(theme.heading("Blotter", summary(stack, order)))
                page = page_of(order, question)
                shown = columns_shown()
                st.button("Sort again", key="switch-sort", help=SORT_HINT, on_click=sort_again)
                download(stack, order, shown)
            blotter_table(stack.rows(page), question, shown)
        with right:
            trade_panel(chosen_row(stack, order), trades, markets)
    sort, chosen = sort_now(), st.session_state.get(TRADE)
    keep_in_url("sort", "" if sort == Sort() else f"{'-' * sort.descending}{sort.column}")
    keep_in_url("trade", chosen[1] if chosen else "")


SORT_HINT = (
    "Click a heading to sort by it, and again to reverse the order. Updates do not reorder the "
    "rows; click again to sort by current values."
)


def download(stack: Stack, order: IntArray, shown: Sequence[ShownColumn]) -> None:
    """CSV of the rows that pass the filters, all pages, in the order and columns of the table."""
    stamps = {trades.currency: trades.stamp for trades in stack.trades}
    newest = max(stamp.market_time for stamp in stamps.values())
    st.download_button(
        "CSV",
        lambda: csv_bytes(stack.rows(order), stamps, shown),  # made when it is asked for
        file_name=f"trades-{newest:%Y%m%dT%H%M%SZ}.csv",
        mime="text/csv",
        key="switch-csv",
        on_click="ignore",
    )


first = screen.reader().snapshot()
picked = screen.filters(first)
asked, follow = search_row(first)
trades_page(picked, asked, first, live=follow)
