"""What all pages share: the reader, the filters and the status line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from connections.redis_clients import FORM
from dashboard import curves, detail, format, risk, theme
from dashboard.access import auth
from dashboard.access.desks import OwnDesks
from dashboard.blotter import Trades
from dashboard.data import Market, Reader, Snapshot
from dashboard.risk import Choice
from dashboard.status import Status, live_bridges, status_of
from pricing.markets.conventions import CURRENCIES
from pricing.products.registry import PRODUCT_NAMES

REFRESH_S = 2
LATE_S = 5.0
DESK_SETS_KEPT = 64
ALL_DESKS = "All desks"
MAX_BESIDE, MAX_WIDE = 4, 8
"""Numbers of currencies up to which the filters fit beside the status line: on any desktop, and on
a wide one."""

MAX_TAGS = 10
"""Labels of market data that fit in a line; when there are more, they are counted by quality."""

NO_FRAME = (
    "**No frame yet.** Start the demo: `make demo`, or, if the bridge and the workers are "
    "running, the feed: `python3 manage.py replay`. This page updates automatically."
)
NO_URL = (
    "**REDIS_URL is not set.** `make demo` sets it; by hand: "
    "`REDIS_URL=redis://127.0.0.1:6379/0 python -m streamlit run dashboard/server.py`"
)
BAD_URL = (
    f"**REDIS_URL is not a Redis URL.** It looks like `redis://:password@host:6379/0`, or `{FORM}`."
)


@st.cache_resource(show_spinner=False)
def _reader(url: str) -> Reader:
    return Reader(url)


@st.cache_resource(show_spinner=False, max_entries=DESK_SETS_KEPT)
def _own_desks(url: str, desks: tuple[str, ...]) -> OwnDesks:
    return OwnDesks(_reader(url), desks)


def reader() -> Reader | OwnDesks:
    """Return the reader of the desks that the user may see; call it at each refresh.

    If a setting is missing, show a message and stop the script.
    """
    desks = auth.viewer().desks
    url = os.environ.get("REDIS_URL", "")
    try:
        if url:
            return _reader(url) if desks is None else _own_desks(url, tuple(sorted(desks)))
    except ValueError:
        st.error(BAD_URL)
        st.stop()
    st.error(NO_URL)
    st.stop()


# --- Filters ---------------------------------------------------------------------------------


def filters(snapshot: Snapshot) -> Choice:
    """Currency, product and desk; kept in the URL, from page to page and over a reload."""
    offered = _currencies(snapshot)
    desks = [ALL_DESKS, *risk.desk_names(snapshot.markets.values())]
    _take_choice(offered)
    asked = st.session_state["desk"]
    if asked not in desks:
        desks.append(asked)
    few = len(offered) <= MAX_BESIDE
    place = "filters" if few else "filters-wide" if len(offered) <= MAX_WIDE else "filters-row"
    with st.container(key=place, horizontal=True):
        chosen = st.segmented_control(
            "Currency",
            offered,
            selection_mode="multi",
            key="currency",
            label_visibility="collapsed",
        )
        currencies = tuple(name for name in offered if name in chosen)
        products = st.multiselect(
            "Product",
            PRODUCT_NAMES,
            format_func=format.product,
            placeholder="All products",
            key="product",
            label_visibility="collapsed",
            width=220 if few else 170,
        )
        desk = st.selectbox(
            "Desk",
            desks,
            key="desk",
            label_visibility="collapsed",
            width=190 if few else 150,
        )
    st.session_state[KEPT] = {"currency": list(chosen), "product": products, "desk": desk}
    whole = currencies == offered
    _put_into_url(
        {
            "currency": [] if whole else list(currencies) or [NONE],
            "product": list(products),
            "desk": [] if desk in (None, ALL_DESKS) else [desk],
        }
    )
    return Choice(
        currencies,
        tuple(products) or PRODUCT_NAMES,
        None if desk in (None, ALL_DESKS) else desk,
    )


NONE = "none"
"""Value in the URL for no chosen currency."""

KEPT = "filters"
"""Key of the choice in the session state. Streamlit itself forgets a choice when the user leaves
the page of its widgets."""


def _take_choice(offered: Sequence[str]) -> None:
    """Give the widgets of a new page the choice of the page before; in a new tab, the URL's."""
    kept = st.session_state.get(KEPT) or _of_url(offered)
    for name, value in kept.items():
        # Assigned each time: else a widget of the same key on another page begins empty.
        st.session_state[name] = st.session_state.get(name, value)


