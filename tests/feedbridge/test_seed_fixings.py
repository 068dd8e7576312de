"""Derived fixings in the store: whole, once, and never over what somebody loaded."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from feedbridge.replay.history.daily import CurveHistory
from instruments.models import BookVersion, Fixing

pytestmark = pytest.mark.django_db

WEEK = ("--from", "2024-07-01", "--to", "2024-07-05")


def seed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("seed_fixings", *arguments, stdout=out)
    return out.getvalue()


def test_every_weekday_gets_a_fixing_of_every_index(history: CurveHistory):
    assert "20 written, 0 unchanged, 0 of another source kept" in seed(*WEEK)
    assert Fixing.objects.count() == 20
    holiday = Fixing.objects.get(index="SOFR", date=dt.date(2024, 7, 4))
    curve = history.day("USD", dt.date(2024, 7, 3)).curves["USD-SOFR"]
    assert (holiday.rate, holiday.source) == (Decimal(f"{curve['1M']:.8f}"), "proxy")
    assert Fixing.objects.get(index="ESTR", date=dt.date(2024, 7, 4)).source == "synthetic"


def test_the_second_time_changes_nothing_and_the_first_raises_the_book_once():
    before = BookVersion.current()
    seed(*WEEK)
    assert BookVersion.current() == before + 1
    assert "0 written, 20 unchanged" in seed(*WEEK)
    assert BookVersion.current() == before + 1


def test_a_loaded_fixing_stays():
    day = dt.date(2024, 7, 2)
    Fixing.objects.create(index="SOFR", date=day, rate=Decimal("0.0533"), source="New York Fed")
    assert "19 written, 0 unchanged, 1 of another source kept" in seed(*WEEK)
    kept = Fixing.objects.get(index="SOFR", date=day)
    assert (kept.rate, kept.source) == (Decimal("0.0533"), "New York Fed")


def test_a_derived_fixing_that_differs_is_renewed_as_a_new_version():
    seed(*WEEK)
    Fixing.objects.filter(index="SONIA", date=dt.date(2024, 7, 2)).update(rate=Decimal("0.01"))
    assert "1 written, 19 unchanged" in seed(*WEEK)
    renewed = Fixing.objects.get(index="SONIA", date=dt.date(2024, 7, 2))
    assert renewed.version == 2
    assert renewed.rate > Decimal("0.03")


def test_the_default_range_reaches_the_end_of_the_history():
    assert "fixings 2018-01-01 to 2024-09-24: 7028 written" in seed()
    assert Fixing.objects.filter(date=dt.date(2024, 9, 24)).count() == 4


def test_dates_outside_the_history_get_a_sentence():
    with pytest.raises(CommandError, match="covers 1990-01-02 to 2024-09-24"):
        seed("--to", "2030-01-01")
