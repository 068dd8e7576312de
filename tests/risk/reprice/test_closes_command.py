"""Stored closes are listed with their bytes, and old ones are deleted when asked for."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command

from risk.models import FrameClose

pytestmark = pytest.mark.django_db
LAST = dt.date(2024, 3, 12)


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("closes", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def stored():
    for market in ("live", "svb"):
        for days in (0, 1, 400, 4_000):
            FrameClose.objects.create(
                market=market,
                currency="USD",
                date=LAST - dt.timedelta(days),
                frame=days + 1,
                as_of=dt.datetime(2024, 3, 12, tzinfo=dt.UTC),
                quotes={},
                labels={},
                fx={},
                sums=b"\x00" * 1_000,
                sha256="0" * 64,
            )


def test_closes_are_listed_with_their_size(stored):
    line = next(line for line in run().splitlines() if line.startswith("live USD"))
    assert "4 closes, 2013-03-30 to 2024-03-12" in line
    size = int(line.split(" bytes each")[0].split()[-1].replace(",", ""))
    assert 1_000 < size < 1_600


def test_old_closes_of_one_market_are_deleted(stored):
    assert "USD: 1 closes before 2014-03-15 would be deleted" in run("--prune", "--dry-run")
    assert FrameClose.objects.count() == 8
    run("--prune")
    run("--prune", "--market", "svb", "--days", "30")
    kept = {name: FrameClose.objects.filter(market=name).count() for name in ("live", "svb")}
    assert kept == {"live": 3, "svb": 2}
    with pytest.raises(CommandError, match="1 or more"):
        run("--prune", "--days", "0")


def test_without_closes_it_says_so():
    assert "no close is stored yet" in run()
