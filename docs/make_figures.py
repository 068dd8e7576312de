"""Write the computed tables of docs/pricing.md, between their marks.

Run from the root of the repository: ``python -m docs.make_figures``.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.markets.calendars import day_of
from pricing.markets.conventions import BONDS
from pricing.measures.block import make_ready, parallel_values, price_block
from pricing.measures.bond_analytics import PricedBond
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade

PAGE = Path(__file__).with_name("pricing.md")
MARKED = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

# --- Derivative against central difference ---------------------------------------------------

TODAY, SPOT, RATE = dt.date(2025, 2, 10), dt.date(2025, 2, 12), 0.04
TENORS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50)
SWAP_YEARS = (5, 10, 20, 30, 50)


def differences() -> dict[int, float]:
    """Return by years to maturity (PV(-1bp) - PV(+1bp)) / 2 / dv01_par - 1 of a par swap."""
    quotes = {"USD-SOFR": {f"{years}Y": RATE for years in TENORS}}
    curves = CurveSet(TODAY, shape_of(quotes))
    solved = curves.solve(curves.vector(quotes))
    block = make_block([compile_trade(_par_swap(years)) for years in SWAP_YEARS])
    ready = make_ready(roll_to(block, day_of(TODAY), {}, curves.names), curves.grid)
    exact = price_block(ready, curves, solved).dv01_par
    up, down = parallel_values(ready, curves, solved)
    ratios = (down - up) / 2.0 / exact - 1.0
    return dict(zip(SWAP_YEARS, ratios.tolist(), strict=True))


def _par_swap(years: int) -> SwapTerms:
    return SwapTerms(
        trade_id=f"{years}Y",
        book="docs",
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=10e6,
        effective_date=SPOT,
        termination_date=SPOT.replace(year=SPOT.year + years),
        fixed_rate=RATE,
    )


def difference_table() -> str:
    """As Markdown, beside the third-order term of a zero-coupon bond."""
    lines = ["| par swap | central / derivative - 1 | (T x 1 bp)^2 / 6 |", "|---|---|---|"]
    for years, found in differences().items():
        lines.append(f"| {years}Y | {found:.1e} | {(years * 1e-4) ** 2 / 6:.1e} |")
    return "\n".join(lines) + "\n"


# --- Published bond prices -------------------------------------------------------------------


class Issue(NamedTuple):
    """The terms of a bond that an example is about."""

    name: str
    convention: str
    issue: str
    maturity: str
    coupon: float
    first_coupon: str | None = None
    payment_frequency: str | None = None


class PublishedBond(NamedTuple):
    """A worked example: dirty price per 100 at a settlement date and a yield.

    ``auction``: by the formula of US Treasury auctions, simple interest in the part period.
    """

    bond: Issue
    settlement: str
    ytm: float
    dirty: float
    auction: bool

    @property
    def name(self) -> str:
        """Name of the bond."""
        return self.bond.name


class PublishedYield(NamedTuple):
    """The yield that was published of a clean price, and what its last digit is worth."""

    bond: Issue
    settlement: str
    clean: float
    ytm: float
    last_digit: float

    @property
    def name(self) -> str:
        """Name of the bond."""
        return self.bond.name


UST, GILT = "US-TREASURY", "UK-GILT"
# 31 CFR Part 356, Appendix B, section II, examples A to G.
UST_A = Issue("UST 8 3/4 % 2020 (A)", UST, "1990-05-15", "2020-05-15", 0.0875)
UST_B = Issue("UST 8 1/2 % 1992 (B)", UST, "1990-04-02", "1992-03-31", 0.085)
UST_C = Issue("UST 8 1/2 % 1995 (C)", UST, "1990-03-01", "1995-05-15", 0.085, "1990-11-15")
UST_D = Issue("UST 9 1/2 % 1995 (D)", UST, "1985-11-15", "1995-11-15", 0.095)
UST_E = Issue("UST 10 3/4 % 2005 (E)", UST, "1985-07-02", "2005-08-15", 0.1075, "1986-02-15")
UST_F = Issue("UST 10 1/2 % 1991 (F)", UST, "1983-05-16", "1991-05-15", 0.105, "1983-11-15")
UST_G = Issue("UST 9 3/4 % 1994 (G)", UST, "1988-10-15", "1994-12-15", 0.0975, "1989-06-15")
GILT_2015 = Issue("Gilt 8 % 2015", GILT, "1995-06-07", "2015-12-07", 0.08)
GILT_2004 = Issue("Gilt 6 3/4 % 2004", GILT, "1997-05-26", "2004-11-26", 0.0675)
NZ, CANADA, SWISS = "NZ-NZGB", "CA-GOVERNMENT", "CH-CONFEDERATION"
UST_2033 = Issue("UST 3 7/8 % 2033", UST, "2023-08-15", "2033-08-15", 0.03875)
NZGB_2034 = Issue("NZGB 4 1/4 % 2034", NZ, "2020-05-15", "2034-05-15", 0.0425)
NZGB_2026 = Issue("NZGB 1/2 % 2026", NZ, "2020-05-15", "2026-05-15", 0.005)
CANADA_2033 = Issue("Canada 2 3/4 % 2033", CANADA, "2023-02-02", "2033-06-01", 0.0275)
CANADA_2025 = Issue("Canada 3 3/4 % 2025", CANADA, "2022-11-02", "2025-02-01", 0.0375)
SWEDEN_2014 = Issue("Sweden 6 3/4 % 2014", "SE-SGB", "1999-01-20", "2014-05-05", 0.0675)
SWISS_2042 = Issue("Swiss Confederation 1 1/2 % 2042", SWISS, "2012-04-30", "2042-04-30", 0.015)
PUBLISHED = (
    PublishedBond(UST_A, "1990-05-15", 0.0884, 99.057893, True),
    PublishedBond(UST_B, "1990-04-02", 0.0859, 99.838183, True),
    PublishedBond(UST_C, "1990-03-01", 0.0853, 99.805118, True),
    PublishedBond(UST_D, "1985-11-29", 0.0954, 100.098321, True),
    PublishedBond(UST_E, "1985-11-04", 0.1047, 105.887384, True),
    PublishedBond(UST_F, "1983-08-15", 0.1053, 102.373541, True),
    PublishedBond(UST_G, "1988-11-15", 0.0979, 100.563865, True),
    PublishedBond(GILT_2015, "1999-05-24", 0.04445, 145.012268, False),
    PublishedBond(GILT_2015, "1999-05-26", 0.04445, 145.047301, False),
    PublishedBond(GILT_2015, "1999-05-27", 0.04445, 141.070132, False),
    PublishedBond(GILT_2015, "1999-06-07", 0.04445, 141.257676, False),
    PublishedBond(GILT_2004, "1999-05-10", 0.04634, 113.315543, False),
    PublishedBond(GILT_2004, "1999-05-17", 0.04634, 113.415969, False),
    PublishedBond(GILT_2004, "1999-05-18", 0.04634, 110.058738, False),
    PublishedBond(GILT_2004, "1999-05-26", 0.04634, 110.170218, False),
    PublishedBond(UST_2033, "2025-02-14", 0.04, 101.033384, False),
    PublishedBond(UST_2033, "2025-02-18", 0.04, 99.139292, False),
    PublishedBond(UST_2033, "2025-08-15", 0.04, 99.151393, False),
    PublishedBond(NZGB_2034, "2022-11-22", 0.04355, 99.140564, False),
    PublishedBond(NZGB_2026, "2021-02-10", 0.00745, 98.858654, False),
    PublishedBond(CANADA_2025, "2024-08-01", 0.04, 99.839907, False),
    PublishedBond(CANADA_2025, "2024-08-07", 0.04, 99.904285, False),
    PublishedBond(SWEDEN_2014, "2009-09-22", 0.02732, 119.765108, False),
    PublishedBond(SWISS_2042, "2018-05-29", 0.0201111, 90.490087, False),
    PublishedBond(SWISS_2042, "2018-05-31", 0.0201111, 90.495093, False),
    PublishedBond(SWISS_2042, "2024-04-29", 0.0201111, 93.839712, False),
    PublishedBond(SWISS_2042, "2024-04-30", 0.0201111, 92.344903, False),
    PublishedBond(SWISS_2042, "2025-05-23", 0.0201111, 92.820064, False),
    PublishedBond(SWISS_2042, "2042-04-15", 0.0201111, 101.415826, False),
)
BUND_2024 = Issue("Bund 1 % 2024", "DE-BUND", "2014-08-15", "2024-08-15", 0.01)
BUND_2029 = Issue("Bund 2.1 % 2029", "DE-BUND", "2022-10-20", "2029-11-15", 0.021, "2023-11-15")
OAT_2034 = Issue("OAT 3 % 2034", "FR-OAT", "2023-11-25", "2034-11-25", 0.03)
BTP_2033 = Issue("BTP 4.4 % 2033", "IT-BTP", "2022-11-01", "2033-05-01", 0.044)
BANK_2028 = Issue("BNY Mellon 3.85 % 2028", "CORP-30-360", "2018-04-30", "2028-04-28", 0.0385)
CITY_2026 = Issue("Los Angeles 5 % 2026", "CORP-30-360", "2020-11-10", "2026-07-01", 0.05)
PORTS_2026 = Issue("New Jersey 4.608 % 2026", "CORP-30-360", "2024-10-24", "2026-06-15", 0.04608)
CANADA_2029 = Issue("Canada 2 1/4 % 2029", CANADA, "2018-07-27", "2029-06-01", 0.0225)
NORWAY_2034 = Issue("Norway 3 5/8 % 2034", "NO-NGB", "2024-02-13", "2034-04-13", 0.03625)
SWEDEN_2028 = Issue("Sweden 3/4 % 2028", "SE-SGB", "2023-05-12", "2028-05-12", 0.0075)
SWEDEN_2024 = Issue("Kommuninvest 1 % 2024", "SE-SGB", "2017-10-02", "2024-10-02", 0.01)
AUSTRALIA_2017 = Issue("Australia 6 % 2017", "AU-ACGB", "2004-02-15", "2017-02-15", 0.06)
NOTE_2018 = Issue(
    "Australian note, 119 days", "AU-ACGB", "2017-08-25", "2018-02-23", 0.0, None, "ZERO"
)
NOTE_2010 = Issue(
    "Australian note, 203 days", "AU-ACGB", "2010-05-07", "2010-11-26", 0.0, None, "ZERO"
)
BILL_1990 = Issue("US bill, 20 days", UST, "1990-01-18", "1990-07-19", 0.0, None, "ZERO")
BILL_1991 = Issue("US bill, 364 days", UST, "1990-06-07", "1991-06-06", 0.0, None, "ZERO")
PUBLISHED_YIELDS = (
    PublishedYield(BUND_2024, "2024-06-12", 99.555, 0.035314195, 1e-9),
    PublishedYield(BUND_2029, "2024-06-12", 97.180, 0.0266368627, 1e-9),
    PublishedYield(BUND_2029, "2023-11-02", 97.040, 0.02636708016, 1e-9),
    PublishedYield(OAT_2034, "2024-06-14", 101.0, 0.02886581, 1e-8),
    PublishedYield(OAT_2034, "2034-06-13", 101.0, 0.00769200, 1e-8),
    PublishedYield(BTP_2033, "2024-06-14", 98.0, 0.04730058, 1e-8),
    PublishedYield(BTP_2033, "2026-04-14", 99.0, 0.04617209, 1e-8),
    PublishedYield(BTP_2033, "2033-03-15", 99.65, 0.06862519, 1e-7),
    PublishedYield(BANK_2028, "2018-05-31", 101.0, 0.03728114, 1e-8),
    PublishedYield(BANK_2028, "2025-05-06", 101.0, 0.03493237, 1e-8),
    PublishedYield(BANK_2028, "2028-04-03", 100.05, 0.03077448, 1e-8),
    PublishedYield(CITY_2026, "2025-05-12", 102.35, 0.02879, 1e-5),
    PublishedYield(CITY_2026, "2026-06-30", 100.10, -0.30219, 1e-5),
    PublishedYield(PORTS_2026, "2025-05-12", 101.0, 0.03662, 1e-5),
    PublishedYield(PORTS_2026, "2025-12-15", 101.0, 0.02582, 1e-5),
    PublishedYield(PORTS_2026, "2026-06-11", 100.02, 0.02746, 1e-5),
    PublishedYield(CANADA_2033, "2024-06-03", 90.634570, 0.04, 1e-9),
    PublishedYield(CANADA_2033, "2024-11-26", 91.055145, 0.04, 1e-9),
    PublishedYield(CANADA_2033, "2024-12-02", 91.069934, 0.04, 1e-9),
    PublishedYield(CANADA_2029, "2018-10-16", 100.0, 0.02249977, 1e-8),
    PublishedYield(NORWAY_2034, "2024-03-13", 99.9, 0.03637518, 1e-8),
    PublishedYield(NORWAY_2034, "2026-04-13", 99.3, 0.03727804, 1e-8),
    PublishedYield(NORWAY_2034, "2033-04-13", 99.9, 0.03728729, 1e-8),
    PublishedYield(NORWAY_2034, "2033-09-12", 99.9, 0.03772713, 1e-8),
    PublishedYield(SWEDEN_2028, "2024-05-03", 88.134, 0.04, 1e-5),
    PublishedYield(SWEDEN_2028, "2024-05-06", 88.158, 0.04, 1e-5),
    PublishedYield(SWEDEN_2028, "2024-05-13", 88.210, 0.04, 1e-5),
    PublishedYield(SWEDEN_2024, "2024-09-24", 99.9455205, 0.0342092, 1e-5),
    PublishedYield(AUSTRALIA_2017, "2014-08-07", 103.0, 0.04724, 1e-5),
    PublishedYield(AUSTRALIA_2017, "2014-08-08", 103.0, 0.04724, 1e-5),
    PublishedYield(AUSTRALIA_2017, "2014-08-11", 103.0, 0.04719, 1e-5),
    PublishedYield(NOTE_2018, "2017-10-27", 99.44880839, 0.0170, 1e-9),
    PublishedYield(NOTE_2010, "2010-05-07", 97.4367722107122, 0.0473, 1e-9),
    PublishedYield(BILL_1990, "1990-06-29", 99.559444, 0.08075725, 1e-8),
    PublishedYield(BILL_1991, "1990-06-07", 92.265, 0.082373244, 1e-9),
)


def priced(case: PublishedBond | PublishedYield) -> PricedBond:
    """The case as our code has it; it settles on the valuation date, so no lag enters."""
    bond, today = case.bond, dt.date.fromisoformat(case.settlement)
    terms = BondTerms(
        trade_id=bond.name,
        book="docs",
        convention=bond.convention,
        currency=BONDS[bond.convention].currency or "USD",
        face_amount=100.0,
        issue_date=dt.date.fromisoformat(bond.issue),
        maturity_date=dt.date.fromisoformat(bond.maturity),
        first_coupon_date=_date_or_none(bond.first_coupon),
        payment_frequency=bond.payment_frequency,
        coupon_rate=bond.coupon,
        settlement_days=0,
    )
    quotes = {f"{terms.currency}-GOVT": {"1Y": 0.05, "30Y": 0.05}}
    curves = CurveSet(today, shape_of(quotes))
    return PricedBond(terms, curves, curves.solve(curves.vector(quotes)))


def _date_or_none(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def bond_table() -> str:
    """As Markdown."""
    lines = [
        "| bond | settlement | yield | published dirty | ours | accrued |",
        "|---|---|---|---|---|---|",
    ]
    for case in PUBLISHED:
        bond = priced(case)
        dirty = bond.dirty_from_yield(case.ytm, simple_part_period=case.auction)
        lines.append(
            f"| {case.name} | {case.settlement} | {case.ytm:.3%} | {case.dirty:.6f}"
            f" | {dirty:.6f} | {bond.accrued_per_100 + 0.0:.6f} |"
        )
    return "\n".join(lines) + "\n"


def yield_table() -> str:
    """As Markdown."""
    lines = [
        "| bond | settlement | clean price | published yield | ours |",
        "|---|---|---|---|---|",
    ]
    for case in PUBLISHED_YIELDS:
        digits = max(0, round(-math.log10(case.last_digit)) - 2)
        found = priced(case).yield_from_clean(case.clean)
        lines.append(
            f"| {case.name} | {case.settlement} | {case.clean:g} | {case.ytm:.{digits}%}"
            f" | {found:.{digits}%} |"
        )
    return "\n".join(lines) + "\n"


# --- Page ------------------------------------------------------------------------------------

TABLES: dict[str, Callable[[], str]] = {
    "difference": difference_table,
    "bonds": bond_table,
    "yields": yield_table,
}


def with_figures(text: str) -> str:
    """The page with every marked table made anew."""
    return MARKED.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    PAGE.write_text(with_figures(PAGE.read_text()))
