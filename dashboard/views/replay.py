"""The replay page: replays of stored history, what their markets did to the book, and controls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import format, screen, theme
from dashboard.access import auth
from dashboard.answers import replays, rest
from dashboard.answers.replays import Days
from dashboard.charts import pnl_charts

LIST_PX, CHART_PX, TABLE_PX = 190, 260, 330
MOST_DAYS = 130
MAY_CONTROL = "risk_admin"
GROUPS = {"Desk": "desk", "Product": "type", "Currency": "currency"}
NONE_YET = (
    "**No replay yet.** A replay prices the current book on stored curves, in a separate market "
    "that does not affect the live one. Load curves with `python3 manage.py load_curves FILE`, "
    "then run `python3 manage.py replay_market NAME --event svb-2023`, or `--from DATE --to DATE`."
)
CONTROLS = {"Pause": "pause", "Resume": "resume", "Stop": "stop"}
# Session state: the refusal of the last control, and the closes that were read last.
SAID, CLOSES = "replay-said", "replay-closes"
Json = Mapping[str, Any]


def ask(path: str, body: Json | None = None) -> dict[str, Any] | str:
    method = "GET" if body is None else "PATCH"
    return rest.ask(auth.web(), auth.cookie(), path, body, method)


def closes(replay: Json, group: str) -> dict[str, Any] | str:
    """The closes of its market; asked for again when the replay has gone on."""
    state = (replay["name"], replay["updated"], group)
    kept = st.session_state.get(CLOSES)
    if kept is None or kept[0] != state:
        query = f"market={replay['name']}&days={MOST_DAYS}&group_by={group}"
        kept = (state, ask(f"closes/?{query}&reporting_currency=USD"))
        st.session_state[CLOSES] = kept
    answer: dict[str, Any] | str = kept[1]
    return answer


def list_panel(found: Sequence[Json]) -> None:
    """All replays."""
    with st.container(key="panel-replays", border=True, height=LIST_PX, gap="small"):
        st.html(theme.heading("Replays", "each in a separate market; run by replay_market"))
        rows = [replays.replay_row(replay) for replay in found]
        st.html(theme.table(replays.REPLAY_COLUMNS, rows, tall=True))


def events_panel(events: Sequence[Json]) -> None:
    """Named windows that can be replayed."""
    with st.expander("Named periods of history"):
        st.html(theme.table(replays.EVENT_COLUMNS, [replays.event_row(e) for e in events]))
        st.markdown("`python manage.py replay_market NAME --event WINDOW` replays one.")


def control(replay: Json, body: Json) -> None:
    """Ask the running replay; a refusal is shown until the next control."""
    answer = ask(f"replays/{replay['name']}/", body)
    st.session_state[SAID] = answer if isinstance(answer, str) else ""


def seek(replay: Json, key: str) -> None:
    """Go to the day that the field of this key has now, which the page may not have drawn yet."""
    day: dt.date | None = st.session_state.get(key)
    control(replay, {"seek": day.isoformat() if day else replay["start"]})


def controls(replay: Json) -> None:
    """Pause, resume, stop and go to a day, for who may."""
    if MAY_CONTROL not in auth.viewer().roles:
        st.caption(f"Pause, resume, stop and seek need the role {MAY_CONTROL}.")
        return
    with st.container(key="replay-controls", horizontal=True, vertical_alignment="bottom"):
        for label, action in CONTROLS.items():
            st.button(
                label, key=f"replay-{action}", on_click=control, args=(replay, {"action": action})
            )
        start, end = (dt.date.fromisoformat(replay[name]) for name in ("start", "end"))
        key = f"replay-day-{replay['name']}"
        st.date_input("Go to", value=start, min_value=start, max_value=end, key=key, width=160)
        st.button("Go", key="replay-seek", on_click=seek, args=(replay, key))
    if said := st.session_state.get(SAID):
        st.error(said)


def days_panel(answer: Json, group: str) -> None:
    """Draw the P&L of the book on the replayed days."""
    days = Days.of(answer, group)
    if not days.dates:
        st.info("No day has closed in this market yet.")
        return
    left_out = answer["days"] - len(days.dates)
    note = f"; the {left_out:,} days before are left out" if left_out else ""
    lines = {
        "Change of NPV since the first day": (days.changes(), "USD", "replay-npv"),
        "DV01": (days.dv01, "USD per bp", "replay-dv01"),
    }
    for column, (title, (values, unit, key)) in zip(st.columns(2), lines.items(), strict=True):
        with column, st.container(key=f"panel-{key}", border=True, gap="small"):
            st.html(theme.heading(title, unit + note))
            st.echarts_chart(
                pnl_charts.days_chart(days.dates, values),
                theme=None,
                height=CHART_PX,
                key=key,
                alt=f"{title} in {unit} over {format.count(len(days.dates), 'day')}",
            )
    with st.container(key="panel-replay-days", border=True, height=TABLE_PX, gap="small"):
        st.html(theme.heading("Closes", "USD, newest first; frames with the start of their hash"))
        st.html(theme.table(replays.DAY_COLUMNS, replays.day_rows(answer), tall=True))


@st.fragment(run_every=screen.REFRESH_S)
def page() -> None:
    with st.container(key="status", horizontal=True, vertical_alignment="center", gap="small"):
        st.html('<div class="line"><h1>Replay</h1></div>', width="content")
    answer = ask("replays/")
    if isinstance(answer, str):
        st.error(answer)
        return
    found = answer["replays"]
    if not found:
        st.info(NONE_YET)
        events_panel(answer["events"])
        return
    list_panel(found)
    names = [replay["name"] for replay in found]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Replay", names, key="replay-name", width=240)
        group = st.segmented_control(
            "By", list(GROUPS), default="Desk", required=True, key="replay-group"
        )
    replay = next((r for r in found if r["name"] == name), found[0])
    controls(replay)
    stored = closes(replay, GROUPS[str(group)])
    if isinstance(stored, str):
        st.error(stored)
    else:
        days_panel(stored, GROUPS[str(group)])
    events_panel(answer["events"])


page()