def _of_url(offered: Sequence[str]) -> dict[str, Any]:
    """The choice that the URL names; what it does not name is not restricted."""
    asked = {name: st.query_params.get_all(name) for name in ("currency", "product")}
    currencies = [name for name in offered if name in asked["currency"]]
    return {
        "currency": currencies if currencies or NONE in asked["currency"] else list(offered),
        "product": [name for name in PRODUCT_NAMES if name in asked["product"]],
        "desk": st.query_params.get("desk", ALL_DESKS),
    }


def _put_into_url(chosen: Mapping[str, Sequence[str]]) -> None:
    """Write what is not the default, and remove the rest.

    Streamlit's own binding forgets its parameters when another page draws the same widget.
    """
    for name, values in chosen.items():
        if values and st.query_params.get_all(name) != list(values):
            st.query_params[name] = list(values)
        elif not values and name in st.query_params:
            del st.query_params[name]


def _currencies(snapshot: Snapshot) -> tuple[str, ...]:
    """The currencies to choose from; one that has come since the last time is chosen."""
    offered = currencies_of(snapshot)
    known = st.session_state.get("currencies_offered", offered)
    if known != offered:
        new = set(offered) - set(known)
        places = [place for place in (st.session_state, st.session_state.get(KEPT)) if place]
        for place in places:
            if "currency" in place:
                place["currency"] = [n for n in offered if n in {*place["currency"], *new}]
    st.session_state["currencies_offered"] = offered
    return offered


def currencies_of(snapshot: Snapshot) -> tuple[str, ...]:
    """Return currencies with trades or frames; all known ones if there are none."""
    return tuple(name for name in CURRENCIES if name in snapshot.currencies) or CURRENCIES


def redraw_filters_if_new(before: Snapshot, now: Snapshot) -> None:
    """Redraw the page once for a new desk or currency, as filters are not refreshed."""
    known = risk.desk_names(before.markets.values())
    new_currency = currencies_of(before) != currencies_of(now)
    if new_currency or risk.desk_names(now.markets.values()) != known:
        st.rerun()


# --- Status line -----------------------------------------------------------------------------


def status_line(title: str, snapshot: Snapshot, choice: Choice) -> list[Market]:
    """Show title, state, times and labels; return the markets to draw, or [] after a reason."""
    now_s = time.time()
    markets = choice.markets(snapshot.markets)
    status = status_of(snapshot, now_s, markets)
    with st.container(key="status", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            f'<div class="line"><h1>{title}</h1>{theme.pill(status, int(now_s * 10))}'
            f"{theme.facts(_facts(snapshot, markets, now_s))}</div>",
            width="content",
        )
        _troubles_badge(markets)
    tags = f"{auth.who(auth.viewer())}{_reason(status)}{_labels(markets)}{_doubts(markets)}"
    st.html(f'<div class="tags">{tags}</div>')
    return markets if _something(snapshot, markets, choice) else []


def _something(snapshot: Snapshot, markets: Sequence[Market], choice: Choice) -> bool:
    if markets:
        if any(choice.cells(market.rollup) for market in markets) or risk.troubles(markets):
            return True
        st.info(nothing_passes(markets, choice))
        return False
    if snapshot.markets and not choice.currencies:
        st.info("Choose at least one currency.")
    elif snapshot.down:
        st.error(f"{snapshot.down} Start it (`make demo`) or set REDIS_URL; this page retries.")
    elif snapshot.markets:
        st.info(f"No frame of {', '.join(choice.currencies)} yet.")
    else:
        st.info(NO_FRAME)
    return False


