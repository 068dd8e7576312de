"""The state of the feed as one word, with the reason for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from dashboard import format
from dashboard.data import Market, Snapshot
from risk.store.heartbeats import STALE_S, BridgePulse

QUIET_S = 5.0

Word = Literal["LIVE", "QUIET", "MIXED", "STALE", "DOWN"]


@dataclass(frozen=True)
class Status:
    """Text and colour of the status label; ``old`` means that the numbers below must be greyed."""

    word: Word
    reason: str

    @property
    def old(self) -> bool:
        """Return whether the numbers are not current."""
        return self.word in ("STALE", "DOWN")


def status_of(
    snapshot: Snapshot, now_s: float, markets: Collection[Market] | None = None
) -> Status:
    """The state of the feed.

    ``markets`` are those on the screen, or all. Their sums are of no one date when their valuation
    dates differ; that is MIXED, though each of the numbers is of now.
    """
    found = _feed(snapshot, now_s)
    shown = snapshot.markets.values() if markets is None else markets
    dates = {market.currency: market.rollup.valuation_date for market in shown}
    if found.old or len(set(dates.values())) < 2:
        return found
    named = ", ".join(f"{name} {date}" for name, date in sorted(dates.items()))
    return Status("MIXED", f"The currencies' frames have different dates: {named}.")


def _feed(snapshot: Snapshot, now_s: float) -> Status:
    if snapshot.down:
        return Status("DOWN", f"{snapshot.down} The values shown were read earlier.")
    alive = live_bridges(snapshot, now_s)
    if not alive:
        return Status("STALE", _silence(snapshot, now_s))
    quiet_s = now_s - newest_ns(snapshot) / 1e9
    if quiet_s <= QUIET_S:
        return Status("LIVE", "The bridge sends heartbeats and frames are being published.")
    waiting = [pulse.waiting_for for pulse in alive if pulse.waiting_for]
    if waiting:
        return Status("STALE", f"The bridge is waiting for {waiting[0]}.")
    open_frames = sum(pulse.open_frames for pulse in alive)
    if open_frames:
        frames = format.count(open_frames, "frame")
        return Status(
            "STALE",
            f"{frames} open, none published for {format.age(quiet_s)}: are workers running?",
        )
    return Status("QUIET", f"The bridge sends heartbeats; no tick for {format.age(quiet_s)}.")


def live_bridges(snapshot: Snapshot, now_s: float) -> list[BridgePulse]:
    """Return bridges with a heartbeat within STALE_S of the snapshot or later."""
    moment = min(now_s, snapshot.taken_s) if not snapshot.down else now_s
    return [pulse for pulse in snapshot.pulses if moment - pulse.sent_ns / 1e9 < STALE_S]


def newest_ns(snapshot: Snapshot) -> int:
    """Return the publication time of the newest frame of any currency; 0 if there is none."""
    return max((m.rollup.published_ns for m in snapshot.markets.values()), default=0)


def _silence(snapshot: Snapshot, now_s: float) -> str:
    if not snapshot.pulses:
        return "No heartbeat from a bridge yet: python manage.py runbridge"
    silent_s = now_s - max(pulse.sent_ns for pulse in snapshot.pulses) / 1e9
    return f"No heartbeat from a bridge for {format.age(silent_s)}."
