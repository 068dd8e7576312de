"""The panel of a shock on the curve: a stored scenario as it was priced, or one of the user's own.

What the user enters stands outside of what is drawn again every two seconds: a refresh must not
take a cell away that is being written.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import screen, theme
from dashboard.access import auth
from dashboard.answers import shocks
from dashboard.answers.shocks import Own, Picture
from dashboard.charts import curve_charts
from dashboard.risk import Choice
from pricing.scenarios.definition import MAX_MOVE_BP, MAX_NAME, SPACES, Scenario
from risk.scenarios.messages import CurrencyScenarios, ScenarioFrame

CHART_PX, EDITOR_PX = 340, 190
OWN, ALL = shocks.USUAL_NAME, ""
# Session state: the table as the editor began with it and as it is now, the last price, the last
# outcome of saving.
BEGUN, EDITED, EDITOR = "shock_begun", "shock_edited", "shock-points"
PRICED, SAVED = "shock_priced", "shock_saved"
SPACE_NAMES = {"par": "Quotes", "zero": "Zero rates"}
NONE_CHOSEN = "Choose a currency that these results have."
TENOR_HELP = "A number and D, W, M or Y, such as 6M or 10Y; linear between the tenors, flat outside"

Known = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Priced:
    """The answer for a shock, or the sentence of its refusal; and what it was asked for."""

    own: Own
    scope: str
    answer: dict[str, Any] | str
    at_s: float


def known(frame: ScenarioFrame | None) -> Known | None:
    """What the lists of the panel offer: scenarios and currencies; None without results."""
    if frame is None:
        return None
    return tuple(head.name for head in frame.scenarios), tuple(frame.currencies)


@st.fragment
def panel(choice: Choice) -> None:
    """Choose what is drawn, edit an own shock, price it and save it."""
    frame = screen.reader().scenarios()
    currencies = [name for name in choice.currencies if frame and name in frame.currencies]
    with st.container(key="panel-shock", border=True, gap="small"):
        st.html(theme.heading("Shock on the curve", "as it was priced, or drawn by yourself"))
        if frame is None or not currencies:
            st.info(NONE_CHOSEN)
            return
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            places = {
                shocks.label(head.title, head.set_name): n for n, head in enumerate(frame.scenarios)
            }
            scenario = _select("Scenario", [*places, OWN], "shock", 300) or OWN
            currency = _select("Currency of the shock", currencies, "shock-currency", 110)
            found = frame.currencies[currency or currencies[0]]
            curve = _select("Curve of the shock", shocks.curves_of(found), "shock-curve", 230) or ""
        if scenario != OWN:
            stored_drawing(scenario, found.currency, curve)
            return
        left, right = st.columns([34, 66], gap="small")
        with left:
            own = editor(found, curve, [head.name for head in frame.scenarios], choice)
        with right:
            own_drawing(own, found.currency, curve)


def _select(name: str, options: list[str], key: str, width: int) -> str | None:
    return st.selectbox(
        name,
        options,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
        width=width,
    )


# --- What is drawn again and again -----------------------------------------------------------


@st.fragment(run_every=screen.REFRESH_S)
def stored_drawing(scenario: str, currency: str, curve: str) -> None:
    """A scenario of the newest run."""
    frame = screen.reader().scenarios()
    found = frame.currencies.get(currency) if frame is not None else None
    if frame is None or found is None:
        st.info(NONE_CHOSEN)
        return
    for place, head in enumerate(frame.scenarios):
        if shocks.label(head.title, head.set_name) == scenario:
            drawn = shocks.stored_picture(frame, place, found, curve)
            draw(scenario, head.space, curve, drawn)
            return
    st.info("The newest run does not have this scenario any more.")


@st.fragment(run_every=screen.REFRESH_S)
def own_drawing(own: Own, currency: str, curve: str) -> None:
    """The own shock on the newest quotes, and what it cost when it was priced."""
    frame = screen.reader().scenarios()
    found = frame.currencies.get(currency) if frame is not None else None
    scenario = own.scenario()
    if isinstance(scenario, Scenario) and found is not None:
        draw(scenario.name, own.space, curve, shocks.own_picture(scenario, found, curve))
    elif isinstance(scenario, str):
        st.warning(scenario)
    priced = st.session_state.get(PRICED)
    if priced is not None:
        priced_table(priced, own)


def draw(name: str, space: str, curve: str, drawn: Picture | str) -> None:
    """A picture, or why there is none."""
    if isinstance(drawn, str):
        st.info(drawn)
        return
    if drawn.note:
        st.html(theme.warning(drawn.note))
    st.html(theme.note(f"{curve}: {shocks.RATES[space]}", "Bars are the move in basis points."))
    st.echarts_chart(
        curve_charts.shock_chart(drawn.tenors, drawn.now, drawn.moved, drawn.moves_bp),
        theme=None,
        height=CHART_PX,
        key="shock-chart",
        alt=shocks.gist(name, curve, drawn),
    )


def priced_table(priced: Priced, own: Own) -> None:
    """P&L by desk, the frames that it is of and their age."""
    if isinstance(priced.answer, str):
        st.error(priced.answer)
        return
    if replace(priced.own, name=own.name) != own:
        st.html(theme.warning("The shock has been changed since it was priced."))
    frames = shocks.frames_note(priced.answer, time.time() - priced.at_s)
    st.html(theme.heading(f"P&L of {priced.own.rows()[0]['scenario']}", f"USD, {priced.scope}"))
    rows = shocks.pnl_rows(priced.answer)
    if not rows:
        st.info("No trade of these filters is in the frames.")
        return
    st.html(theme.table(shocks.PNL_COLUMNS, rows, tall=True))
    said = "".join(theme.warning(sentence) for sentence in shocks.reasons(priced.answer))
    note = theme.note(f"Full revaluation of {frames}", "Nothing is stored.")
    st.html(note)
    if said:
        st.html(f'<div class="tags">{said}</div>')


# --- What the user enters --------------------------------------------------------------------


def begun() -> pd.DataFrame:
    """The table that an editor begins with: a steepener."""
    return pd.DataFrame({"Tenor": ["2Y", "10Y"], "Move bp": [-25.0, 25.0]})


def editor(found: CurrencyScenarios, curve: str, taken: list[str], choice: Choice) -> Own:
    """The own shock, with buttons that price and save it."""
    space = st.segmented_control(
        "What moves",
        list(SPACES),
        default="par",
        required=True,
        format_func=lambda name: SPACE_NAMES[name],
        key="shock-space",
        label_visibility="collapsed",
    )
    with st.container(horizontal=True, gap="small"):
        of_all = st.checkbox("All currencies", key="shock-everywhere")
        all_curves = st.checkbox("All curves", value=True, key="shock-curves", disabled=of_all)
    points = shocks.points(_table().to_dict("records"))
    name = st.text_input("Name", key="shock-name", max_chars=MAX_NAME, placeholder=OWN)
    own = Own(
        points,
        space or "par",
        ALL if of_all else found.currency,
        ALL if of_all or all_curves else curve,
        name,
    )
    wrong = isinstance(own.scenario(), str)
    with st.container(horizontal=True, gap="small"):
        if st.button("Price", key="shock-price", type="primary", disabled=wrong):
            answer = shocks.price(auth.web(), auth.cookie(), own, choice)
            st.session_state[PRICED] = Priced(own, shocks.scope_note(choice), answer, time.time())
        if st.button("Save as scenario", key="shock-save", disabled=wrong or not name.strip()):
            refusal = shocks.save(auth.web(), auth.cookie(), own, taken)
            st.session_state[SAVED] = (own, refusal)
    saved, refusal = st.session_state.get(SAVED, (None, ""))
    if saved == own:
        if refusal:
            st.error(refusal)
        else:
            st.success(f"{name.strip()} is saved: the next run includes it.")
    return own


def _table() -> pd.DataFrame:
    """The table of the editor. What it begins with stays as it is while it is on the screen."""
    if EDITOR not in st.session_state or BEGUN not in st.session_state:
        st.session_state[BEGUN] = st.session_state.get(EDITED, begun())
    found: pd.DataFrame = st.data_editor(
        st.session_state[BEGUN],
        num_rows="dynamic",
        hide_index=True,
        height=EDITOR_PX,
        key=EDITOR,
        column_config={
            "Tenor": st.column_config.TextColumn(help=TENOR_HELP, width="small"),
            "Move bp": st.column_config.NumberColumn(
                help=f"Basis points from -{MAX_MOVE_BP:g} to {MAX_MOVE_BP:g}", width="small"
            ),
        },
        alt="Tenors of the own shock and their moves in basis points",
    )
    st.session_state[EDITED] = found.reset_index(drop=True)
    return found
