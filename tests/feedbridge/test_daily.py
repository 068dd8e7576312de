"""Curves of a day: published values come back, proxies are what they say, blanks stay blank."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
from pathlib import Path

import pytest

from feedbridge.replay.history import daily
from feedbridge.replay.history.daily import CurveHistory
from pricing.curves.quotes import check_quotes
from pricing.errors import BadInput
from risk.history.proxies import SOFR_SPREAD_BP
from risk.history.terms import interpolate, years_of
from tests import not_run

REFERENCE = Path(__file__).parents[3] / "shared/data/usd_treasury_par_yields_1990_2026.csv"
MULTICURVE = REFERENCE.with_name("multicurve_quotes_ore_2025-02-10.csv")


def usd(history: CurveHistory, day: str) -> dict[str, dict[str, float]]:
    return history.day("USD", dt.date.fromisoformat(day)).curves


@pytest.mark.parametrize(
    ("day", "tenor", "percent"),
    [
        ("1990-01-02", "30Y", 8.00),
        ("2007-06-12", "10Y", 5.26),
        ("2020-03-09", "10Y", 0.54),
        ("2020-08-04", "10Y", 0.52),
        ("2023-03-13", "2Y", 4.03),
        ("2023-10-19", "10Y", 4.98),
        ("2024-09-24", "1M", 4.78),
    ],
)
def test_published_treasury_yields_come_back(
    history: CurveHistory, day: str, tenor: str, percent: float
):
    assert usd(history, day)["USD-GOVT"][tenor] == pytest.approx(percent / 100, abs=1e-12)


def test_the_stored_file_is_the_one_that_source_md_names():
    digest = hashlib.sha256(daily.STORED.read_bytes()).hexdigest()
    assert digest in daily.STORED.with_name("SOURCE.md").read_text()


def test_the_history_is_sorted_and_covers_what_it_says(history: CurveHistory):
    assert list(history.dates) == sorted(set(history.dates))
    assert (len(history.dates), str(history.first), str(history.last)) == (
        8690,
        "1990-01-02",
        "2024-09-24",
    )
    assert all(day.weekday() < 5 for day in history.dates)


def test_a_holiday_without_rates_is_no_market_day(history: CurveHistory):
    assert dt.date(2010, 10, 11) not in history.dates
    assert dt.date(2017, 4, 14) not in history.dates


def test_every_stored_yield_equals_an_independent_collection(history: CurveHistory):
    if not REFERENCE.exists():
        not_run.stop(not_run.SAMPLE_DATA, REFERENCE.name)
    with REFERENCE.open() as lines:
        rows = {row.pop("Date"): row for row in csv.DictReader(lines)}
    compared = 0
    for day in history.dates:
        expected = {
            label: float(text)
            for label, text in rows[day.isoformat()].items()
            if text and label != "1.5 Mo"
        }
        quotes = history.day("USD", day).curves["USD-GOVT"].values()
        assert [round(rate * 100, 6) for rate in quotes] == list(expected.values()), day
        compared += len(expected)
    assert compared == 92_725
    assert [day for day in rows if day <= "2024-09-24"] == [d.isoformat() for d in history.dates]


def test_a_zero_rate_stays_and_a_blank_does_not_become_zero(history: CurveHistory):
    assert usd(history, "2021-05-27")["USD-GOVT"]["1M"] == 0.0
    assert "3M" not in usd(history, "2008-12-10")["USD-GOVT"]
    assert "30Y" not in usd(history, "2004-06-01")["USD-GOVT"]
    assert "20Y" not in usd(history, "1993-09-30")["USD-GOVT"]


def test_the_sofr_proxy_is_the_treasury_curve_plus_the_stated_spread(history: CurveHistory):
    curves = usd(history, "2024-09-24")
    spread_bp = {
        tenor: round((rate - curves["USD-GOVT"][tenor]) * 1e4, 4)
        for tenor, rate in curves["USD-SOFR"].items()
    }
    assert spread_bp == {
        "1M": -0.7083,
        "3M": -2.125,
        "6M": -4.25,
        "1Y": -8.5,
        "2Y": -17.0,
        "3Y": -22.0,
        "5Y": -28.0,
        "7Y": -36.0,
        "10Y": -44.0,
        "20Y": -64.0,
        "30Y": -74.0,
    }


@pytest.mark.parametrize(("years", "bp"), [(0, 0), (1, -8.5), (4, -25), (15, -54), (50, -74)])
def test_between_two_spreads_lies_a_straight_line(years: float, bp: float):
    assert interpolate(SOFR_SPREAD_BP, years) == pytest.approx(bp)


def test_the_spread_is_what_the_market_showed_on_the_day_it_names():
    if not (MULTICURVE.exists() and REFERENCE.exists()):
        not_run.stop(not_run.SAMPLE_DATA, MULTICURVE.name)
    with MULTICURVE.open() as lines:
        sofr = {
            row["tenor"]: float(row["rate_decimal"])
            for row in csv.DictReader(lines)
            if row["curve"] == "USD.SOFR.OIS"
        }
    with REFERENCE.open() as lines:
        treasury = next(row for row in csv.DictReader(lines) if row["Date"] == "2025-02-10")
    for tenor in ("2Y", "3Y", "5Y", "7Y", "10Y", "20Y", "30Y"):
        seen_bp = sofr[tenor] * 1e4 - float(treasury[f"{tenor[:-1]} Yr"]) * 100
        assert interpolate(SOFR_SPREAD_BP, years_of(tenor)) == pytest.approx(seen_bp, abs=0.5)
    for tenor in ("1M", "3M"):
        seen_bp = sofr[tenor] * 1e4 - float(treasury[f"{tenor[:-1]} Mo"]) * 100
        assert abs(seen_bp) < 6


def test_every_curve_says_whether_it_is_official_proxy_or_synthetic(history: CurveHistory):
    labels = {
        name: label
        for currency in history.CURRENCIES
        for name, label in history.day(currency, history.last).labels.items()
    }
    assert labels == {
        "USD-GOVT": "official",
        "USD-SOFR": "proxy",
        "EUR-GOVT": "synthetic",
        "EUR-ESTR": "synthetic",
        "EUR-EURIBOR6M": "synthetic",
        "GBP-GOVT": "synthetic",
        "GBP-SONIA": "synthetic",
    }


@pytest.mark.parametrize("currency", CurveHistory.CURRENCIES)
def test_every_day_of_the_history_is_accepted_by_the_core(history: CurveHistory, currency: str):
    days = list(history.days(currency, history.first, history.last))
    assert len(days) == len(history.dates)
    for day in days:
        check_quotes(currency, day.curves)
        assert set(day.labels) == set(day.curves)
        assert all(len(quotes) >= 8 for quotes in day.curves.values())


def test_what_is_not_there_is_refused_with_a_sentence(history: CurveHistory):
    with pytest.raises(BadInput, match="allowed: USD, EUR, GBP, AUD"):
        history.day("PLN", history.last)
    with pytest.raises(BadInput, match="1990-01-02 to 2024-09-24"):
        history.day("USD", dt.date(2030, 1, 2))
    with pytest.raises(BadInput, match="not a market day"):
        history.day("EUR", dt.date(2024, 7, 4))
