"""The limits page: the state of each limit, and breaches that somebody has to judge."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import detail, format, screen, theme
from dashboard.access import auth
from dashboard.answers import limits
from dashboard.data import Snapshot
from dashboard.risk import Choice
from risk.limits.board import STALE_S, Board, BreachRow, LimitRow

TOP_PX, BOTTOM_PX, TABLE_PX, EMPTY_PX, ROW_PX, LIMIT_PX, HEAD_PX = 180, 330, 262, 90, 28, 23, 92
NONE_YET = (
    "**No limits have been evaluated yet.** They are defined in the admin under Control, and "
    "`python manage.py runlimits` evaluates them on every published frame. `make demo` starts it."
)
NONE_DEFINED = (
    "**No limits are defined** that you may see. Define them in the admin under Control, load a "
    "file with `python manage.py load_instruments limits.csv`, or take those of the sample book: "
    "`python manage.py seed_limits`"
)
ACKNOWLEDGE = "/admin/risk/limitreview/add/?breach={}"
LIMIT_COLUMNS = (
    theme.Column("State", "state"),
    theme.Column("Limit"),
    theme.Column("Scope"),
    theme.Column("Measure"),
    theme.Column("Number", "number"),
    theme.Column("Warning", "number"),
    theme.Column("Hard", "number"),
    theme.Column("Used", "use"),
    theme.Column("In"),
    theme.Column("Since"),
    theme.Column("Why", "long"),
)


def cards(found: Sequence[LimitRow], breaches: Sequence[BreachRow]) -> None:
    """Draw how many limits are in which state."""
    states = [row.state for row in found]
    unjudged = [row for row in breaches if not row.acknowledged_by]
    used = [row for row in found if row.utilisation is not None]
    most = max(used, key=lambda row: row.utilisation or 0.0, default=None)
    share = f"{(most.utilisation or 0.0):.0%}" if most else format.NOTHING
    ok = theme.Card("Ok", str(states.count("ok")), f"of {format.count(len(found), 'limit')}")
    st.html(
        theme.cards(
            (
                theme.Card("Breaches", str(states.count("breach")), "now"),
                theme.Card("Warnings", str(states.count("warning")), "beyond the warning bound"),
                theme.Card("Unknown", str(states.count("unknown")), "the number is incomplete"),
                ok,
                theme.Card("To acknowledge", str(len(unjudged)), "breaches, past ones too"),
                theme.Card("Most used", share, most.code if most else ""),
            )
        )
    )


def limits_panel(found: Sequence[LimitRow]) -> None:
    """Every limit, the worst state first, then the most used."""
    rows = limits.in_order(found)
    height = max(TOP_PX, LIMIT_PX * len(rows) + HEAD_PX)
    with st.container(key="panel-limits", border=True, height=height, gap="small"):
        st.html(theme.heading("Limits", "on every published frame; bounds in force now"))
        st.html(
            theme.table(
                LIMIT_COLUMNS,
                [
                    (
                        row.state,
                        row.code,
                        row.scope,
                        limits.measure(row),
                        limits.number(row.value),
                        limits.number(row.warning),
                        limits.number(row.hard_limit) + (" (temporary)" if row.temporary else ""),
                        limits.used(row),
                        row.amounts_in,
                        f"{row.since:%d %b %H:%M:%S}" if row.since else "",
                        row.reason,
                    )
                    for row in rows
                ],
                tall=True,
            )
        )


def breaches_panel(breaches: Sequence[BreachRow]) -> None:
    """Breaches that nobody has judged, then the newest."""
    height = min(BOTTOM_PX, EMPTY_PX + ROW_PX * (len(breaches) + 1)) if breaches else EMPTY_PX
    with st.container(key="panel-breaches", border=True, height=height, gap="small"):
        st.html(theme.heading("Breaches", "with the frame that caused each; times in UTC"))
        if not breaches:
            st.html(theme.note("No limit has been breached.", "Breaches of all days are listed."))
            return
        table = pd.DataFrame(
            [
                (
                    row.limit,
                    row.scope,
                    f"{row.began:%Y-%m-%d %H:%M:%S}",
                    f"{row.ended:%Y-%m-%d %H:%M:%S}" if row.ended else "open",
                    limits.number(row.value),
                    limits.number(row.worst),
                    limits.number(row.hard_limit),
                    f"{row.currency} {row.frame % detail.COUNTER:,}",
                    row.cause,
                    f"{row.classification}, {row.resolution}" if row.classification else "",
                    row.acknowledged_by,
                    auth.web_address() + ACKNOWLEDGE.format(row.id),
                )
                for row in breaches
            ],
            columns=[
                *("Limit", "Scope", "Began", "Ended", "Number", "Worst", "Hard", "Frame", "Cause"),
                *("Assessment", "By", "Acknowledge"),
            ],
        )
        st.dataframe(
            table,
            hide_index=True,
            height=min(TABLE_PX, ROW_PX * (len(breaches) + 1) + 8),
            row_height=ROW_PX,
            key="breaches",
            column_config={"Acknowledge": st.column_config.LinkColumn(display_text="acknowledge")},
        )


def remarks(board: Board, now_s: float) -> None:
    """Draw sentences on results that are old or missing, above the numbers."""
    said = []
    age_s = now_s - board.made_ns / 1e9
    if age_s > STALE_S:
        said.append(f"These states are {format.age(age_s)} old: no process evaluates limits.")
    if board.behind:
        said.append(f"{board.behind:,} published results have not been evaluated yet.")
    said += [f"Not evaluated: {gap}." for gap in board.gaps]
    if said:
        shown = "".join(theme.warning(text) for text in said)
        st.html(f'<div class="tags">{shown}</div>')


@st.fragment(run_every=screen.REFRESH_S)
def page(choice: Choice, before: Snapshot) -> None:
    reader = screen.reader()
    snapshot = reader.snapshot()
    screen.redraw_filters_if_new(before, snapshot)
    if not screen.status_line("Limits", snapshot, choice):
        return
    board = reader.limits()
    if board is None:
        st.info(NONE_YET)
        return
    remarks(board, time.time())
    found, breaches = limits.chosen(board, choice)
    if not found and not breaches:
        st.info(NONE_DEFINED)
        return
    with st.container(key="body"):
        cards(found, breaches)
        limits_panel(found)
        breaches_panel(breaches)


first = screen.reader().snapshot()
page(screen.filters(first), first)
