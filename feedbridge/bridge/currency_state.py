"""What a bridge holds of one currency: ticks that wait, the frame that is open, what is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from feedbridge.bridge.dispatch import Accepted, OpenFrame
from feedbridge.bridge.market_state import Market


@dataclass
class CurrencyState:
    """One currency in the bridge: what waits, and the frame that is open.

    The board's market is always the published one with the ticks of the open frame and the
    waiting ones laid over it; or ``base`` with them, when more ticks than are kept came while a
    source was behind. ``at_most`` bounds the next frame's ticks while a bad one is
    sought; ``number`` is the last published frame's.
    """

    waiting: list[Accepted] = field(default_factory=list)
    open: OpenFrame | None = None
    published: Market | None = None
    base: Market | None = None
    number: int = 0
    at_most: int | None = None
    not_before: float = 0.0
    book_version: str = ""
    book_at: float = 0.0
    partition: tuple[str, int] | None = None
    guessed: bool = False
