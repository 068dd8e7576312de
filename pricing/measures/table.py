"""The table of measures: one row for each, from which all lists of measures are made.

The numbers of a block, their sums, the fields of REST answers, the columns of screens, the output
of ``manage.py price`` and the glossary follow this table. A new measure of every frame is a row
here and a function of the same name in ``formulas.py``; one that costs more than a frame may is
made after frames, at a lower cadence, by a function in ``analytics.py``. Importing this module
loads neither QuantLib nor numba.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeVar

from pricing.products.registry import PRODUCTS

T = TypeVar("T")
Made = Literal["frame", "later", "batch"]
Shape = Literal["number", "ladder", "legs"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure of a trade.

    Attributes:
        name: Its name in Redis, REST answers, files and code.
        label: Its name on screens.
        unit: What one unit of the number is.
        sign: What a positive number means.
        doc: One sentence that defines it.
        reference: Where the definition or the comparison comes from.
        made: ``frame``: with every frame. ``later``: after frames, at a lower cadence, with the
            number of the frame that it is of. ``batch``: only by ``manage.py price``.
        shape: One number a trade, a ladder by curve and tenor, or a number by leg.
        additive: Numbers of trades of one currency may be added. Sums exist only of such measures.
        every_product: Every product has it; otherwise those that name it in ``Product.measures``.
            Trades of other products answer null with the reason UNSUPPORTED.
        required: A trade without it fails, and records in Redis always carry it.
        new_name: The name that replaces ``name``; answers carry both for one release.
        number_format: How screens print it, as a format of C's ``printf`` with "," for thousands.
        in_blotter: It is a column of the dashboard's table of trades.
    """

    name: str
    label: str
    unit: str
    sign: str
    doc: str
    reference: str
    made: Made = "frame"
    shape: Shape = "number"
    additive: bool = True
    every_product: bool = True
    required: bool = False
    new_name: str | None = None
    number_format: str = "%,.2f"
    in_blotter: bool = False

    def supports(self, product: str) -> bool:
        """Return whether trades of a product have this measure."""
        return self.every_product or (
            product in PRODUCTS and self.name in PRODUCTS[product].measures
        )


RECEIVED = "positive for a long bond and a receiver swap"
MONEY_PER_BP = "trade currency per bp"
QUANTLIB = "`pricing/reference.py`: QuantLib, bump and rebuild"
BOND_YIELD = "the yield convention of the bond's market, [pricing.md](pricing.md)"

BondAnalytic = partial(
    Measure, reference=BOND_YIELD, made="later", additive=False, every_product=False
)
"""A measure that only bonds have. It is made after frames and is not additive."""

FutureBasis = partial(
    BondAnalytic,
    reference="[pricing.md](pricing.md#bond-futures), `pricing/measures/delivery/basis.py`",
)
"""A measure that only bond futures have. It is made after frames and is not additive."""

