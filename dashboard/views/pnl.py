"""The P&L page: why sums moved since the close, or since the frame before."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import charts, detail, format, screen, theme
from dashboard.data import Market, Snapshot
from dashboard.pnl import GROUPS, PERIODS, TITLES, Pnl, pnl
from dashboard.risk import Choice
from pricing.markets.conventions import CURRENCIES
from risk.store.explains import Explain

TOP_PX, BOTTOM_PX, CHART_PX = 340, 350, 268
SHOWN = ("carry", "roll_down", "fixings", "delta", "gamma", "spread", "residual")
TRADES = ("new", "terminated", "amended", "transfer")
START = (
    "**No P&L has been explained yet.** It follows the first frame if a compiler is "
    "running: `celery -A riskproject worker --queues compile`"
)
GROUP_COLUMNS = (
    theme.Column("Group"),
    *(theme.Column(TITLES[name], "signed") for name in SHOWN),
    theme.Column("Trades", "signed"),
    theme.Column("FX", "signed"),
    theme.Column("Total", "signed"),
    theme.Column("Cash", "number"),
)


def heading(title: str, note: str) -> None:
    st.html(theme.heading(title, note))


def cards(found: Pnl) -> None:
    """Draw the headline terms."""
    terms = found.total()
    of_trades = sum(terms.get(name) or 0.0 for name in TRADES)
    values = [
        ("Total P&L", terms.get("total"), "terms add up to it"),
        ("Carry and roll-down", terms.get("theta_pnl"), "time, quotes unmoved"),
        ("Delta", terms.get("delta"), "quotes moved, first order"),
        ("Gamma", terms.get("gamma"), "second order"),
        ("Trades", of_trades, "new, ended, amended"),
        ("Residual", terms.get("residual"), "not explained"),
        ("Cash", terms.get("cash"), "in carry already"),
    ]
    st.html(
        theme.cards(
            theme.Card(label, format.money(value, signed=True), note, signed=True)
            for label, value, note in values
        )
    )


def waterfall_panel(found: Pnl) -> None:
    """Draw the terms from carry to the total."""
    steps = found.bars()
    with st.container(key="panel-waterfall", border=True, height=TOP_PX, gap="small"):
        heading("P&L by term", "USD; terms that are 0 are left out")
        st.echarts_chart(
            charts.waterfall_chart(steps),
            theme=None,
            height=CHART_PX,
            key="waterfall",
            alt="P&L by term in US dollars: " + ", ".join(f"{t} {text}" for t, text, _ in steps),
        )


def delta_panel(found: Pnl) -> None:
    """The moves of quotes: by tenor, and each quote on demand."""
    tenors, rows = found.delta()
    kind = "currency" if set(rows) <= set(CURRENCIES) else "curve"
    with st.container(key="panel-delta", border=True, height=TOP_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            heading("Delta", f"USD by tenor and {kind}")
            with st.popover("Quotes", key="switch-quotes"):
                columns = ["Curve", "Tenor", "Move bp", "Delta USD"]
                st.dataframe(
                    pd.DataFrame(found.quotes(), columns=columns).style.format(
                        {"Move bp": partial(format.signed, decimals=2), "Delta USD": format.signed}
                    ),
                    width=520,
                    height=545,
                    hide_index=True,
                    key="quotes",
                )
        st.echarts_chart(
            charts.delta_chart(tenors, rows),
            theme=None,
            height=CHART_PX,
            key="delta",
            alt="Effect of the moves of quotes in US dollars by tenor and curve",
        )


def groups_panel(found: Pnl, more: str = "") -> None:
    """Terms by desk, book, type or currency; ``more`` is said beside the title."""
    with st.container(key="panel-groups", border=True, height=BOTTOM_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            heading("By group", f"USD; carry includes the cash paid{more}")
            group = st.segmented_control(
                "Group",
                tuple(GROUPS),
                default="Desk",
                required=True,
                key="switch-pnl-group",
                label_visibility="collapsed",
            )
        rows = [
            (
                name,
                *(format.signed(terms.get(term)) for term in SHOWN),
                format.signed(sum(terms.get(term) or 0.0 for term in TRADES)),
                format.signed(terms.get("fx")),
                format.signed(terms.get("total")),
                format.signed(terms.get("cash")),
            )
            for name, terms in found.rows(str(group))
        ]
        st.html(theme.table(GROUP_COLUMNS, rows))


def trades_panel(found: Pnl) -> None:
    """Trades that changed, and those that are in no term."""
    changes, unpriced = found.changes(), found.unpriced()
    with st.container(key="panel-pnl-trades", border=True, height=BOTTOM_PX, gap="small"):
        heading("Changed trades", f"{len(changes):,}; trade currency")
        if changes:
            rows = [
                (
                    change["trade_id"],
                    change["currency"],
                    TITLES[term],
                    amount,
                    "not given: 0" if change["consideration"] is None else "given",
                )
                for change in changes[: screen.MAX_TROUBLES]
                for term, amount in change["terms"].items()
            ]
            columns = ["Trade", "Ccy", "Term", "P&L", "Consideration"]
            table = pd.DataFrame(rows, columns=columns).style.format({"P&L": format.signed})
            st.dataframe(table, hide_index=True, height=110, row_height=28, key="changes")
        heading("Not explained", f"{len(unpriced):,}; unpriced at one end or both")
        if unpriced:
            lost = [
                (trade["trade_id"], trade["currency"], trade["at"], trade["message"])
                for trade in unpriced[: screen.MAX_TROUBLES]
            ]
            columns = ["Trade", "Ccy", "Missing at", "Why"]
            table = pd.DataFrame(lost, columns=columns)
            st.dataframe(table, hide_index=True, height=110, row_height=28, key="unpriced")


def notes(found: Pnl, markets: Sequence[Market], now_s: float) -> str:
    """Return HTML with the frames of the numbers, their age, and what is missing."""
    newest = {market.currency: market.rollup.frame for market in markets}
    frames = [_frames(explain, found, newest) for explain in found.explains]
    ages = {
        explain.currency: now_s - explain.frame_published_ns / 1e9
        for explain in found.explains
        if explain.frame != newest.get(explain.currency)
    }
    late = {name: age for name, age in ages.items() if age > screen.LATE_S}
    if len(frames) > screen.MAX_NOTES:
        dates = sorted({str(e.periods[found.period].start_date) for e in found.explains})
        since = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        said = theme.note(f"Since the frames of {since}", "; ".join(frames))
    else:
        said = "".join(
            theme.note(text, f"Explained in {explain.seconds:.2f} s")
            for text, explain in zip(frames, found.explains, strict=True)
        )
    said += _lateness(late) + "".join(theme.warning(sentence) for sentence in found.reasons)
    return f'<div class="tags">{said}</div>' if said else ""


def _lateness(late: Mapping[str, float]) -> str:
    """Which currencies are explained up to an earlier frame than the newest, as HTML."""
    if not late:
        return ""
    if len(late) > screen.MAX_NOTES:
        oldest = max(late, key=lambda name: late[name])
        return theme.warning(
            f"{len(late)} currencies are explained up to an earlier frame, {oldest} up to one "
            f"published {format.age(late[oldest])} ago"
        )
    return "".join(
        theme.warning(f"{name} is explained up to a frame published {format.age(age)} ago")
        for name, age in late.items()
    )


def _frames(explain: Explain, found: Pnl, newest: dict[str, int]) -> str:
    start = explain.periods[found.period]
    now = detail.frame_name(explain.frame, newest.get(explain.currency, explain.frame))
    before = detail.frame_name(start.start_frame, explain.frame)
    return f"{explain.currency} frame {before} of {start.start_date} to {now}"


@st.fragment(run_every=screen.REFRESH_S)
def page(choice: Choice, before: Snapshot) -> None:
    snapshot, now_s = screen.reader().snapshot(), time.time()
    screen.redraw_filters_if_new(before, snapshot)
    markets = screen.status_line("P&L", snapshot, choice)
    if not markets:
        return
    if not any(market.currency in snapshot.explains for market in markets):
        st.info(START)
        return
    with st.container(key="body"):
        period = st.segmented_control(
            "Period",
            tuple(PERIODS),
            default=next(iter(PERIODS)),
            required=True,
            key="switch-period",
            label_visibility="collapsed",
        )
        found = pnl(snapshot.explains, choice, PERIODS[str(period)])
        said = notes(found, markets, now_s)
        if said:
            st.html(said)
        if not any(explain.periods[found.period].groups for explain in found.explains):
            st.info("Nothing to explain in this period yet: see the reasons above.")
            return
        cards(found)
        left, right = st.columns([55, 45], gap="small")
        with left:
            waterfall_panel(found)
        with right:
            delta_panel(found)
        if not found.changes() and not found.unpriced():  # then the terms have the whole width
            groups_panel(found, "; no trade changed, and all trades are explained")
            return
        left, right = st.columns([62, 38], gap="small")
        with left:
            groups_panel(found)
        with right:
            trades_panel(found)


first = screen.reader().snapshot()
page(screen.filters(first), first)
