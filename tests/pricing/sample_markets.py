"""Markets and trades to draw from: made up but plausible, of every currency and convention."""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from pricing.curves.quotes import CurveQuotes, tenor_days
from pricing.markets import calendars, conventions, vocabulary
from pricing.products.fixed_floating_swap import NotionalStep, RateStep, SwapTerms
from pricing.products.fixed_rate_bond import BondTerms, CouponStep, FaceStep
from pricing.products.futures.bond_contract import bond_contract_dates, read_bond_contract
from pricing.products.futures.bond_future import BondFutureTerms, Deliverable
from pricing.products.futures.contract import MONTH_LETTERS
from pricing.products.futures.interest_rate_future import InterestRateFutureTerms
from pricing.products.swaps.basis_swap import BasisSwapTerms
from pricing.products.swaps.forward_rate_agreement import FraTerms
from pricing.products.swaps.zero_coupon_swap import ZeroCouponSwapTerms
from pricing.products.terms import Terms
from tests.pricing.sample_notes import a_note, notes
from tests.pricing.truth.flows_by_dates import shifted

SHARED_QUOTES = (
    Path(__file__).resolve().parents[3] / "shared" / "data" / "multicurve_quotes_ore_2025-02-10.csv"
)
NOTIONAL = 1_000_000.0
DAY_COUNTS = vocabulary.DAY_COUNTS

TENORS = {
    "ois": ("1D", "1W", "1M", "6M", "1Y", "2Y", "5Y", "10Y", "30Y", "50Y"),
    "ibor": ("3M", "6M", "1Y", "2Y", "5Y", "10Y", "30Y", "50Y"),
    "par_yield": ("1M", "6M", "1Y", "2Y", "5Y", "10Y", "30Y"),
    "zero": ("3M", "1Y", "2Y", "5Y", "10Y", "30Y"),
}
AWKWARD_DATES = (
    dt.date(2024, 2, 29),  # leap day
    dt.date(2023, 12, 29),  # last business day of a year
    dt.date(2024, 3, 29),  # Good Friday
    dt.date(2024, 12, 25),  # a holiday everywhere
    dt.date(2024, 6, 29),  # a Saturday
    dt.date(2025, 1, 31),  # month end
    dt.date(2025, 2, 10),
)
BY_ITSELF = ("USD", "EUR", "GBP")
GROUPS = (
    *((name,) for name in BY_ITSELF),
    tuple(name for name in conventions.CURRENCIES if name not in BY_ITSELF),
)
"""Currencies that a property is drawn for: three each by itself, all others together."""

SWAPS_OF = {
    currency: [name for name, row in conventions.SWAPS.items() if row.currency == currency]
    for currency in conventions.CURRENCIES
}
INDICES_OF = {
    currency: [row.name for row in conventions.INDICES.values() if row.currency == currency]
    for currency in conventions.CURRENCIES
}
IBORS_OF = {
    currency: [name for name in names if conventions.INDICES[name].kind == "ibor"]
    for currency, names in INDICES_OF.items()
}
BOND_FUTURES_OF = {
    currency: [name for name, row in conventions.BOND_FUTURES.items() if row.currency == currency]
    for currency in conventions.CURRENCIES
}
FUTURES_OF = {
    currency: [name for name, row in conventions.FUTURES.items() if row.currency == currency]
    for currency in conventions.CURRENCIES
}
BONDS_OF = {
    currency: [n for n, row in conventions.BONDS.items() if row.currency in (currency, None)]
    for currency in conventions.CURRENCIES
}


def curves_of(currency: str, level: float, slope: float, hump: float) -> CurveQuotes:
    """All curves of a currency, smooth in the tenor; decimals."""
    made: CurveQuotes = {}
    for place, row in enumerate(conventions.CURVES.values()):
        if row.currency != currency:
            continue
        made[row.name] = {
            tenor: _rate(tenor_days(tenor) / 365.25, level + 0.0005 * place, slope, hump)
            for tenor in TENORS[row.quotes]
        }
    return made


def _rate(years: float, level: float, slope: float, hump: float) -> float:
    far = 1.0 - math.exp(-years / 4.0)
    return level + slope * far + hump * far * math.exp(-years / 8.0)


