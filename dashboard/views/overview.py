"""The newest frames in; one screen of levels, changes, ladders, curves and movers out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import charts, format, hops, risk, screen, theme
from dashboard.blotter import Trades
from dashboard.data import Market, Snapshot
from dashboard.risk import Choice
from dashboard.status import live_bridges

CARD_PX, CHART_PX, TABLE_ROW_PX = 158, 268, 28
TOP_PX, BOTTOM_PX = 340, 330
LADDERS: dict[str, risk.LadderName] = {"KRD": "krd", "Par": "ladder_par"}
CURVE_FAMILIES = (risk.OIS, risk.GOVT, risk.PROJECTION)
GROUPS = ("Ccy", "Desk", "Type", "Book")


def switch(label: str, options: Sequence[str], key: str, hint: str | None = None) -> Any:
    """A small choice in the head of a panel, always with one option chosen."""
    return st.segmented_control(
        label,
        options,
        default=options[0],
        required=True,
        key=f"switch-{key}",
        label_visibility="collapsed",
        help=hint,
    )


def head(title: str, note: str = "") -> None:
    """The title of a panel."""
    st.html(theme.heading(title, note))


# --- Cards -----------------------------------------------------------------------------------


def card(label: str, value: str, delta: str | None, **more: Any) -> None:
    """One number; grey and without arrow unless told otherwise."""
    look: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    points = more.pop("points", None)
    st.metric(
        label,
        value,
        delta,
        border=True,
        height=CARD_PX,
        chart_data=points or None,
        **{**look, **more},
    )


def cards(snapshot: Snapshot, markets: Sequence[Market], choice: Choice) -> None:
    """Six numbers."""
    with st.container(key="cards"):
        columns = st.columns(6, gap="small")
    change = risk.change(markets, choice)
    with columns[0]:
        npv_card(markets, choice, change)
    with columns[1]:
        pnl_card(markets, choice, change)
    with columns[2]:
        dv01_card(markets, choice)
    with columns[3]:
        key_rate_card(markets, choice)
    with columns[4]:
        latency_card(markets)
    with columns[5]:
        pipeline_card(snapshot, markets)


def npv_card(markets: Sequence[Market], choice: Choice, change: risk.Change) -> None:
    """Value, and how it moved since the opening."""
    moved = change.usd is not None
    look = {"delta_color": "normal", "delta_arrow": "auto", "delta_description": "vs open"}
    card(
        "NPV",
        format.money(risk.total(markets, choice, "npv")),
        format.money(change.usd) if moved else "no open to compare",
        points=risk.series(markets, choice, "npv"),
        help=f"In USD at each frame's own FX. {change.note}",
        **(look if moved else {}),
    )


def pnl_card(markets: Sequence[Market], choice: Choice, change: risk.Change) -> None:
    """Change since the opening."""
    card(
        "P&L since open",
        format.money(change.usd, signed=True),
        "NPV change at today's FX" if change.usd is not None else "opening missing",
        points=risk.series(markets, choice, "npv", day=True) if change.usd is not None else None,
        help="Sum of NPV changes of the trades shown, at the current FX: without FX moves, "
        f"paid coupons and new trades. {change.note}",
    )


def dv01_card(markets: Sequence[Market], choice: Choice) -> None:
    """What a 1 bp fall of all quotes earns."""
    trades, failed = risk.trade_counts(markets, choice)
    lost = f", {failed:,} failed" if failed else ""
    card(
        "DV01 per bp",
        format.money(risk.total(markets, choice, "dv01_par")),
        f"{format.count(trades, 'trade')}{lost}",
        points=risk.series(markets, choice, "dv01_par"),
        help="What is earned when all quotes of all curves fall by 1 bp (par DV01), in USD.",
    )


def key_rate_card(markets: Sequence[Market], choice: Choice) -> None:
    """Where the risk is."""
    ladder = risk.ladder(markets, choice, "krd")
    largest = risk.largest_key_rate(ladder)
    value = f"{largest.tenor} {format.money(largest.usd)}" if largest else format.NOTHING
    part = format.share(abs(largest.usd), largest.all_usd) if largest else format.NOTHING
    card(
        "Largest key rate",
        value,
        f"{part} of |KRD|",
        points=risk.thinned([abs(x) for x in ladder.net]) if largest else None,
        chart_type="bar",
        help="Net over currencies and curves; bars: |KRD| by tenor.",
    )


def latency_card(markets: Sequence[Market]) -> None:
    """How old a number is when it appears."""
    found = risk.latency(markets)
    card(
        "Tick to risk, p50",
        format.milliseconds(found.p50),
        f"p99 {format.milliseconds(found.p99)}",
        points=risk.thinned(found.recent),
        help="From the feed's clock to the published frame, over the last "
        f"{format.count(found.frames, 'frame')}.",
    )


def pipeline_card(snapshot: Snapshot, markets: Sequence[Market]) -> None:
    """Who works, and what waits."""
    now_s = time.time()
    alive = live_bridges(snapshot, now_s)
    lag, opened = sum(p.lag for p in alive), sum(p.open_frames for p in alive)
    resent = sum(p.resent for p in alive)
    processes = sum(worker.processes for worker in snapshot.workers)
    bridges = format.count(len(alive), "bridge")
    workers = format.count(len(snapshot.workers), "worker")
    card(
        "Pipeline",
        format.count(processes, "process", "processes"),
        f"lag {lag:,}, open {opened}, resent {resent:,}" if alive else "no bridge",
        points=risk.thinned(hops.frame_rate(markets, now_s)),
        chart_type="bar",
        help=f"{bridges} and {workers} alive. Lag: ticks that wait in Kafka. Open: frames being "
        "priced. Resent: blocks sent again. Bars: frames per second.",
    )


# --- Charts ----------------------------------------------------------------------------------


def ladder_panel(markets: Sequence[Market], choice: Choice) -> None:
    """Key rates by tenor, and the exact numbers on demand."""
    with st.container(key="panel-ladder", border=True, height=TOP_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            head("Key-rate DV01", "USD per 1 bp, by tenor and currency")
            name = switch("Ladder", tuple(LADDERS), "ladder")
            family = switch("Curves", (risk.ALL, *CURVE_FAMILIES), "ladder-family")
            with st.popover("Exact", key="switch-exact"):
                ladder = risk.ladder(markets, choice, LADDERS[name], family)
                st.dataframe(
                    ladder.table().style.format("{:,.2f}"),
                    width=520,
                    height=545,
                    key="exact",
                    row_height=TABLE_ROW_PX,
                )
        st.echarts_chart(
            charts.ladder_chart(ladder),
            theme=None,
            height=CHART_PX,
            key="ladder",
            alt="Key-rate DV01 in US dollars per basis point by tenor and currency",
        )


def curves_panel(markets: Sequence[Market]) -> None:
    """Zero rates now and at the opening."""
    with st.container(key="panel-curves", border=True, height=TOP_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            head("Curves", "zero rates: solid now, dotted open, bars change in bp")
            family = switch("Family", CURVE_FAMILIES, "curves-family")
        lines = risk.curve_lines(markets, family)
        st.echarts_chart(
            charts.curves_chart(lines),
            theme=None,
            height=CHART_PX,
            key="curves",
            alt="Zero rates by tenor now and at the opening, and their change in basis points",
        )


# --- Tables ----------------------------------------------------------------------------------


def breakdown_panel(markets: Sequence[Market], choice: Choice) -> None:
    """DV01 by group."""
    with st.container(key="panel-breakdown", border=True, height=BOTTOM_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            head("DV01", "USD per bp")
            by = switch("Group", GROUPS, "group")
        st.echarts_chart(
            charts.breakdown_chart(risk.breakdown(markets, choice, by)),
            theme=None,
            height=CHART_PX - 10,
            key="breakdown",
            alt="DV01 in US dollars per basis point by group, bonds and swaps",
        )


def signed_color(value: float) -> str:
    """Green above zero, red below: for P&L only."""
    if pd.isna(value) or value == 0:
        return ""
    return f"color: {theme.GREEN if value > 0 else theme.RED}"


def money_table(table: pd.DataFrame, pnl: str, money: Sequence[str], key: str, height: int) -> None:
    """Whole dollars; P&L with sign and colour; what could not be made says n/a."""
    formats = {**dict.fromkeys(money, "{:,.0f}"), pnl: "{:+,.0f}"}
    styled = table.style.format(formats, na_rep=format.NOTHING).map(signed_color, subset=[pnl])
    st.dataframe(styled, hide_index=True, height=height, key=key, row_height=TABLE_ROW_PX)


def desks_panel(markets: Sequence[Market], choice: Choice) -> None:
    """Desks, and below them what is not in any number."""
    rows = risk.desk_rows(markets, choice)
    table = pd.DataFrame(
        [(r.desk, r.npv, r.dv01, r.pnl, r.trades, r.failed) for r in rows],
        columns=["Desk", "NPV", "DV01", "P&L", "Trades", "Failed"],
    ).astype({"P&L": float})
    found = risk.troubles(markets)
    with st.container(key="panel-desks", border=True, height=BOTTOM_PX, gap="small"):
        head("Desks", f"USD; P&L since open{_later(markets)}")
        money_table(table, "P&L", ["NPV", "DV01"], "desks", 118)
        head("Not in the numbers", _summary(markets, found))
        if found:
            screen.trouble_table(found, key="failed", height=110)


def _later(markets: Sequence[Market]) -> str:
    """Says it when details go back less far than the totals."""
    late = [m.opening.rollup.as_of for m in markets if m.opening and not m.opening.exact]
    return f" (details since {max(late):%H:%M:%S})" if late else ""


def _summary(markets: Sequence[Market], found: Sequence[risk.Trouble]) -> str:
    trades = sum(market.rollup.trades for market in markets)
    if not found:
        return f"nothing: all {format.count(trades, 'trade')} priced"
    priced = sum(market.rollup.priced for market in markets)
    return f"{priced:,} of {format.count(trades, 'trade')} priced"


def movers_panel(markets: Sequence[Market], trades: Mapping[str, Trades], choice: Choice) -> None:
    """The trades that matter most."""
    with st.container(key="panel-movers", border=True, height=BOTTOM_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            head("Biggest movers", "USD, since open")
            by = switch("Order", ("P&L", "DV01"), "movers")
        found = risk.movers(markets, trades, choice, by="pnl" if by == "P&L" else "dv01")
        table = pd.DataFrame(
            {
                "Trade": found["trade"],
                "Ccy": found["currency"],
                "Book": found["book"],
                "DV01": found["dv01"].astype(float),
                "P&L": found["pnl"].astype(float),
            }
        )
        money_table(table, "P&L", ["DV01"], "movers", 256)


# --- Page ------------------------------------------------------------------------------------


@st.fragment(run_every=screen.REFRESH_S)
def overview(choice: Choice, before: Snapshot) -> None:
    """All that refreshes."""
    reader = screen.reader()
    snapshot = reader.snapshot()
    screen.redraw_filters_if_new(before, snapshot)
    markets = screen.status_line("Rates Risk", snapshot, choice)
    if not markets:
        return
    trades = {m.currency: found for m in markets if (found := reader.trades(m.rollup))}
    with st.container(key="body"):
        cards(snapshot, markets, choice)
        left, right = st.columns([55, 45], gap="small")
        with left:
            ladder_panel(markets, choice)
        with right:
            curves_panel(markets)
        columns = st.columns([30, 34, 36], gap="small")
        with columns[0]:
            breakdown_panel(markets, choice)
        with columns[1]:
            desks_panel(markets, choice)
        with columns[2]:
            movers_panel(markets, trades, choice)


first = screen.reader().snapshot()
overview(screen.filters(first), first)
