"""The US dollar curves of OpenGamma's StandardDataSets, group 1, on 22 January 2014.

Continuous zero rates by years (actual/actual ISDA), linear between nodes and flat beyond them.
Source: github.com/OpenGamma/Strata, modules/pricer, StandardDataSets.java (facts only).
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import QuantLib as ql

from pricing import kernel
from pricing.markets.calendars import day_of
from pricing.measures.delivery.choice import flows_to_price
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.products.cash_flows import make_block
from pricing.products.flows import compile_trade
from pricing.products.schedules import ql_of_day
from pricing.products.terms import Terms

TODAY = dt.date(2014, 1, 22)
DISCOUNT = (
    (
        *(0.0027397260273972603, 0.005479452054794521, 0.0958904109589041, 0.1726027397260274),
        *(0.26301369863013696, 0.5123287671232877, 0.7643835616438356, 1.0164383561643835),
        *(2.0135040047907777, 3.010958904109589, 4.010958904109589, 5.016438356164383),
        *(6.016236245227937, 7.013698630136986, 8.01095890410959, 9.01095890410959),
        10.010771764353619,
    ),
    (
        *(0.001774301243044416, 0.0016475657039787027, 8.009449792765705e-4),
        *(7.991342366517293e-4, 7.76942929281221e-4, 8.011052753850107e-4, 8.544769819435054e-4),
        *(0.0010101196182894087, 0.0025295133435066, 0.005928027386129779, 0.009984669002766415),
        *(0.013910233828704998, 0.017362472692574273, 0.020265668368085216, 0.02272069332675378),
        *(0.02478235199041099, 0.026505391310201267),
    ),
)
LIBOR3M = (
    (
        *(0.25205479452054796, 0.5013698630136987, 0.7534246575342466, 1.010958904109589),
        *(2.0107717643536196, 3.0054794520547947, 4.005479452054795, 5.005479452054795),
        *(7.010958904109589, 10.005307283479302, 12.01095890410959, 15.005479452054795),
        *(20.005479452054793, 25.008219178082193, 30.01077176435362),
    ),
    (
        *(0.0023773794390540754, 0.002418692953929592, 0.002500627386941208),
        *(0.0026475398935223386, 0.004482958991370022, 0.008123927669512582, 0.012380488135102554),
        *(0.016448386998565587, 0.023026212753825527, 0.02933978147314788, 0.03208786808445603),
        *(0.03475307015968327, 0.03689179443401797, 0.03776622232525567, 0.03810645431268752),
    ),
)
LIBOR6M = (
    (
        *(0.5013698630136987, 0.7534246575342466, 1.0136986301369864, 2.0107717643536196),
        *(3.008219178082192, 4.005479452054795, 5.005479452054795, 7.010958904109589),
        *(10.005307283479302, 12.013698630136986, 15.005479452054795, 20.008219178082193),
        *(25.01095890410959, 30.01077176435362),
    ),
    (
        *(0.003340024121442567, 0.0034093794939005517, 0.0035662655276726372),
        *(0.005397906145818395, 0.00904615066816097, 0.013303401778277804, 0.0173694782570321),
        *(0.02398703895533916, 0.030336147956946564, 0.03313011714776066, 0.03581566678731747),
        *(0.03793869351638767, 0.038810658906253376, 0.03914178215349321),
    ),
)
CURVES = {"EUR-ESTR": DISCOUNT, "EUR-EURIBOR3M": LIBOR3M, "EUR-EURIBOR6M": LIBOR6M}
"""Under the names of curves whose indices have the conventions of US dollar LIBOR: Act/360, two
days, modified following, month ends."""


def factor(curve: str, day: int) -> float:
    """Discount factor of a day number."""
    count = ql.ActualActual(ql.ActualActual.ISDA)
    years = count.yearFraction(ql_of_day(day_of(TODAY)), ql_of_day(day))
    return float(np.exp(-np.interp(years, *CURVES[curve]) * years))


def dated(terms: Terms, *, indexed: bool = True) -> DatedBlock:
    """The flows of a trade on the day."""
    block = make_block([compile_trade(terms, indexed=indexed)])
    return roll_to(block, day_of(TODAY), {}, tuple(CURVES))


def value(terms: Terms, *, indexed: bool = True) -> float:
    """The value of a trade on these curves."""
    made = dated(terms, indexed=indexed)
    names = tuple(CURVES)
    discount = [
        factor(names[curve], day)
        for curve, day in zip(made.point_curve, made.point_day, strict=True)
    ]
    factors = np.array(discount)
    flows = flows_to_price(made.flows, made.deliveries, made.chains, factors)
    return float(kernel.value(flows, factors)[0])