def nothing_passes(markets: Sequence[Market], choice: Choice) -> str:
    """Why a page without numbers has none: no risk and no trade are not the same."""
    currencies = ", ".join(market.currency for market in markets)
    if auth.viewer().desks is not None and choice.whole:
        return f"None of your desks has a trade in {currencies}."
    if choice.whole:
        return (
            f"No trades in {currencies} yet. Load a file in the admin, or a sample: "
            "`python manage.py seed_book --trades 1000`"
        )
    titles = [format.product(product) for product in choice.products]
    names = [f"{title if title.isupper() else title.lower()}s" for title in titles]
    products = "trades" if choice.all_products else format.sentence_list(names, "or")
    desk = f" of {choice.desk}" if choice.desk is not None else ""
    return f"No trade matches the filters: {products}{desk} in {currencies}. Choose others above."


def _facts(
    snapshot: Snapshot, markets: Sequence[Market], now_s: float
) -> list[tuple[str, str, bool]]:
    """Market time, counts, and the age of each currency's frame."""
    if not markets:
        return []
    newest = max(market.rollup.as_of for market in markets)
    frames = ", ".join(
        f"{m.currency} frame {m.rollup.frame % detail.COUNTER} "
        f"of run {m.rollup.frame // detail.COUNTER}"
        for m in markets
    )
    return [
        (f"market {format.market_time(newest)}", "Market time of the newest frame, UTC", False),
        (_counts(snapshot, markets, now_s), frames, False),
        *ages(markets, now_s),
    ]


def ages(markets: Sequence[Market], now_s: float) -> list[tuple[str, str, bool]]:
    """The age of each frame; of many currencies the range, and each late one as far as they fit."""
    each = [_age(market, now_s) for market in markets]
    if len(markets) <= MAX_BESIDE:
        return each
    late = [age for age in each if age[2]]
    hint = "Since the frame was published: " + ", ".join(text for text, _, _ in each)
    seconds = [now_s - market.rollup.published_ns / 1e9 for market in markets]
    span = (f"age {format.age(min(seconds))} to {format.age(max(seconds))}", hint, False)
    if len(late) > MAX_LATE:
        return [(f"{span[0]}, {len(late)} of {len(markets)} late", hint, True)]
    return [span, *late]


MAX_LATE = 2


def _age(market: Market, now_s: float) -> tuple[str, str, bool]:
    seconds = now_s - market.rollup.published_ns / 1e9
    hint = f"{market.currency}: {format.age(seconds)} since its frame was published"
    return f"{market.currency} {format.age(seconds)}", hint, seconds > LATE_S


def _counts(snapshot: Snapshot, markets: Sequence[Market], now_s: float) -> str:
    alive = live_bridges(snapshot, now_s)
    if not alive:
        return f"frame {max(m.rollup.frame for m in markets) % detail.COUNTER:,}"
    ticks = sum(pulse.consumed for pulse in alive)
    frames = sum(sum(pulse.frames.values()) for pulse in alive)
    return f"{format.count(ticks, 'tick')}, {format.count(frames, 'frame')}"


def _reason(status: Status) -> str:
    return "" if status.word == "LIVE" else theme.warning(status.reason)


def _labels(markets: Sequence[Market]) -> str:
    """How real each curve is, and the exchange rates used."""
    quotes: list[tuple[str, str, str]] = [
        (curve, label, f"{curve}: quotes are {label}")
        for market in markets
        for curve, label in market.rollup.labels.items()
    ]
    rates: list[tuple[str, str, str]] = [
        (
            f"{market.currency}/USD {market.usd:.5g}",
            market.rollup.fx_label or "unlabelled",
            "Used to convert",
        )
        for market in markets
        if market.currency != "USD" and market.usd is not None
    ]
    if len(quotes) + len(rates) > MAX_TAGS:
        quotes, rates = counted(quotes, "curves"), counted(rates, "FX rates")
    text = theme.tags([*quotes, *rates])
    lost = risk.excluded(markets)
    return text + theme.warning(excluded_sentence(lost)) if lost else text


