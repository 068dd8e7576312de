"""The bonds of the sample book: a few real ones, the others invented.

A bond with an ISIN is real, with its issuer's terms. The name of every other bond says that it is
invented.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from demo.sample_market import (
    FIRST_ISSUE_YEAR,
    FIRST_MATURITY,
    LAST_YEAR,
    MARKET_DATE,
    level,
    months_after,
    open_day,
)
from pricing.products.fixed_rate_bond import BondTerms, CouponStep, FaceStep

ISSUERS = {
    "US-TREASURY": ("UST", "United States Treasury", "US"),
    "DE-BUND": ("DE-GOVT", "Federal Republic of Germany", "DE"),
    "FR-OAT": ("FR-GOVT", "French Republic", "FR"),
    "IT-BTP": ("IT-GOVT", "Italian Republic", "IT"),
    "UK-GILT": ("UK-GOVT", "United Kingdom, HM Treasury", "GB"),
    "AU-ACGB": ("AU-GOVT", "Commonwealth of Australia", "AU"),
    "CA-GOVERNMENT": ("CA-GOVT", "Government of Canada", "CA"),
    "CH-CONFEDERATION": ("CH-GOVT", "Swiss Confederation", "CH"),
    "DK-DGB": ("DK-GOVT", "Kingdom of Denmark", "DK"),
    "JP-JGB": ("JP-GOVT", "Government of Japan", "JP"),
    "NO-NGB": ("NO-GOVT", "Kingdom of Norway", "NO"),
    "NZ-NZGB": ("NZ-GOVT", "New Zealand", "NZ"),
    "SE-SGB": ("SE-GOVT", "Kingdom of Sweden", "SE"),
}
"""Code, name and country of the government whose bonds follow a convention."""


@dataclass(frozen=True, kw_only=True)
class SampleBond:
    """A bond of the sample book: ``static`` holds the fields of BondTerms.

    The issuer of a government's bond is that of its convention in ``ISSUERS``.
    ``z_spread_bp`` and ``conversion_factor`` are those of its place in the basket of a future; a
    factor is stated where the exchange's formula is not known.
    """

    code: str
    currency: str
    static: dict[str, Any]
    z_spread_bp: float = 0.0
    conversion_factor: float | None = None

    def __post_init__(self) -> None:
        """Add the issuer."""
        issuer = ISSUERS.get(self.static.get("convention", ""))
        if issuer is not None:
            object.__setattr__(self, "static", {**self.static, "issuer": issuer[0]})

    @property
    def is_sample(self) -> bool:
        """Whether the bond is invented."""
        return "isin" not in self.static

    def terms(self) -> BondTerms:
        """A position of 100 in no book: for its static data."""
        return BondTerms(trade_id="-", book="-", face_amount=100.0, **self.static)


def _real(
    isin: str, convention: str, rate: float, issue: str, maturity: str, first: str = ""
) -> SampleBond:
    market, matures = MARKETS[convention], dt.date.fromisoformat(maturity)
    static: dict[str, Any] = {
        "isin": isin,
        "name": f"{market.label} {rate * 100:g}% {matures.day} {matures:%b %Y}",
        "convention": convention,
        "coupon_rate": rate,
        "issue_date": dt.date.fromisoformat(issue),
        "maturity_date": matures,
    }
    if first:
        static["first_coupon_date"] = dt.date.fromisoformat(first)
    return SampleBond(code=isin, currency=market.currency, static=static)


@dataclass(frozen=True, kw_only=True)
class _Market:
    """How invented bonds of a market look, and where they traded on `MARKET_DATE`."""

    currency: str
    label: str
    payments: int
    cycles: tuple[tuple[int, int], ...]  # month and day of maturity
    bond_yield: float
    z_spread_bp: float  # over the government curve of the currency
    dated_on_cycle: bool  # accrual starts on a coupon date; else at issue, with a long first one


MARKETS = {
    "US-TREASURY": _Market(
        currency="USD",
        label="Treasury",
        payments=2,
        cycles=((2, 15), (5, 15), (8, 15), (11, 15)),
        bond_yield=0.040,
        z_spread_bp=0.0,
        dated_on_cycle=True,
    ),
    "DE-BUND": _Market(
        currency="EUR",
        label="Bund",
        payments=1,
        cycles=((2, 15), (7, 4), (8, 15)),
        bond_yield=0.0205,
        z_spread_bp=-5.0,
        dated_on_cycle=False,
    ),
    "FR-OAT": _Market(
        currency="EUR",
        label="OAT",
        payments=1,
        cycles=((5, 25), (11, 25)),
        bond_yield=0.026,
        z_spread_bp=45.0,
        dated_on_cycle=True,
    ),
    "IT-BTP": _Market(
        currency="EUR",
        label="BTP",
        payments=2,
        cycles=((3, 1), (9, 1)),
        bond_yield=0.0365,
        z_spread_bp=150.0,
        dated_on_cycle=True,
    ),
    "UK-GILT": _Market(
        currency="GBP",
        label="Gilt",
        payments=2,
        cycles=((1, 31), (3, 7), (7, 22), (10, 22)),
        bond_yield=0.0375,
        z_spread_bp=0.0,
        dated_on_cycle=False,
    ),
    "JP-JGB": _Market(
        currency="JPY",
        label="JGB",
        payments=2,
        cycles=((6, 20), (12, 20)),
        bond_yield=0.0085,
        z_spread_bp=0.0,
        dated_on_cycle=True,
    ),
}
INVENTED = {"US-TREASURY": 26, "DE-BUND": 9, "FR-OAT": 9, "IT-BTP": 9, "UK-GILT": 13}
"""Number of invented bonds by market."""

REAL = (
    _real("US91282CFF32", "US-TREASURY", 0.0275, "2022-08-15", "2032-08-15"),
    _real("US91282CFV81", "US-TREASURY", 0.04125, "2022-11-15", "2032-11-15"),
    _real("US91282CHT18", "US-TREASURY", 0.03875, "2023-08-15", "2033-08-15"),
    _real("US91282CJJ18", "US-TREASURY", 0.045, "2023-11-15", "2033-11-15"),
    _real("DE0001102622", "DE-BUND", 0.021, "2022-10-20", "2029-11-15", "2023-11-15"),
    _real("DE000BU27006", "DE-BUND", 0.024, "2023-07-28", "2030-11-15", "2024-11-15"),
    _real("GB00BMV7TC88", "UK-GILT", 0.0325, "2023-01-11", "2033-01-31", "2023-07-31"),
    _real("GB00B6460505", "UK-GILT", 0.0425, "2010-06-30", "2040-12-07"),
)
"""Bonds that exist. Sources: TreasuryDirect, auction results; Finanzagentur, factsheets (interest
calculated from, first interest payment); UK DMO, gilts in issue."""


def _invented(convention: str, count: int) -> Iterator[SampleBond]:
    rng = random.Random(f"bonds {convention}")  # nosec B311  # noqa: S311 - a sample, no secret
    market = MARKETS[convention]
    seen: set[tuple[str, int]] = set()
    while len(seen) < count:
        life = rng.choice((5, 7, 10, 10, 20, 30))
        month, day = rng.choice(market.cycles)
        first = max(FIRST_MATURITY.year, FIRST_ISSUE_YEAR + life)
        last = min(LAST_YEAR[market.currency], MARKET_DATE.year - 1 + life)
        if first > last:
            continue
        maturity = dt.date(rng.randint(first, last), month, day)
        issue_yield = level(market.currency, maturity.year - life) + market.z_spread_bp / 10_000
        eighths = round(issue_yield * 800) + rng.choice((-1, 0, 1, 2))
        rate = max(eighths, 0) / 800
        if (key := (f"{rate * 100:g}", maturity.year)) in seen:
            continue
        seen.add(key)
        yield _invented_bond(convention, maturity, life, rate)


def _invented_bond(convention: str, maturity: dt.date, life: int, rate: float) -> SampleBond:
    market = MARKETS[convention]
    coupon = f"{rate * 100:g}"
    start = maturity.replace(year=maturity.year - life)
    static: dict[str, Any] = {
        "name": f"Sample {market.label} {coupon}% {maturity.year} (invented)",
        "convention": convention,
        "coupon_rate": round(rate, 6),
        "maturity_date": maturity,
    }
    if market.dated_on_cycle:
        static["issue_date"] = open_day(start)
        if static["issue_date"] != start:
            static["dated_date"] = start
    else:  # issued some weeks before a coupon date, so that the first coupon is a long one
        static["issue_date"] = open_day(start - dt.timedelta(days=33))
        static["first_coupon_date"] = months_after(start, 12 // market.payments)
    code = f"SAMPLE-{market.label.upper()}-{coupon}-{maturity.year}"
    return SampleBond(code=code, currency=market.currency, static=static)


def _other(code: str, currency: str, /, **static: Any) -> SampleBond:
    return SampleBond(code=code, currency=currency, static=static)


OTHERS = (
    _other(
        *("SAMPLE-BILL", "USD"),
        name="Invented bill 26 Dec 2024",
        convention="US-TREASURY",
        payment_frequency="ZERO",
        coupon_rate=0.0,
        issue_date=dt.date(2023, 12, 28),
        maturity_date=dt.date(2024, 12, 26),
    ),
    _other(
        *("SAMPLE-STRIP", "USD"),
        name="Invented strip 15 Nov 2033",
        convention="US-TREASURY",
        payment_frequency="ZERO",
        coupon_rate=0.0,
        issue_date=dt.date(2013, 11, 15),
        maturity_date=dt.date(2033, 11, 15),
    ),
    _other(
        *("SAMPLE-STEP-UP", "EUR"),
        name="Invented step-up bond 15 Jun 2031",
        convention="DE-BUND",
        coupon_rate=0.0125,
        issue_date=dt.date(2021, 6, 15),
        maturity_date=dt.date(2031, 6, 15),
        coupon_schedule=(
            CouponStep(date=dt.date(2024, 6, 15), coupon_rate=0.02),
            CouponStep(date=dt.date(2027, 6, 15), coupon_rate=0.0325),
        ),
    ),
    _other(
        *("SAMPLE-SINKING", "GBP"),
        name="Invented sinking bond 22 Jul 2032",
        currency="GBP",
        payment_frequency="6M",
        day_count="ACT/ACT ICMA",
        coupon_rate=0.045,
        issue_date=dt.date(2020, 7, 22),
        maturity_date=dt.date(2032, 7, 22),
        face_schedule=tuple(
            FaceStep(date=dt.date(2024 + year, 7, 22), face=80.0 - 10.0 * year) for year in range(8)
        ),
    ),
)
"""Bonds that the generated book does not have: a bill, a strip, a rising coupon, a sinking face."""


def _for_futures(
    convention: str,
    rate: float,
    issue: dt.date,
    maturity: dt.date,
    z_spread_bp: float,
    conversion_factor: float | None = None,
) -> SampleBond:
    market = MARKETS[convention]
    coupon = f"{rate * 100:g}"
    return SampleBond(
        code=f"SAMPLE-{market.label.upper()}-{coupon}-{maturity:%Y-%m}",
        currency=market.currency,
        static={
            "name": f"Sample {market.label} {coupon}% {maturity:%b %Y} (invented)",
            "convention": convention,
            "coupon_rate": rate,
            "issue_date": issue,
            "maturity_date": maturity,
        },
        z_spread_bp=z_spread_bp,
        conversion_factor=conversion_factor,
    )


FOR_FUTURES = (
    _for_futures("DE-BUND", 0.026, dt.date(2025, 2, 15), dt.date(2035, 2, 15), -4.0),
    _for_futures("DE-BUND", 0.025, dt.date(2024, 8, 15), dt.date(2035, 8, 15), -5.0),
    _for_futures("DE-BUND", 0.0225, dt.date(2025, 2, 15), dt.date(2036, 2, 15), -6.5),
    _for_futures("UK-GILT", 0.045, dt.date(2024, 9, 7), dt.date(2035, 3, 7), 1.5),
    _for_futures("UK-GILT", 0.0475, dt.date(2024, 10, 22), dt.date(2035, 10, 22), 2.0),
    _for_futures("UK-GILT", 0.00625, dt.date(2021, 7, 31), dt.date(2035, 7, 31), -8.0),
    _for_futures("JP-JGB", 0.006, dt.date(2023, 12, 20), dt.date(2033, 12, 20), -1.0, 0.677676),
    _for_futures("JP-JGB", 0.011, dt.date(2024, 6, 20), dt.date(2034, 6, 20), 0.0, 0.692253),
    _for_futures("JP-JGB", 0.012, dt.date(2024, 12, 20), dt.date(2034, 12, 20), 0.5, 0.684013),
)
"""Bonds that only the baskets of futures have.

The factors of the JGBs are their prices per 1 of face on 2026-06-20 at 6 %, compounded every six
months: for a whole number of half-years.
"""


def bonds() -> list[SampleBond]:
    """All bonds, real ones first. Names and codes are unique."""
    made = [bond for name, count in INVENTED.items() for bond in _invented(name, count)]
    return [*REAL, *made]
