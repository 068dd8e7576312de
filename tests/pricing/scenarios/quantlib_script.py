"""Plain QuantLib: helpers, curves and instruments made afresh for each scenario, no code of ours.

Euro market of 5 March 2024: ESTR swaps, EURIBOR 6M swaps discounted on them, and zero rates of
government bonds. Conventions are written out here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import QuantLib as ql

TODAY = ql.Date(5, 3, 2024)
TARGET = ql.TARGET()
ACT360, ACT365, THIRTY360 = (
    ql.Actual360(),
    ql.Actual365Fixed(),
    ql.Thirty360(ql.Thirty360.BondBasis),
)
MF = ql.ModifiedFollowing
SPOT = TARGET.advance(TODAY, 2, ql.Days)
ANNUAL = ql.Period("1Y")
NOTIONAL = 10_000_000.0

Quotes = Mapping[str, Mapping[str, float]]


def quote(rate: float) -> ql.QuoteHandle:
    return ql.QuoteHandle(ql.SimpleQuote(rate))


def estr_curve(quotes: Mapping[str, float]) -> ql.YieldTermStructure:
    helpers = [
        ql.OISRateHelper(
            2,
            ql.Period(tenor),
            quote(rate),
            ql.Estr(),
            paymentLag=1,
            paymentConvention=MF,
            paymentFrequency=ql.Annual,
            paymentCalendar=TARGET,
            convention=MF,
            telescopicValueDates=True,
        )
        for tenor, rate in quotes.items()
    ]
    return piecewise(helpers)


def euribor_curve(quotes: Mapping[str, float], discount) -> ql.YieldTermStructure:
    helpers = [
        ql.SwapRateHelper(
            quote(rate),
            ql.Period(tenor),
            TARGET,
            ql.Annual,
            MF,
            THIRTY360,
            ql.Euribor6M(),
            ql.QuoteHandle(),
            ql.Period("0D"),
            discount,
        )
        for tenor, rate in quotes.items()
    ]
    return piecewise(helpers)


def piecewise(helpers) -> ql.YieldTermStructure:
    curve = ql.PiecewiseLogLinearDiscount(TODAY, helpers, ACT365)
    curve.enableExtrapolation()
    return curve


def govt_curve(quotes: Mapping[str, float]) -> ql.YieldTermStructure:
    """Continuous zero rates at tenors, log-linear in discount factors."""
    dates = [TODAY + ql.Period(tenor) for tenor in quotes]
    times = [ACT365.yearFraction(TODAY, date) for date in dates]
    factors = [math.exp(-r * t) for r, t in zip(quotes.values(), times, strict=True)]
    curve = ql.DiscountCurve([TODAY, *dates], [1.0, *factors], ACT365)
    curve.enableExtrapolation()
    return curve


def values(quotes: Quotes) -> dict[str, float]:
    """Value of each trade; the names are those of ``book``."""
    ql.Settings.instance().evaluationDate = TODAY
    estr = ql.YieldTermStructureHandle(estr_curve(quotes["EUR-ESTR"]))
    euribor = ql.YieldTermStructureHandle(euribor_curve(quotes["EUR-EURIBOR6M"], estr))
    govt = ql.YieldTermStructureHandle(govt_curve(quotes["EUR-GOVT"]))
    return {
        "ois": ois(estr),
        "swap": swap(estr, euribor),
        "bond": bond(govt),
    }


def ois(estr) -> float:
    """Receive 2.7 % for ten years from spot."""
    end = TARGET.adjust(SPOT + ql.Period("10Y"), ql.Unadjusted)
    schedule = ql.Schedule(SPOT, end, ANNUAL, TARGET, MF, MF, ql.DateGeneration.Backward, False)
    made = ql.OvernightIndexedSwap(
        ql.Swap.Receiver, NOTIONAL, schedule, 0.027, ACT360, ql.Estr(estr), 0.0, 1, MF, TARGET
    )
    return value(made, estr)


def swap(estr, euribor) -> float:
    """Pay 2.9 % for seven years from spot, against EURIBOR 6M."""
    end = SPOT + ql.Period("7Y")
    backward = ql.DateGeneration.Backward
    fixed = ql.Schedule(SPOT, end, ANNUAL, TARGET, MF, MF, backward, False)
    floating = ql.Schedule(SPOT, end, ql.Period("6M"), TARGET, MF, MF, backward, False)
    index = ql.Euribor6M(euribor)
    made = ql.VanillaSwap(
        ql.Swap.Payer, NOTIONAL, fixed, 0.029, THIRTY360, floating, index, 0.0, ACT360
    )
    return value(made, estr)


def value(made, estr) -> float:
    made.setPricingEngine(ql.DiscountingSwapEngine(estr))
    return made.NPV()


def bond(govt) -> float:
    """A Bund of 2.2 % to 15 February 2034, valued at today's date."""
    issue, end = ql.Date(12, 1, 2024), ql.Date(15, 2, 2034)
    schedule = ql.Schedule(
        issue,
        end,
        ANNUAL,
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        False,
    )
    count = ql.ActualActual(ql.ActualActual.ISMA, schedule)
    made = ql.FixedRateBond(
        0, NOTIONAL, schedule, [0.022], count, ql.Following, 100.0, issue, TARGET
    )
    return ql.CashFlows.npv(made.cashflows(), govt, False, TODAY, TODAY)
