"""Cases of public reports on other libraries, where they are beside the checkout, by both engines.

Every kind has a test of its own with inputs of its own; this one prices the collected files through
``manage.py price``. Expected values are those of the reports, or arithmetic in a comment.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests import not_run

CASES = Path(__file__).parents[4] / "shared" / "cases" / "pricing"
ENGINES = ("compiled", "quantlib")


class Number(NamedTuple):
    """What a measure of a trade must be, and how near."""

    case: str
    trade_id: str
    measure: str
    value: float
    within: float


class Sentence(NamedTuple):
    """Words that the refusal of a trade must have."""

    case: str
    trade_id: str
    words: tuple[str, ...]


BUND, BTP, BANK = "DE0001102366", "IT0005518128", "US06406RAH03"
NUMBERS = (
    Number("both_stubs_icma", "A", "npv", 124.02342989744741, 1e-9),
    Number("both_stubs_icma", "B", "npv", 129.02342989744741, 1e-9),
    Number("both_stubs_icma", "C", "npv", 116.7092541436464, 1e-9),
    Number("btp_yield_annual", BTP, "ytm", 0.04730058, 1e-7),
    Number("btp_yield_annual", BTP, "accrued_per_100", 0.52609, 5e-6),
    Number("bund_last_coupon_simple", BUND, "ytm", 0.035314195, 1e-9),
    Number("corp_last_coupon_simple", BANK, "ytm", 0.03077448, 1e-8),
    Number("corp_last_coupon_simple", BANK, "accrued_per_100", 1.65763889, 1e-8),
    Number("good_friday_settlement", "UST4.25-2035", "accrued_per_100", 1.6671270718232045, 1e-12),
    Number("matures_tomorrow_with_price", "p", "npv", 101.98893, 1e-5),
    Number("matures_tomorrow_with_price", "np", "npv", 101.98893, 1e-5),
    # Growth is P(start) / P(end); plain QuantLib counts the gap of a holiday at simple interest,
    # up to 3e-7 of notional: no tolerance hides the old faults of thousands.
    Number("overnight_good_friday_us_calendar", "gf", "npv", -685.47, 5.0),
    Number("overnight_on_fixing_holiday", "jun", "npv", 9_995.94, 5.0),
    Number("overnight_on_fixing_holiday", "sat", "npv", 1_870.36, 5.0),
    Number("thirty360_february", "aug31", "npv", 160.0, 1e-9),
    Number("thirty360_february", "aug31-US", "npv", 160.0, 1e-9),
    Number("thirty360_february", "feb28-eom", "npv", 157.0, 1e-9),
    Number("very_long_first", "x", "npv", 182.97826086956522, 1e-9),
)
SENTENCES = (
    Sentence("matures_tomorrow_with_price", "gone", ("maturity_date", "has matured", "2024-05-15")),
    Sentence(
        "one_day_swap_month_end",
        "a",
        ("termination_date: '2022-07-30'", "effective_date 2022-07-29", "end on a later"),
    ),
    Sentence("zero_coupon_swap", "zc", ("fixed_frequency", "ZERO")),
)


@pytest.fixture(params=ENGINES)
def answer(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Prices a case with one engine; no warning of NumPy is allowed."""

    def price(case: str) -> dict[str, Any]:
        folder, out = CASES / case, tmp_path / "out.json"
        if not folder.is_dir():
            not_run.stop(not_run.REPORTED_CASES, f"pricing/{case}")
        files = [f"--{name}={folder / name}.json" for name in ("book", "market")]
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                call_command("price", *files, f"--out={out}", f"--engine={request.param}")
            except CommandError as error:
                assert error.returncode == 1  # trades are among the failed  # noqa: PT017
        found: dict[str, Any] = json.loads(out.read_text())
        return found

    return price


def trades(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["trade_id"]: row for row in answer["trades"]}


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{n.case} {n.trade_id} {n.measure}")
def test_a_reported_case_has_its_right_value(answer: Any, number: Number) -> None:
    found = trades(answer(number.case))[number.trade_id][number.measure]
    assert found == pytest.approx(number.value, abs=number.within)


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda s: f"{s.case} {s.trade_id}")
def test_a_reported_case_is_refused_with_its_sentence(answer: Any, sentence: Sentence) -> None:
    failed = {row["trade_id"]: row["message"] for row in answer(sentence.case)["failed"]}
    for word in sentence.words:
        assert word in failed[sentence.trade_id]
    assert "\n" not in failed[sentence.trade_id]


def test_the_implied_par_yield_of_a_leap_day_is_the_quote(answer: Any) -> None:
    half, whole = (
        trades(answer("par_curve_leap_day"))[name]["npv"] / 100.0 for name in ("z1", "z2")
    )
    assert (1.0 - whole) / ((half + whole) / 2.0) == pytest.approx(0.0425, abs=1e-9)


def test_every_price_of_the_last_days_comes_back(answer: Any) -> None:
    found = answer("zspread_last_days")
    book = json.loads((CASES / "zspread_last_days" / "book.json").read_text())["bonds"]
    assert found["failed"] == []
    prices = {name: row["clean_per_100"] for name, row in trades(found).items()}
    assert prices == pytest.approx({bond["trade_id"]: bond["clean_price"] for bond in book})


def test_no_collected_case_is_left_out() -> None:
    if not CASES.is_dir():
        not_run.stop(not_run.REPORTED_CASES, "pricing")
    known = {case.case for case in (*NUMBERS, *SENTENCES)}
    assert {folder.name for folder in CASES.iterdir()} == known | {
        "par_curve_leap_day",
        "zspread_last_days",
    }
