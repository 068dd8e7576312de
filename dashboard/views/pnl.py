"""The P&L page: why sums moved since the close, since the frame before, or on a day before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import detail, format, screen, theme
from dashboard.answers import attribution, kept, pnl_answers
from dashboard.charts import pnl_charts
from dashboard.data import Market, Snapshot
from dashboard.pnl import GROUPS, PERIODS, TITLES, ExplainedFrame, Pnl, pnl, pnl_of_answer
from dashboard.risk import Choice
from pricing.markets.conventions import CURRENCIES
from risk.store.explains import PeriodName

TOP_PX, BOTTOM_PX, CHART_PX = 340, 350, 268
DAYS_EVERY_S, TRADES_EVERY_S = 60.0, 20.0
ATTRIBUTION_EVERY_S, METERS_PX, ATTRIBUTION_PX = 60.0, 164, 340
NOW = "Now"
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
    terms = found.total
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
            pnl_charts.waterfall_chart(steps),
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
            pnl_charts.delta_chart(tenors, rows),
            theme=None,
            height=CHART_PX,
            key="delta",
            alt="Effect of the moves of quotes in US dollars by tenor and curve",
        )


def groups_panel(found: Pnl, more: str = "", *, with_trades: bool = True) -> tuple[str, str]:
    """Terms by desk, book, type or currency; ``more`` is said beside the title.

    Returns:
        The grouping, and the group whose trades are asked for, or "".
    """
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
            by_group = found.rows(str(group))
            wanted = trades_switch(pnl_answers.names_of(by_group)) if with_trades else ""
        rows = [
            (
                name,
                *(format.signed(terms.get(term)) for term in SHOWN),
                format.signed(sum(terms.get(term) or 0.0 for term in TRADES)),
                format.signed(terms.get("fx")),
                format.signed(terms.get("total")),
                format.signed(terms.get("cash")),
            )
            for name, terms in by_group
        ]
        st.html(theme.table(GROUP_COLUMNS, rows))
    return str(group), wanted


def trades_switch(names: Sequence[str]) -> str:
    """Let the user choose a group; "" when none is chosen."""
    key = "pnl-trades-of"
    if st.session_state.get(key) not in (None, *names):
        st.session_state[key] = None  # it is of another grouping
    chosen = st.selectbox(
        "Trades of a group",
        names,
        index=None,
        key=key,
        placeholder="Trades of ...",
        label_visibility="collapsed",
        width=220,
    )
    return chosen or ""


def group_trades_panel(
    choice: Choice, found: Pnl, group: str, name: str, period: PeriodName
) -> None:
    """The trades of a group that earned or lost most, each with its terms."""
    currencies = found.currencies_of(group, name)
    with st.container(key="panel-group-trades", border=True, gap="small"):
        path = pnl_answers.trades_path(choice, currencies, group, name, period)
        answer = kept.asked(path, TRADES_EVERY_S)
        if isinstance(answer, str):
            heading(f"Trades of {name}", "")
            st.html(theme.warning(answer))
            return
        heading(f"Trades of {name}", pnl_answers.trades_note(answer))
        for sentence in pnl_answers.trades_reasons(answer):
            st.html(theme.warning(sentence))
        rows = pnl_answers.trade_rows(answer)
        if rows:
            st.html(theme.table(pnl_answers.COLUMNS, rows, tall=True))
        else:
            st.html(theme.note("No trade of it is explained.", ""))


def days_panel(choice: Choice) -> None:
    """The terms of the days before, as they were explained at their closes."""
    answer = kept.asked(pnl_answers.days_path(choice), DAYS_EVERY_S)
    with st.container(key="panel-pnl-days", border=True, height=TOP_PX, gap="small"):
        heading("Days before", "USD by term; each close since the close before")
        if isinstance(answer, str):
            st.html(theme.warning(answer))
            return
        by_day = pnl_answers.totals_by_day(answer, choice)
        lost = pnl_answers.missing_of_days(answer)
        if not by_day:
            st.info(lost or NO_DAYS)
            return
        if lost:
            st.html(theme.note(lost, MAKE_DAYS))
        terms = list(by_day.values())
        bars = zip(*map(pnl_answers.stacked, terms), strict=True)
        totals = [each.get("total") for each in terms]
        st.echarts_chart(
            pnl_charts.pnl_days_chart(
                list(by_day), dict(zip(pnl_answers.STACKED, bars, strict=True)), totals
            ),
            theme=None,
            height=CHART_PX - (LINE_PX if lost else 0),
            key="pnl-days",
            alt="P&L of the days before in US dollars: "
            + ", ".join(
                f"{day} {format.money(total, signed=True)}"
                for day, total in zip(by_day, totals, strict=True)
            ),
        )


LINE_PX = 28
NO_DAYS = "No day is stored yet: a close is explained when the first frame of the next date is."
MAKE_DAYS = "manage.py closes --explain makes those that can be made."


def trades_panel(found: Pnl) -> None:
    """Trades that changed, and those that are in no term."""
    changes, unpriced = found.changes, found.unpriced
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


def attribution_panel() -> None:
    """How closely RTPL follows HPL over the stored days, by desk (Basel MAR32)."""
    title, answer = "P&L attribution test", kept.asked("pla/?series=true", ATTRIBUTION_EVERY_S)
    with st.container(key="panel-attribution", border=True, gap="small"):
        if isinstance(answer, str):
            heading(title, "hypothetical P&L against risk-theoretical P&L")
            st.html(theme.note(answer, "Run it each evening, for example: docs/explain.md."))
            return
        found = attribution.results(answer)
        desk = screen.desk_of_run(
            (title, attribution.note(answer)),
            list(found),
            name="attribution test",
            key="attribution",
            sentences=(*attribution.reasons(answer), *answer["notes"]),
        )
        if desk is None:
            return
        left, right = st.columns([45, 55], gap="small")
        with left:
            st.html(theme.table(attribution.COLUMNS, attribution.rows(answer)))
            meters = attribution.meters(found[desk])
            heading(desk, attribution.short_series(answer, found[desk]))
            st.echarts_chart(
                pnl_charts.meter_chart(meters),
                theme=None,
                height=METERS_PX,
                key="attribution-meters",
                alt=f"Attribution test of {desk}: "
                + "; ".join(f"{meter.title} {attribution.said(meter)}" for meter in meters),
            )
        with right:
            heading("HPL against RTPL", f"{desk}, USD by day; bars: what is not explained")
            series = found[desk]["series"]
            st.echarts_chart(
                pnl_charts.attribution_chart(
                    [str(day["date"]) for day in series],
                    [day["hpl"] for day in series],
                    [day["rtpl"] for day in series],
                ),
                theme=None,
                height=ATTRIBUTION_PX,
                key="attribution-chart",
                alt=f"Hypothetical and risk-theoretical P&L of {desk} by day, US dollars",
            )


def notes(found: Pnl, newest: dict[str, int]) -> str:
    """Return HTML with the frames of the numbers, their age, and what is missing.

    ``newest`` has the newest frames; a past day has none.
    """
    frames = [_frames(frame, newest) for frame in found.frames]
    late = [
        frame
        for frame in found.frames
        if frame.frame != newest.get(frame.currency, frame.frame) and frame.age_s > screen.LATE_S
    ]
    if len(frames) > screen.MAX_NOTES:
        dates = sorted({frame.start_date for frame in found.frames})
        since = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        said = theme.note(f"Since the frames of {since}", "; ".join(frames))
    else:
        said = "".join(
            theme.note(text, f"Explained in {frame.made_in_s:.2f} s")
            for text, frame in zip(frames, found.frames, strict=True)
        )
    said += _lateness(late) + "".join(theme.warning(sentence) for sentence in found.reasons)
    return f'<div class="tags">{said}</div>' if said else ""


def _lateness(late: Sequence[ExplainedFrame]) -> str:
    """Which currencies are explained up to an earlier frame than the newest, as HTML."""
    if len(late) > screen.MAX_NOTES:
        oldest = max(late, key=lambda frame: frame.age_s)
        return theme.warning(
            f"{len(late)} currencies are explained up to an earlier frame, {oldest.currency} up to "
            f"one published {format.age(oldest.age_s)} ago"
        )
    return "".join(
        theme.warning(
            f"{frame.currency} is explained up to a frame published {format.age(frame.age_s)} ago"
        )
        for frame in late
    )


def _frames(frame: ExplainedFrame, newest: dict[str, int]) -> str:
    now = detail.frame_name(frame.frame, newest.get(frame.currency, frame.frame))
    before = detail.frame_name(frame.start_frame, frame.frame)
    return f"{frame.currency} frame {before} of {frame.start_date} to {now}"


def day_switch(choice: Choice) -> str:
    """Let the user choose a day before; ``NOW`` for the day that runs."""
    answer = kept.asked(pnl_answers.days_path(choice), DAYS_EVERY_S)
    chosen = str(st.session_state.get("pnl-day", NOW))
    if isinstance(answer, str):  # an answer that does not come takes no choice back
        days = [] if chosen == NOW else [chosen]
    else:
        days = pnl_answers.days_of(answer)
    if chosen not in (NOW, *days):
        st.session_state["pnl-day"] = NOW
    return st.selectbox("Day", [NOW, *days], key="pnl-day", label_visibility="collapsed", width=150)


def terms_of_day(choice: Choice, day: str) -> None:
    """The explain of a past day's closes."""
    answer = kept.asked(pnl_answers.day_path(day, choice), DAYS_EVERY_S)
    if isinstance(answer, str):
        st.html(theme.warning(answer))
        return
    found = pnl_of_answer(answer, choice)
    st.html(theme.warning(f"P&L of {day}, as stored with its close: not of now."))
    said = notes(found, {})
    if said:
        st.html(said)
    if not found.groups:
        st.info(f"Nothing of {day} is explained: see the reasons above.")
        return
    panels(found)
    groups_panel(found, with_trades=False)
    if found.changes or found.unpriced:
        trades_panel(found)


