"""The results of a stored day: what a report is written from, and how it is stored."""

from __future__ import annotations

import datetime as dt

import msgspec

from risk.limits.board import BreachRow, LimitRow
from risk.models import LIVE, DayReport
from risk.scenarios.messages import ScenarioFrame
from risk.store.explains import Explain
from risk.store.results import Rollup


class DayResults(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a day, made from its closes.

    Attributes:
        date: The day.
        market: live, or the name of a replay.
        made: When they were made.
        rollups: The close of each currency; one on holiday keeps an earlier one.
        explains: The P&L of each currency since its close before; absent on a holiday.
        unexplained: Why a currency has no explain.
        scenarios: Value at risk and stress scenarios of the closes.
        limits: Limits on the numbers above; ``since``, ``frames`` and ``breach`` are empty.
        breaches: Those that began on the day, or were open at its end; of the live market.
        reproduced: By currency, whether its close came out again with the same bits.
    """

    date: dt.date
    market: str
    made: dt.datetime
    rollups: list[Rollup]
    explains: list[Explain]
    unexplained: dict[str, str]
    scenarios: ScenarioFrame | None
    limits: list[LimitRow]
    breaches: list[BreachRow]
    reproduced: dict[str, bool]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(DayResults).decode


class NoReport(Exception):
    """Why there is no report: a sentence with the command that makes it."""


def command_of(date: dt.date, market: str) -> str:
    """Return what makes the report of a day."""
    more = "" if market == LIVE else f" --market {market}"
    return f"manage.py report --date {date}{more}"


def keep(results: DayResults) -> None:
    """Write the results of a day, in place of earlier ones."""
    DayReport.objects.update_or_create(
        market=results.market,
        date=results.date,
        defaults={"made": results.made, "results": _encode(results)},
    )


def read(date: dt.date, market: str = LIVE) -> DayResults:
    """The stored results of a day.

    Raises:
        NoReport: There are none, or another release wrote them.
    """
    row = DayReport.objects.filter(market=market, date=date).first()
    if row is None:
        raise NoReport(
            f"no report of {date} is stored in the market {market!r}: "
            f"run {command_of(date, market)}"
        )
    try:
        return _decode(bytes(row.results))
    except msgspec.MsgspecError:
        raise NoReport(
            f"another release wrote the report of {date}: run {command_of(date, market)} again"
        ) from None
