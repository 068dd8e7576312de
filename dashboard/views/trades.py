"""The trades of the newest frames in; a blotter, a CSV file and one trade's ladders out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import blotter, charts, format, screen, theme
from dashboard.blotter import TradeRow, Trades
from dashboard.data import Market, Snapshot
from dashboard.risk import NO_DESK, Choice

TABLE_PX, CHART_PX, LADDER_PX = 744, 300, 330
ALL_TRADES, NOT_PRICED = "All", "Not priced"
LADDERS = {"KRD": "krd", "Par": "ladder_par"}

SHOWN = {
    "trade": "Trade",
    "currency": "Ccy",
    "desk": "Desk",
    "book": "Book",
    "product": "Product",
    "npv": "NPV",
    "dv01_par": "DV01 par",
    "dv01_zero": "DV01 zero",
    "gamma": "Gamma",
    "status": "Status",
    "message": "Message",
}
WHOLE = ("NPV", "DV01 par", "DV01 zero")


class Search:
    """What the second row of filters asks for."""

    def __init__(self, books: Sequence[str], text: str, status: str) -> None:
        """Keep the books (none: all), the text in a trade's name, and the status."""
        self.books, self.text, self.status = tuple(books), text.strip(), status

    def key(self, choice: Choice) -> str:
        """Differs when other rows are shown: a selection must not move to another trade."""
        return f"blotter-{hash((choice, self.books, self.text, self.status))}"

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
            "Trade", placeholder="Trade id contains ...", key="text", width=260, **_BARE
        )
        chosen = st.multiselect("Book", books, placeholder="All books", key="books", **_BARE)
        status = st.segmented_control(
            "Status",
            [ALL_TRADES, NOT_PRICED],
            default=ALL_TRADES,
            required=True,
            key="only",
            **_BARE,
        )
        live = st.toggle(
            "Live", value=True, key="live", help="Off: the table stands still while you read."
        )
    return Search(chosen, text, status or ALL_TRADES), live


_BARE: dict[str, Any] = {"label_visibility": "collapsed"}


def held_or_new(markets: Sequence[Market], *, live: bool) -> dict[str, Trades]:
    """The trades to show: the newest, or those of when the table was stopped."""
    held: dict[str, Trades] = st.session_state.get("held_trades", {})
    reader = screen.reader()
    found = {}
    for market in markets:
        name = market.currency
        trades = held.get(name) if not live else None
        trades = trades or reader.trades(market.rollup)
        if trades is not None:
            found[name] = trades
    st.session_state["held_trades"] = found
    return found


def blotter_table(rows: pd.DataFrame, key: str) -> int | None:
    """Draw the table; the number of the selected row."""
    table = rows[list(SHOWN)].rename(columns=SHOWN)
    for column in ("Ccy", "Desk", "Book", "Product", "Status"):
        table[column] = table[column].astype("category")
    numbers = {name: st.column_config.NumberColumn(format="%,.0f") for name in WHOLE}
    numbers["Gamma"] = st.column_config.NumberColumn(format="%,.3f")
    event = st.dataframe(
        table,
        hide_index=True,
        height=TABLE_PX,
        key=key,
        row_height=28,
        column_config=numbers,
        on_select="rerun",
        selection_mode="single-row",
    )
    selected = event.selection.rows
    return selected[0] if selected and selected[0] < len(table) else None


def trade_panel(row: pd.Series | None, trades: Mapping[str, Trades]) -> None:
    """The selected trade's ladders by curve: chart and exact numbers."""
    with st.container(key="panel-trade", border=True, height=TABLE_PX + 38, gap="small"):
        if row is None:
            st.html(theme.heading("Trade", "select a row to see its ladders"))
            return
        st.html(theme.heading(str(row["trade"]), _about(row)))
        if row["status"] != blotter.OK:
            why = f"{row['status']}: {row['message'] or 'its block is not priced yet'}"
            st.html(theme.warning(why))  # a box would read Markdown, such as an image's address
            return
        place = TradeRow(row["trade"], row["currency"], int(row["block"]), int(row["row"]))
        ladder_tabs(trades[place.currency].ladder(place), place.currency)


def _about(row: pd.Series) -> str:
    return ", ".join(part for part in (row["product"], row["book"], row["desk"]) if part)


def ladder_tabs(ladder: pd.DataFrame, currency: str) -> None:
    """One ladder as a chart, both as numbers."""
    name = st.segmented_control(
        "Ladder", list(LADDERS), default="KRD", required=True, key="switch-trade", **_BARE
    )
    column = LADDERS[name or "KRD"]
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
    """All that refreshes."""
    snapshot = screen.reader().snapshot()
    screen.redraw_filters_if_new(before, snapshot)
    markets = screen.status_line("Trades", snapshot, choice)
    if not markets:
        return
    trades = held_or_new(markets, live=live)
    if not trades:
        st.info("The frame's numbers by trade have gone; the next frame brings new ones.")
        return
    table = pd.concat([found.table for found in trades.values()], ignore_index=True)
    rows = search.rows(table, choice)
    with st.container(key="body"):
        left, right = st.columns([66, 34], gap="small")
        with left:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.html(theme.heading("Blotter", summary(rows, table)))
                download(rows)
            selected = blotter_table(rows, search.key(choice))
        with right:
            trade_panel(None if selected is None else rows.iloc[selected], trades)


def download(rows: pd.DataFrame) -> None:
    """CSV of the rows shown; made when it is asked for."""
    st.download_button(
        "CSV",
        partial(blotter.csv_bytes, rows[list(SHOWN)]),
        file_name="trades.csv",
        mime="text/csv",
        key="switch-csv",
        on_click="ignore",
    )


first = screen.reader().snapshot()
picked = screen.filters(first)
asked, follow = search_row(first)
trades_page(picked, asked, first, live=follow)
