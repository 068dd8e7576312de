"""The what-if page: trades that are not booked, the ladder before and after, hedges, booking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import detail, screen, theme
from dashboard.access import auth
from dashboard.answers import rest, what_if
from dashboard.charts import ladder_charts
from dashboard.data import Snapshot
from dashboard.risk import Choice

CHART_PX = 280
# Session state: the last preview or its refusal, the last hedge or its refusal, and the booking.
ANSWER, HEDGE, BOOKED = "what_if_answer", "what_if_hedge", "what_if_booked"
TEXT, BOOK, DESK = "what_if_text", "what_if_book", "what-if-desk"
Json = Mapping[str, Any]

PLACEHOLDER = (
    "rec 50m USD 10Y 3.85\npay 25m EUR 5Y10Y vs 6M\nbuy 20m US91282CFV81 @99.16\n"
    "sell 100 SR3H6\namend IRS-1 notional=5000000\nterminate IRS-1 fee 12500"
)
LINES_HELP = (
    "One trade per line. Without a rate the par rate is used, for a future without a price the "
    "model price. docs/what-if.md lists all forms."
)
LADDERS = {"Par": "ladder_par", "KRD": "krd"}
OBJECTIVES = {"Least notional": "notional", "Least cost": "cost", "Fewest trades": "trades"}


def ask(path: str, body: Json) -> dict[str, Any] | str:
    return rest.ask(auth.web(), auth.cookie(), path, body)


# --- Entries ---------------------------------------------------------------------------------


def entry_panel() -> None:
    """Quick text of the trades."""
    with (
        st.container(key="panel-entries", border=True, gap="small"),
        st.form("what-if-form", border=False),
    ):
        st.html(theme.heading("Trades", "new, amended, terminated; nothing is written"))
        text = st.text_area(
            "Quick text", key=TEXT, placeholder=PLACEHOLDER, height=170, help=LINES_HELP
        )
        if st.form_submit_button("Preview", type="primary"):
            preview({"text": text, "book": st.session_state.get(BOOK, "")})


def preview(body: Json) -> None:
    """Ask for a preview, and forget what was booked."""
    st.session_state.pop(BOOKED, None)
    given = {name: value for name, value in body.items() if value}
    st.session_state[ANSWER] = ask("what-if/?group_by=currency", given)


def answer_panel(answer: Json) -> None:
    """The trades as they were understood, and sums before and after."""
    with st.container(key="panel-understood", border=True, gap="small"):
        frames = ", ".join(
            f"{f['currency']} frame {f['frame'] % detail.COUNTER:,}" for f in answer["frames"]
        )
        st.html(theme.heading("Preview", f"each in its own currency, on {frames}"))
        st.html(theme.table(what_if.ENTRY_COLUMNS, what_if.entry_rows(answer)))
        for group in answer["groups"]:
            st.html(theme.table(what_if.SUM_COLUMNS, what_if.sum_rows(group)))


def ladder_panel(answer: Json) -> None:
    """The ladder of a currency before and after."""
    groups = {group["currency"]: group for group in answer["groups"]}
    with st.container(key="panel-ladders", border=True, gap="small"):
        st.html(theme.heading("Ladder before and after", "trade currency per bp, of your desks"))
        if not groups:
            st.info("No ladder changes.")
            return
        with st.container(horizontal=True):
            currency = _switch("Currency", list(groups), "what-if-currency")
            ladder = _switch("Ladder", list(LADDERS), "what-if-ladder")
        buckets, sides = what_if.ladder_sides(groups[currency], LADDERS[ladder])
        st.echarts_chart(
            ladder_charts.sides_chart(buckets, sides),
            theme=None,
            height=CHART_PX,
            key="what-if-chart",
            alt=f"DV01 by bucket in {currency} before and after",
        )


def _switch(label: str, options: list[str], key: str) -> str:
    chosen = st.segmented_control(
        label, options, default=options[0], required=True, key=key, label_visibility="collapsed"
    )
    return chosen if chosen in options else options[0]


# --- Hedges ----------------------------------------------------------------------------------


def hedge_panel(currencies: list[str]) -> None:
    """Draw the trades that flatten the ladder of a currency."""
    with (
        st.container(key="panel-hedge", border=True, gap="small"),
        st.form("hedge-form", border=False),
    ):
        st.html(theme.heading("Hedge", "of the published book, within your desks"))
        first, second, third = st.columns(3)
        currency = first.selectbox("Currency", currencies, key="hedge-currency")
        objective = second.selectbox("Objective", list(OBJECTIVES), key="hedge-objective")
        tolerance = third.number_input(
            "Tolerance per bucket", min_value=0.0, value=None, key="hedge-tolerance",
            help="DV01 that may remain; empty: 1 % of the ladder's absolute sum",
        )  # fmt: skip
        instruments = st.text_input(
            "Instruments", key="hedge-instruments", placeholder="USD 5Y; USD 10Y; SR3H6",
            help="Separated by semicolons; empty: the par swaps of the curves",
        )  # fmt: skip
        total = st.checkbox("Only the total, not each bucket", key="hedge-total")
        if st.form_submit_button("Propose"):
            body: dict[str, Any] = {
                "currency": currency,
                "book": st.session_state.get(BOOK, ""),
                "objective": OBJECTIVES[objective or "Least notional"],
                "total": total,
                "instruments": what_if.instruments_of(instruments),
            }
            if tolerance is not None:
                body["tolerance"] = tolerance
            st.session_state[HEDGE] = ask("hedge/", body)
    proposal = st.session_state.get(HEDGE)
    if isinstance(proposal, str):
        st.error(proposal)
    elif proposal is not None:
        proposal_panel(proposal)


def proposal_panel(proposal: Json) -> None:
    """The trades of a hedge, and one instrument for each bucket."""
    with st.container(key="panel-proposal", border=True, gap="small"):
        st.html(theme.heading("Proposal", what_if.hedge_note(proposal)))
        if proposal["trades"]:
            st.html(theme.table(what_if.HEDGE_COLUMNS, what_if.hedge_rows(proposal)))
            st.button("Preview the proposal", key="hedge-preview", on_click=take_over)
        else:
            st.info("Nothing to trade: the ladder is within the tolerance.")
        with st.expander("One instrument for each bucket"):
            st.html(theme.table(what_if.BUCKET_COLUMNS, what_if.bucket_rows(proposal)))


def take_over() -> None:
    """Preview the trades of the proposal."""
    preview({"entries": [trade["entry"] for trade in st.session_state[HEDGE]["trades"]]})


# --- Booking ---------------------------------------------------------------------------------


def booking_panel(answer: Json) -> None:
    """Write what was previewed, after a second click."""
    with st.container(key="panel-booking", border=True, gap="small"):
        st.html(theme.heading("Book it", "all entries in one transaction, as previewed"))
        desks = what_if.desks_of(answer)
        if not desks:
            st.info("No entry has a desk.")
            return
        st.selectbox("Desk", desks, key=DESK)
        sure = st.checkbox("Write these trades", key="what-if-sure")
        st.button("Book", key="what-if-book-it", disabled=not sure, on_click=book_it)


def book_it() -> None:
    """Keep, preview and book the entries of the preview, once, under the desk chosen now."""
    answer, desk = st.session_state.get(ANSWER), st.session_state.get(DESK)
    if isinstance(answer, Mapping) and desk:
        entries = what_if.entries_of(answer)
        st.session_state[BOOKED] = what_if.book(auth.web(), auth.cookie(), entries, desk)
        if not st.session_state[BOOKED].refusal:
            del st.session_state[ANSWER]


# --- The page --------------------------------------------------------------------------------


@st.fragment(run_every=screen.REFRESH_S)
def head(choice: Choice, before: Snapshot) -> None:
    snapshot = screen.reader().snapshot()
    screen.redraw_filters_if_new(before, snapshot)
    screen.status_line("What-if", snapshot, choice)


def body(choice: Choice, snapshot: Snapshot) -> None:
    currencies = [market.currency for market in choice.markets(snapshot.markets)]
    if not currencies:
        return
    with st.container(key="body"):
        left, right = st.columns([50, 50], gap="small")
        with left:
            st.text_input("Book of new trades", key=BOOK, placeholder="USD-SWAPS")
            entry_panel()
            hedge_panel(currencies)
        with right:
            results()


def results() -> None:
    """The last preview, and what was booked."""
    booked, answer = st.session_state.get(BOOKED), st.session_state.get(ANSWER)
    if booked is not None and booked.refusal:
        st.error(f"Set {booked.code} was not booked: {booked.refusal}")
    elif booked is not None:
        st.success(f"Set {booked.code} was booked: {', '.join(booked.trade_ids)}")
    if isinstance(answer, str):
        st.error(answer)
    elif answer is not None:
        answer_panel(answer)
        ladder_panel(answer)
        booking_panel(answer)
    elif booked is None:
        st.info("Enter trades and preview them: sums and ladders before and after appear here.")


first = screen.reader().snapshot()
picked = screen.filters(first)
head(picked, first)
body(picked, first)
