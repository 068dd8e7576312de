"""Curve history: a close comes back as published, and nothing that was known is overwritten."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import DatabaseError, connection, transaction

from pricing.curves.quotes import Label, QuoteId
from pricing.errors import BadInput
from pricing.markets import conventions
from risk.history.closes import closes, coverage, last_close
from risk.history.layouts.table import Quote
from risk.history.models import CurveFile, CurveQuote
from risk.history.proxies import proxy_of
from risk.history.store import Origin, Stored, store

MONDAY, TUESDAY, THURSDAY = dt.date(2024, 1, 8), dt.date(2024, 1, 9), dt.date(2024, 1, 11)
RETRIEVED = dt.datetime(2024, 1, 12, 8, tzinfo=dt.UTC)

pytestmark = pytest.mark.django_db


def origin(publisher: str = "US Treasury", label: Label = "official", **more: Any) -> Origin:
    name = f"{publisher}.csv"
    return Origin(publisher=publisher, name=name, label=label, retrieved_at=RETRIEVED, **more)


def govt(date: dt.date, curve: str = "USD-GOVT", **rates: float | None) -> list[Quote]:
    """Quotes of a day; tenors are written as Y10 for 10Y."""
    return [Quote(date, curve, f"{tenor[1:]}{tenor[0]}", rate) for tenor, rate in rates.items()]


def taken(*rows: list[Quote], by: Origin | None = None, **more: Any) -> Stored:
    return store([quote for row in rows for quote in row], by or origin(), **more)


def known() -> dt.datetime:
    """The database's time, between two loads."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def test_closes_are_a_dense_table_with_gaps_where_nothing_was_published() -> None:
    taken(govt(TUESDAY, Y10=0.0401, M3=0.0545), govt(MONDAY, Y10=0.04, Y2=0.0433))
    table = closes("USD", MONDAY, THURSDAY, with_proxies=False)
    assert table.dates == (MONDAY, TUESDAY)
    assert table.quotes == tuple(QuoteId("USD-GOVT", tenor) for tenor in ("3M", "2Y", "10Y"))
    nan = float("nan")
    np.testing.assert_array_equal(table.rates, [[nan, 0.0433, 0.04], [0.0545, nan, 0.0401]])
    assert table.labels == ({"USD-GOVT": "official"},) * 2


def test_a_close_has_nothing_of_another_day() -> None:
    taken(govt(MONDAY, Y10=0.04, M4=0.0541), govt(TUESDAY, Y10=0.0401))
    close = last_close("USD", TUESDAY, with_proxies=False)
    assert close is not None
    assert (close.date, close.curves) == (TUESDAY, {"USD-GOVT": {"10Y": 0.0401}})


def test_the_last_close_is_the_one_on_or_before_the_day() -> None:
    taken(govt(MONDAY, Y10=0.04), govt(THURSDAY, Y10=0.0402))
    found = last_close("USD", THURSDAY - dt.timedelta(days=1))
    assert found is not None
    assert found.date == MONDAY
    assert last_close("USD", MONDAY - dt.timedelta(days=1)) is None
    assert last_close("EUR", THURSDAY) is None


def test_every_rate_comes_back_to_its_last_digit() -> None:
    rates = {f"Y{years}": years / 977.0 for years in range(1, 31)}
    taken(govt(MONDAY, **rates))
    close = last_close("USD", MONDAY)
    assert close is not None
    for name, rate in rates.items():
        assert close.curves["USD-GOVT"][f"{name[1:]}Y"] == round(rate, 10)


def test_a_correction_supersedes_and_the_former_rate_can_still_be_asked_for() -> None:
    taken(govt(MONDAY, Y10=0.04, Y2=0.043))
    before = known()
    done = taken(govt(MONDAY, Y10=0.0405, Y2=0.043))
    assert [str(change) for change in done.changed] == [
        "2024-01-08 USD-GOVT 10Y: 4.0000% -> 4.0500% (+5.00 bp)"
    ]
    assert (done.new, done.unchanged) == (0, 1)
    now, then = last_close("USD", MONDAY), last_close("USD", MONDAY, known_at=before)
    assert now is not None
    assert then is not None
    assert (now.curves["USD-GOVT"]["10Y"], then.curves["USD-GOVT"]["10Y"]) == (0.0405, 0.04)
    assert CurveQuote.objects.filter(quote_id="10Y").count() == 2
    assert last_close("USD", MONDAY, known_at=before - dt.timedelta(days=1)) is None


