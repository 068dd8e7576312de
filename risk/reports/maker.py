"""Make the results of a stored day from its closes, by the code that makes live ones.

Each close is priced again from the history of its trades (``risk/reprice``): its book is that of
the close, whatever has been booked since. P&L is explained since the close before, and value at
risk is that of the evening, by moves of closes before the date. Limits are those defined now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from django.db.models import Q

from pricing.curves.quotes import CurveOptions
from pricing.markets.conventions import CURRENCIES
from pricing.scenarios.definition import Scenario
from risk.explain.frame_closes import closes_on
from risk.limits import definitions
from risk.limits.board import BreachRow, LimitRow
from risk.limits.board_maker import breach_row
from risk.limits.standing import standing
from risk.models import LIVE, FrameClose, LimitBreach
from risk.reports.results import DayResults
from risk.reprice.close_explain import as_held, explain_close
from risk.reprice.day_books import DayBooks
from risk.reprice.repricer import Repriced, reprice
from risk.scenarios.maker import LoadCloses, ScenarioMaker
from risk.scenarios.messages import ScenarioFrame
from risk.scenarios.store import logged as logged_scenarios
from risk.store.explains import Explain
from risk.store.explains import logged as logged_explain
from risk.store.result_log import sums_of
from risk.store.results import Rollup
from risk.workers.book_netter import BookNetter
from risk.workers.session import Session

Say = Callable[[str], None]


class StoredFrames:
    """The closes of a day, where a maker of scenarios expects the frames published now."""

    def __init__(self, rollups: Mapping[str, Rollup]) -> None:
        """Hold them."""
        self.rollups = rollups

    def current_all(self, currencies: Collection[str]) -> dict[str, Rollup]:
        """Return the closes of some currencies."""
        return {name: self.rollups[name] for name in currencies if name in self.rollups}


def make_results(
    date: dt.date,
    market: str,
    options: CurveOptions,
    *,
    frames: Any,
    load_scenarios: Callable[[], Sequence[Scenario]],
    load_closes: LoadCloses,
    count: int,
    kind: str,
    processes: int = 1,
    say: Say = lambda sentence: None,
) -> DayResults:
    """Make the results of a day; nothing is stored.

    Args:
        date: The day.
        market: live, or the name of a replay.
        options: How curves and flows are made.
        frames: Frames of any Redis; nothing of it is read.
        load_scenarios: Stress scenarios.
        load_closes: Closes of curves before a date, for historical scenarios.
        count: How many historical scenarios at most.
        kind: Of their moves, ``absolute`` or ``relative``.
        processes: Processes that compile.
        say: Hears what is being done.

    Raises:
        NoClose: No currency has a close on that day.
        NothingStored: Another release stored a close, with other fields.
    """
    rows = closes_on(date, CURRENCIES, market)
    made: dict[str, Repriced] = {}
    for currency, row in rows.items():
        say(f"{currency}: pricing the close of {row.date} again")
        made[currency] = reprice(row, options, processes=processes)
    say("explaining P&L since the previous closes")
    explains: list[Explain] = []
    unexplained: dict[str, str] = {}
    for currency, row in rows.items():
        found = _explain(date, row, made[currency], options, frames, processes)
        if isinstance(found, str):
            unexplained[currency] = found
        else:
            explains.append(found)
    say("computing value at risk and stress scenarios")
    rollups = {name: one.stored for name, one in made.items()}
    scenarios = ScenarioMaker(
        StoredFrames({name: as_held(one) for name, one in made.items()}),  # type: ignore[arg-type]
        BookNetter(Session(DayBooks(one.frame.book for one in made.values()), options)),
        load_scenarios,
        load_closes,
        every_s=0.0,
        count=count,
        kind=kind,
    ).run()
    return DayResults(
        date=date,
        market=market,
        made=dt.datetime.now(dt.UTC),
        rollups=list(rollups.values()),
        explains=explains,
        unexplained=unexplained,
        scenarios=scenarios,
        limits=_limits(rollups, explains, scenarios) if market == LIVE else [],
        breaches=_breaches(date, rollups) if market == LIVE else [],
        reproduced={name: one.digest == one.sha256 for name, one in made.items()},
    )


def _explain(
    date: dt.date,
    row: FrameClose,
    end: Repriced,
    options: CurveOptions,
    frames: Any,
    processes: int,
) -> Explain | str:
    """The explain of a close since the one before, or why there is none."""
    if row.date != date:
        return f"it has no close of the day; its last one is of {row.date}"
    return explain_close(row, end, options, frames, processes)


def _limits(
    rollups: Mapping[str, Rollup], explains: Sequence[Explain], scenarios: ScenarioFrame | None
) -> list[LimitRow]:
    """The limits on the numbers of the evening, which are taken to be as new as the closes."""
    clock_ns = max(rollup.published_ns for rollup in rollups.values())
    run = None
    if scenarios is not None:
        run = msgspec.structs.replace(logged_scenarios(scenarios), published_ns=clock_ns)
    return standing(
        definitions.load(),
        [
            msgspec.structs.replace(sums_of(rollup), published_ns=clock_ns)
            for rollup in rollups.values()
        ],
        [
            msgspec.structs.replace(logged_explain(explain), published_ns=clock_ns)
            for explain in explains
        ],
        run,
        clock_ns,
    )


def _breaches(date: dt.date, rollups: Mapping[str, Rollup]) -> list[BreachRow]:
    """Breaches that began on the day, or were open at its end."""
    last = max(rollup.published_ns for rollup in rollups.values())
    end = dt.datetime.fromtimestamp(last / 1e9, tz=dt.UTC)
    still_open = Q(ended=None) | Q(ended__gt=end)
    rows = LimitBreach.objects.filter(
        Q(valuation_date=date) | Q(valuation_date__lt=date) & still_open
    )
    return [breach_row(row) for row in rows.select_related("limit").prefetch_related("reviews")]