TABLE = (
    Measure(
        name="npv",
        label="NPV",
        unit="trade currency",
        sign="positive is an asset",
        doc="Value at the valuation date of all flows that are paid after it.",
        reference=QUANTLIB,
        required=True,
        number_format="%,.0f",
        in_blotter=True,
    ),
    Measure(
        name="dv01_par",
        label="DV01 par",
        unit=MONEY_PER_BP,
        sign=RECEIVED,
        doc=(
            "What a fall by 1 bp of all outright calibrating quotes of all curves of the currency"
            " earns, basis spreads held; the sum of `ladder_par` over these quotes."
        ),
        reference=QUANTLIB,
        required=True,
        number_format="%,.0f",
        in_blotter=True,
    ),
    Measure(
        name="dv01_zero",
        label="DV01 zero",
        unit=MONEY_PER_BP,
        sign=RECEIVED,
        doc=(
            "What a fall by 1 bp of all continuously compounded zero rates of all curves of the"
            " currency earns; the sum of `krd`."
        ),
        reference=QUANTLIB,
        required=True,
        number_format="%,.0f",
        in_blotter=True,
    ),
    Measure(
        name="gamma",
        label="Gamma",
        unit="trade currency per bp squared",
        sign="positive for a long bond",
        doc="`PV(+1bp) - 2 PV + PV(-1bp)` with all outright calibrating quotes moved together.",
        reference=QUANTLIB,
        required=True,
        number_format="%,.3f",
        in_blotter=True,
    ),
    Measure(
        name="pv01",
        new_name="annuity_bp",
        label="Annuity",
        unit="trade currency per bp of coupon",
        sign="positive for the receiver of fixed",
        doc="Value of 1 bp of coupon: annuity times notional times 1 bp. It is not a DV01.",
        reference="`ql.CashFlows.bps`",
        required=True,
    ),
    Measure(
        name="ladder_par",
        label="Par ladder",
        unit=MONEY_PER_BP,
        sign=RECEIVED,
        doc=(
            "DV01 to each calibrating quote, the others held and all curves rebuilt; the discount"
            " and the projection curve are listed separately."
        ),
        reference=QUANTLIB,
        shape="ladder",
    ),
    Measure(
        name="krd",
        label="KRD",
        unit=MONEY_PER_BP,
        sign=RECEIVED,
        doc="Key rates: DV01 under one tent on zero rates, by curve and tenor.",
        reference=QUANTLIB,
        shape="ladder",
    ),
    Measure(
        name="cs01",
        label="CS01",
        unit="trade currency per bp of z-spread",
        sign="positive for a long bond",
        doc="What a fall by 1 bp of the bond's z-spread earns: the exact derivative times 1 bp.",
        reference="central differences of QuantLib's value with the z-spread moved",
        every_product=False,
        number_format="%,.0f",
        in_blotter=True,
    ),
    Measure(
        name="par_rate",
        label="Par rate",
        unit="decimal per year",
        sign="as quoted",
        doc=(
            "The fixed rate at which a swap or forward rate agreement is worth 0; of a basis swap"
            " the spread on its first leg, of a zero-coupon swap the rate in the compounding of its"
            " terms. Of an interest-rate future, the rate of its model price: 100 less the price,"
            " as a decimal."
        ),
        reference="`ql.Swap`: value of the floating leg over `ql.CashFlows.bps` of the fixed one;"
        " `pricing/products/swaps/par_terms.py`",
        additive=False,
        every_product=False,
        number_format="%.6f",
    ),
    Measure(
        name="theta",
        label="Theta",
        unit="trade currency per calendar day",
        sign="positive: value rises as time passes",
        doc=(
            "Change of value over one calendar day with all quotes unmoved; a flow that is paid on"
            " that day has left the value."
        ),
        reference="QuantLib's value on the next day, curves rebuilt",
        made="later",
        number_format="%,.0f",
    ),
    BondAnalytic(
        name="clean_per_100",
        label="Clean price",
        unit="per 100 of face",
        sign="price",
        doc="Model price at settlement without accrued interest.",
        number_format="%.6f",
    ),
    BondAnalytic(
        name="dirty_per_100",
        label="Dirty price",
        unit="per 100 of face",
        sign="price",
        doc="Model price at settlement with accrued interest.",
        number_format="%.6f",
    ),
    BondAnalytic(
        name="accrued_per_100",
        label="Accrued",
        unit="per 100 of face",
        sign="negative when the bond is ex-dividend",
        doc="Accrued interest at settlement.",
        number_format="%.6f",
    ),
    BondAnalytic(
        name="ytm",
        label="Yield",
        unit="decimal per year",
        sign="as quoted",
        doc="Yield of the clean price.",
        number_format="%.6f",
    ),
    BondAnalytic(
        name="discount_yield",
        label="Discount yield",
        unit="decimal per year",
        sign="as quoted",
        doc="Of bills and discount paper: discount from face over the face, by days to maturity.",
        reference="31 CFR Part 356, Appendix B, section VI",
        number_format="%.6f",
    ),
    BondAnalytic(
        name="money_market_yield",
        label="Money market yield",
        unit="decimal per year",
        sign="as quoted",
        doc="Of bills and discount paper: discount from face over the price, by days to maturity.",
        reference="J. Mayle, Standard Securities Calculation Methods, vol. 1: CD equivalent yield",
        number_format="%.6f",
    ),
    BondAnalytic(
        name="bond_equivalent_yield",
        label="Bond equivalent yield",
        unit="decimal per year",
        sign="as quoted",
        doc=(
            "Of bills and discount paper: simple yield by days of a calendar year, compounded once "
            "beyond half a year."
        ),
        reference="31 CFR Part 356, Appendix B, section VI: investment rate",
        number_format="%.6f",
    ),
    BondAnalytic(
        name="discount_margin_bp",
        label="Discount margin",
        unit="basis points",
        sign="added to the index",
        doc=(
            "Margin over the index at which a floating-rate note is worth its price, with the "
            "index kept at the rate of the coupon in progress and simple interest by period."
        ),
        reference="31 CFR Part 356, Appendix B, section IV; `pricing/measures/discount_margin.py`",
        number_format="%.4f",
    ),
    FutureBasis(
        name="future_price",
        label="Future price",
        unit="per 100 of face",
        sign="price",
        doc="Model price of a bond future: the least, over its bonds, of forward clean price over "
        "conversion factor, less the option value.",
        number_format="%.6f",
    ),
    FutureBasis(
        name="conversion_factor",
        label="Conversion factor",
        unit="price per 1 of face",
        sign="price",
        doc="Of the bond that is cheapest to deliver.",
        number_format="%.6f",
    ),
    FutureBasis(
        name="gross_basis",
        label="Gross basis",
        unit="per 100 of face of the bond",
        sign="positive where the bond costs more than the future pays for it",
        doc="Of the cheapest bond: clean price less conversion factor times future price.",
        number_format="%.6f",
    ),
    FutureBasis(
        name="net_basis",
        label="Net basis",
        unit="per 100 of face of the bond",
        sign="positive where the forward bond costs more than the future pays for it",
        doc="Of the cheapest bond: forward clean price less conversion factor times future price; "
        "gross basis less carry.",
        number_format="%.6f",
    ),
    FutureBasis(
        name="implied_repo",
        label="Implied repo",
        unit="decimal per year",
        sign="positive: the delivered bond earns interest",
        doc="Of the cheapest bond: the simple rate earned by buying it and delivering it on the "
        "last day; days over those of a year of the currency's overnight index.",
        number_format="%.6f",
    ),
    BondAnalytic(
        name="modified_duration",
        label="Modified duration",
        unit="years",
        sign="of the bond, not of the position",
        doc="Fall of the price for a rise of the bond's own yield, over the price.",
        number_format="%.4f",
    ),
    BondAnalytic(
        name="convexity",
        label="Convexity",
        unit="years squared",
        sign="of the bond, not of the position",
        doc="Second derivative of the price to the bond's own yield, over the price.",
        number_format="%.4f",
    ),
    BondAnalytic(
        name="yield_dv01",
        label="Yield DV01",
        unit="trade currency per bp of yield",
        sign="positive for a long bond",
        doc="What a fall of the bond's own yield by 1 bp earns on the position.",
        number_format="%,.2f",
    ),
    BondAnalytic(
        name="z_spread_bp",
        label="Z-spread",
        unit="basis points",
        sign="added to the discounting rate",
        doc=(
            "Constant spread over the bond's curve that makes the model's dirty "
            "price the market's; solved once from a price, then held."
        ),
        number_format="%.4f",
    ),
)