def fixings_until(date: dt.date, level: float = 0.02) -> dict[str, dict[dt.date, float]]:
    """Every index, every weekday of the nine years before the date; none on it."""
    days = [date - dt.timedelta(days=n) for n in range(1, 9 * 366)]
    weekdays = [day for day in days if day.weekday() < 5]
    return {
        name: {day: level + 1e-5 * (day.toordinal() % 41) for day in weekdays}
        for name in conventions.INDICES
    }


def shared_quotes(curve: str) -> dict[str, float]:
    """Published quotes of one day, when the file is there."""
    with SHARED_QUOTES.open() as file:
        return {
            row["tenor"]: float(row["rate_decimal"])
            for row in csv.DictReader(file)
            if row["curve"] == curve
        }


# --- Strategies ------------------------------------------------------------------------------

dates = st.one_of(
    st.sampled_from(AWKWARD_DATES), st.dates(dt.date(2022, 1, 3), dt.date(2025, 6, 30))
)
levels = st.floats(-0.012, 0.07)
slopes = st.floats(-0.01, 0.02)
humps = st.floats(-0.01, 0.01)


@st.composite
def markets(draw, currency: str) -> CurveQuotes:
    return curves_of(currency, draw(levels), draw(slopes), draw(humps))


@st.composite
def swaps(draw, currency: str, today: dt.date, number: int) -> SwapTerms:
    convention = draw(st.sampled_from(SWAPS_OF[currency]))
    start = today + dt.timedelta(days=draw(st.integers(-2200, 800)))
    alive = max(start, today)
    end = alive + dt.timedelta(days=draw(st.integers(40, 365 * 42)))
    optional: dict[str, object] = {}
    if draw(st.booleans()):
        optional["spread_bp"] = draw(st.floats(-50, 150))
    if draw(st.integers(0, 3)) == 0:
        optional["payment_lag"] = draw(st.integers(0, 5))
    if draw(st.integers(0, 3)) == 0:
        optional["end_of_month"] = True
        optional["termination_date"] = _month_end(end)
    if draw(st.integers(0, 3)) == 0:
        optional["notional_schedule"] = _steps(draw, start, end)
    if draw(st.integers(0, 3)) == 0 and (end - start).days > 500:
        last = optional.get("termination_date", end)
        month_ends = "end_of_month" in optional
        after = start + dt.timedelta(days=20)
        optional["first_regular_date"] = _years_before(last, after, month_ends)
    if draw(st.integers(0, 3)) == 0:
        optional["fixed_frequency"] = draw(st.sampled_from(["3M", "6M", "1Y"]))
        optional["fixed_day_count"] = draw(st.sampled_from(DAY_COUNTS))
    return SwapTerms(
        trade_id=f"S{number}",
        book="book",
        convention=convention,
        pay_receive=draw(st.sampled_from(["pay", "receive"])),
        notional=NOTIONAL,
        effective_date=start,
        fixed_rate=draw(st.floats(-0.01, 0.08)),
        **{"termination_date": end, **optional},
    )


def _steps(draw, start: dt.date, end: dt.date) -> list[NotionalStep]:
    days = sorted(draw(st.sets(st.integers(30, max(31, (end - start).days)), max_size=3)))
    return [
        NotionalStep(date=start + dt.timedelta(days=d), notional=NOTIONAL * (0.8 - 0.2 * i))
        for i, d in enumerate(days)
    ]


def _bond_schedules(draw, issue: dt.date, maturity: dt.date) -> dict[str, object]:
    """A coupon that rises and a face that is repaid in parts, on dates in whole years to maturity.

    Days that not every month has are left out: whose month ends they are differs by market.
    """
    if maturity.day > 28:
        return {}
    years = [maturity.replace(year=y) for y in range(issue.year, maturity.year)]
    dates = [date for date in years if date > issue][-4:]
    made: dict[str, object] = {}
    if dates and draw(st.integers(0, 2)) == 0:
        made["coupon_schedule"] = tuple(
            CouponStep(date=date, coupon_rate=0.01 * n) for n, date in enumerate(dates, start=1)
        )
    if dates and draw(st.integers(0, 2)) == 0:
        made["face_schedule"] = tuple(
            FaceStep(date=date, face=100.0 - 20.0 * n) for n, date in enumerate(dates, start=1)
        )
    return made