def panels(found: Pnl) -> None:
    """Cards, waterfall and delta."""
    cards(found)
    left, right = st.columns([55, 45], gap="small")
    with left:
        waterfall_panel(found)
    with right:
        delta_panel(found)


def terms_now(choice: Choice, snapshot: Snapshot, markets: Sequence[Market]) -> None:
    """The explain of the frames that are published now, and the trades of a group."""
    name = st.session_state.get("switch-period", next(iter(PERIODS)))
    period = PERIODS[str(name)]
    found = pnl(snapshot.explains, choice, period, time.time())
    said = notes(found, {market.currency: market.rollup.frame for market in markets})
    if said:
        st.html(said)
    if not found.groups:
        st.info("Nothing to explain in this period yet: see the reasons above.")
        return
    panels(found)
    if not found.changes and not found.unpriced:  # then the terms have the whole width
        group, of = groups_panel(found, "; no trade changed, and all trades are explained")
    else:
        left, right = st.columns([62, 38], gap="small")
        with left:
            group, of = groups_panel(found)
        with right:
            trades_panel(found)
    if of:
        group_trades_panel(choice, found, group, of, period)


@st.fragment(run_every=screen.REFRESH_S)
def page(choice: Choice, before: Snapshot) -> None:
    snapshot = screen.reader().snapshot()
    screen.redraw_filters_if_new(before, snapshot)
    markets = screen.status_line("P&L", snapshot, choice)
    if not markets:
        return
    if not any(market.currency in snapshot.explains for market in markets):
        st.info(START)
        return
    with st.container(key="body"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            day = day_switch(choice)
            if day == NOW:
                st.segmented_control(
                    "Period",
                    tuple(PERIODS),
                    default=next(iter(PERIODS)),
                    required=True,
                    key="switch-period",
                    label_visibility="collapsed",
                )
        if day == NOW:
            terms_now(choice, snapshot, markets)
        else:
            terms_of_day(choice, day)
        days_panel(choice)
        attribution_panel()


first = screen.reader().snapshot()
page(screen.filters(first), first)
