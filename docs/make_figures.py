"""The code in; the computed tables of docs/pricing.md, between their marks, out.

Run from the root of the repository: ``python -m docs.make_figures``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pricing.core.bonds import PricedBond
from pricing.core.curves import CurveSet
from pricing.core.fixings import day_of
from pricing.core.flows import compile_trade, make_block
from pricing.core.measures import make_ready, parallel_values, price_block
from pricing.core.quotes import shape_of
from pricing.core.roll import roll_to
from pricing.core.terms import BondTerms, SwapTerms

PAGE = Path(__file__).with_name("pricing.md")
MARKED = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

# --- Derivative against central difference ---------------------------------------------------

TODAY, SPOT, RATE = dt.date(2025, 2, 10), dt.date(2025, 2, 12), 0.04
TENORS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50)
SWAP_YEARS = (5, 10, 20, 30, 50)


def differences() -> dict[int, float]:
    """By maturity in years: (PV(-1bp) - PV(+1bp)) / 2 over dv01_par, minus 1, of a par swap."""
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


class PublishedBond(NamedTuple):
    """A worked example: dirty price per 100 at a settlement date and a yield."""

    name: str
    convention: str
    issue: str
    maturity: str
    coupon: float
    settlement: str
    ytm: float
    compounding: str
    dirty: float


CFR, DMO = "simple_then_compounded", "compounded"
UST_2020 = ("UST 8 3/4 % 2020", "US-TREASURY", "1990-05-15", "2020-05-15", 0.0875)
UST_1995 = ("UST 9 1/2 % 1995", "US-TREASURY", "1985-11-15", "1995-11-15", 0.095)
GILT_2015 = ("Gilt 8 % 2015", "UK-GILT", "1995-06-07", "2015-12-07", 0.08)
GILT_2004 = ("Gilt 6 3/4 % 2004", "UK-GILT", "1997-05-26", "2004-11-26", 0.0675)
PUBLISHED = (
    PublishedBond(*UST_2020, "1990-05-15", 0.0884, CFR, 99.057893),
    # The source prints clean 99.730918 and accrued 0.367403.
    PublishedBond(*UST_1995, "1985-11-29", 0.0954, CFR, 99.730918 + 0.367403),
    PublishedBond(*GILT_2015, "1999-05-24", 0.04445, DMO, 145.012268),
    PublishedBond(*GILT_2015, "1999-05-26", 0.04445, DMO, 145.047301),
    PublishedBond(*GILT_2015, "1999-05-27", 0.04445, DMO, 141.070132),
    PublishedBond(*GILT_2015, "1999-06-07", 0.04445, DMO, 141.257676),
    PublishedBond(*GILT_2004, "1999-05-10", 0.04634, DMO, 113.315543),
    PublishedBond(*GILT_2004, "1999-05-17", 0.04634, DMO, 113.415969),
    PublishedBond(*GILT_2004, "1999-05-18", 0.04634, DMO, 110.058738),
    PublishedBond(*GILT_2004, "1999-05-26", 0.04634, DMO, 110.170218),
)


def priced(case: PublishedBond) -> PricedBond:
    """The case as our code has it; it settles on the valuation date, so no lag enters."""
    curve = "USD-GOVT" if case.convention == "US-TREASURY" else "GBP-GOVT"
    today = dt.date.fromisoformat(case.settlement)
    quotes = {curve: {"1Y": 0.05, "30Y": 0.05}}
    curves = CurveSet(today, shape_of(quotes))
    terms = BondTerms(
        trade_id=case.name,
        book="docs",
        convention=case.convention,
        face_amount=100.0,
        issue_date=dt.date.fromisoformat(case.issue),
        maturity_date=dt.date.fromisoformat(case.maturity),
        coupon_rate=case.coupon,
        settlement_days=0,
    )
    return PricedBond(terms, curves, curves.solve(curves.vector(quotes)))


def bond_table() -> str:
    """As Markdown."""
    lines = [
        "| bond | settlement | yield | published dirty | ours | accrued |",
        "|---|---|---|---|---|---|",
    ]
    for case in PUBLISHED:
        bond = priced(case)
        dirty = bond.dirty_from_yield(case.ytm, case.compounding)
        lines.append(
            f"| {case.name} | {case.settlement} | {case.ytm:.3%} | {case.dirty:.6f}"
            f" | {dirty:.6f} | {bond.accrued_per_100 + 0.0:.6f} |"
        )
    return "\n".join(lines) + "\n"


# --- Page ------------------------------------------------------------------------------------

TABLES: dict[str, Callable[[], str]] = {"difference": difference_table, "bonds": bond_table}


def with_figures(text: str) -> str:
    """The page with every marked table made anew."""
    return MARKED.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    PAGE.write_text(with_figures(PAGE.read_text()))
