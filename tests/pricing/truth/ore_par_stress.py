"""OpenSourceRisk/Engine, Examples/MarketRisk, ParStress (Example_63 before): quotes of EUR of
marketdata.csv and marketdata_ester.csv, the trade EUR6MSwap of the portfolio, and the values of it
in stresstest.csv and valid_ester/npv.csv. Valuation date 2024-03-05. Licence: Modified BSD.

The trade is a floating leg alone: EURIBOR 6M paid each quarter on 100 million, from 2024-03-01 to
2026-03-01. EURIBOR swaps are quoted there as a 3M swap and a difference of two swaps, whose sum is
the 6M rate.

The example's own fixing of 2024-02-28 is not published with it. ``FIRST_FIXING`` is the one at
which ORE 1.8.17 values the trade at the published ``BASE``. ``REBUILT`` is what ORE 1.8.17 makes of
these quotes and that fixing: all curves rebuilt on quotes 1 % up.
"""

VALUATION_DATE, FIXING_DATE = "2024-03-05", "2024-02-28"
START, END, NOTIONAL = "2024-03-01", "2026-03-01", 100_000_000.0
SHIFT = 0.01

ESTR = {
    "1D": 0.039,
    "1W": 0.039,
    "2W": 0.039,
    "3W": 0.039,
    "1M": 0.039,
    "2M": 0.039,
    "3M": 0.039,
    "4M": 0.039,
    "5M": 0.038,
    "6M": 0.038,
    "7M": 0.038,
    "8M": 0.037,
    "9M": 0.036,
    "10M": 0.036,
    "11M": 0.035,
    "1Y": 0.035,
    "15M": 0.033,
    "18M": 0.032,
    "21M": 0.031,
    "2Y": 0.03,
    "3Y": 0.027,
    "4Y": 0.026,
    "5Y": 0.025,
    "6Y": 0.025,
    "7Y": 0.025,
    "8Y": 0.025,
    "9Y": 0.025,
    "10Y": 0.025,
    "11Y": 0.025,
    "12Y": 0.025,
    "15Y": 0.026,
    "20Y": 0.025,
    "25Y": 0.025,
    "30Y": 0.024,
    "40Y": 0.022,
    "50Y": 0.021,
    "60Y": 0.022,
}
EURIBOR6M = {
    "6M": 0.039,
    "1X7": 0.039,
    "2X8": 0.037,
    "3X9": 0.036,
    "4X10": 0.035,
    "5X11": 0.034,
    "6X12": 0.033,
    "9X15": 0.03,
    "12X18": 0.028,
    "2Y": 0.03 + 0.00085,
    "3Y": 0.03 + 0.00079,
    "4Y": 0.03 + 0.00072,
    "5Y": 0.03 + 0.00064,
    "6Y": 0.03 + 0.00056,
    "7Y": 0.03 + 0.00048,
    "8Y": 0.03 + 0.0004,
    "9Y": 0.03 + 0.0003,
    "10Y": 0.03 + 0.0002,
    "12Y": 0.03 + 0.00003,
    "15Y": 0.03 - 0.0002,
    "20Y": 0.03 - 0.0005,
    "25Y": 0.03 - 0.00062,
    "30Y": 0.02 - 0.0007,
    "40Y": 0.02 - 0.0009,
    "50Y": 0.02 - 0.00105,
    "60Y": 0.02 - 0.00108,
}
UNMOVED = frozenset({"1D"})
"""The overnight deposit stays in the example's shifted quotes."""

BASE = 5_924_803.709084
PUBLISHED_ESTR = 5_847_685.920958
FIRST_FIXING = 0.03875516136947983
REBUILT = {"EUR-ESTR": 5_847_673.805475, "EUR-EURIBOR6M": 7_571_446.127962}
