"""Conversion factors against those of the exchanges.

Sources: Eurex, 'Deliverable bonds and conversion factors' (June 2023); CME, 'Calculating U.S.
Treasury Futures Conversion Factors' (examples of December 2008 and March 2009); those of ICE and
the other ones of Eurex are in the tests of OpenGamma's Strata (BondFuturesUtilsTest) and
OG-Platform (BondFutureConversionFactorMethodTest), which say that they were checked with external
providers.
"""

from __future__ import annotations

import datetime as dt

import pytest

from pricing.errors import BadInput
from pricing.products.futures.conversion_factors import (
    CME_CONTRACTS,
    cme_conversion_factor,
    eurex_conversion_factor,
    ice_conversion_factor,
)


@pytest.mark.parametrize(
    ("contract", "delivery", "coupon", "maturity", "accrual_start", "expected"),
    [
        # Neither bond has paid a coupon: interest starts on the day of issue.
        ("FGBL", "2023-06-12", 0.023, "2033-02-15", "2023-01-13", 0.733943),
        ("FGBL", "2023-06-12", 0.017, "2032-08-15", "2022-07-08", 0.703125),
        ("FGBL", "2022-09-12", 0.017, "2032-08-15", "2022-07-08", 0.685182),
        ("FGBL", "2022-09-12", 0.0, "2031-08-15", None, 0.59455),
        ("FGBL", "2023-03-10", 0.0, "2032-02-15", None, 0.594076),
        ("FGBM", "2022-09-12", 0.005, "2028-02-15", None, 0.751436),
        ("FGBX", "2023-03-10", 0.0125, "2048-08-15", None, 0.565991),
        ("FGBX", "2012-03-12", 0.04, "2037-01-04", None, 0.999882),
        ("FGBX", "2012-03-12", 0.0425, "2039-07-04", None, 1.040908),
        ("FGBX", "2012-06-11", 0.0475, "2040-07-04", None, 1.125072),
        ("FGBX", "2012-06-11", 0.0325, "2042-07-04", None, 0.870130),
    ],
)
def test_factors_of_eurex(contract, delivery, coupon, maturity, accrual_start, expected):
    found = eurex_conversion_factor(
        contract,
        delivery=dt.date.fromisoformat(delivery),
        coupon=coupon,
        maturity=dt.date.fromisoformat(maturity),
        accrual_start=accrual_start and dt.date.fromisoformat(accrual_start),
    )
    assert found == expected


@pytest.mark.parametrize(
    ("contract", "month", "coupon", "maturity", "expected"),
    [
        ("ZB", "2008-12-01", 0.045, "2038-05-15", 0.7943),
        ("ZN", "2008-12-01", 0.0375, "2018-11-15", 0.8357),
        ("ZF", "2008-12-01", 0.0275, "2013-10-31", 0.8653),
        ("Z3N", "2009-03-01", 0.01125, "2012-01-15", 0.8747),
        ("ZT", "2008-12-01", 0.015, "2010-10-31", 0.9229),
    ],
)
def test_factors_of_cme(contract, month, coupon, maturity, expected):
    found = cme_conversion_factor(
        contract,
        delivery_month=dt.date.fromisoformat(month),
        coupon=coupon,
        maturity=dt.date.fromisoformat(maturity),
    )
    assert found == expected


@pytest.mark.parametrize(
    ("contract", "month", "coupon", "maturity", "expected"),
    [
        ("G", "2022-09-01", 0.01, "2024-04-22", 0.9682306),
        ("H", "2022-12-01", 0.0125, "2027-07-22", 0.8845462),
        ("R", "2022-12-01", 0.045, "2034-09-07", 1.0465032),
        ("U", "2022-09-01", 0.00625, "2050-10-22", 0.4330701),
        ("G", "2011-12-01", 0.05, "2014-09-07", 1.0526713),
        # On 1 March these two have gone ex the coupon of 7 March.
        ("G", "2012-03-01", 0.0225, "2014-03-07", 0.9854333),
        ("G", "2012-03-01", 0.05, "2014-09-07", 1.0481364),
        ("G", "2012-03-01", 0.0275, "2015-01-22", 0.9931048),
    ],
)
def test_factors_of_ice(contract, month, coupon, maturity, expected):
    found = ice_conversion_factor(
        contract,
        delivery_month=dt.date.fromisoformat(month),
        coupon=coupon,
        maturity=dt.date.fromisoformat(maturity),
    )
    assert found == expected


@pytest.mark.parametrize("contract", CME_CONTRACTS)
def test_a_bond_at_the_notional_coupon_has_a_factor_of_1(contract: str):
    """On a coupon date: between two of them the price counts simple interest."""
    date = dt.date(2034, 3, 1)
    assert (
        cme_conversion_factor(
            contract, delivery_month=dt.date(2025, 3, 1), coupon=0.06, maturity=date
        )
        == 1.0
    )
    assert (
        eurex_conversion_factor(
            "FGBL", delivery=dt.date(2025, 3, 10), coupon=0.06, maturity=dt.date(2034, 3, 10)
        )
        == 1.0
    )
    assert (
        ice_conversion_factor(
            "R", delivery_month=dt.date(2025, 3, 1), coupon=0.04, maturity=dt.date(2034, 3, 1)
        )
        == 1.0
    )


def test_what_no_factor_can_be_made_of_is_refused_by_a_sentence():
    day, earlier = dt.date(2025, 3, 10), dt.date(2025, 3, 1)
    cme, eurex, ice = cme_conversion_factor, eurex_conversion_factor, ice_conversion_factor
    with pytest.raises(BadInput, match=r"contract: .*ZZ.*allowed: ZT, Z3N"):
        cme("ZZ", delivery_month=day, coupon=0.04, maturity=dt.date(2030, 1, 1))
    with pytest.raises(BadInput, match=r"contract: .*FGB1.*allowed: FGBS"):
        eurex("FGB1", delivery=day, coupon=0.04, maturity=dt.date(2030, 1, 1))
    with pytest.raises(BadInput, match=r"contract: .*L.*allowed: G, H, R, U"):
        ice("L", delivery_month=day, coupon=0.04, maturity=dt.date(2030, 1, 1))
    with pytest.raises(BadInput, match=r"maturity: .*after the delivery month 2025-03"):
        cme("ZT", delivery_month=day, coupon=0.04, maturity=dt.date(2025, 3, 31))
    with pytest.raises(BadInput, match=r"maturity: .*after the delivery 2025-03-10"):
        eurex("FGBS", delivery=day, coupon=0.04, maturity=day)
    with pytest.raises(BadInput, match=r"maturity: .*after 2025-03-01"):
        ice("R", delivery_month=day, coupon=0.04, maturity=earlier)
    start, maturity = dt.date(2023, 1, 13), dt.date(2033, 2, 15)
    with pytest.raises(BadInput, match=r"accrual_start: .*from 2024-02-15 to the delivery"):
        eurex("FGBL", delivery=day, coupon=0.02, maturity=maturity, accrual_start=start)
    with pytest.raises(BadInput, match=r"first_coupon: .*an anniversary of the maturity"):
        eurex("FGBL", delivery=day, coupon=0.02, maturity=maturity, first_coupon=day)