BY_NAME = MappingProxyType({row.name: row for row in TABLE})


def _names(rows: Iterable[Measure]) -> tuple[str, ...]:
    return tuple(row.name for row in rows)


NUMBERS = tuple(row for row in TABLE if row.shape == "number")

MEASURES = _names(row for row in NUMBERS if row.made == "frame")
"""Measures with one number a trade that are made with every frame."""

SUMMED = _names(row for row in NUMBERS if row.made == "frame" and row.additive)
"""Measures of ``MEASURES`` that have sums."""

ANALYTICS = _names(row for row in NUMBERS if row.made == "later")
"""Measures with one number a trade that are made after frames, at a lower cadence."""

LIVE = (*MEASURES, *ANALYTICS)
"""All measures of a trade in answers about published frames."""

LIVE_SUMMED = _names(row for row in NUMBERS if row.made in ("frame", "later") and row.additive)
"""Measures of ``LIVE`` with sums by book and product in every frame."""

REQUIRED = _names(row for row in TABLE if row.required)
"""Measures without which a trade counts as failed."""


def with_new_names(record: dict[str, T]) -> dict[str, T]:
    """The record with each renamed measure under its new name also."""
    found: dict[str, T] = {}
    for name, value in record.items():
        found[name] = value
        row = BY_NAME.get(name)
        if row is not None and row.new_name is not None:
            found[row.new_name] = value
    return found


def total(product_values: Iterable[tuple[str, float | None]], name: str) -> float | None:
    """The sum of a measure over parts of a book, from each part's product and value.

    None where a part whose product has the measure has no value, and where no product has it.
    """
    row = BY_NAME[name]
    values = [value for product, value in product_values if row.supports(product)]
    if None in values or (not values and not row.every_product):
        return None
    return float(sum(value for value in values if value is not None))
