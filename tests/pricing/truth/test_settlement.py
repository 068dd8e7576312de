"""Settlement dates of trades on dates at which a market's rule changes or a calendar differs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.markets.conventions import BONDS
from pricing.measures.bond_analytics import PricedBond
from pricing.products import fixed_rate_bond_flows
from pricing.products.fixed_rate_bond import BondTerms


def terms(convention: str | None, **changes: Any) -> BondTerms:
    row = BONDS.get(convention or "")
    return BondTerms(
        **{
            "trade_id": "b",
            "book": "b",
            "face_amount": 100.0,
            "issue_date": dt.date(2005, 11, 15),
            "maturity_date": dt.date(2035, 11, 15),
            "coupon_rate": 0.0425,
            "convention": convention,
            "currency": (row.currency if row else None) or "USD",
            **changes,
        }
    )


def settles(convention: str | None, trade_date: str, **changes: Any) -> str:
    made = fixed_rate_bond_flows.resolve_bond(terms(convention, **changes))
    return str(fixed_rate_bond_flows.settlement_date(made, dt.date.fromisoformat(trade_date)).ISO())


@pytest.mark.parametrize(
    ("convention", "traded", "settled"),
    [
        # SIFMA, 2012-03-21, 2015-03-09 and 2026-03-20: no settlement on Good Friday; its own
        # trades in US government securities settle T+2.
        ("US-TREASURY", "2012-04-05", "2012-04-09"),
        ("US-TREASURY", "2012-04-06", "2012-04-10"),
        ("US-TREASURY", "2015-04-02", "2015-04-06"),
        ("US-TREASURY", "2015-04-03", "2015-04-07"),
        ("US-TREASURY", "2026-04-02", "2026-04-06"),
        ("US-TREASURY", "2026-04-03", "2026-04-07"),
        ("US-TREASURY", "2026-04-06", "2026-04-07"),
        ("CORP-30-360", "2026-04-02", "2026-04-06"),
        # Treasuries were T+1 throughout.
        ("US-TREASURY", "2017-09-01", "2017-09-05"),
        ("US-TREASURY", "2024-05-24", "2024-05-28"),
        # SEC Rule 15c6-1: T+3, T+2 from 2017-09-05, T+1 from 2024-05-28.
        ("CORP-30-360", "2017-08-31", "2017-09-06"),
        ("CORP-30-360", "2017-09-01", "2017-09-07"),
        ("CORP-30-360", "2017-09-05", "2017-09-07"),
        ("CORP-30-360", "2024-05-24", "2024-05-29"),
        ("CORP-30-360", "2024-05-28", "2024-05-29"),
        # Regulation (EU) 909/2014: two trade dates, one settlement date on 2014-10-08.
        ("FR-OAT", "2014-10-03", "2014-10-08"),
        ("IT-BTP", "2014-10-06", "2014-10-08"),
        ("DE-BUND", "2014-10-03", "2014-10-07"),
        # Regulation (EU) 2025/2075: T+1 from 2027-10-11.
        ("DE-BUND", "2027-10-08", "2027-10-12"),
        ("FR-OAT", "2027-10-08", "2027-10-12"),
        ("IT-BTP", "2027-10-11", "2027-10-12"),
        ("DE-BUND", "2027-10-11", "2027-10-12"),
        # Gilts settle T+1 already.
        ("UK-GILT", "2024-05-02", "2024-05-03"),
        ("UK-GILT", "2027-10-11", "2027-10-12"),
    ],
)
def test_a_trade_settles_by_the_rule_of_its_date(
    convention: str, traded: str, settled: str
) -> None:
    assert settles(convention, traded) == settled


def test_a_lag_or_a_calendar_of_the_terms_goes_before_the_markets() -> None:
    assert settles("CORP-30-360", "2017-09-01", settlement_days=0) == "2017-09-01"
    assert settles("US-TREASURY", "2026-04-03", settlement_days=1) == "2026-04-06"
    assert settles("US-TREASURY", "2026-04-02", calendar="WEEKENDS") == "2026-04-03"


def test_who_names_the_calendar_of_payments_does_not_settle_on_good_friday() -> None:
    own = {"payment_frequency": "6M", "day_count": "ACT/365F", "settlement_days": 1}
    assert settles("US-TREASURY", "2026-04-02", calendar="us govt") == "2026-04-06"
    assert settles(None, "2026-04-02", **own) == "2026-04-06"
    assert fixed_rate_bond_flows.resolve_bond(terms("US-TREASURY")).calendar == "US-GOVT"


def test_no_trade_settles_before_the_issue_of_the_bond() -> None:
    assert settles("US-TREASURY", "2025-11-07", issue_date=dt.date(2025, 11, 17)) == "2025-11-17"


def test_a_bond_without_a_convention_settles_on_the_day_of_the_trade() -> None:
    own = {"payment_frequency": "6M", "day_count": "ACT/365F"}
    assert settles(None, "2024-05-28", **own) == "2024-05-28"


def test_the_first_row_of_every_market_holds_for_all_dates_and_rows_are_in_order() -> None:
    for row in BONDS.values():
        dates = [lag.valid_from for lag in row.settlement_lags]
        assert dates == sorted(set(dates))
        assert dates[0] == dt.date.min


def test_accrued_interest_runs_over_good_friday() -> None:
    """4.25 % of 2035-11-15 bought on 2026-04-02 settles on the 6th: 142 days of 181."""
    today = dt.date(2026, 4, 2)
    quotes = {"USD-GOVT": {"1Y": 0.04, "10Y": 0.04}}
    curves = CurveSet(today, shape_of(quotes))
    made = terms("US-TREASURY", issue_date=dt.date(2025, 11, 15), clean_price=100.0)
    found = PricedBond(made, curves, curves.solve(curves.vector(quotes))).analytics()
    assert found.accrued_per_100 == pytest.approx(2.125 * 142 / 181, abs=1e-12)
    assert found.clean_per_100 == pytest.approx(100.0, abs=1e-10)
