"""The pipeline page: where a tick's time goes, and what is waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from dashboard import charts, format, hops, risk, screen, theme
from dashboard.data import Market, Sample, Snapshot
from dashboard.risk import Choice
from dashboard.status import live_bridges
from risk.store.heartbeats import STALE_S, BridgePulse, ProcessPulse

FRAMES_SHOWN, FRAMES_COUNTED = 60, 300
PANEL_PX, CHART_PX = 356, 290
BELOW_PX = 384
STATES = ("published", "conflated", "duplicate", "stale", "conflict", "dead_lettered", "not_whole")
LINKS = {"FLOWER_URL": "Flower: workers and tasks", "API_URL": "API: documentation"}


def cards(snapshot: Snapshot, markets: Sequence[Market], now_s: float) -> None:
    alive = live_bridges(snapshot, now_s)
    latency = risk.latency(markets)
    processes = sum(worker.processes for worker in snapshot.workers)
    values = [
        ("Bridges alive", f"{len(alive)}", f"of {len(snapshot.pulses)} ever seen"),
        ("Workers", f"{len(snapshot.workers)}", f"{processes} pricing processes"),
        ("Lag", f"{sum(p.lag for p in alive):,}", "ticks waiting in Kafka"),
        ("Open frames", f"{sum(p.open_frames for p in alive):,}", "being priced"),
        ("Resent", f"{sum(p.resent for p in alive):,}", "blocks sent again"),
        ("Tick to risk", format.milliseconds(latency.p50), _percentiles(latency)),
    ]
    st.html(theme.cards(theme.Card(label, value, note) for label, value, note in values))


def _percentiles(latency: risk.Latency) -> str:
    return f"p95 {format.milliseconds(latency.p95)}, p99 {format.milliseconds(latency.p99)}"


def hops_panel(samples: Sequence[Sample]) -> None:
    """Draw the latency of the last frames by hop."""
    shown = samples[-FRAMES_SHOWN:]
    with st.container(key="panel-hops", border=True, height=PANEL_PX, gap="small"):
        note = f"ms by hop, the last {format.count(len(shown), 'frame')} this screen saw"
        st.html(theme.heading("Tick to risk", note))
        names = [str(sample.frame % screen.COUNTER) for sample in shown]
        st.echarts_chart(
            charts.hops_chart(names, hops.stacked(shown)),
            theme=None,
            height=CHART_PX,
            key="hops",
            alt="Milliseconds by hop of the last frames",
        )


def history_panel(markets: Sequence[Market]) -> None:
    """Latency over time."""
    with st.container(key="panel-history", border=True, height=PANEL_PX, gap="small"):
        st.html(theme.heading("History", "tick to published risk, ms by currency, UTC"))
        st.echarts_chart(
            charts.latency_chart(hops.latency_lines(markets)),
            theme=None,
            height=CHART_PX,
            key="latency",
            alt="Tick to published risk over time by currency",
        )


def percentiles_panel(samples: Sequence[Sample], snapshot: Snapshot, now_s: float) -> None:
    """Percentiles by hop, and who lives."""
    rows = [
        (
            row.hop,
            *(format.milliseconds(value) for value in (row.p50, row.p95, row.p99)),
            hops.MEANING[row.hop],
        )
        for row in hops.hop_rows(samples)
    ]
    table = pd.DataFrame(rows, columns=["Hop", "p50", "p95", "p99", "What"])
    with st.container(key="panel-percentiles", border=True, height=BELOW_PX, gap="small"):
        note = f"of {format.count(len(samples), 'frame')}; percentiles do not add up"
        st.html(theme.heading("Hops", note))
        st.dataframe(table, hide_index=True, height=178, row_height=28, key="hop-table")
        processes_table(snapshot, now_s)
        links()


def processes_table(snapshot: Snapshot, now_s: float) -> None:
    """Processes that are alive, the ones that price first."""
    if not snapshot.workers:
        st.info("No worker is alive. Start one: `celery -A riskproject worker -Q pricing`")
        return
    table = pd.DataFrame(
        [process_row(pulse, now_s) for pulse in by_importance(snapshot.processes)],
        columns=["Process", "Name", "Up", "Last word"],
    )
    st.dataframe(table, hide_index=True, height=132, row_height=24, key="processes")


def by_importance(pulses: Sequence[ProcessPulse]) -> list[ProcessPulse]:
    """Those that price, then all others."""
    return sorted(pulses, key=lambda pulse: pulse.kind != "worker")


def process_row(pulse: ProcessPulse, now_s: float) -> tuple[str, str, str, str]:
    """One process in words."""
    up_s, silent_s = now_s - pulse.started_ns / 1e9, now_s - pulse.sent_ns / 1e9
    return pulse.kind, pulse.name, format.age(up_s), format.age(silent_s)


def bridges_panel(pulses: Sequence[BridgePulse], now_s: float) -> None:
    """Draw all known bridges, newest heartbeat first."""
    table = pd.DataFrame([bridge_row(pulse, now_s) for pulse in pulses])
    with st.container(key="panel-bridges", border=True, height=BELOW_PX, gap="small"):
        st.html(theme.heading("Bridges", "where their ticks ended, since each started"))
        if table.empty:
            st.info("No heartbeat from a bridge yet. Start one: `python manage.py runbridge`")
            return
        st.dataframe(
            table.set_index("Bridge").T.rename_axis("").reset_index(),
            hide_index=True,
            height=322,
            row_height=22,
            key="bridges",
        )


def bridge_row(pulse: BridgePulse, now_s: float) -> dict[str, str]:
    """One bridge in words."""
    silent_s = now_s - pulse.sent_ns / 1e9
    state = "alive" if silent_s < STALE_S else f"silent for {format.age(silent_s)}"
    counts = {name: f"{pulse.states.get(name, 0):,}" for name in STATES}
    return {
        "Bridge": pulse.name,
        "state": state,
        "waits for": pulse.waiting_for or "nothing",
        "broker": pulse.broker,
        "consumed": f"{pulse.consumed:,}",
        **{name.replace("_", "-"): number for name, number in counts.items()},
        "in flight": f"{pulse.in_flight:,}",
        "lag": f"{pulse.lag:,}",
        "open frames": f"{pulse.open_frames:,}",
        "resent": f"{pulse.resent:,}",
    }


def links() -> None:
    """Other screens, where the environment says that they are."""
    with st.container(horizontal=True):
        for variable, label in LINKS.items():
            url = os.environ.get(variable, "")
            if urlsplit(url).scheme in ("http", "https"):
                st.link_button(label, url, type="tertiary")


@st.fragment(run_every=screen.REFRESH_S)
def pipeline(choice: Choice, before: Snapshot) -> None:
    snapshot, now_s = screen.reader().snapshot(), time.time()
    screen.redraw_filters_if_new(before, snapshot)
    markets = screen.status_line("Pipeline", snapshot, choice)
    if not markets and not snapshot.pulses:
        return
    samples = hops.recent_samples(markets, FRAMES_COUNTED)
    with st.container(key="body"):
        cards(snapshot, markets, now_s)
        left, right = st.columns(2, gap="small")
        with left:
            hops_panel(samples)
            percentiles_panel(samples, snapshot, now_s)
        with right:
            history_panel(markets)
            bridges_panel(snapshot.pulses, now_s)


first = screen.reader().snapshot()
pipeline(screen.filters(first), first)
