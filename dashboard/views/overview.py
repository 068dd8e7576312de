"""The overview page: levels, changes, ladders, curves, desks and the biggest movers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import charts, format, hops, risk, screen, theme
from dashboard.blotter import Trades
from dashboard.data import Market, Snapshot
from dashboard.risk import Choice
from dashboard.status import live_bridges

CHART_PX, TABLE_ROW_PX = 268, 28
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
    st.html(theme.heading(title, note))


# --- Cards -----------------------------------------------------------------------------------


def cards(snapshot: Snapshot, markets: Sequence[Market], choice: Choice) -> None:
    """Draw the six headline numbers."""
    change = risk.change(markets, choice)
    found = (
        npv_card(markets, choice, change),
        pnl_card(markets, choice, change),
        dv01_card(markets, choice),
        key_rate_card(markets, choice),
        latency_card(markets),
        pipeline_card(snapshot, markets),
    )
    st.html(theme.cards(found))


def npv_card(markets: Sequence[Market], choice: Choice, change: risk.Change) -> theme.Card:
    """Value, and how it moved since the opening."""
    moved = change.usd is not None
    return theme.Card(
        "NPV",
        format.money(risk.total(markets, choice, "npv")),
        f"{format.money(change.usd)} vs open" if moved else "no open to compare",
        f"In USD at each frame's own FX. {change.note}",
        _tone(change.usd),
        risk.series(markets, choice, "npv"),
    )


def _tone(amount: float | None) -> theme.Tone:
    """The sign of an amount as a colour; an unknown or zero amount has none."""
    if not amount:
        return ""
    return "up" if amount > 0 else "down"


def pnl_card(markets: Sequence[Market], choice: Choice, change: risk.Change) -> theme.Card:
    """Change since the opening."""
    known = change.usd is not None
    return theme.Card(
        "P&L since open",
        format.money(change.usd, signed=True),
        "NPV change at today's FX" if known else "opening missing",
        "Sum of NPV changes of the trades shown, at the current FX: without FX moves, "
        f"paid coupons and new trades. {change.note}",
        points=risk.series(markets, choice, "npv", day=True) if known else (),
    )


def dv01_card(markets: Sequence[Market], choice: Choice) -> theme.Card:
    """What a 1 bp fall of all quotes earns."""
    trades, failed = risk.trade_counts(markets, choice)
    lost = f", {failed:,} failed" if failed else ""
    return theme.Card(
        "DV01 per bp",
        format.money(risk.total(markets, choice, "dv01_par")),
        f"{format.count(trades, 'trade')}{lost}",
        "Value change when all quotes of all curves fall by 1 bp (par DV01), in USD.",
        points=risk.series(markets, choice, "dv01_par"),
    )


def key_rate_card(markets: Sequence[Market], choice: Choice) -> theme.Card:
    """Draw DV01 by tenor and by group."""
    ladder = risk.ladder(markets, choice, "krd")
    largest = risk.largest_key_rate(ladder)
    value = f"{largest.tenor} {format.money(largest.usd)}" if largest else format.NOTHING
    part = format.share(abs(largest.usd), largest.all_usd) if largest else format.NOTHING
    return theme.Card(
        "Largest key rate",
        value,
        f"{part} of |KRD|",
        "Net over currencies and curves; bars: |KRD| by tenor.",
        points=risk.thinned([abs(x) for x in ladder.net]) if largest else (),
        bars=True,
    )


def latency_card(markets: Sequence[Market]) -> theme.Card:
    """How old a number is when it appears."""
    found = risk.latency(markets)
    return theme.Card(
        "Tick to risk, p50",
        format.milliseconds(found.p50),
        f"p99 {format.milliseconds(found.p99)}",
        "From the feed's clock to the published frame, over the last "
        f"{format.count(found.frames, 'frame')}.",
        points=risk.thinned(found.recent),
    )


def pipeline_card(snapshot: Snapshot, markets: Sequence[Market]) -> theme.Card:
    """Draw the numbers of bridges, workers and waiting ticks."""
    now_s = time.time()
    alive = live_bridges(snapshot, now_s)
    lag, opened = sum(p.lag for p in alive), sum(p.open_frames for p in alive)
    resent = sum(p.resent for p in alive)
    processes = sum(worker.processes for worker in snapshot.workers)
    bridges = format.count(len(alive), "bridge")
    workers = format.count(len(snapshot.workers), "worker")
    return theme.Card(
        "Pipeline",
        format.count(processes, "process", "processes"),
        f"lag {lag:,}, open {opened}, resent {resent:,}" if alive else "no bridge",
        f"{bridges} and {workers} alive. Lag: ticks waiting in Kafka. Open: frames being "
        "priced. Resent: parts and blocks sent again. Bars: frames per second.",
        points=risk.thinned(hops.frame_rate(markets, now_s)),
        bars=True,
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


def dollars(value: float | None, *, signed: bool = False) -> str:
    """Whole US dollars with thousands; n/a when the number could not be made."""
    if value is None or not math.isfinite(value):
        return format.NOTHING
    whole = round(value)
    return f"{whole:+,d}" if signed and whole else f"{whole:,d}"


DESK_COLUMNS = (
    theme.Column("Desk"),
    theme.Column("NPV", "number"),
    theme.Column("DV01", "number"),
    theme.Column("P&L", "signed"),
    theme.Column("Trades", "number"),
    theme.Column("Failed", "number"),
)
MOVER_COLUMNS = (
    theme.Column("Trade"),
    theme.Column("Ccy"),
    theme.Column("Book"),
    theme.Column("DV01", "number"),
    theme.Column("P&L", "signed"),
)


def desks_panel(markets: Sequence[Market], choice: Choice) -> None:
    """Desks, and below them what is not in any number."""
    rows = [
        (
            row.desk,
            dollars(row.npv),
            dollars(row.dv01),
            dollars(row.pnl, signed=True),
            f"{row.trades:,}",
            f"{row.failed:,}",
        )
        for row in risk.desk_rows(markets, choice)
    ]
    found = risk.troubles(markets)
    with st.container(key="panel-desks", border=True, height=BOTTOM_PX, gap="small"):
        head("Desks", f"USD; P&L since open{_later(markets)}")
        st.html(theme.table(DESK_COLUMNS, rows))
        head("Excluded from the totals", _summary(markets, found))
        if found:
            screen.trouble_table(found, key="failed", height=110)


def _later(markets: Sequence[Market]) -> str:
    """Says it when sums by book go back less far than the totals."""
    late = [m.opening.rollup.as_of for m in markets if m.opening and not m.opening.exact]
    return f" (by book since {max(late):%H:%M:%S})" if late else ""


def _summary(markets: Sequence[Market], found: Sequence[risk.Trouble]) -> str:
    trades = sum(market.rollup.trades for market in markets)
    if not found:
        return f"nothing: all {format.count(trades, 'trade')} priced"
    priced = sum(market.rollup.priced for market in markets)
    return f"{priced:,} of {format.count(trades, 'trade')} priced"


def movers_panel(markets: Sequence[Market], trades: Mapping[str, Trades], choice: Choice) -> None:
    """The trades that matter most, and of which frames they are."""
    with st.container(key="panel-movers", border=True, height=BOTTOM_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            head("Biggest movers", f"USD{_since(trades)}")
            by = switch("Order", ("P&L", "DV01"), "movers")
        notes = screen.detail_notes(markets, trades)
        if notes:
            st.html(notes)
        if not trades:
            return
        found = risk.movers(markets, trades, choice, by="pnl" if by == "P&L" else "dv01")
        rows = [
            (r.trade, r.currency, r.book, dollars(r.dv01), dollars(r.pnl, signed=True))
            for r in found.itertuples(index=False)
        ]
        st.html(theme.table(MOVER_COLUMNS, rows))


def _since(trades: Mapping[str, Trades]) -> str:
    """Since when the P&L of trades is measured."""
    since = {f"{found.since:%H:%M:%S}" for found in trades.values() if found.since is not None}
    later = " or later" if len(since) > 1 else ""
    return f"; P&L since {min(since)}{later}" if since else ""


# --- Page ------------------------------------------------------------------------------------


@st.fragment(run_every=screen.REFRESH_S)
def overview(choice: Choice, before: Snapshot) -> None:
    reader = screen.reader()
    snapshot = reader.snapshot()
    screen.redraw_filters_if_new(before, snapshot)
    markets = screen.status_line("Live Risk", snapshot, choice)
    if not markets:
        return
    trades = {m.currency: found for m in markets if (found := reader.trades(m))}
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
