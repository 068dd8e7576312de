"""Nelson-Siegel-Svensson: the ECB's published rates are met to their digits, its published
forwards follow, bonds priced by QuantLib on such a curve give it back, a cheap one is found."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pytest
import QuantLib as ql
from django.core.management import call_command

from pricing.batch.government_curve import fit_government_curve
from pricing.curves.bonds.svensson import SvenssonCurve, fit_zero_rates
from pricing.errors import BadInput
from pricing.products.fixed_rate_bond import BondTerms

YEARS = np.array([0.25, 0.5, 0.75, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30])

ECB = {
    "2004-09-06": (
        *(2.0342, 2.1219, 2.2104, 2.2988, 2.6413, 2.9516, 3.2232, 3.4572, 3.6574),
        *(3.8285, 3.9749, 4.1007, 4.2092, 4.3853, 4.5764, 4.7793, 4.9045, 4.9887),
    ),
    "2004-09-07": (
        *(2.0409, 2.1388, 2.2349, 2.3289, 2.6798, 2.9873, 3.2525, 3.4795, 3.6735),
        *(3.8393, 3.9815, 4.1038, 4.2096, 4.3817, 4.5692, 4.7689, 4.8925, 4.9755),
    ),
}
"""ECB, euro area yield curves, AAA spot rates in percent (series SR_3M to SR_30Y)."""

FORWARD_7Y9M = {"2004-09-06": 5.031286253875913, "2004-09-07": 5.007635948066169}
"""ECB, instantaneous forward rates in percent (series IF_7Y9M)."""


@pytest.mark.parametrize("date", ECB)
def test_the_ecbs_spot_rates_are_met_and_its_forwards_follow(date):
    rates = np.array(ECB[date]) / 100.0
    curve = fit_zero_rates(YEARS, rates)
    assert np.abs(curve.zero_rates(YEARS) - rates).max() < 0.0000006  # half a digit, and its fit
    (forward,) = curve.forward_rates(np.array([7.75])) * 100.0
    assert forward == pytest.approx(FORWARD_7Y9M[date], abs=2e-4)


def test_forwards_are_the_slope_of_log_discount_factors():
    curve = SvenssonCurve((0.04, -0.02, 0.01, 0.005), (1.7, 9.0))
    at, step = np.array([0.5, 3.0, 17.0]), 1e-5
    slope = (np.log(curve.discount(at - step)) - np.log(curve.discount(at + step))) / (2 * step)
    assert curve.forward_rates(at) == pytest.approx(slope, abs=1e-9)
    assert curve.discount(np.array([0.0]))[0] == pytest.approx(1.0, abs=1e-12)


TRUE = SvenssonCurve((0.031, -0.008, 0.012, -0.004), (1.9, 8.5))
DAY = dt.date(2024, 3, 5)


def by_quantlib() -> tuple[ql.DiscountCurve, ql.Date]:
    """The true curve as QuantLib's own, a factor a day."""
    today = ql.Date(5, 3, 2024)
    ql.Settings.instance().evaluationDate = today
    days = np.arange(0, 12_000)
    factors = TRUE.discount(days / 365.0)
    dates = [today + int(day) for day in days]
    return ql.DiscountCurve(dates, factors.tolist(), ql.Actual365Fixed()), today


def bunds(moved: str = "", by: float = 0.0) -> tuple[list[BondTerms], dict[str, float]]:
    """Bonds at QuantLib's clean prices, one of which is moved; and their coupons."""
    curve, _ = by_quantlib()
    engine = ql.DiscountingBondEngine(ql.YieldTermStructureHandle(curve))
    made, coupons = [], {}
    for number, years in enumerate((1, 2, 3, 4, 5, 7, 9, 10, 12, 15, 20, 25, 30)):
        name, coupon = f"B{years}", 0.005 * (1 + number % 6)
        issue, maturity = ql.Date(15, 2, 2023), ql.Date(15, 2, 2024 + years)
        schedule = ql.Schedule(
            issue,
            maturity,
            ql.Period(ql.Annual),
            ql.TARGET(),
            ql.Unadjusted,
            ql.Unadjusted,
            ql.DateGeneration.Backward,
            False,
        )
        count = ql.ActualActual(ql.ActualActual.ISMA, schedule)
        bond = ql.FixedRateBond(2, 100.0, schedule, [coupon], count, ql.Following)
        bond.setPricingEngine(engine)
        price = bond.cleanPrice() + (by if name == moved else 0.0)
        coupons[name] = coupon
        made.append(
            BondTerms(
                trade_id=name,
                book="B",
                convention="DE-BUND",
                face_amount=1e6,
                issue_date=dt.date(2023, 2, 15),
                maturity_date=dt.date(2024 + years, 2, 15),
                coupon_rate=coupon,
                clean_price=price,
            )
        )
    return made, coupons


