"""Two tenors of a curve that end together are refused by name, however they are spelt and whenever;
any two others make a curve."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import check_quotes, shape_of, tenor_length
from pricing.errors import BadInput, BootstrapFailed
from pricing.markets import conventions
from tests.pricing.sample_markets import AWKWARD_DATES

FLAT = 0.03
SPELLINGS = (("1Y", "12M"), ("2Y", "24M"), ("1W", "7D"), ("4W", "28D"), ("52W", "364D"))
BESIDE_A_YEAR = ("52W", "53W", "12M", "364D", "365D", "366D", "367D", "13M", "11M", "51W")

dates = st.one_of(
    st.sampled_from(AWKWARD_DATES), st.dates(dt.date(2022, 1, 3), dt.date(2027, 12, 31))
)
tenors = st.one_of(
    st.sampled_from(BESIDE_A_YEAR),
    st.integers(1, 800).map("{}D".format),
    st.integers(1, 110).map("{}W".format),
    st.integers(1, 30).map("{}M".format),
    st.integers(1, 3).map("{}Y".format),
)


def market(curve: str, *given: str) -> dict[str, dict[str, float]]:
    """A flat curve of these tenors, with the curve that it is discounted on."""
    made = {curve: dict.fromkeys((*given, "10Y"), FLAT)}
    discount = conventions.CURVES[curve].discount_curve
    return {**({discount: {"10Y": FLAT}} if discount else {}), **made}


@pytest.mark.parametrize("curve", list(conventions.CURVES))
@settings(max_examples=150, deadline=None)
@given(today=dates, one=tenors, other=tenors)
def test_two_tenors_make_a_curve_or_are_both_named(
    curve: str, today: dt.date, one: str, other: str
) -> None:
    quotes = market(curve, one, other)
    try:
        check_quotes(conventions.CURVES[curve].currency, quotes)
        curves = CurveSet(today, shape_of(quotes))
    except (BadInput, BootstrapFailed) as error:
        said = str(error)
        assert curve in said
        if "ends there" in said:
            assert f"{one} " in said or f"{other} " in said
            return
        assert one != other
        assert f"{one}" in said
        assert f"{other}" in said
        assert " at " not in said
        assert "iteration" not in said
        return
    nodes = next(part.days for part in curves.grid.curves if part.name == curve)
    assert all(before < day for before, day in itertools.pairwise(nodes))
    assert curves.solve(curves.vector(quotes)).rate_error < 1e-10


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_a_tenor_spelt_twice_is_refused_whatever_the_date(one: str, other: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_quotes("EUR", market("EUR-ESTR", one, other))
    assert str(caught.value) == (
        f"tenor: {other!r} is not valid; EUR-ESTR has {one} too, which is the same tenor: give one "
        "of them"
    )


def test_a_year_of_weeks_beside_a_year_of_months_is_refused_where_they_end_together() -> None:
    with pytest.raises(BootstrapFailed) as caught:
        CurveSet(dt.date(2025, 2, 10), shape_of(market("EUR-ESTR", "52W", "1Y")))
    assert str(caught.value) == (
        "EUR-ESTR 1Y does not bootstrap: on 2025-02-10 it ends on 2026-02-12, and 52W reaches to "
        "2026-02-12: a longer tenor must end later; give 52W or 1Y, not both"
    )


def test_days_and_months_are_different_lengths() -> None:
    assert tenor_length("12M") == tenor_length("1Y") == (12, "M")
    assert tenor_length("2W") == tenor_length("14D") == (14, "D")
    assert tenor_length("30D") != tenor_length("1M")


@pytest.mark.parametrize("curve", ["USD-SOFR", "EUR-ESTR"])
def test_two_days_that_roll_back_to_where_they_begin_are_refused_by_name(curve: str) -> None:
    with pytest.raises(BootstrapFailed) as caught:
        CurveSet(dt.date(2023, 12, 27), shape_of(market(curve, "2D")))
    assert str(caught.value) == (
        f"{curve} 2D does not bootstrap: on 2023-12-27 it begins on 2023-12-29, and ends there as "
        "2023-12-31 rolls back; leave it out"
    )