def test_the_same_file_again_writes_nothing() -> None:
    first, again = taken(govt(MONDAY, Y10=0.04)), taken(govt(MONDAY, Y10=0.04))
    assert (first.new, again.new, again.unchanged, again.file) == (1, 0, 1, None)
    assert CurveFile.objects.count() == 1


def test_a_dry_run_tells_the_differences_and_writes_nothing() -> None:
    taken(govt(MONDAY, Y10=0.04))
    done = taken(govt(MONDAY, Y10=0.0405, Y2=0.043), dry_run=True)
    assert (done.new, len(done.changed)) == (1, 1)
    assert CurveQuote.objects.get().rate == Decimal("0.04")


def test_a_blank_withdraws_the_publishers_own_rate_and_no_other() -> None:
    taken(govt(MONDAY, Y10=0.04, Y2=0.043))
    other = taken(govt(MONDAY, Y10=0.04, Y2=None), by=origin("FRED"))
    assert (other.unchanged, other.changed) == (2, [])
    own = taken(govt(MONDAY, Y10=0.04, Y2=None))
    assert [str(change) for change in own.changed] == [
        "2024-01-08 USD-GOVT 2Y: 4.3000% is withdrawn"
    ]
    close = last_close("USD", MONDAY)
    assert close is not None
    assert close.curves["USD-GOVT"] == {"10Y": 0.04}


def test_two_publishers_of_one_curve_are_not_mixed() -> None:
    taken(govt(MONDAY, Y10=0.04))
    with pytest.raises(BadInput, match=r"USD-GOVT 10Y: 0.0407.*US Treasury.*--force"):
        taken(govt(MONDAY, Y10=0.0407), by=origin("GSW"))
    forced = origin("GSW", forced_reason="fitted par yields are wanted")
    assert taken(govt(MONDAY, Y10=0.0407), by=forced).changed
    assert CurveFile.objects.get(publisher="GSW").forced_reason == "fitted par yields are wanted"


def test_an_official_day_replaces_an_invented_one_whole_and_not_the_other_way_round() -> None:
    invented = origin("made", "synthetic")
    taken(govt(MONDAY, "EUR-GOVT", Y10=0.02, Y25=0.025), by=invented)
    taken(govt(MONDAY, "EUR-GOVT", Y10=0.0231), by=origin("ECB"))
    close = last_close("EUR", MONDAY, with_proxies=False)
    assert close is not None
    assert close.curves == {"EUR-GOVT": {"10Y": 0.0231}}
    again = taken(govt(MONDAY, "EUR-GOVT", Y10=0.02, Y25=0.025), by=invented)
    assert (again.kept, again.file) == (2, None)


@pytest.mark.parametrize("stored_day", [MONDAY, THURSDAY])
def test_a_move_above_150_bp_beside_a_stored_day_needs_a_reason(stored_day: dt.date) -> None:
    taken(govt(stored_day, Y10=0.04))
    with pytest.raises(BadInput, match=r"10Y: '[+-]290 bp'.*150 bp.*--force"):
        taken(govt(TUESDAY, Y10=0.011))
    taken(govt(TUESDAY, Y10=0.011), by=origin(forced_reason="checked with the publisher"))
    assert CurveQuote.objects.count() == 2


def test_an_invented_day_before_is_no_level_to_move_from() -> None:
    invented = origin("made", "synthetic")
    taken(govt(MONDAY, "EUR-GOVT", Y10=0.04), govt(THURSDAY, "EUR-GOVT", Y10=0.04), by=invented)
    assert taken(govt(TUESDAY, "EUR-GOVT", Y10=0.011), by=origin("ECB")).new == 1
    with pytest.raises(BadInput, match=r"10Y: '\+290 bp'"):
        taken(govt(THURSDAY, "EUR-GOVT", Y10=0.04), by=origin("ECB"))


