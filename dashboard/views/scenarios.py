"""The scenarios page: value at risk with its tail days, and stress scenarios by desk."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from dashboard import format, screen, theme
from dashboard.answers import backtests, kept
from dashboard.charts import scenario_charts
from dashboard.data import Snapshot
from dashboard.risk import Choice
from dashboard.scenarios import shock_panel
from risk.scenarios import answers
from risk.scenarios.messages import ScenarioFrame

CHART_PX, TOP_PX = 350, 430
BACKTEST_EVERY_S = 60.0
BINS = 40
Json = Mapping[str, Any]

NONE_YET = (
    "**No scenarios yet.** They follow the first frame when a worker of their queue runs: "
    "`celery -A riskproject worker --queues scenarios`. `make demo` starts one."
)
NO_GROUPS = "No trade of the chosen currencies, products and desk is in these scenarios."

TAIL_COLUMNS = (
    theme.Column("Day"),
    theme.Column("P&L", "signed"),
    theme.Column("Most by curve"),
)
GROUP_COLUMNS = (
    theme.Column("Desk"),
    theme.Column("VaR 99 %", "number"),
    theme.Column("ES 97.5 %", "number"),
    theme.Column("Component ES 97.5 %", "number"),
    theme.Column("Trades", "number"),
    theme.Column("Failed", "number"),
)


def dollars(value: float | None, *, signed: bool = True) -> str:
    return format.money(value, signed=signed)


# --- Value at risk ---------------------------------------------------------------------------


def level_of(answer: Json, level: str) -> Json | None:
    """One level of the total; None when there is no total."""
    total = answer["total"]
    return next((row for row in total["levels"] if row["level"] == level), None) if total else None


def cards(found: Json) -> None:
    """Draw the headline numbers."""
    history, stamp, total = found["history"], found["stamp"], found["total"]
    high, wide = level_of(found, "99"), level_of(found, "97.5")
    days = f"{total['scenarios']:,} days" if total else format.NOTHING
    span = f"{history['first_day']} to {history['last_day']}" if total else "no history stored"
    failed = total["failed"] if total else 0
    lost = f", {failed:,} not priced" if failed else ""
    worst = high["tail"][0] if high else None
    st.html(
        theme.cards(
            (
                theme.Card(
                    "VaR 99 %, 1 day",
                    dollars(high["var"] if high else None, signed=False),
                    f"{format.count(total['trades'], 'trade')}{lost}" if total else "",
                    "Minus the k-th smallest of n full revaluations, k = ceil(n / 100).",
                ),
                theme.Card(
                    "ES 97.5 %, 1 day",
                    dollars(wide["expected_shortfall"] if wide else None, signed=False),
                    f"mean of the {len(wide['tail'])} worst days" if wide else "",
                    "Expected shortfall: minus the mean P&L of the tail.",
                ),
                theme.Card(
                    "Worst day",
                    dollars(worst["pnl"] if worst else None),
                    str(worst["date"]) if worst else "",
                    "The historical day whose moves would cost most now.",
                ),
                theme.Card("Scenarios", days, span, coverage(history)),
                theme.Card(
                    "Age",
                    format.age(stamp["age_s"]),
                    f"every {stamp['every_s']:g} s, made in {stamp['took_ms'] / 1e3:.1f} s",
                    f"Run {stamp['number']}. Made beside the frames, which do not wait for it.",
                    "down" if stamp["stale"] else "",
                ),
            )
        )
    )


def coverage(history: Json) -> str:
    """Proxies and holes of the history, in a sentence each."""
    said = [f"{history['moves'].capitalize()} moves of quotes."]
    for row in history["currencies"]:
        proxies = ", ".join(f"{curve} by {of}" for curve, of in row["proxies"].items())
        parts = [
            f"{row['holidays']} holidays" if row["holidays"] else "",
            f"{row['interpolated']:,} moves interpolated" if row["interpolated"] else "",
            f"proxies: {proxies}" if proxies else "",
        ]
        kept = "; ".join(part for part in parts if part)
        said.append(f"{row['currency']}: {kept}." if kept else "")
    return " ".join(part for part in said if part)


def distribution_panel(found: Json) -> None:
    """The P&L of every day, and the tail in red."""
    with st.container(key="panel-distribution", border=True, height=TOP_PX, gap="small"):
        st.html(theme.heading("P&L of the historical days", "USD, full revaluation; tail red"))
        if not found["days"]:
            st.info(found["history"]["reason"] or "No day has a P&L in every group.")
            return
        pnl = np.array([row["pnl"] for row in found["days"]])
        edges = np.array(scenario_charts.round_bins(pnl.tolist(), BINS))
        counts, _ = np.histogram(pnl, bins=edges)
        level = level_of(found, "99")
        places = np.clip(np.searchsorted(edges, pnl, side="right") - 1, 0, len(counts) - 1)
        tail = -level["var"] if level else float("-inf")
        names: dict[int, list[str]] = {}
        for row, place in zip(found["days"], places.tolist(), strict=True):
            if row["pnl"] <= tail:
                names.setdefault(place, []).append(str(row["date"]))
        st.echarts_chart(
            scenario_charts.distribution_chart(
                edges.tolist(),
                counts.tolist(),
                tail,
                {place: ", ".join(days) for place, days in names.items()},
            ),
            theme=None,
            height=CHART_PX,
            key="distribution",
            alt="Number of historical days by P&L in US dollars",
        )


def tail_panel(found: Json) -> None:
    """The days of the 97.5 % tail, worst first."""
    with st.container(key="panel-tail", border=True, height=TOP_PX, gap="small"):
        st.html(theme.heading("Tail days, 97.5 %", "USD; the curve whose moves alone matter most"))
        level = level_of(found, "97.5")
        if level is None:
            st.info("No tail without historical scenarios.")
            return
        rows = [
            (str(day["date"]), dollars(day["pnl"]), largest_curve(day["by_curve"]))
            for day in level["tail"]
        ]
        st.html(theme.table(TAIL_COLUMNS, rows, tall=True))


def largest_curve(by_curve: Mapping[str, float] | None) -> str:
    """The curve whose moves alone make most of the day."""
    if not by_curve:
        return format.NOTHING
    curve = max(by_curve, key=lambda name: abs(by_curve[name]))
    return f"{curve} {dollars(by_curve[curve])}"


def desks_panel(found: Json) -> None:
    """Value at risk by desk, and the desks' shares of the whole's expected shortfall."""
    with st.container(key="panel-var-desks", border=True, gap="small"):
        st.html(theme.heading("By desk", "USD; components add up to the total's ES"))
        rows = []
        for group in found["groups"]:
            by_level = {row["level"]: row for row in group["levels"]}
            rows.append(
                (
                    group["desk"],
                    dollars(by_level["99"]["var"], signed=False),
                    dollars(by_level["97.5"]["expected_shortfall"], signed=False),
                    dollars(by_level["97.5"]["component_expected_shortfall"]),
                    f"{group['trades']:,}",
                    f"{group['failed']:,}",
                )
            )
        st.html(theme.table(GROUP_COLUMNS, rows))


# --- Stress scenarios ------------------------------------------------------------------------


def stress_panel(found: Json) -> None:
    """P&L of each scenario by desk, and what an approximation would have said."""
    desks = [group["desk"] for group in found["scenarios"][0]["groups"]]
    columns = (
        theme.Column("Scenario"),
        theme.Column("Set"),
        theme.Column("Total", "signed"),
        *(theme.Column(desk or "No desk", "signed") for desk in desks),
        theme.Column("Approximation: delta", "signed"),
        theme.Column("Approximation: delta-gamma", "signed"),
    )
    rows = [
        (
            row["title"],
            row["set"],
            dollars(row["pnl"]),
            *(dollars(group["pnl"]) for group in row["groups"]),
            dollars(row["approximation"]["delta"]),
            dollars(row["approximation"]["delta_gamma"]),
        )
        for row in found["scenarios"]
    ]
    with st.container(key="panel-stress", border=True, gap="small"):
        st.html(theme.heading("Stress scenarios", "USD, full revaluation, curves rebuilt"))
        st.html(theme.table(columns, rows, tall=True))
        reasons = {
            f"{row['set']}: {reason}"
            for row in found["scenarios"]
            for reason in row["reasons"].values()
        }
        for reason in sorted(reasons):
            st.html(theme.warning(f"A scenario without a P&L: {reason}."))


# --- Backtest ---------------------------------------------------------------------------------


@st.fragment(run_every=screen.REFRESH_S)
def backtest_panel() -> None:
    """How often days lost more than the value at risk of the evening before, by desk."""
    answer = kept.asked("backtest/?level=99&series=true", BACKTEST_EVERY_S)
    with st.container(key="panel-backtest", border=True, gap="small"):
        if isinstance(answer, str):
            st.html(theme.heading("Backtest", "hypothetical P&L against value at risk"))
            st.html(theme.note(answer, "It is made once a day: docs/scenarios.md."))
            return
        found = backtests.results(answer)
        desk = screen.desk_of_run(
            ("Backtest", backtests.note(answer)),
            list(found),
            name="backtest",
            key="backtest",
            sentences=(backtests.short_series(answer), *answer["notes"]),
        )
        if desk is None:
            return
        left, right = st.columns([45, 55], gap="small")
        with left:
            st.html(theme.table(backtests.COLUMNS, backtests.rows(answer)))
            broken = backtests.exception_rows(found[desk])
            st.html(theme.heading(f"Exceptions of {desk}", "USD; the newest first"))
            if broken:
                st.html(theme.table(backtests.EXCEPTION_COLUMNS, broken, tall=True))
            else:
                st.html(theme.note("No day has lost more than the value at risk.", ""))
        with right:
            series = found[desk]["series"]
            st.echarts_chart(
                scenario_charts.backtest_chart(
                    [str(day["date"]) for day in series],
                    [float(day["pnl"]) for day in series],
                    [float(day["var"]) for day in series],
                ),
                theme=None,
                height=CHART_PX,
                key="backtest-chart",
                alt=f"Hypothetical P&L of {desk} by day against value at risk, US dollars",
            )


# --- The page --------------------------------------------------------------------------------


def remarks(frame: ScenarioFrame, found: Json) -> None:
    """Draw sentences on results that are stale or missing, above the numbers."""
    said = []
    if found["stamp"]["stale"]:
        said.append(
            f"These results are {format.age(found['stamp']['age_s'])} old: no run has followed."
        )
    said += [f"{currency}: {reason}." for currency, reason in frame.unavailable.items()]
    said += [f"{row['currency']} is in no sum: {row['reason']}." for row in found["excluded"]]
    if said:
        shown = "".join(theme.warning(text) for text in dict.fromkeys(said))
        st.html(f'<div class="tags">{shown}</div>')


@st.fragment(run_every=screen.REFRESH_S)
def scenarios_page(choice: Choice, before: Snapshot, known: shock_panel.Known | None) -> None:
    reader = screen.reader()
    snapshot = reader.snapshot()
    screen.redraw_filters_if_new(before, snapshot)
    if not screen.status_line("Scenarios", snapshot, choice):
        return
    frame = reader.scenarios()
    if shock_panel.known(frame) != known:
        st.rerun()  # the panel below offers what was there when the page was drawn
    if frame is None:
        st.info(NONE_YET)
        return
    scope, now_s = answers.scope_of(choice.currencies, choice.products, choice.desk), time.time()
    risk = answers.value_at_risk(frame, scope, now_s=now_s)
    stress = answers.stress(frame, scope, now_s=now_s)
    remarks(frame, risk)
    if not stress["scenarios"]:
        st.info(NO_GROUPS)
        return
    with st.container(key="body"):
        cards(risk)
        left, right = st.columns([60, 40], gap="small")
        with left:
            distribution_panel(risk)
        with right:
            tail_panel(risk)
        desks_panel(risk)
        stress_panel(stress)


first = screen.reader().snapshot()
picked = screen.filters(first)
offered = shock_panel.known(screen.reader().scenarios())
scenarios_page(picked, first, offered)
if offered is not None and picked.markets(first.markets):
    shock_panel.panel(picked)
    backtest_panel()
