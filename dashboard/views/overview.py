"""The overview page: levels, P&L and its terms, ladders, curves, desks, limits and movers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import format, risk, screen, theme
from dashboard.answers import limits
from dashboard.blotter import Trades
from dashboard.charts import curve_charts, ladder_charts, pnl_charts
from dashboard.data import Market, Snapshot
from dashboard.pnl import Pnl, pnl
from dashboard.risk import Choice
from risk.limits.board import STALE_S, Board, LimitRow
from risk.scenarios import answers
from risk.scenarios.messages import ScenarioFrame

CHART_PX = 262
TOP_PX, BOTTOM_PX = 332, 396
DESKS_PX, LIMITS_PX = 178, 208
MOVERS = 12  # rows that fill the panel
LADDERS: dict[str, risk.LadderName] = {"KRD": "krd", "Par": "ladder_par"}
CURVE_FAMILIES = (risk.OIS, risk.GOVT, risk.PROJECTION)
GROUPS = ("Ccy", "Desk", "Type", "Book")


def switch(label: str, options: Sequence[str], key: str, hint: str | None = None) -> Any:
    """Show a choice in the head of a panel, which always has one option selected."""
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


def cards(
    markets: Sequence[Market],
    choice: Choice,
    explained: Pnl,
    scenarios: ScenarioFrame | None,
    board: Board | None,
) -> None:
    """Draw the headline numbers."""
    change = risk.change(markets, choice)
    found = (
        npv_card(markets, choice, change),
        close_card(explained, choice, board),
        pnl_card(markets, choice, change),
        dv01_card(markets, choice),
        key_rate_card(markets, choice),
        *tail_cards(scenarios, choice, board),
        latency_card(markets),
    )
    st.html(theme.cards(found))


def close_card(explained: Pnl, choice: Choice, board: Board | None) -> theme.Card:
    """P&L since the close, its largest term, and how much of the loss limit is used."""
    terms = explained.total
    steps = [(title, amount) for title, amount in explained.steps()[:-1] if amount is not None]
    title, amount = max(steps, key=lambda step: abs(step[1]), default=("", None))
    frames = "; ".join(f"{frame.currency} since {frame.start_date}" for frame in explained.frames)
    most = f"mostly {title} {format.money(amount, signed=True)}" if title else "not explained yet"
    limit = limits.of_measure(_limits(board, choice), "pnl_close", "", choice.desk)
    of_limit = f" Loss limit: {limits.used(limit)} used." if limit is not None else ""
    hint = " ".join((frames, *explained.reasons)) or "Explained after the first frame of a day."
    return theme.Card(
        "P&L since close",
        format.money(terms.get("total"), signed=True),
        most,
        f"{hint}{of_limit}",
        signed=True,
        use=_percent(limit),
    )


def _limits(board: Board | None, choice: Choice) -> Sequence[LimitRow]:
    """Limits that what is shown can be held against: of all products."""
    return board.limits if board is not None and choice.all_products else []


def _percent(limit: LimitRow | None) -> float | None:
    return None if limit is None or limit.utilisation is None else 100 * limit.utilisation


def tail_cards(
    scenarios: ScenarioFrame | None, choice: Choice, board: Board | None
) -> tuple[theme.Card, theme.Card]:
    """Value at risk and expected shortfall, each with its limit's use."""
    scope = answers.scope_of(choice.currencies, choice.products, choice.desk)
    now_s = time.time()
    answer = None if scenarios is None else answers.value_at_risk(scenarios, scope, now_s=now_s)
    total = answer["total"] if answer else None
    age = format.age(answer["stamp"]["age_s"]) if answer and total else ""
    found = []
    for title, level, name, of_limit in (
        ("VaR 99 %, 1 day", "99", "var", "var"),
        ("ES 97.5 %, 1 day", "97.5", "expected_shortfall", "expected_shortfall"),
    ):
        row = next((r for r in total["levels"] if r["level"] == level), None) if total else None
        limit = limits.of_measure(_limits(board, choice), of_limit, level, choice.desk)
        percent = _percent(limit)
        use = "" if limit is None or percent is None else f"{limits.used(limit)} of limit"
        note = ", ".join(part for part in (use, f"{age} old" if age else "") if part)
        hint = "Full revaluation on the historical days, in USD. The page Scenarios shows the tail."
        value = format.money(row[name]) if row else format.NOTHING
        used = percent if row else None
        found.append(theme.Card(title, value, note or "no scenarios yet", hint, use=used))
    return found[0], found[1]


