"""Ask the web process to price one trade now, on the quotes of the newest sums.

It answers with the rights and limits of the user whose session it is.
"""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import quote

import msgspec
import pandas as pd

from dashboard.access.login import Web
from dashboard.blotter import LADDERS, ladder_table, measure_table

PATH = "/api/v1/risk/trades/{}/?now=true"
TIMEOUT_S = 7.0
"""Seconds until a request is given up; the previewer itself has five."""

AWAY = "The web process does not answer: the trade was not priced."


class _Stamp(msgspec.Struct, frozen=True):
    """What is needed of the frame's stamp."""

    frame: int
    as_of: str


class _Failure(msgspec.Struct, frozen=True):
    """Why there are no numbers."""

    code: str
    message: str


class _Record(msgspec.Struct, frozen=True):
    """What is needed of an answer besides the measures."""

    trade_id: str
    currency: str
    stamp: _Stamp
    failure: _Failure | None
    ladder_par: dict[str, dict[str, float | None]]
    krd: dict[str, dict[str, float | None]]


class _Problem(msgspec.Struct, frozen=True):
    """A refusal."""

    detail: str


class PricedNow:
    """One trade on the quotes of the newest sums."""

    def __init__(self, body: bytes) -> None:
        """Read the web process's answer.

        Raises:
            DecodeError: It is none of this release.
        """
        self._record = msgspec.json.decode(body, type=_Record)
        self._measures: dict[str, Any] = msgspec.json.decode(body)

    @property
    def frame(self) -> int:
        """The frame whose quotes these numbers are on."""
        return self._record.stamp.frame

    @property
    def market_time(self) -> str:
        """Market time of the quotes, such as 09:02:00."""
        return self._record.stamp.as_of[11:19]

    @property
    def failure(self) -> str:
        """Why there are no numbers; "" when there are."""
        failure = self._record.failure
        return f"{failure.code}: {failure.message}" if failure else ""

    def ladder(self) -> pd.DataFrame:
        """Return a ladder as ``Trades.ladder`` does."""
        tables = [getattr(self._record, name) for name in LADDERS]
        keys = [(curve, tenor) for curve, tenors in tables[0].items() for tenor in tenors]
        return ladder_table(keys, *([_number(t[c][n]) for c, n in keys] for t in tables))

    def measures(self) -> pd.DataFrame:
        """Return the measures as ``Trades.measures`` does."""
        return measure_table(self._measures, self.frame)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def ask(web: Web, session: str, trade_id: str) -> PricedNow | str:
    """Return the trade priced now, or a sentence that says why it is not."""
    answer = web.get(session, PATH.format(quote(trade_id, safe="")), TIMEOUT_S)
    if answer is None:
        return AWAY
    status, body = answer
    try:
        if status == 200:
            return PricedNow(body)
        return msgspec.json.decode(body, type=_Problem).detail
    except msgspec.DecodeError:
        return f"The web process answered {status}, and its answer cannot be read."
