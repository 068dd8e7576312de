"""The GIRR delta charge: against numbers by hand, and the properties of its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.frtb.girr_delta import (
    SCENARIOS,
    GirrDelta,
    girr_delta,
    risk_weights,
    tenor_correlations,
)
from pricing.frtb.vertices import VERTICES

AMOUNTS = st.lists(
    st.floats(-1e9, 1e9, allow_nan=False), min_size=len(VERTICES), max_size=len(VERTICES)
).map(np.array)
SMOOTH = slice(VERTICES.index(3.0), VERTICES.index(20.0) + 1)
BOOKS = st.dictionaries(
    st.sampled_from(["EUR", "USD", "CHF", "NOK"]),
    st.dictionaries(st.sampled_from(["ois", "term", "govt"]), AMOUNTS, min_size=1),
    min_size=1,
)


def at(**amounts: float) -> np.ndarray:
    """Amounts at vertices: ``at(y10=1.0)``."""
    places = {f"y{years:g}".replace(".", "_"): n for n, years in enumerate(VERTICES)}
    row = np.zeros(len(VERTICES))
    for name, amount in amounts.items():
        row[places[name]] = amount
    return row


def charge(found: GirrDelta, scenario: str) -> float:
    return found.scenarios[scenario].charge  # type: ignore[index]


def test_a_published_number_of_one_sensitivity() -> None:
    """1,000 at 3 months of a currency whose weight is 1.7 % over the root of 2."""
    found = girr_delta({"EUR": {"EUR-ESTR": at(y0_25=1_000.0)}}, "EUR")
    assert found.charge == pytest.approx(12.02081528, abs=5e-9)
    assert {charge(found, name) for name in SCENARIOS} == {found.charge}


def test_weights_of_currencies_that_are_not_liquid_are_whole_but_for_the_banks_own() -> None:
    sold = {"NOK": {"NOK-NOWA": at(y10=1_000.0)}}
    assert girr_delta(sold, "EUR").charge == pytest.approx(11.0)
    assert girr_delta(sold, "NOK").charge == pytest.approx(11.0 / math.sqrt(2.0))
    by_hand = [1.7, 1.7, 1.6, 1.3, 1.2, 1.1, 1.1, 1.1, 1.1, 1.1]
    assert risk_weights("NOK", "EUR") * 100.0 == pytest.approx(by_hand)


def test_two_tenors_of_one_curve_by_hand() -> None:
    """5 and 10 years: exp(-0.03 * 5 / 5) = 0.9704; 0.25 and 30 years have the floor of 40 %."""
    near = girr_delta({"NOK": {"c": at(y5=1_000.0, y10=-1_000.0)}}, "EUR")
    rho = math.exp(-0.03)
    low = max(2 * rho - 1, 0.75 * rho)
    assert charge(near, "medium") == pytest.approx(11.0 * math.sqrt(2 - 2 * rho))
    assert charge(near, "high") == 0.0
    assert charge(near, "low") == pytest.approx(11.0 * math.sqrt(2 - 2 * low))
    assert (near.scenario, near.charge) == ("low", charge(near, "low"))
    far = girr_delta({"NOK": {"c": at(y0_25=1_000.0, y30=1_000.0)}}, "EUR")
    for name, correlation in (("low", 0.3), ("medium", 0.4), ("high", 0.5)):
        by_hand = math.sqrt(17.0**2 + 11.0**2 + 2 * correlation * 17.0 * 11.0)
        assert charge(far, name) == pytest.approx(by_hand)
    assert far.scenario == "high"


def test_two_curves_of_one_currency_by_hand() -> None:
    """A basis of one tenor between two curves: correlation 99.9 %, and 99.8 % when it is low."""
    found = girr_delta({"NOK": {"a": at(y10=1_000.0), "b": at(y10=-1_000.0)}}, "EUR")
    assert charge(found, "medium") == pytest.approx(11.0 * math.sqrt(2 - 2 * 0.999))
    assert charge(found, "high") == pytest.approx(0.0, abs=1e-6)
    assert charge(found, "low") == pytest.approx(11.0 * math.sqrt(2 - 2 * 0.998))
    crossed = girr_delta({"NOK": {"a": at(y5=1_000.0), "b": at(y10=1_000.0)}}, "EUR")
    rho = 0.999 * math.exp(-0.03)
    assert charge(crossed, "medium") == pytest.approx(11.0 * math.sqrt(2 + 2 * rho))


def test_two_currencies_by_hand() -> None:
    long = {"NOK": {"a": at(y10=1_000.0)}, "DKK": {"b": at(y10=1_000.0)}}
    for name, gamma in (("low", 0.375), ("medium", 0.5), ("high", 0.625)):
        assert charge(girr_delta(long, "EUR"), name) == pytest.approx(
            11.0 * math.sqrt(2 + 2 * gamma)
        )


def test_a_negative_sum_bounds_the_net_of_each_currency_by_its_charge() -> None:
    """The correlations of all tenors admit a net far beyond the charge: MAR21.4 then bounds it."""
    shape = np.linalg.solve(tenor_correlations(), np.ones(len(VERTICES)))
    row = 1e3 * shape / risk_weights("NOK", "EUR")
    found = girr_delta({"NOK": {"c": row}, "DKK": {"c": -row}}, "EUR").scenarios["medium"]
    nok, dkk = found.buckets.values()
    assert nok.net == pytest.approx(1e3 * shape.sum())
    assert nok.net > 5.0 * nok.charge
    assert nok.charge**2 + dkk.charge**2 + 2 * 0.5 * nok.net * dkk.net < 0
    # Bounded nets are +K and -K: 2 K^2 - 2 * 0.5 * K^2.
    assert found.charge == pytest.approx(nok.charge)


@given(BOOKS, st.floats(1e-3, 1e3))
def test_the_charge_scales_and_has_no_sign(book, factor: float) -> None:
    base = girr_delta(book, "USD")
    for scale in (factor, -factor):
        other = girr_delta(
            {
                name: {curve: scale * row for curve, row in curves.items()}
                for name, curves in book.items()
            },
            "USD",
        )
        assert other.charge == pytest.approx(factor * base.charge, rel=1e-6, abs=1e-3)
    assert base.charge == max(charge(base, name) for name in SCENARIOS)


def test_the_floor_of_correlations_leaves_no_positive_matrix_over_all_tenors() -> None:
    """Why the square of a bucket is floored at 0, and why the next test has some tenors alone."""
    assert np.linalg.eigvalsh(tenor_correlations())[0] < 0
    assert np.linalg.eigvalsh(tenor_correlations()[SMOOTH, SMOOTH])[0] > 0


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_two_books_together_charge_no_more_than_apart(a, b, c, d) -> None:
    """On tenors from 3 to 20 years, whose correlations are a positive matrix in every scenario."""
    inside = np.zeros(len(VERTICES))
    inside[SMOOTH] = 1.0
    a, b, c, d = (inside * row for row in (a, b, c, d))
    parts = [girr_delta({"EUR": {"x": x, "y": y}}, "USD") for x, y in ((a, b), (c, d))]
    whole = girr_delta({"EUR": {"x": a + c, "y": b + d}}, "USD")
    for name in SCENARIOS:
        apart = sum(charge(each, name) for each in parts)
        assert charge(whole, name) <= apart * (1 + 1e-6) + 10.0


@given(BOOKS)
def test_the_charge_is_no_more_than_the_sum_of_weighted_amounts(book) -> None:
    found = girr_delta(book, "USD")
    gross = sum(
        float(np.abs(risk_weights(name, "USD") * row).sum())
        for name, curves in book.items()
        for row in curves.values()
    )
    assert 0.0 <= found.charge <= gross * (1 + 1e-9)


def test_nothing_charges_nothing() -> None:
    assert girr_delta({}, "USD").charge == 0.0