def npv_card(markets: Sequence[Market], choice: Choice, change: risk.Change) -> theme.Card:
    """NPV, and its change since the opening."""
    moved = change.usd is not None
    return theme.Card(
        "NPV",
        format.money(risk.total(markets, choice, "npv")),
        f"{format.money(change.usd)} vs open" if moved else "no opening to compare with",
        f"In USD at each frame's own FX. {change.note}",
        _tone(change.usd),
        risk.series(markets, choice, "npv"),
    )


def _tone(amount: float | None) -> theme.Tone:
    """The sign of an amount as a colour; an unknown or zero amount has none."""
    if amount is None or abs(amount) < format.HALF_A_CENT:
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
        signed=True,
    )


def dv01_card(markets: Sequence[Market], choice: Choice) -> theme.Card:
    """Return what a 1 bp fall of all quotes earns."""
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


# --- Charts ----------------------------------------------------------------------------------


def ladder_panel(markets: Sequence[Market], choice: Choice) -> None:
    """Key rates by tenor, and the exact numbers on demand."""
    with st.container(key="panel-ladder", border=True, height=TOP_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            head("Key-rate DV01", "USD per bp")
            name = switch("Ladder", tuple(LADDERS), "ladder")
            family = switch("Curves", (risk.ALL, *CURVE_FAMILIES), "ladder-family")
            with st.popover("Table", key="switch-exact"):
                ladder = risk.ladder(markets, choice, LADDERS[name], family)
                st.html(exact_table(ladder))
        st.echarts_chart(
            ladder_charts.ladder_chart(ladder),
            theme=None,
            height=CHART_PX,
            key="ladder",
            alt="Key-rate DV01 in US dollars per basis point by tenor and currency",
        )


def exact_table(ladder: risk.Ladder) -> str:
    """The numbers of a ladder to the cent, as a table."""
    columns = [theme.Column("Tenor"), *(theme.Column(name, "number") for name in ladder.rows)]
    rows = [[tenor, *(f"{amount:,.2f}" for amount in line)] for tenor, line in ladder.table()]
    return theme.table([*columns, theme.Column("Net", "number")], rows, tall=True)


def curves_panel(markets: Sequence[Market]) -> None:
    """Zero rates now and at the opening."""
    with st.container(key="panel-curves", border=True, height=TOP_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            head("Zero rates", "dotted: open")
            family = switch("Family", CURVE_FAMILIES, "curves-family")
        lines = risk.curve_lines(markets, family)
        st.echarts_chart(
            curve_charts.curves_chart(lines),
            theme=None,
            height=CHART_PX,
            key="curves",
            alt="Zero rates by tenor now and at the opening, and their change in basis points",
        )


def pnl_panel(explained: Pnl) -> None:
    """P&L since the close by term."""
    with st.container(key="panel-pnl", border=True, height=TOP_PX, gap="small"):
        ages = [frame.age_s for frame in explained.frames]
        age = f", frames of {format.age(max(ages))} ago" if ages else ""
        head("P&L since close", f"USD by term{age}")
        if not explained.groups:
            st.info(NOT_EXPLAINED)
            return
        steps = explained.bars()
        st.echarts_chart(
            pnl_charts.waterfall_chart(steps),
            theme=None,
            height=CHART_PX,
            key="waterfall",
            alt="P&L by term in US dollars: " + ", ".join(f"{t} {text}" for t, text, _ in steps),
        )


NOT_EXPLAINED = (
    "Not explained yet: it needs a frame of the day before, and a worker of compilations, "
    "`celery -A riskproject worker --queues compile`. Reasons are on the page P&L."
)


# --- Tables ----------------------------------------------------------------------------------


def breakdown_panel(markets: Sequence[Market], choice: Choice) -> None:
    """DV01 by group."""
    with st.container(key="panel-breakdown", border=True, height=BOTTOM_PX, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            head("DV01", "USD per bp")
            by = switch("Group", GROUPS, "group")
        st.echarts_chart(
            ladder_charts.breakdown_chart(risk.breakdown(markets, choice, by)),
            theme=None,
            height=CHART_PX + 56,
            key="breakdown",
            alt="DV01 in US dollars per basis point by group and product",
        )


def dollars(value: float | None, *, signed: bool = False) -> str:
    """Whole US dollars with thousands; n/a when the number could not be made."""
    if value is None or not math.isfinite(value):
        return format.NOTHING
    return format.signed(value) if signed else f"{round(value):,d}"


DESK_COLUMNS = (
    theme.Column("Desk"),
    theme.Column("NPV", "number"),
    theme.Column("DV01", "number"),
    theme.Column("P&L", "signed"),
    theme.Column("Trades", "number"),
    theme.Column("Failed", "number"),
)
MOVER_COLUMNS = (
    theme.Column("Trade", "trade"),
    theme.Column("Book"),
    theme.Column("DV01", "number"),
    theme.Column("P&L", "signed"),
    theme.Column("Moved most by"),
)
LIMIT_COLUMNS = (
    theme.Column("State", "state"),
    theme.Column("Limit"),
    theme.Column("Now", "number"),
    theme.Column("Hard limit", "number"),
    theme.Column("Used", "use"),
)
NO_BOARD = "No process evaluates limits: start `python3 manage.py runlimits`"
NO_LIMITS = "No limits are defined: use the admin under Control, or `python3 manage.py seed_limits`"


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
    with st.container(key="panel-desks", border=True, height=DESKS_PX, gap="small"):
        head("Desks", f"USD; P&L since open{_later(markets)}; {_summary(markets, found)}")
        st.html(theme.table(DESK_COLUMNS, rows))
        if found:
            head("Excluded from the totals")
            screen.trouble_table(found, key="failed", height=110)


def limits_panel(board: Board | None, choice: Choice, now_s: float) -> None:
    """The worst limits first."""
    with st.container(key="panel-limits", border=True, height=LIMITS_PX, gap="small"):
        if board is None:
            head("Limits", NO_BOARD)
            return
        found, _ = limits.chosen(board, choice)
        age_s = now_s - board.made_ns / 1e9
        old = f", {format.age(age_s)} old: no process evaluates them" if age_s > STALE_S else ""
        head("Limits", NO_LIMITS if not found else f"worst first{old}")
        rows = [
            (
                row.state,
                row.code,
                _short(row.value),
                f"{_short(row.hard_limit)} {row.amounts_in}",
                limits.used(row),
            )
            for row in limits.in_order(found)
        ]
        if rows:
            st.html(theme.table(LIMIT_COLUMNS, rows))


def _short(value: float | None) -> str:
    """A short amount with its sign."""
    if value is None:
        return format.NOTHING
    return f"{'-' if value < 0 else ''}{format.short(abs(value))}"


def _later(markets: Sequence[Market]) -> str:
    """Says it when sums by book go back less far than the totals."""
    late = [m.opening.rollup.as_of for m in markets if m.opening and not m.opening.exact]
    return f" (by book since {max(late):%H:%M:%S})" if late else ""


def _summary(markets: Sequence[Market], found: Sequence[risk.Trouble]) -> str:
    trades = sum(market.rollup.trades for market in markets)
    if not found:
        return f"all {format.count(trades, 'trade')} priced"
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
        found = risk.movers(
            markets, trades, choice, by="pnl" if by == "P&L" else "dv01", count=MOVERS
        )
        rows = [
            (r.trade, r.book, dollars(r.dv01), dollars(r.pnl, signed=True), r.why) for r in found
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
        board, now_s = reader.limits(), time.time()
        explained = pnl(snapshot.explains, choice, "close", now_s, with_delta=False)
        cards(markets, choice, explained, reader.scenarios(), board)
        columns = st.columns([41, 31, 28], gap="small")
        with columns[0]:
            ladder_panel(markets, choice)
        with columns[1]:
            pnl_panel(explained)
        with columns[2]:
            curves_panel(markets)
        columns = st.columns([26, 36, 38], gap="small")
        with columns[0]:
            breakdown_panel(markets, choice)
        with columns[1]:
            desks_panel(markets, choice)
            limits_panel(board, choice, now_s)
        with columns[2]:
            movers_panel(markets, trades, choice)


first = screen.reader().snapshot()
overview(screen.filters(first), first)
