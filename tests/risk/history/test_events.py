"""Named windows of history lie on the days of their events, and say what is stored of them."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from django.core.management import call_command

from pricing.errors import BadInput
from pricing.markets.conventions import CURRENCIES
from risk.history.events import EVENTS, event
from risk.history.layouts.table import Quote
from risk.history.store import Origin, store


def test_windows_are_those_of_the_events():
    """Days of the announcements, by the publications that the windows name."""
    inside = {
        "uk-mini-budget-2022": (dt.date(2022, 9, 23), dt.date(2022, 9, 28)),
        "svb-2023": (dt.date(2023, 3, 10), dt.date(2023, 3, 13)),
        "covid-2020": (dt.date(2020, 3, 16), dt.date(2020, 3, 23)),
        "taper-tantrum-2013": (dt.date(2013, 5, 22), dt.date(2013, 5, 22)),
        "lehman-2008": (dt.date(2008, 9, 15), dt.date(2008, 9, 16)),
        "repo-2019": (dt.date(2019, 9, 16), dt.date(2019, 9, 17)),
    }
    assert inside.keys() == EVENTS.keys()
    for name, days in inside.items():
        found = event(name)
        assert found.start <= min(days) <= max(days) <= found.end
        assert found.start.weekday() < 5 > found.end.weekday()
        assert found.currency in CURRENCIES
        assert found.source
    with pytest.raises(BadInput, match="allowed: lehman-2008"):
        event("black-monday")


@pytest.mark.django_db
def test_the_list_says_what_is_stored_of_each():
    quotes = [
        Quote(dt.date(2023, 3, day), "USD-GOVT", tenor, 0.04)
        for day in (8, 9, 10)
        for tenor in ("1Y", "10Y")
    ]
    now = dt.datetime.now(dt.UTC)
    store(quotes, Origin(publisher="test", name="x", label="official", retrieved_at=now))
    out = io.StringIO()
    call_command("list_events", stdout=out)
    text = out.getvalue()
    assert "svb-2023               2023-03-08 to 2023-03-24" in text
    assert "USD history: USD-GOVT official 3 days" in text
    assert "GBP history: not stored; load it with manage.py load_curves" in text
    assert text.count("source: ") == len(EVENTS)
