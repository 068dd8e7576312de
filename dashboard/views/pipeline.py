"""The pipeline page: where a tick's time goes, and what is waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from dashboard import detail, format, hops, risk, screen, theme
from dashboard.charts import latency_charts
from dashboard.data import Market, Sample, Snapshot
from dashboard.risk import Choice
from dashboard.status import live_bridges
from risk.store.heartbeats import STALE_S, BridgePulse, ProcessPulse, WorkerPulse

FRAMES_SHOWN, FRAMES_COUNTED = 60, 300
PANEL_PX, CHART_PX = 356, 290
BELOW_PX = 520
DETAIL_PX, ROW_PX = 96, 26
STATES = ("published", "conflated", "duplicate", "stale", "conflict", "dead_lettered", "not_whole")
# Message by queue if no worker takes its tasks. (Streamlit would show a string literal here.)
QUEUES = {
    "sums": "No sums worker is running: nothing is priced. Start one: "
    "`celery -A riskproject worker --queues sums`",
    "detail": "No detail worker is running: sums are published without numbers by trade. "
    f"Start one: `{detail.START_DETAIL}`",
}
SAME_FRAME = ("0s", "delay of the detail behind the sums of its frame")
LINKS = {"FLOWER_URL": "Flower: workers and tasks", "API_URL": "API: documentation"}


def cards(snapshot: Snapshot, markets: Sequence[Market], now_s: float) -> None:
    alive = live_bridges(snapshot, now_s)
    latency = risk.latency(markets)
    values = [
        ("Bridges alive", f"{len(alive)}", f"of {len(snapshot.pulses)} seen so far"),
        ("Workers", f"{len(snapshot.workers)}", _by_queue(snapshot.workers)),
        ("Lag", f"{sum(p.lag for p in alive):,}", "ticks waiting in Kafka"),
        ("Open frames", f"{sum(p.open_frames for p in alive):,}", "being priced"),
        ("Resent", f"{sum(p.resent for p in alive):,}", "parts and blocks sent again"),
        ("Tick to risk", format.milliseconds(latency.p50), _percentiles(latency)),
        ("Detail", *_furthest_behind(markets)),
    ]
    st.html(theme.cards(theme.Card(label, value, note) for label, value, note in values))


def _by_queue(workers: Sequence[WorkerPulse]) -> str:
    """Processes of the sums and of the detail."""
    counts = {
        queue: sum(worker.processes for worker in workers if queue in worker.queues)
        for queue in QUEUES
    }
    return ", ".join(f"{count} of {queue}" for queue, count in counts.items())


def _furthest_behind(markets: Sequence[Market]) -> tuple[str, str]:
    """How far the detail that is furthest behind its sums is, and of which currency it is."""
    if not markets:
        return format.NOTHING, "no frame yet"
    missing = [market.currency for market in markets if market.detail is None]
    if missing:
        return "none yet", f"of {', '.join(missing)}"
    last = max(markets, key=lambda market: detail.behind(market).seconds or 0.0)
    seconds = detail.behind(last).seconds or 0.0
    return (format.age(seconds), f"behind the sums, {last.currency}") if seconds else SAME_FRAME


def _percentiles(latency: risk.Latency) -> str:
    return f"p95 {format.milliseconds(latency.p95)}, p99 {format.milliseconds(latency.p99)}"


def hops_panel(samples: Sequence[Sample]) -> None:
    """Draw the latency of the last frames by hop."""
    shown = samples[-FRAMES_SHOWN:]
    with st.container(key="panel-hops", border=True, height=PANEL_PX, gap="small"):
        note = f"ms by hop, the last {format.count(len(shown), 'frame')} this screen saw"
        st.html(theme.heading("Tick to risk", note))
        names = [str(sample.frame % detail.COUNTER) for sample in shown]
        st.echarts_chart(
            latency_charts.hops_chart(names, hops.stacked(shown)),
            theme=None,
            height=CHART_PX,
            key="hops",
            alt="Milliseconds by hop of the last frames",
        )


def history_panel(markets: Sequence[Market]) -> None:
    """Latency over time."""
    with st.container(key="panel-history", border=True, height=PANEL_PX, gap="small"):
        note = "tick to published risk, ms by currency; since the last pause, UTC"
        st.html(theme.heading("History", note))
        st.echarts_chart(
            latency_charts.latency_chart(hops.latency_lines(markets)),
            theme=None,
            height=CHART_PX,
            key="latency",
            alt="Tick to published risk over time by currency",
        )


HOP_COLUMNS = (
    theme.Column("Hop"),
    theme.Column("p50", "number"),
    theme.Column("p95", "number"),
    theme.Column("p99", "number"),
    theme.Column("From and to", "long"),
)


def percentiles_panel(samples: Sequence[Sample], snapshot: Snapshot, now_s: float) -> None:
    """Percentiles by hop, and the processes that are alive."""
    rows = [
        (
            row.hop,
            *(format.milliseconds(value) for value in (row.p50, row.p95, row.p99)),
            hops.MEANING[row.hop],
        )
        for row in hops.hop_rows(samples)
    ]
    with st.container(key="panel-percentiles", border=True, height=BELOW_PX, gap="small"):
        note = f"of {format.count(len(samples), 'frame')}; percentiles do not add up"
        st.html(theme.heading("Hops", note))
        st.html(theme.table(HOP_COLUMNS, rows))
        processes_table(snapshot, now_s)
        links()


def processes_table(snapshot: Snapshot, now_s: float) -> None:
    """Processes that are alive, the ones that price first."""
    for queue, sentence in QUEUES.items():
        if not any(queue in worker.queues for worker in snapshot.workers):
            st.info(sentence)
    table = pd.DataFrame(
        [process_row(pulse, now_s) for pulse in by_importance(snapshot.processes)],
        columns=["Process", "Name", "Up", "Heartbeat ago"],
    )
    st.dataframe(table, hide_index=True, height=190, row_height=22, key="processes")


def by_importance(pulses: Sequence[ProcessPulse]) -> list[ProcessPulse]:
    """Return processes, the ones that price first."""
    return sorted(pulses, key=lambda pulse: pulse.kind not in QUEUES)


def process_row(pulse: ProcessPulse, now_s: float) -> tuple[str, str, str, str]:
    """One process in words."""
    up_s, silent_s = now_s - pulse.started_ns / 1e9, now_s - pulse.sent_ns / 1e9
    return pulse.kind, pulse.name, format.age(up_s), format.age(silent_s)


def bridges_panel(pulses: Sequence[BridgePulse], now_s: float) -> None:
    """Draw all known bridges, newest heartbeat first."""
    table = pd.DataFrame([bridge_row(pulse, now_s) for pulse in pulses])
    with st.container(key="panel-bridges", border=True, height=BELOW_PX, gap="small"):
        st.html(theme.heading("Bridges", "final state of their ticks since each started"))
        if table.empty:
            st.info("No heartbeat from a bridge yet. Start one: `python manage.py runbridge`")
            return
        st.dataframe(
            table.set_index("Bridge").T.rename_axis("").reset_index(),
            hide_index=True,
            height=452,
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
        "details": f"{sum(pulse.details.values()):,}",
        "details conflated": f"{pulse.details_conflated:,}",
        "details abandoned": f"{pulse.details_abandoned:,}",
    }


def detail_panel(markets: Sequence[Market], now_s: float) -> None:
    """The numbers by trade of each currency beside its sums."""
    height = DETAIL_PX + ROW_PX * len(markets)
    with st.container(key="panel-detail", border=True, height=height, gap="small"):
        st.html(theme.heading("Detail", DETAIL_NOTE))
        st.html(theme.table(DETAIL_COLUMNS, [detail_row(market, now_s) for market in markets]))


DETAIL_NOTE = (
    "numbers by trade: priced after the sums; some frames are skipped when frames are frequent"
)
DETAIL_COLUMNS = (
    theme.Column("Ccy"),
    theme.Column("Sums of frame", "number"),
    theme.Column("Detail of frame", "number"),
    theme.Column("Behind the sums", "number"),
    theme.Column("Published ago", "number"),
    theme.Column("Tick to detail", "number"),
    theme.Column("Blocks missing", "number"),
    theme.Column("Largest difference from the sums", "number"),
)


def detail_row(market: Market, now_s: float) -> tuple[str, ...]:
    """One currency in words."""
    sums, found = market.rollup.frame, market.detail
    if found is None:
        return (market.currency, detail.frame_name(sums), "none yet", *[format.NOTHING] * 5)
    return (
        market.currency,
        detail.frame_name(sums, found.frame),
        detail.frame_name(found.frame, sums),
        detail.age(market),
        format.age(now_s - found.published_ns / 1e9),
        format.milliseconds(found.tick_to_published_ms),
        f"{len(found.missing):,} of {found.blocks:,}",
        f"{found.sums_error:.0e} of gross",
    )


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
        if markets:
            detail_panel(markets, now_s)


first = screen.reader().snapshot()
pipeline(screen.filters(first), first)
