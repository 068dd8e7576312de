"""Named periods of market history to replay, each with its source."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pricing.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Event:
    """A period of days, both ends included.

    ``currency`` is that of the market concerned; ``source`` is a primary one.
    """

    name: str
    title: str
    start: dt.date
    end: dt.date
    currency: str
    source: str


_ALL = (
    Event(
        name="lehman-2008",
        title="Failure of Lehman Brothers",
        start=dt.date(2008, 9, 12),
        end=dt.date(2008, 10, 10),
        currency="USD",
        source="Financial Crisis Inquiry Commission, Final Report (January 2011), chapters 18-20",
    ),
    Event(
        name="taper-tantrum-2013",
        title="Taper tantrum",
        start=dt.date(2013, 5, 1),
        end=dt.date(2013, 5, 31),
        currency="USD",
        source="B. S. Bernanke, testimony before the Joint Economic Committee, 22 May 2013",
    ),
    Event(
        name="repo-2019",
        title="Money markets of September 2019",
        start=dt.date(2019, 9, 13),
        end=dt.date(2019, 9, 20),
        currency="USD",
        source="Federal Reserve, FEDS Notes, What Happened in Money Markets in September 2019?, "
        "27 February 2020",
    ),
    Event(
        name="covid-2020",
        title="Dash for cash at the start of the pandemic",
        start=dt.date(2020, 3, 2),
        end=dt.date(2020, 3, 31),
        currency="USD",
        source="Financial Stability Board, Holistic Review of the March Market Turmoil, "
        "17 November 2020",
    ),
    Event(
        name="uk-mini-budget-2022",
        title="UK mini-budget and the Bank of England's gilt purchases",
        start=dt.date(2022, 9, 21),
        end=dt.date(2022, 9, 29),
        currency="GBP",
        source="HM Treasury, The Growth Plan 2022 (CP 743), 23 September 2022; Bank of England, "
        "gilt market operation, 28 September 2022",
    ),
    Event(
        name="svb-2023",
        title="Failure of Silicon Valley Bank",
        start=dt.date(2023, 3, 8),
        end=dt.date(2023, 3, 24),
        currency="USD",
        source="Federal Reserve, Review of the Supervision and Regulation of Silicon Valley Bank, "
        "28 April 2023",
    ),
)

EVENTS: Mapping[str, Event] = MappingProxyType({event.name: event for event in _ALL})
"""Periods by name, in order of time."""


def event(name: str) -> Event:
    """Return the period of that name.

    Raises:
        BadInput: Lists those that there are.
    """
    if name not in EVENTS:
        raise BadInput("--event", name, f"allowed: {', '.join(EVENTS)}")
    return EVENTS[name]