@pytest.mark.parametrize(
    ("quotes", "sentence"),
    [
        ([Quote(MONDAY, "USD-MOON", "10Y", 0.04)], "USD-MOON.*curves: USD-GOVT"),
        ([Quote(MONDAY, "USD-GOVT", "10Y", 4.0)], "4.0.*decimal rate"),
        ([Quote(MONDAY, "USD-GOVT", "10Y", 0.04)] * 2, "only once in a load"),
        ([], "no quote"),
    ],
)
def test_what_cannot_be_a_close_is_refused(quotes: list[Quote], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        store(quotes, origin())
    assert not CurveFile.objects.exists()


def test_a_close_of_a_day_after_the_download_is_refused() -> None:
    with pytest.raises(BadInput, match=r"2024-01-15.*up to 2024-01-12.*swapped"):
        taken(govt(dt.date(2024, 1, 15), Y10=0.04))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE market_history_curvequote SET rate = 0.05",
        "UPDATE market_history_curvequote SET superseded_by_id = NULL",
        "DELETE FROM market_history_curvequote",
        "UPDATE market_history_curvefile SET loaded_at = now()",
        "DELETE FROM market_history_curvefile",
    ],
)
def test_the_database_refuses_to_rewrite_history(statement: str) -> None:
    taken(govt(MONDAY, Y10=0.04))
    taken(govt(MONDAY, Y10=0.041))
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic():
        connection.cursor().execute(statement)


def test_a_curve_without_quotes_has_a_stated_proxy() -> None:
    taken(govt(MONDAY, Y10=0.04, Y2=0.043, M2=0.054))
    table = closes("USD", MONDAY, MONDAY)
    close = table.close(0)
    # On 2025-02-10 SOFR OIS stood 17 bp (2Y) and 44 bp (10Y) below the Treasury's par yields.
    assert close.curves["USD-SOFR"] == {"2Y": 0.0413, "10Y": 0.0356}
    assert close.labels == {"USD-GOVT": "official", "USD-SOFR": "proxy"}
    assert "USD-SOFR is USD-GOVT plus" in str(table.proxies["USD-SOFR"])
    taken(govt(MONDAY, "USD-SOFR", Y10=0.0359), by=origin("CME"))
    own = closes("USD", MONDAY, MONDAY)
    assert (own.close(0).curves["USD-SOFR"], dict(own.proxies)) == ({"10Y": 0.0359}, {})


def test_a_proxy_of_invented_rates_is_invented() -> None:
    taken(govt(MONDAY, "GBP-GOVT", Y10=0.04, M3=0.05), by=origin("made", "synthetic"))
    close = last_close("GBP", MONDAY)
    assert close is not None
    assert close.labels == {"GBP-GOVT": "synthetic", "GBP-SONIA": "synthetic"}
    taken(govt(MONDAY, "EUR-GOVT", Y10=0.03, M3=0.04), by=origin("ECB"))
    euro = last_close("EUR", MONDAY)
    assert euro is not None
    assert list(euro.curves["EUR-EURIBOR6M"]) == ["10Y"]  # no quote is shorter than its index


def test_every_swap_curve_has_a_proxy_within_its_currency() -> None:
    for row in conventions.CURVES.values():
        proxy = proxy_of(row.name)
        assert (proxy is None) == (row.index is None)
        assert proxy is None or conventions.CURVES[proxy.of].currency == row.currency


def test_coverage_names_curves_publishers_and_ranges() -> None:
    taken(govt(MONDAY, Y10=0.04), govt(THURSDAY, Y10=0.04, Y2=0.043))
    assert coverage() == [("USD-GOVT", "official", "US Treasury", MONDAY, THURSDAY, 2)]


def test_known_at_needs_a_time_zone() -> None:
    with pytest.raises(BadInput, match="time zone"):
        closes("USD", MONDAY, MONDAY, known_at=dt.datetime(2024, 1, 1))  # noqa: DTZ001
    with pytest.raises(BadInput, match="allowed: USD"):
        closes("XXX", MONDAY, MONDAY)


def test_nine_thousand_days_are_copied_and_read() -> None:
    days = [dt.date(1999, 1, 1) + dt.timedelta(days=k) for k in range(9_000)]
    tenors = ("1M", "3M", "6M", "1Y", "2Y", "3Y", "5Y", "7Y", "10Y", "20Y", "30Y")
    quotes = [
        Quote(day, "USD-GOVT", tenor, round(0.03 + 1e-6 * (k % 700) + 1e-4 * j, 8))
        for k, day in enumerate(days)
        for j, tenor in enumerate(tenors)
    ]
    began = time.monotonic()
    done = store(quotes, origin())
    copied = time.monotonic()
    table = closes("USD", days[0], days[-1], with_proxies=False)
    read = time.monotonic()
    print(f"{done.new} quotes stored in {copied - began:.1f} s, read in {read - copied:.1f} s")
    assert table.rates.shape == (9_000, len(tenors))
    assert not np.isnan(table.rates).any()
    assert [round(rate, 8) for rate in table.rates[-1]] == [q.rate for q in quotes[-len(tenors) :]]