def test_bonds_that_quantlib_prices_on_a_curve_give_it_back():
    book, _ = bunds()
    found = fit_government_curve(book, "EUR-GOVT", DAY)
    assert found.left_out == []
    at = np.linspace(0.9, 29.9, 50)
    assert np.abs(found.curve.zero_rates(at) - TRUE.zero_rates(at)).max() < 2e-7
    assert max(abs(bond.cheap_bp) for bond in found.bonds) < 1e-3
    assert max(abs(bond.clean - bond.model_clean) for bond in found.bonds) < 1e-4


def test_a_bond_that_is_cheap_by_ten_basis_points_is_found():
    """Against the curve of the others: its own price pulls the fit a little."""
    book, _ = bunds("B9", -0.75)
    found = fit_government_curve(book, "EUR-GOVT", DAY)
    cheap = {bond.trade_id: bond.cheap_bp for bond in found.bonds}
    others = fit_government_curve([b for b in book if b.trade_id != "B9"], "EUR-GOVT", DAY)
    assert max(abs(bond.cheap_bp) for bond in others.bonds) < 1e-3
    # By hand: 0.75 of price over its slope, about 8.3 years times a price of about 100.
    assert 5.0 < cheap["B9"] < 10.5
    assert max(cheap, key=lambda name: cheap[name]) == "B9"
    assert max(abs(value) for name, value in cheap.items() if name != "B9") < 4.0


def test_nelson_siegel_has_no_second_hump():
    book, _ = bunds()
    found = fit_government_curve(book, "EUR-GOVT", DAY, "nelson_siegel")
    assert found.curve.betas[3] == 0.0
    assert max(abs(bond.cheap_bp) for bond in found.bonds) < 12.0


def test_too_few_bonds_and_an_unknown_model_are_refused():
    book, _ = bunds()
    with pytest.raises(BadInput, match="at least 6 for svensson"):
        fit_government_curve(book[:5], "EUR-GOVT", DAY)
    with pytest.raises(BadInput, match="allowed: nelson_siegel, svensson"):
        fit_government_curve(book, "EUR-GOVT", DAY, "spline")
    with pytest.raises(
        BadInput, match="at least one with a clean price or a quoted yield on USD-GOVT"
    ):
        fit_government_curve(book, "USD-GOVT", DAY)


def test_a_bond_that_cannot_be_laid_out_is_named_and_left_out():
    book, _ = bunds()
    dead = BondTerms(
        trade_id="GONE",
        book="B",
        convention="DE-BUND",
        face_amount=1e6,
        issue_date=dt.date(2010, 2, 15),
        maturity_date=dt.date(2020, 2, 15),
        coupon_rate=0.03,
        clean_price=100.0,
    )
    found = fit_government_curve([*book, dead], "EUR-GOVT", DAY)
    assert [failure.trade_id for failure in found.left_out] == ["GONE"]
    assert len(found.bonds) == len(book)


def test_the_command_prints_parameters_and_rich_and_cheap(tmp_path, capsys):
    book, _ = bunds("B9", -0.75)
    rows = [
        {
            "trade_id": bond.trade_id,
            "book": bond.book,
            "convention": bond.convention,
            "face_amount": bond.face_amount,
            "issue_date": bond.issue_date.isoformat(),
            "maturity_date": bond.maturity_date.isoformat(),
            "coupon_rate": bond.coupon_rate,
            "clean_price": bond.clean_price,
        }
        for bond in book
    ]
    file, out = tmp_path / "book.json", tmp_path / "out.json"
    file.write_text(json.dumps({"bonds": rows}))
    args = ("fit_bonds", "--book", str(file), "--curve", "EUR-GOVT", "--date", "2024-03-05")
    call_command(*args)
    said = capsys.readouterr().out
    assert "B9" in said
    assert "svensson" in said
    call_command(*args, "--out", str(out))
    answer = json.loads(out.read_text())
    assert answer["bonds"][0]["trade_id"] == "B9"  # the cheapest first
    assert answer["zero_rates"]["10Y"] == pytest.approx(0.03, abs=0.01)
