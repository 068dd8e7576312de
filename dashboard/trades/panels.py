"""Draw the ladders and measures of one trade, wherever a page shows a trade."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import blotter, detail, format, theme
from dashboard.access import auth
from dashboard.answers import priced_now
from dashboard.answers.priced_now import PricedNow
from dashboard.blotter import TradeKey, TradeRow, Trades
from dashboard.charts import ladder_charts
from dashboard.data import Market

CHART_PX, LADDER_PX = 300, 330
MEASURES = "Measures"
LADDERS = {"KRD": "krd", "Par": "ladder_par"}
NOW = "trade_now"
"""Key in the session state of the trade that was priced on demand, with its answer."""

BARE: dict[str, Any] = {"label_visibility": "collapsed"}


def numbers_of_trade(row: pd.Series, shown: Trades, market: Market) -> None:
    """Ladders and measures of a trade of a frame, or the reason why there are none.

    Args:
        row: Of the trade in ``Trades.table``.
        shown: The trades of its currency.
        market: The newest sums of its currency.
    """
    key = (str(row["currency"]), str(row["trade"]))
    now = newer(key, shown)
    on_demand(key, row, shown, market, now)
    if isinstance(now, PricedNow) and not now.failure:
        trade_tabs(now.ladder(), now.measures(), key[0])
    elif row["status"] != blotter.OK:
        st.html(theme.warning(why_not(row)))  # a box would read Markdown, such as an image
    else:
        place = TradeRow(key[1], key[0], int(row["block"]), int(row["row"]))
        product = str(row["product"])
        trade_tabs(shown.ladder(place), shown.measures(place, product), key[0])


def why_not(row: pd.Series) -> str:
    """Why a trade has no numbers."""
    return f"{row['status']}: {row['message'] or 'its block is not priced yet'}"


def newer(key: TradeKey, shown: Trades) -> PricedNow | str | None:
    """Return what pricing the trade on demand gave, unless the numbers shown have overtaken it."""
    asked, found = st.session_state.get(NOW, (None, None))
    if asked != key or (isinstance(found, PricedNow) and found.frame <= shown.frame):
        st.session_state.pop(NOW, None)
        return None
    answer: PricedNow | str = found
    return answer


def on_demand(
    key: TradeKey,
    row: pd.Series,
    shown: Trades,
    market: Market,
    now: PricedNow | str | None,
) -> None:
    """Say of which frame the trade's numbers are; offer to price it when they are late."""
    if isinstance(now, PricedNow):
        frame = detail.frame_name(now.frame, shown.frame)
        said = f"Priced on demand, on frame {frame} ({now.market_time})"
        st.html(theme.warning(f"{said}: {now.failure}") if now.failure else theme.note(said, ""))
    elif isinstance(now, str):
        st.html(theme.warning(now))
    late = detail.is_late(market, shown) or row["status"] == blotter.MISSING
    if late and int(row["block"]) >= 0:
        st.button("Price now", key="switch-now", help=NOW_HINT, on_click=partial(price_now, key))


NOW_HINT = "Prices this trade on the quotes of the newest sums; the table does not change."


def price_now(key: TradeKey) -> None:
    """Ask the web process, which prices it with the user's own rights and limits."""
    st.session_state[NOW] = (key, priced_now.ask(auth.web(), auth.cookie(), key[1]))


def trade_tabs(ladder: pd.DataFrame, measures: pd.DataFrame, currency: str) -> None:
    """One ladder as a chart and both as numbers, or all measures of the trade."""
    name = st.segmented_control(
        "View", [*LADDERS, MEASURES], default="KRD", required=True, key="switch-trade", **BARE
    )
    if name == MEASURES:
        measures_table(measures)
    else:
        ladders(ladder, currency, name or "KRD")


def measures_table(measures: pd.DataFrame) -> None:
    """All measures, each with the frame that it is of: some are made at a lower cadence."""
    titles = {"measure": "Measure", "value": "Value", "unit": "Unit", "frame": "Frame"}
    st.dataframe(
        measures.rename(columns=titles),
        hide_index=True,
        height=CHART_PX + LADDER_PX,
        row_height=26,
        key="trade-measures-table",
    )


def ladders(ladder: pd.DataFrame, currency: str, name: str) -> None:
    """One ladder as a chart, both as numbers."""
    column, ladder = LADDERS[name], of_its_curves(ladder)
    total = format.signed(ladder[column].sum(skipna=False), 2)
    st.html(theme.heading(f"{name} per bp", f"{currency}; sum {total}"))
    st.echarts_chart(
        ladder_charts.trade_ladder_chart(ladder, column),
        theme=None,
        height=CHART_PX,
        key="trade-ladder",
        alt="Ladder of the selected trade by tenor and curve",
    )
    names = {"curve": "Curve", "tenor": "Tenor", "krd": "KRD", "ladder_par": "Par"}
    exact = ladder.round(2).replace(-0.0, 0.0).rename(columns=names)
    st.dataframe(
        exact.style.format(precision=2, thousands=",", na_rep=format.NOTHING),
        hide_index=True,
        height=LADDER_PX,
        row_height=26,
        key="trade-ladder-table",
    )


def of_its_curves(ladder: pd.DataFrame) -> pd.DataFrame:
    """A ladder without the curves whose entries are all 0: the trade does not depend on them."""
    felt = ladder[list(LADDERS.values())].ne(0.0).any(axis=1)
    return ladder[felt.groupby(ladder["curve"]).transform("any")] if felt.any() else ladder