def counted(tags: Sequence[tuple[str, str, str]], nouns: str) -> list[tuple[str, str, str]]:
    """Labels of one quality as one that counts them, and names them for hovering.

    Args:
        tags: Name, quality and hint of each.
        nouns: What more than one of them are called.
    """
    by_quality: dict[str, list[tuple[str, str, str]]] = {}
    for tag in tags:
        by_quality.setdefault(tag[1], []).append(tag)
    return [
        same[0]
        if len(same) == 1
        else (f"{len(same)} {nouns}", quality, ", ".join(name for name, _, _ in same))
        for quality, same in by_quality.items()
    ]


def _doubts(markets: Sequence[Market]) -> str:
    """Quotes that make a curve doubtful, on every page."""
    return "".join(theme.warning(f"{sentence}.") for sentence in curves.doubts(markets))


def excluded_sentence(currencies: Sequence[str]) -> str:
    """Why currencies are in no sum."""
    names = " and ".join(currencies)
    verb = "is" if len(currencies) == 1 else "are"
    frames = "its frame has" if len(currencies) == 1 else "their frames have"
    return f"{names} {verb} not in the sums: {frames} no exchange rate to USD."


def _troubles_badge(markets: Sequence[Market]) -> None:
    found = risk.troubles(markets)
    if found:
        with st.popover(f"PARTIAL {len(found):,}", key="troubles"):
            st.markdown("**Excluded from the totals**")
            trouble_table(found, key="troubles-table", height=260, width=640)


def detail_notes(markets: Sequence[Market], trades: Mapping[str, Trades]) -> str:
    """Return HTML that names the frames of the trades shown, and currencies without trades."""
    which, without = detail.which_frames(markets, trades), detail.without(markets, trades)
    if len(which) > MAX_NOTES:
        count = format.count(len(which), "currency", "currencies")
        said = theme.note(
            f"Trades of {count} are of earlier frames than the sums", "; ".join(which)
        )
    else:
        said = "".join(theme.note(sentence, FRAMES_HINT) for sentence in which)
    said += theme.warning(without) if without else ""
    return f'<div class="tags">{said}</div>' if said else ""


MAX_NOTES = 3
FRAMES_HINT = (
    "Sums are published first, and the numbers by trade of a frame follow; while the next ones are "
    "priced, the sums of later frames are already there. Numbers of different frames do not add up."
)

MAX_TROUBLES = 100


def trouble_table(
    found: Sequence[risk.Trouble],
    *,
    key: str,
    height: int,
    width: int | Literal["stretch"] = "stretch",
) -> None:
    """Failed trades and missing blocks: which, and why; at most ``MAX_TROUBLES`` of them.

    The table is sent again at each refresh: thousands of rows would be most of the page.
    """
    if len(found) > MAX_TROUBLES:
        first = f"The first {MAX_TROUBLES:,} of {len(found):,}."
        st.caption(f"{first} All are on the page Trades under Not priced, and in its CSV file.")
    rows = [(t.what, t.currency, t.code, t.message) for t in found[:MAX_TROUBLES]]
    st.dataframe(
        pd.DataFrame(rows, columns=["Trade", "Ccy", "Code", "Message"]),
        hide_index=True,
        height=height,
        width=width,
        key=key,
        row_height=28,
    )


def desk_of_run(
    heading: tuple[str, str],
    desks: Sequence[str],
    *,
    name: str,
    key: str,
    sentences: Iterable[str],
) -> str | None:
    """Draw the head of a panel about a stored run, and return the desk that is chosen in it.

    Args:
        heading: Title of the panel, and what stands beside it.
        desks: The desks of the run that the user may see.
        name: Of the run, as people say it.
        key: Of the choice, in the address too.
        sentences: Notes of the run; empty ones are left out.

    Returns:
        None when there is no desk, which is said.
    """
    desk = None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(theme.heading(*heading))
        if desks:
            desk = st.selectbox(
                f"Desk of the {name}",
                desks,
                key=key,
                bind="query-params",
                label_visibility="collapsed",
                width=220,
            )
    for sentence in filter(None, sentences):
        st.html(theme.note(sentence, f"Of the last {name}"))
    if desk is None:
        st.html(theme.note("No desk that you may see is in it.", ""))
    return desk
