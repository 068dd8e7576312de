"""Say of which frame numbers by trade are, and how far they are behind the sums.

Sums are published first; the numbers by trade of a frame follow, and not of every frame. A page
that shows both names both. No clock, no Redis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard import format
from dashboard.blotter import Trades
from dashboard.data import Market

COUNTER = 2**32
"""A frame's number is the run of the bridge times this, plus a counter."""

START_DETAIL = "celery -A riskproject worker --queues detail"
LATE_S = 2.0
"""Numbers by trade that are older than the sums by more than this can be priced anew."""


@dataclass(frozen=True)
class Behind:
    """How far the published detail of a currency is behind its sums.

    ``frames`` counts frames whose sums are newer, as far back as the history goes; ``seconds`` is
    between the publications of the sums of both frames. None: no detail is published.
    """

    frames: int
    seconds: float | None


def behind(market: Market) -> Behind:
    """How far a currency's detail is behind its sums."""
    detail = market.detail
    if detail is None:
        return Behind(len(market.history), None)
    newer = sum(line.frame > detail.frame for line in market.history)
    seconds = (market.rollup.published_ns - detail.opened_ns) / 1e9
    return Behind(newer, max(0.0, seconds) if newer else 0.0)


def is_late(market: Market, trades: Trades) -> bool:
    """Return whether the sums are newer than these numbers by trade by more than LATE_S."""
    older_ns = market.rollup.published_ns - trades.stamp.published_ns
    return trades.frame != market.rollup.frame and older_ns > LATE_S * 1e9


def frame_name(number: int, *others: int) -> str:
    """A frame's counter; with the run of the bridge where others are of another run."""
    run, counter = divmod(number, COUNTER)
    if any(other // COUNTER != run for other in others):
        return f"{counter:,} of run {run}"
    return f"{counter:,}"


def which_frames(markets: Sequence[Market], trades: Mapping[str, Trades]) -> list[str]:
    """Name, by currency, the frames of trades and of sums where they differ."""
    said = [
        _frames_of(market, trades[market.currency])
        for market in markets
        if market.currency in trades
    ]
    return [sentence for sentence in said if sentence]


def _frames_of(market: Market, trades: Trades) -> str:
    sums, stamp = market.rollup, trades.stamp
    if trades.frame == sums.frame:
        return ""
    by_trade = frame_name(trades.frame, sums.frame)
    return (
        f"{market.currency} trades of frame {by_trade} ({stamp.market_time:%H:%M:%S}), "
        f"sums of frame {frame_name(sums.frame, trades.frame)} ({sums.as_of:%H:%M:%S})"
    )


def without(markets: Sequence[Market], trades: Mapping[str, Trades]) -> str:
    """Say of which currencies there are no numbers by trade and what to look at; "" if of none."""
    names = [market.currency for market in markets if market.currency not in trades]
    if not names:
        return ""
    which = ", ".join(names)
    started = [market for market in markets if market.currency in names and market.detail]
    if started:
        return f"The numbers by trade of {which} cannot be read now; the next ones follow."
    return (
        f"No numbers by trade of {which} have been published yet; the sums are there. If this "
        f"stays so, look at the process detail: {START_DETAIL}"
    )


def age(market: Market) -> str:
    """How far behind, in a few words, for a table."""
    found = behind(market)
    if found.seconds is None:
        return "none yet"
    if not found.frames:
        return "same frame"
    return f"{format.count(found.frames, 'frame')}, {format.age(found.seconds)}"
