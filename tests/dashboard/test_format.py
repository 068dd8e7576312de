"""Numbers are formatted as short text."""

from __future__ import annotations

import math

import pytest

from dashboard import format


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2_970_000, "$2.97m"),
        (5_976_000_000, "$5.98bn"),
        (-16_100_000, "-$16.1m"),
        (927_400, "$927k"),
        (999_600, "$1.00m"),  # rounds up into the next unit
        (80, "$80.0"),
        (0.0123, "$0.01"),
        (0, "$0"),
        (-0.0, "$0"),
        (-0.0049, "$0"),  # not a loss of nothing
        (3.2e12, "$3.20tn"),
        (None, "n/a"),
        (math.nan, "n/a"),
    ],
)
def test_money_has_three_significant_digits(value: float | None, text: str) -> None:
    assert format.money(value) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1234.4, 0, "+1,234"),
        (-0.4, 0, "0"),
        (0.4, 0, "0"),
        (-0.26, 1, "-0.3"),
        (-0.004, 2, "0.00"),
        (0, 0, "0"),
        (None, 0, "n/a"),
        (math.nan, 2, "n/a"),
    ],
)
def test_a_number_that_rounds_to_0_has_no_sign(
    value: float | None, decimals: int, text: str
) -> None:
    assert format.signed(value, decimals) == text


def test_a_signed_gain_carries_a_plus() -> None:
    assert format.money(1234.0, signed=True) == "+$1.23k"
    assert format.money(-1234.0, signed=True) == "-$1.23k"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0.0s"), (0.51, "0.5s"), (12.9, "12s"), (190, "3m 10s"), (7500, "2h 5m"), (9e5, "10d")],
)
def test_ages(seconds: float, text: str) -> None:
    assert format.age(seconds) == text


def test_milliseconds_become_seconds() -> None:
    assert format.milliseconds(27.84) == "27.8 ms"
    assert format.milliseconds(1203) == "1.20 s"
    assert format.milliseconds(None) == "n/a"


def test_one_trade_is_singular() -> None:
    assert format.count(1, "trade") == "1 trade"
    assert format.count(2400, "trade") == "2,400 trades"
    assert format.count(2, "process", "processes") == "2 processes"
