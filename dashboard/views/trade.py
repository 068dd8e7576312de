"""The page of one trade: terms, numbers, explain, past values, cash flows and who changed it.

Its address is ``/trade?trade=ID``. Numbers follow the frames; what REST says is asked for again
every ASK_EVERY_S seconds, with the user's own rights.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import blotter, format, screen, theme
from dashboard.access import auth
from dashboard.answers import kept, rest
from dashboard.blotter import Trades
from dashboard.charts import pnl_charts
from dashboard.data import Market, Snapshot
from dashboard.risk import Choice
from dashboard.trades import one_trade
from dashboard.trades.panels import numbers_of_trade, why_not
from dashboard.trades.rows import Stack
from dashboard.trades.value_history import Value

TOP_PX, MIDDLE_PX, BOTTOM_PX, CHART_PX = 790, 330, 420, 260
ASK_EVERY_S = 20.0

NOT_THERE = (
    "{} is in no published frame that you may see. It may have ended, be cancelled, or belong to "
    "another desk: look it up in the admin, or choose another trade on the page Trades."
)
CHOOSE = "Give the id of a trade, or choose one on the page Trades."


def asked(path: str) -> dict[str, Any] | str:
    """The answer of an address, asked for again when it is old; or why there is none."""
    return kept.asked(path, ASK_EVERY_S)


def wanted() -> str:
    """The trade of the URL."""
    return str(st.query_params.get("trade", "")).strip()


def cards(row: pd.Series, trades: Trades) -> None:
    """The headline numbers, and of which frame they are."""
    ccy = str(row["currency"])
    ago = format.age(time.time() - trades.stamp.published_ns / 1e9)
    rate = _number(row["market_rate"], "{:.4%}")
    price = _number(row["price"], "{:,.4f}")
    since = f"since {trades.since:%H:%M:%S}" if trades.since else "no earlier frame compares"
    st.html(
        theme.cards(
            (
                theme.Card(f"NPV, {ccy}", format.signed(row["npv"]), str(row["status"])),
                theme.Card(
                    f"P&L today, {ccy}",
                    format.signed(row["pnl"]),
                    str(row["why"]) or since,
                    f"Change of NPV {since}. The explain below is since the close.",
                ),
                theme.Card(
                    f"DV01, {ccy} per bp",
                    format.signed(row["dv01_par"]),
                    f"zero rates {format.signed(row['dv01_zero'])}",
                ),
                theme.Card("Price per 100", price, "clean, of the model"),
                theme.Card("Yield or par rate", rate, "as the market quotes it"),
                theme.Card(
                    "Frame",
                    f"{trades.frame % 2**32:,}",
                    f"{ago} ago",
                    f"Market time {format.market_time(trades.stamp.market_time)}, valuation date "
                    f"{trades.stamp.valuation_date}, book {trades.book_version}",
                ),
            )
        )
    )


def _number(value: float, shape: str) -> str:
    return shape.format(value) if np.isfinite(value) else format.NOTHING


def headline(row: pd.Series) -> str:
    """The trade in one line."""
    rate = "" if not np.isfinite(row["rate"]) else f"{row['rate']:.4%}"
    spread = row["spread_bp"]
    plus = f"{spread:+g} bp" if np.isfinite(spread) and spread else ""
    ends = "" if pd.isna(row["maturity"]) else f"to {row['maturity']:%Y-%m-%d}"
    size = "" if not np.isfinite(row["quantity"]) else f"{row['quantity']:,.0f}"
    words = (
        *(row["side"], size, row["currency"], row["quantity_of"], row["instrument"], rate, plus),
        *(ends, f"book {row['book']}" if row["book"] else "", row["desk"]),
    )
    return "  ".join(str(word) for word in words if word)


def terms_panel(row: pd.Series, trade: str) -> None:
    """The trade's row in the security master, and of a position its bond's."""
    product = str(row["product"])
    with st.container(key="panel-terms", border=True, height=TOP_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(theme.heading("Terms", "as they are stored now"))
            link = one_trade.admin_address(auth.web_address(), product, quote(trade))
            if link:
                st.link_button("Admin", link, icon=":material/edit:", key="switch-admin")
        if not product:
            st.html(theme.note("Its product is not known.", "Its row could not be read."))
            return
        found = asked(one_trade.address(product, quote(trade)))
        if isinstance(found, str):
            st.html(theme.warning(found))
            return
        rows = one_trade.term_rows(found)
        bond = found.get("bond")
        if product == "bond" and isinstance(bond, str):
            of_bond = asked(f"bonds/{quote(bond)}/")
            if isinstance(of_bond, dict):
                rows += [(f"bond: {name}", value) for name, value in one_trade.term_rows(of_bond)]
        st.html(theme.table(one_trade.TERM_COLUMNS, rows, tall=True))


def explain_panel(row: pd.Series, trade: str) -> None:
    """Why its value moved since the close."""
    ccy = str(row["currency"])
    with st.container(key="panel-explain", border=True, height=MIDDLE_PX, gap="small"):
        found = asked(f"explain/trades/{quote(trade)}/")
        if isinstance(found, str):
            st.html(theme.heading("P&L since the close", ccy))
            st.html(theme.warning(found))
            return
        failure = found.get("failure")
        if failure:
            st.html(theme.heading("P&L since the close", ccy))
            st.html(theme.warning(f"{failure['code']}: {failure['message']}"))
            return
        start = str(found["start"]["as_of"])[:16].replace("T", " ")
        frame = int(found["frame"]) % 2**32
        note = f"{ccy}; from {start} to frame {frame:,}; most: {one_trade.largest_delta(found)}"
        st.html(theme.heading("P&L since the close", note))
        steps = one_trade.explain_steps(found)
        st.echarts_chart(
            pnl_charts.waterfall_chart([(title, text, amount) for title, text, amount in steps]),
            theme=None,
            height=CHART_PX,
            key="trade-explain",
            alt=f"P&L of the trade by term in {ccy}: "
            + ", ".join(f"{title} {text}" for title, text, _ in steps),
        )


def history_panel(row: pd.Series, values: Sequence[Value]) -> None:
    """Draw the value of the trade in the frames that this process has read."""
    ccy = str(row["currency"])
    known = [value for value in values if np.isfinite(value.npv)]
    since = f"since {known[0].as_of:%Y-%m-%d %H:%M:%S}, market time" if known else ""
    with st.container(key="panel-values", border=True, height=MIDDLE_PX, gap="small"):
        st.html(theme.heading("NPV over time", f"{ccy} {since}; frames that this screen has read"))
        if len(known) < 2:
            st.info("The line begins with the second frame, 15 seconds after the first.")
            return
        st.echarts_chart(
            pnl_charts.days_chart(
                [f"{value.as_of:%d %b %H:%M:%S}" for value in known],
                {"NPV": [value.npv for value in known]},
            ),
            theme=None,
            height=CHART_PX,
            key="trade-values",
            alt=f"NPV of the trade in {ccy} over time",
        )


def flows_panel(row: pd.Series, trade: str) -> None:
    """Cash flows to come, of the published frame that REST names."""
    ccy = str(row["currency"])
    with st.container(key="panel-flows", border=True, height=BOTTOM_PX, gap="small"):
        found = asked(f"risk/trades/{quote(trade)}/")
        if isinstance(found, str):
            st.html(theme.heading("Cash flows", ccy))
            st.html(theme.warning(found))
            return
        stamp, names = found["stamp"], found.get("curves") or {}
        note = f"{ccy}; frame {int(stamp['frame']) % 2**32:,}"
        note += "".join(f"; {role} {curve}" for role, curve in names.items())
        st.html(theme.heading("Cash flows to come", note))
        rows = one_trade.flow_rows(found)
        if not rows:
            failure = found.get("failure")
            why = f"{failure['code']}: {failure['message']}" if failure else "The frame has none."
            st.html(theme.warning(why))
            return
        st.html(theme.table(one_trade.FLOW_COLUMNS, rows, tall=True))


def changes_panel(row: pd.Series, trade: str) -> None:
    """The audit trail: who changed what, when and why."""
    with st.container(key="panel-changes", border=True, height=BOTTOM_PX, gap="small"):
        st.html(theme.heading("Audit trail", "newest first; who changed what, and why"))
        product = str(row["product"])
        if not product:
            st.html(theme.note("Its product is not known.", "Its row could not be read."))
            return
        found = asked(f"{one_trade.address(product, quote(trade))}history/")
        if isinstance(found, str):
            st.html(theme.warning(found))
            return
        rows = one_trade.change_rows(found[rest.ROWS])
        st.html(theme.table(one_trade.CHANGE_COLUMNS, rows, tall=True))


def draw(row: pd.Series, shown: Trades, market: Market, values: Sequence[Value]) -> None:
    """All panels of a trade."""
    trade, ccy = str(row["trade"]), str(row["currency"])
    st.html(theme.heading(trade, headline(row)))
    if row["status"] != blotter.OK:
        st.html(theme.warning(why_not(row)))
    cards(row, shown)
    left, right = st.columns([40, 60], gap="small")
    with left:
        terms_panel(row, trade)
    with right, st.container(key="panel-trade", border=True, height=TOP_PX, gap="small"):
        st.html(theme.heading("Risk", f"{ccy}, frame {shown.frame % 2**32:,}"))
        numbers_of_trade(row, shown, market)
    left, right = st.columns(2, gap="small")
    with left:
        explain_panel(row, trade)
    with right:
        history_panel(row, values)
    left, right = st.columns(2, gap="small")
    with left:
        flows_panel(row, trade)
    with right:
        changes_panel(row, trade)


@st.fragment(run_every=screen.REFRESH_S)
def page() -> None:
    reader = screen.reader()
    snapshot: Snapshot = reader.snapshot()
    trade = wanted()
    found = {name: reader.trades(market) for name, market in snapshot.markets.items()}
    stack = Stack(each for each in found.values() if each is not None)
    key = stack.key_of(trade) if trade else None
    currencies = (key[0],) if key is not None else screen.currencies_of(snapshot)
    markets = screen.status_line("Trade", snapshot, Choice(currencies))
    if not markets:
        return
    place = stack.place_of(key)
    if key is None or place is None:
        st.info(NOT_THERE.format(trade) if trade else CHOOSE)
        return
    market = snapshot.markets[key[0]]
    shown = found[key[0]]
    assert shown is not None  # nosec B101  # noqa: S101 - the key is of its table
    notes = screen.detail_notes([market], {key[0]: shown})
    if notes:
        st.html(notes)
    with st.container(key="body"):
        draw(stack.rows(np.array([place])).iloc[0], shown, market, reader.values(*key))


with st.container(key="filters", horizontal=True):
    st.page_link("views/trades.py", label="Trades", icon=":material/arrow_back:")
    st.text_input(
        "Trade",
        placeholder="Trade id",
        key="trade",
        bind="query-params",
        label_visibility="collapsed",
        width=260,
    )
page()
