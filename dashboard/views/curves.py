"""The curves page: a curve now and at the opening, its past, quotes, forwards and warnings."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import streamlit as st

from dashboard import curves, format, screen, theme
from dashboard.answers import kept, past_curves
from dashboard.answers.past_curves import Day
from dashboard.charts import curve_charts
from dashboard.data import Market, Snapshot
from dashboard.risk import Choice

TOP_PX, CHART_PX, LINE_PX = 380, 310, 34
DAYS_EVERY_S = 60.0
QUOTE_COLUMNS = (
    theme.Column("Quote"),
    theme.Column("Ends"),
    theme.Column("Rate", "number"),
    theme.Column("Zero rate", "number"),
    theme.Column("Residual bp", "signed"),
)
WEIGHT = theme.Column("Weight", "number")
RESIDUAL = "residual: quote less the curve's own rate; a bond above 0 is cheap"
SPREAD_COLUMNS = (
    theme.Column("Spread"),
    theme.Column("Now bp", "number"),
    theme.Column("Change bp", "signed"),
)
MEETING_COLUMNS = (
    theme.Column("Announced"),
    theme.Column("From"),
    theme.Column("To"),
    theme.Column("Forward rate", "number"),
    theme.Column("Step bp", "signed"),
)
WARNING_COLUMNS = (
    theme.Column("Curve"),
    theme.Column("Quote"),
    theme.Column("Check"),
    theme.Column("Warning"),
)


def warnings_panel(markets: Sequence[Market]) -> None:
    """What makes a curve doubtful, quote by quote; nothing when no curve is."""
    rows = curves.warnings_of(markets)
    if rows:
        with st.container(key="panel-warnings", border=True, gap="small"):
            st.html(theme.heading("Warnings", "forwards, kinks, moves, residuals of these frames"))
            st.html(theme.table(WARNING_COLUMNS, rows, tall=True))


def past_day(curve: str) -> Day | None:
    """The past day that is shown beside the curve; None: the opening alone."""
    answer = kept.asked(f"curves/{curve}/days/", DAYS_EVERY_S)
    if isinstance(answer, str):
        st.html(theme.warning(answer))
        return None
    days = past_curves.days_of(answer)
    if not days:
        st.html(theme.note("No past day is stored of this curve.", NO_DAYS))
        return None
    wanted = st.query_params.get("day", "")
    if "day" not in st.session_state:
        st.session_state["day"] = wanted if wanted in days else None
    elif st.session_state["day"] not in (None, *days):
        st.session_state["day"] = None
    chosen = st.selectbox(
        "Day",
        list(days),
        format_func=lambda word: days[word],
        key="day",
        placeholder="A past day beside it",
        label_visibility="collapsed",
        width=330,
    )
    if chosen and chosen != wanted:
        st.query_params["day"] = chosen
    elif not chosen and wanted:
        del st.query_params["day"]
    return Day.read(chosen) if chosen else None


NO_DAYS = (
    "A close is stored when the next day begins; manage.py load_curves loads quotes of publishers."
)


def past_line(curve: str, kind: str, day: Day | None) -> tuple[str, dict[str, float]] | None:
    """Title and rates of the curve on a past day, after saying where they are from."""
    if day is None:
        return None
    answer = kept.asked(f"curves/{curve}/days/{day.date}/", DAYS_EVERY_S)
    found = past_curves.curve_on(answer, day) if not isinstance(answer, str) else None
    if found is None:
        why = answer if isinstance(answer, str) else f"Nothing is stored of {day.word}."
        st.html(theme.warning(why))
        return None
    said = past_curves.source_of(found)
    rates = past_curves.rates(found, kind)
    if not rates:
        st.html(theme.warning(f"{said}: quotes alone are stored; choose Par."))
        return None
    st.html(theme.note(f"Dashed: {said}", "Bars are the change since then."))
    return f"{day.date} {day.of}", rates


def curve_panel(market: Market, curve: str, kind: str, now_s: float, day: Day | None) -> None:
    """The curve now, at the opening and on a past day."""
    with st.container(key="panel-curve", border=True, height=TOP_PX, gap="small"):
        age = format.age(now_s - market.rollup.published_ns / 1e9)
        label = market.rollup.labels.get(curve, "unlabelled")
        st.html(theme.heading(curve, f"{KINDS[kind]}; quotes are {label}, frame of {age} ago"))
        options = curves.options_of(os.environ)
        opening = market.opening.rollup if market.opening is not None else None
        then = curves.rates(opening, curve, kind, options) if opening is not None else {}
        past = past_line(curve, kind, day)
        now = curves.rates(market.rollup, curve, kind, options)
        st.echarts_chart(
            curve_charts.one_curve_chart(kind, now, then, past),
            theme=None,
            height=CHART_PX - (LINE_PX if day is not None else 0),
            key="curve-chart",
            alt=f"{KINDS[kind]} of {curve} by tenor now, at the opening and on a past day",
        )


KINDS = {
    "Zero": "zero rates, continuous",
    "Par": "quotes",
    "Forward": "forwards from quote to quote, simple",
    "Discount": "discount factors",
}


def quotes_panel(market: Market, curve: str) -> None:
    """The quotes of one curve; weights where the curve is fitted."""
    rows = [row.cells() for row in curves.quote_rows(market.rollup, curve)]
    weighted = any(row[-1] != format.NOTHING for row in rows)
    columns = (*QUOTE_COLUMNS, WEIGHT) if weighted else QUOTE_COLUMNS
    with st.container(key="panel-quotes", border=True, height=TOP_PX, gap="small"):
        st.html(theme.heading(f"Quotes of {curve}", RESIDUAL))
        shown = [row[: len(columns)] for row in rows]
        st.html(theme.table(columns, shown, tall=True))


def past_panels(market: Market, curve: str) -> None:
    """Moves by tenor and time, and spreads and flies."""
    seen = curves.past(market, curve)
    times = [f"{moment:%d %b %H:%M}" for moment in seen.times]
    left, right = st.columns([58, 42], gap="small")
    with left, st.container(key="panel-heat", border=True, height=TOP_PX, gap="small"):
        since = f"{seen.times[0]:%Y-%m-%d %H:%M}" if seen.times else "now"
        st.html(theme.heading("Moves of quotes", f"bp since {since}, market time; {SEEN}"))
        if len(times) < 2:
            st.info(TOO_SHORT)
        else:
            st.echarts_chart(
                curve_charts.heat_chart(times, seen.quotes, seen.moves_bp()),
                theme=None,
                height=CHART_PX,
                key="heat",
                alt=f"Moves of the quotes of {curve} in basis points by tenor and time",
            )
    with right, st.container(key="panel-spreads", border=True, height=TOP_PX, gap="small"):
        st.html(theme.heading("Spreads and flies", "bp; a fly is twice the belly less its wings"))
        found = seen.spreads_bp()
        if not found or len(times) < 2:
            st.info(TOO_SHORT if found else "The curve has no quotes at 2Y, 5Y, 10Y and 30Y.")
            return
        rows = [
            (name, f"{values[-1]:.1f}", format.signed(values[-1] - values[0], 1))
            for name, values in found.items()
        ]
        st.html(theme.table(SPREAD_COLUMNS, rows))
        st.echarts_chart(
            curve_charts.spreads_chart(times, found),
            theme=None,
            height=CHART_PX - 130,
            key="spreads",
            alt=f"Spreads and flies of {curve} in basis points over time",
        )


SEEN = "what this screen has seen"
TOO_SHORT = "The past begins with the first frame that this screen reads: a moment, please."


def meetings_panel(market: Market, curve: str) -> None:
    """Forward rates from decision to decision of a central bank."""
    rows = curves.meeting_rows(market.rollup, curve, curves.options_of(os.environ))
    if not rows:
        return
    with st.container(key="panel-meetings", border=True, gap="small"):
        st.html(theme.heading(f"Forwards of {curve}", "from decision to decision"))
        st.html(theme.table(MEETING_COLUMNS, rows, tall=True))


@st.fragment(run_every=screen.REFRESH_S)
def curves_page(choice: Choice, before: Snapshot) -> None:
    snapshot = screen.reader().snapshot()
    screen.redraw_filters_if_new(before, snapshot)
    markets = screen.status_line("Curves", snapshot, choice)
    if not markets:
        return
    names = curves.curve_names(markets)
    with st.container(key="body"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            curve = st.selectbox(
                "Curve",
                names,
                key="curve",
                bind="query-params",
                label_visibility="collapsed",
                width=240,
            )
            kind = st.segmented_control(
                "Kind",
                list(KINDS),
                default="Zero",
                required=True,
                key="kind",
                bind="query-params",
                label_visibility="collapsed",
            )
            day = past_day(curve)
        warnings_panel(markets)
        for market in markets:
            if curve in curves.curve_names([market]):
                left, right = st.columns([58, 42], gap="small")
                with left:
                    curve_panel(market, curve, kind or "Zero", time.time(), day)
                with right:
                    quotes_panel(market, curve)
                past_panels(market, curve)
                meetings_panel(market, curve)


first = screen.reader().snapshot()
curves_page(screen.filters(first), first)
