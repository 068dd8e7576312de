"""Each field of a book and of a market file at 1, 10 and 100 times its limit: short sentences."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pricing.batch.files import MAX_REASON, BadFile, read_book, read_market
from pricing.products.terms import MAX_STEPS

TIMES = (1, 10, 100)
FLOOR_S, MAX_RATIO, TRIES = 0.01, 40, 3
MEMORY_BYTES = 200_000_000
SENTENCE_CHARACTERS = 600
WHOLE_FILE_CHARACTERS = MAX_REASON + 200
"""With the path of the file."""

SWAP: dict[str, Any] = {
    "trade_id": "S",
    "book": "B",
    "convention": "USD-SOFR-OIS",
    "pay_receive": "receive",
    "notional": 1e6,
    "effective_date": "2025-03-17",
    "termination_date": "2030-03-17",
    "fixed_rate": 0.04,
}
BOND: dict[str, Any] = {
    "trade_id": "P",
    "book": "B",
    "convention": "US-TREASURY",
    "face_amount": 1e6,
    "issue_date": "2024-05-15",
    "maturity_date": "2034-05-15",
    "coupon_rate": 0.0425,
}
MARKET: dict[str, Any] = {
    "valuation_date": "2025-02-10",
    "markets": [{"currency": "USD", "curves": {"USD-SOFR": {"1Y": 0.04}}}],
}


class Field(NamedTuple):
    """One field; ``file`` makes a file that holds so much of it."""

    name: str
    limit: int
    file: Callable[[int], Any]


def swap(name: str, value: Callable[[int], Any], limit: int = 64) -> Field:
    return Field(f"swap {name}", limit, lambda n: {"swaps": [SWAP | {name: value(n)}]})


def bond(name: str, value: Callable[[int], Any], limit: int = 64) -> Field:
    return Field(f"bond {name}", limit, lambda n: {"bonds": [BOND | {name: value(n)}]})


def letters(size: int) -> str:
    return "x" * size


def steps(**step: Any) -> Callable[[int], list[dict[str, Any]]]:
    return lambda size: [{"date": "2026-03-17", **step}] * size


BOOKS = (
    *(swap(name, letters) for name in SWAP),
    *(swap(name, letters) for name in ("calendar", "fixed_day_count", "roll_day", "stub_index")),
    *(bond(name, letters, 120) for name in (*BOND, "name", "isin", "day_count")),
    swap("notional_schedule", steps(notional=1e6), MAX_STEPS),
    swap("fixed_rate_schedule", steps(rate=0.03), MAX_STEPS),
    bond("coupon_schedule", steps(coupon_rate=0.04), MAX_STEPS),
    bond("face_schedule", steps(face=50.0), MAX_STEPS),
    Field("names of a trade", 64, lambda n: {"swaps": [SWAP | {f"f{k}": 1 for k in range(n)}]}),
    Field("name of a field", 64, lambda n: {"swaps": [SWAP | {"x" * n: 1}]}),
    Field("name of a list", 64, lambda n: {"x" * n: []}),
    Field("depth of a value", 20, lambda n: '{"swaps": [' + "[" * n + "]" * n + "]}"),
)


def market(name: str, limit: int, entry: Callable[[int], dict[str, Any]]) -> Field:
    first = MARKET["markets"][0]
    return Field(f"market {name}", limit, lambda n: MARKET | {"markets": [first | entry(n)]})


MARKETS = (
    market("currency", 3, lambda n: {"currency": "U" * n}),
    market("curve", 32, lambda n: {"curves": {"C" * n: {"1Y": 0.04}}}),
    market("tenor", 4, lambda n: {"curves": {"USD-SOFR": {"9" * n + "Y": 0.04}}}),
    market("quote", 8, lambda n: {"curves": {"USD-SOFR": {"1Y": "4" * n}}}),
    market("curves", 8, lambda n: {"curves": {f"C{k}": {"1Y": 0.04} for k in range(n)}}),
    market("index", 16, lambda n: {"fixings": {"I" * n: {"2025-02-06": 0.04}}}),
    market("fixing date", 10, lambda n: {"fixings": {"SOFR": {"2" * n: 0.04}}}),
    market("fixing", 8, lambda n: {"fixings": {"SOFR": {"2025-02-06": "4" * n}}}),
    market("name", 64, lambda n: {"x" * n: 1}),
    Field("valuation_date", 10, lambda n: MARKET | {"valuation_date": "2" * n}),
    Field("interpolation", 32, lambda n: MARKET | {"interpolation": {"C" * n: "log_linear"}}),
    Field("ibor_coupons", 8, lambda n: MARKET | {"ibor_coupons": "x" * n}),
    Field("doubled key", 64, lambda n: f'{{"{"k" * n}": 1, "{"k" * n}": 2}}'),
)


def book_of(path: Path) -> list[str]:
    """Sentences on the failed trades of a book, with their labels."""
    return [f"{failure.trade_id}: {failure.message}" for failure in read_book(path).failed]


def market_of(path: Path) -> list[str]:
    read_market(path)
    return []


def judged(read: Callable[[Path], list[str]], path: Path) -> tuple[list[str], str]:
    """Sentences on trades, and the one on a file that cannot be used."""
    try:
        return read(path), ""
    except BadFile as error:
        return [], str(error)


def cost(read: Callable[[Path], list[str]], path: Path) -> tuple[float, int]:
    taken = []
    for _ in range(TRIES):
        began = time.thread_time()
        judged(read, path)
        taken.append(time.thread_time() - began)
    tracemalloc.start()
    judged(read, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return max(min(taken), FLOOR_S), peak


@pytest.mark.parametrize(
    ("read", "field"),
    [
        *(pytest.param(book_of, field, id=field.name) for field in BOOKS),
        *(pytest.param(market_of, field, id=field.name) for field in MARKETS),
    ],
)
def test_a_field_beyond_its_limit_is_a_short_sentence_in_linear_time(
    tmp_path: Path, read: Callable[[Path], list[str]], field: Field
) -> None:
    paths = {}
    for times in TIMES:
        content = field.file(field.limit * times)
        paths[times] = tmp_path / f"{times}.json"
        paths[times].write_text(content if isinstance(content, str) else json.dumps(content))
    for times in TIMES[1:]:
        sentences, whole = judged(read, paths[times])
        assert sentences or whole
        assert max(map(len, sentences), default=0) < SENTENCE_CHARACTERS
        assert len(whole) < WHOLE_FILE_CHARACTERS
    usual_s, _ = cost(read, paths[10])
    taken_s, peak = cost(read, paths[100])
    assert taken_s <= MAX_RATIO * usual_s
    assert peak <= MEMORY_BYTES