def _years_before(end: dt.date, after: dt.date, month_ends: bool) -> dt.date:
    """The earliest date in whole years before the end that is after another."""
    years = end.year - after.year
    found = shifted(end, -12 * years, month_ends)
    return found if found > after else shifted(end, -12 * (years - 1), month_ends)


def _month_end(date: dt.date) -> dt.date:
    following = (date.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return following - dt.timedelta(days=1)


@st.composite
def bonds(draw, currency: str, today: dt.date, number: int) -> BondTerms:
    convention = draw(st.sampled_from(BONDS_OF[currency]))
    issue = today - dt.timedelta(days=draw(st.integers(3, 3600)))
    maturity = today + dt.timedelta(days=draw(st.integers(8, 365 * 40)))
    optional: dict[str, object] = {"coupon_rate": draw(st.floats(0.0, 0.09))}
    if draw(st.integers(0, 4)) == 0:
        optional |= {"coupon_rate": 0.0, "payment_frequency": "ZERO"}
    elif draw(st.integers(0, 3)) == 0:
        optional["day_count"] = draw(st.sampled_from(DAY_COUNTS))
        optional["payment_frequency"] = draw(st.sampled_from(["3M", "6M", "1Y"]))
    if draw(st.integers(0, 3)) == 0:
        days = draw(st.integers(5, 900))
        optional["penultimate_coupon_date"] = max(
            issue + dt.timedelta(days=1), maturity - dt.timedelta(days=days)
        )
    if not optional.keys() & {"payment_frequency", "penultimate_coupon_date"}:
        optional |= _bond_schedules(draw, issue, maturity)
    if draw(st.booleans()):
        optional["z_spread_bp"] = draw(st.floats(-80, 400))
    if draw(st.integers(0, 3)) == 0:
        curves = [c.name for c in conventions.CURVES.values() if c.currency == currency]
        optional["discount_curve"] = draw(st.sampled_from(curves))
    return BondTerms(
        trade_id=f"B{number}",
        book="book",
        convention=convention,
        currency=currency,
        face_amount=draw(st.sampled_from([NOTIONAL, -NOTIONAL])),
        issue_date=issue,
        maturity_date=maturity,
        **optional,
    )


@st.composite
def basis_swaps(draw, currency: str, today: dt.date, number: int) -> BasisSwapTerms:
    first, second = draw(st.permutations(INDICES_OF[currency]))[:2]
    start = today + dt.timedelta(days=draw(st.integers(-2200, 800)))
    end = max(start, today) + dt.timedelta(days=draw(st.integers(200, 365 * 30)))
    optional: dict[str, object] = {}
    if draw(st.integers(0, 3)) == 0:
        optional["payment_lag"] = draw(st.integers(0, 5))
    if draw(st.integers(0, 3)) == 0:
        optional["first_frequency"] = draw(st.sampled_from(["1M", "3M", "6M", "1Y"]))
    return BasisSwapTerms(
        trade_id=f"X{number}",
        book="book",
        first_index=first,
        second_index=second,
        pay_receive=draw(st.sampled_from(["pay", "receive"])),
        notional=NOTIONAL,
        effective_date=start,
        termination_date=end,
        first_spread_bp=draw(st.floats(-30, 60)),
        second_spread_bp=draw(st.sampled_from([0.0, 12.5])),
        **optional,
    )


@st.composite
def zero_coupon_swaps(draw, currency: str, today: dt.date, number: int) -> ZeroCouponSwapTerms:
    start = today + dt.timedelta(days=draw(st.integers(-2200, 800)))
    end = max(start, today) + dt.timedelta(days=draw(st.integers(40, 365 * 40)))
    return ZeroCouponSwapTerms(
        trade_id=f"Z{number}",
        book="book",
        convention=draw(st.sampled_from(SWAPS_OF[currency])),
        pay_receive=draw(st.sampled_from(["pay", "receive"])),
        notional=NOTIONAL,
        effective_date=start,
        termination_date=end,
        fixed_rate=draw(st.floats(-0.01, 0.08)),
        fixed_frequency=draw(st.sampled_from([None, None, "6M", "1Y"])),
    )


@st.composite
def fras(draw, currency: str, today: dt.date, number: int) -> FraTerms:
    row = conventions.INDICES[draw(st.sampled_from(IBORS_OF[currency]))]
    start = today + dt.timedelta(days=draw(st.integers(-4, 800)))
    return FraTerms(
        trade_id=f"F{number}",
        book="book",
        index=row.name,
        pay_receive=draw(st.sampled_from(["pay", "receive"])),
        notional=NOTIONAL,
        effective_date=calendars.adjust(row.calendar, start, "FOLLOWING"),
        fixed_rate=draw(st.floats(-0.01, 0.08)),
    )


@st.composite
def futures(draw, currency: str, today: dt.date, number: int) -> InterestRateFutureTerms:
    name = draw(st.sampled_from(FUTURES_OF[currency]))
    month = today.year * 12 + today.month - 1 + draw(st.integers(-4, 30))
    return InterestRateFutureTerms(
        trade_id=f"U{number}",
        book="book",
        contract=f"{name}{MONTH_LETTERS[month % 12]}{month // 12 % 100:02d}",
        contracts=draw(st.sampled_from([-1.0, 1.0])),
        trade_price=draw(st.floats(93.0, 101.0)),
        **draw(
            st.sampled_from(
                [
                    {},
                    {"convexity_bp": 1.25},
                    {"volatility_bp": 120.0, "mean_reversion": 0.03},
                    {"volatility_bp": 90.0, "mean_reversion": 0.0},
                ]
            )
        ),
    )


@st.composite
def bond_futures(draw, currency: str, today: dt.date, number: int) -> BondFutureTerms:
    """Up to three bonds with factors that make any of them the cheapest."""
    row = conventions.BOND_FUTURES[draw(st.sampled_from(BOND_FUTURES_OF[currency]))]
    month = today.year * 12 + today.month - 1 + draw(st.integers(4, 12))
    code = f"{row.name}{MONTH_LETTERS[month % 12]}{month // 12 % 100:02d}"
    delivery = bond_contract_dates(read_bond_contract(code)).delivery
    bonds = tuple(
        Deliverable(
            convention=draw(st.sampled_from(BONDS_OF[currency])),
            currency=currency,
            issue_date=today - dt.timedelta(days=draw(st.integers(3, 3000))),
            maturity_date=delivery + dt.timedelta(days=draw(st.integers(200, 365 * 30))),
            coupon_rate=draw(st.floats(0.0, 0.09)),
            conversion_factor=draw(st.floats(0.5, 1.3)),
            z_spread_bp=draw(st.sampled_from([0.0, 25.0])),
            repo_spread_bp=draw(st.sampled_from([0.0, -15.0])),
        )
        for _ in range(draw(st.integers(1, 3)))
    )
    return BondFutureTerms(
        trade_id=f"D{number}",
        book="book",
        contract=code,
        contracts=draw(st.sampled_from([-1, 1])) * max(round(NOTIONAL / row.contract_size), 1),
        trade_price=draw(st.floats(70.0, 150.0)),
        deliverables=bonds,
        option_value=draw(st.sampled_from([None, 0.125, -0.05])),
    )


def in_whole_years(start: dt.date, years: int, today: dt.date) -> dt.date:
    """A day after today on which no period is odd: a lockout must be shorter than each period."""
    year = max(start.year + years, today.year + 1)
    return dt.date(year, start.month, start.day)


@st.composite
def variants(draw, currency: str, today: dt.date, number: int) -> SwapTerms:
    """Overnight legs that average or look back, and steps of the rate."""
    convention = draw(st.sampled_from(SWAPS_OF[currency]))
    index = conventions.INDICES[conventions.SWAPS[convention].index]
    start = today + dt.timedelta(days=draw(st.integers(-500, 300)))
    start = start.replace(day=min(start.day, 28))
    end = max(start, today) + dt.timedelta(days=draw(st.integers(60, 900)))
    optional: dict[str, object] = {}
    if index.kind == "overnight":
        averaged, lookback = {"overnight_method": "averaged"}, draw(st.integers(1, 10))
        shifted = {"lookback_days": lookback, "observation_shift": True}
        late = {"lookback_days": lookback}
        locked = {"lockout_days": draw(st.integers(1, 4))}
        straight, flat = {"compounding_method": "straight"}, {"compounding_method": "flat"}
        optional |= draw(
            st.sampled_from(
                [
                    *(averaged, shifted, late, locked, straight, flat, late | locked),
                    *(averaged | late, averaged | locked, shifted | locked, shifted | straight),
                    *(shifted | flat, late | locked | straight, locked | flat),
                ]
            )
        )
    elif draw(st.booleans()):
        optional["float_frequency"] = draw(st.sampled_from(["1Y", "ZERO"]))
        optional["compounding_method"] = draw(
            st.sampled_from(["spread_exclusive", "straight", "flat"])
        )
    if "lockout_days" in optional:
        end = in_whole_years(start, draw(st.integers(1, 3)), today)
    if draw(st.booleans()):
        step = start + dt.timedelta(days=draw(st.integers(10, 900)))
        optional["fixed_rate_schedule"] = [RateStep(date=step, rate=draw(st.floats(-0.01, 0.08)))]
    return SwapTerms(
        trade_id=f"V{number}",
        book="book",
        convention=convention,
        pay_receive=draw(st.sampled_from(["pay", "receive"])),
        notional=NOTIONAL,
        effective_date=start,
        termination_date=end,
        fixed_rate=draw(st.floats(-0.01, 0.08)),
        spread_bp=draw(st.sampled_from([0.0, 12.5])),
        **optional,
    )


@st.composite
def books(draw, currency: str, today: dt.date) -> list[Terms]:
    others = [zero_coupon_swaps, variants]
    if len(INDICES_OF[currency]) > 1:
        others.append(basis_swaps)
    if IBORS_OF[currency]:
        others.append(fras)
    if FUTURES_OF[currency]:
        others += [futures, futures]
    if BOND_FUTURES_OF[currency]:
        others.append(bond_futures)
    kinds = [swaps, bonds, swaps, bonds, notes, *others]
    makers = draw(st.lists(st.sampled_from(kinds), min_size=4, max_size=8))
    return [draw(make(currency, today, number)) for number, make in enumerate(makers)]


def one_of_each() -> list[Terms]:
    """A plain trade of every product."""
    bond = BondTerms(
        trade_id="bond",
        book="book",
        convention="DE-BUND",
        face_amount=NOTIONAL,
        issue_date=dt.date(2020, 7, 4),
        maturity_date=dt.date(2034, 7, 4),
        coupon_rate=0.025,
        z_spread_bp=12.0,
    )
    swap = SwapTerms(
        trade_id="swap",
        book="book",
        convention="EUR-EURIBOR-6M",
        pay_receive="pay",
        notional=NOTIONAL,
        effective_date=dt.date(2024, 3, 7),
        termination_date=dt.date(2033, 3, 7),
        fixed_rate=0.027,
    )
    basis = BasisSwapTerms(
        trade_id="basis",
        book="book",
        first_index="EURIBOR3M",
        second_index="EURIBOR6M",
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=dt.date(2024, 3, 7),
        termination_date=dt.date(2033, 3, 7),
        first_spread_bp=6.0,
    )
    zero = ZeroCouponSwapTerms(
        trade_id="zero",
        book="book",
        convention="EUR-EURIBOR-6M",
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=dt.date(2024, 3, 7),
        termination_date=dt.date(2033, 3, 7),
        fixed_rate=0.026,
    )
    fra = FraTerms(
        trade_id="fra",
        book="book",
        index="EURIBOR3M",
        pay_receive="pay",
        notional=NOTIONAL,
        effective_date=dt.date(2025, 6, 18),
        fixed_rate=0.024,
    )
    future = InterestRateFutureTerms(
        trade_id="future",
        book="book",
        contract="ER3H25",
        contracts=400.0,
        trade_price=97.6,
    )
    return [bond, swap, basis, zero, fra, future, a_note()]


def size(terms: Terms) -> float:
    return terms.size


def ids(book: Sequence[Terms]) -> list[str]:
    return [terms.trade_id for terms in book]
