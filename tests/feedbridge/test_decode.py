"""Bad payloads of a feed: each has its code and a sentence, and none gets through."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from typing import Any

import hypothesis.strategies as st
import pytest
import QuantLib as ql
from hypothesis import given, settings

from feedbridge.bridge.decode import (
    MAX_BYTES,
    BadTick,
    SourceRefused,
    TimeLimits,
    check_market,
    check_order,
    checked_tick,
    fx_tick,
    market_tick,
)
from pricing.markets.conventions import CURRENCIES
from tests.pricing.fitted_markets import quoted_bond, with_bonds
from tests.pricing.quantlib_bonds import annual_yield

GOOD: dict[str, Any] = {
    "currency": "EUR",
    "as_of": "2024-03-06T17:00:00Z",
    "source": "feed",
    "seq": 1,
    "curves": {"EUR-GOVT": {"10Y": 0.02}},
}
TEXT = json.dumps(GOOD)


def changed(**fields: Any) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def put(old: str, new: str) -> bytes:
    assert old in TEXT
    return TEXT.replace(old, new).encode()


def without(field: str) -> bytes:
    return json.dumps({k: v for k, v in GOOD.items() if k != field}).encode()


BAD: dict[str, tuple[bytes | None, str, str]] = {
    "a tombstone": (None, "EMPTY", "no value"),
    "nothing": (b"", "EMPTY", "no value"),
    "no quote": (changed(curves={}), "EMPTY", "curves"),
    "curves without quotes": (changed(curves={"EUR-GOVT": {}}), "EMPTY", "curves"),
    "not UTF-8": (TEXT.encode().replace(b"feed", b"\xff"), "ENCODING", "utf-8"),
    "not JSON": (b"{not json", "JSON", "malformed"),
    "half a message": (TEXT.encode()[:-3], "JSON", ""),
    "bytes after the end": (TEXT.encode() + b"x", "JSON", "trailing"),
    "half a surrogate pair": (put('"feed"', '"\\ud800"'), "JSON", "surrogate"),
    "a list": (b"[]", "SCHEMA", "object"),
    "more than 256 KB": (TEXT.encode() + b" " * MAX_BYTES, "TOO_LARGE", str(MAX_BYTES)),
    "deep nesting": (b"[" * 100_000, "TOO_DEEP", "20"),
    "a number of 5000 digits": (put('"seq": 1', '"seq": ' + "9" * 5000), "SEQ", "$.seq"),
    "NaN": (put("0.02", "NaN"), "NON_FINITE", ""),
    "Infinity": (put("0.02", "-Infinity"), "NON_FINITE", ""),
    "1e999": (put("0.02", "1e999"), "NON_FINITE", "curves"),
    "a bool for a rate": (put("0.02", "true"), "TYPE", "EUR-GOVT 10Y: True is not valid"),
    "a text for a rate": (put("0.02", '"0.02"'), "TYPE", "EUR-GOVT 10Y: '0.02' is not valid"),
    "a null for a rate": (put("0.02", "null"), "TYPE", "EUR-GOVT 10Y: None is not valid"),
    "a tenor spelt twice": (
        changed(curves={"EUR-GOVT": {"1Y": 0.02, "12M": 0.02}}),
        "UNKNOWN_TENOR",
        "tenor: '12M' is not valid; EUR-GOVT has 1Y too",
    ),
    "a key twice": (put('"10Y": 0.02', '"10Y": 0.02, "10Y": 0.03'), "DUP_KEY", "10Y"),
    "a price of a tenor": (
        changed(prices={"EUR-GOVT": {"5Y": 99.0}}),
        "UNKNOWN_TENOR",
        "a bond or a future; send rates and spreads under curves",
    ),
    "a price of no bond": (
        changed(prices={"EUR-GOVT": {"BOND-XS1": 99.0}}),
        "UNKNOWN_TENOR",
        "'BOND-XS1' is not valid; no table quoted_bonds.XS1 is in the market files",
    ),
    "a price of a future that is a rate": (
        changed(prices={"EUR-ESTR": {"ER3H25": 0.0295}}),
        "RANGE",
        "EUR-ESTR ER3H25: 0.0295 is not valid; a price of a future from 50 to 105",
    ),
    "a null for a price": (
        changed(prices={"EUR-ESTR": {"ER3H25": None}}),
        "TYPE",
        "EUR-ESTR ER3H25: None is not valid; a number is expected",
    ),
    "NaN for a price": (
        TEXT.replace("}}", '}}, "prices": {"EUR-ESTR": {"ER3H25": NaN}}').encode(),
        "NON_FINITE",
        "",
    ),
    "a price of an unknown curve": (
        changed(prices={"EUR-NONE": {"ER3H25": 97.0}}),
        "UNKNOWN_CURVE",
        "curves of EUR",
    ),
    "an unknown currency": (changed(currency="XXX"), "UNKNOWN_CURRENCY", "USD"),
    "an unknown curve": (changed(curves={"EUR-LIBOR": {"1Y": 0.02}}), "UNKNOWN_CURVE", "EUR-ESTR"),
    "another currency's curve": (
        changed(curves={"USD-SOFR": {"1Y": 0.02}}),
        "UNKNOWN_CURVE",
        "USD-SOFR",
    ),
    "an unknown tenor": (changed(curves={"EUR-GOVT": {"7Q": 0.02}}), "UNKNOWN_TENOR", "7Q"),
    "a tenor with a newline": (
        changed(curves={"EUR-GOVT": {"10Y\n": 0.02}}),
        "UNKNOWN_TENOR",
        "10Y\\n",
    ),
    "a tenor of 61 years": (changed(curves={"EUR-GOVT": {"61Y": 0.02}}), "UNKNOWN_TENOR", "60Y"),
    "a curve of 1000 nodes": (
        changed(curves={"EUR-GOVT": {f"{n}D": 0.02 for n in range(1, 1001)}}),
        "TOO_MANY",
        "EUR-GOVT: 1000 quotes with those that stand; at most 120",
    ),
    "three curves of 110 nodes": (
        changed(
            curves={
                name: {f"{n}D": 0.02 for n in range(1, 111)}
                for name in ("EUR-GOVT", "EUR-ESTR", "EUR-EURIBOR6M")
            }
        ),
        "TOO_MANY",
        "curves: 330 quotes",
    ),
    "a label of another currency's curve": (
        changed(labels={"USD-SOFR": "proxy"}),
        "LABEL",
        "labels: 'USD-SOFR' is not valid; curves of EUR",
    ),
    "18,000 labels": (
        changed(labels={f"C{n}": "proxy" for n in range(9_000)}),
        "LABEL",
        "'C0'",
    ),
    "a market of the year 2120": (changed(as_of="2120-01-01T00:00:00Z"), "AS_OF", "2 days ahead"),
    "percent for a decimal": (
        changed(curves={"EUR-GOVT": {"5Y": 4.25}}),
        "RANGE",
        "EUR-GOVT 5Y: 4.25 is not valid; decimal expected",
    ),
    "far below zero": (changed(curves={"EUR-GOVT": {"5Y": -0.06}}), "RANGE", "-0.05"),
    "a missing field": (without("seq"), "MISSING", "seq"),
    "an unknown field": (changed(sequence=1), "UNKNOWN_FIELD", "sequence"),
    "a negative seq": (changed(seq=-1), "SEQ", "$.seq"),
    "a seq with a fraction": (changed(seq=1.5), "SEQ", "$.seq"),
    "a seq above 2^53": (changed(seq=2**53 + 1), "SEQ", "$.seq"),
    "a time without a zone": (changed(as_of="2024-03-06T17:00:00"), "AS_OF_NAIVE", "timezone"),
    "no time": (changed(as_of="yesterday"), "AS_OF", "$.as_of"),
    "a time before QuantLib's": (changed(as_of="0001-01-01T00:00:00Z"), "AS_OF", "1950"),
    "a time after QuantLib's": (changed(as_of="9999-01-01T00:00:00Z"), "AS_OF", "2 days ahead"),
    "a sender's clock of 2^70 ns": (changed(sent_ns=2**70), "SENT_NS", "1970"),
    "an unknown label": (changed(labels={"EUR-GOVT": "guess"}), "LABEL", "guess"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_tick_has_its_code_and_a_sentence(case):
    raw, code, words = BAD[case]
    with pytest.raises(BadTick) as caught:
        market_tick(raw, None)
    assert caught.value.code == code
    assert words in caught.value.reason


def test_a_key_that_is_not_the_currency_is_refused():
    """It would go to a partition where another currency's order does not hold."""
    with pytest.raises(BadTick, match=r"KEY_MISMATCH.*USD.*EUR"):
        market_tick(TEXT.encode(), b"USD")


@pytest.mark.parametrize("key", [b"EUR", None])
def test_a_good_tick_gets_through(key):
    tick = market_tick(TEXT.encode(), key)
    assert (tick.currency, tick.seq, tick.curves) == ("EUR", 1, {"EUR-GOVT": {"10Y": 0.02}})


FX: dict[str, Any] = {
    "as_of": "2024-03-06T17:00:00Z",
    "source": "feed",
    "seq": 1,
    "usd": {"EUR": 1.09},
    "label": "official",
}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"usd": {}}, "EMPTY"),
        ({"usd": {"EUR": 0}}, "RANGE"),
        ({"usd": {"EUR": "1.1"}}, "TYPE"),
        ({"usd": {"USD": 1.5}}, "RANGE"),
        ({"as_of": "9999-01-01T00:00:00Z"}, "AS_OF"),
        ({"sent_ns": -1}, "SENT_NS"),
    ],
)
def test_bad_exchange_rates_have_their_code(fields, code):
    with pytest.raises(BadTick) as caught:
        fx_tick(json.dumps({**FX, **fields}).encode())
    assert caught.value.code == code
    assert fx_tick(json.dumps(FX).encode()).usd == {"EUR": 1.09}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_record_that_is_malformed_behind_a_wrong_type_is_a_bad_tick():
    text = json.dumps({**GOOD, "curves": {"USD-SOFR": {"1Y": None}}})
    with pytest.raises(BadTick):
        market_tick(f'{text[:-1]}, "x": NaN}}'.encode(), None)


@settings(max_examples=300, deadline=None)
@given(field=st.sampled_from([*GOOD, "labels", "epoch", "sent_ns"]), value=JSON)
def test_whatever_stands_in_a_field_only_a_bad_tick_is_raised(field, value):
    with contextlib.suppress(BadTick):
        market_tick(json.dumps({**GOOD, field: value}).encode(), None)


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(TEXT)), junk=st.binary(max_size=4))
def test_whatever_a_line_does_to_the_bytes_only_a_bad_tick_is_raised(at, junk):
    raw = TEXT.encode()
    for bytes_ in (raw[:at] + junk + raw[at:], raw[:at] + junk, junk):
        with contextlib.suppress(BadTick):
            market_tick(bytes_, None)


NOW = dt.datetime(2024, 3, 6, 17, tzinfo=dt.UTC)
CLOCK_NS = int(NOW.timestamp()) * 10**9


def test_a_market_may_be_two_days_ahead_of_the_clock_and_no_more() -> None:
    """Time zones and a wrong clock are allowed for; a date beyond all maturities is not."""
    late = changed(as_of="2024-03-08T17:00:00Z")
    assert market_tick(late, None, NOW).as_of.day == 8
    with pytest.raises(BadTick, match=r"AS_OF.*2 days ahead of the clock, 2024-03-08"):
        market_tick(changed(as_of="2024-03-08T17:00:01Z"), None, NOW)
    with pytest.raises(BadTick, match="AS_OF"):
        fx_tick(fx(as_of="2150-01-01T00:00:00Z"), NOW)


def fx(**fields: Any) -> bytes:
    usual = {"as_of": "2024-03-06T17:00:00Z", "source": "s", "seq": 1, "label": "proxy"}
    return json.dumps({**usual, "usd": {"EUR": 1.09}, **fields}).encode()


@pytest.mark.parametrize("rate", [5e-324, 1e-300, 9e-7, 1001.0, 999_999.0, 0.0, -1.0])
def test_a_rate_that_no_currency_has_is_refused(rate: float) -> None:
    with pytest.raises(BadTick, match="usd"):
        fx_tick(fx(usd={"EUR": rate}))


def test_a_rate_of_an_unknown_currency_is_refused_by_name_and_count() -> None:
    invented = {f"X{n:05d}": 1.0 for n in range(9_000)}
    with pytest.raises(BadTick) as caught:
        fx_tick(fx(usd=invented))
    assert caught.value.code == "UNKNOWN_CURRENCY"
    known = ", ".join(CURRENCIES)
    assert caught.value.reason == f"usd: 'X00000' and 8,999 more not known; allowed: {known}"


@pytest.mark.parametrize(
    ("last", "epoch", "seq", "code"),
    [
        ((0, 5), 2**53, 1, "EPOCH_JUMP"),
        ((0, 5), 1_001, 1, "EPOCH_JUMP"),
        ((0, 5), 0, 2**53, "SEQ_JUMP"),
        ((1_700_000_000, 5), 2**53, 1, "EPOCH_JUMP"),
        ((0, 5), 1_000, 1, ""),
        ((0, 5), 0, 10**9, ""),
        ((1_700_000_000, 5), 1_790_000_000, 1, ""),  # a clock in seconds, three years later
        ((3, 9), 2, 2**53, ""),  # an old epoch is stale, whatever its seq
        (None, 2**53, 1, "EPOCH_JUMP"),
        (None, CLOCK_NS // 1000, 1, ""),  # a new source that counts by its clock
        (None, 0, 2**53, ""),
    ],
)
def test_a_source_cannot_leap(
    last: tuple[int, int] | None, epoch: int, seq: int, code: str
) -> None:
    tick = market_tick(changed(epoch=epoch, seq=seq), None)
    if not code:
        check_order(tick, last, CLOCK_NS)
        return
    with pytest.raises(SourceRefused, match=f"{code}.*reset_source"):
        check_order(tick, last, CLOCK_NS)


def test_a_tenor_that_stands_under_another_spelling_is_refused():
    """The curve of every later frame would have two quotes of one instrument."""
    with pytest.raises(BadTick) as caught:
        check_market({"EUR-GOVT": {"1Y": 0.02, "10Y": 0.02, "12M": 0.02}})
    assert caught.value.code == "UNKNOWN_TENOR"
    assert "EUR-GOVT has 1Y too" in caught.value.reason


def test_an_exchange_rate_that_is_no_number_is_named():
    raw = b'{"as_of": "2024-03-06T17:00:00Z", "source": "f", "seq": 1, "label": "proxy", "usd": %s}'
    with pytest.raises(BadTick) as caught:
        fx_tick(raw % b'{"EUR": null}')
    assert caught.value.code == "TYPE"
    assert caught.value.reason.startswith("usd EUR: None is not valid; a number is expected")


@pytest.mark.parametrize(
    ("days", "taken"), [(-30, False), (-6, False), (-4, True), (0, True), (2, True), (3, False)]
)
def test_the_age_of_a_tick_can_be_bounded(days, taken):
    now = dt.datetime(2024, 3, 6, 17, 30, tzinfo=dt.UTC)
    as_of = (now + dt.timedelta(days=days)).isoformat()
    raw = json.dumps({**GOOD, "as_of": as_of}).encode()
    times = TimeLimits(age=dt.timedelta(days=5))
    if taken:
        market_tick(raw, None, now, times)
        return
    with pytest.raises(BadTick, match=r"AS_OF: as_of: .* is not valid; from 2024-03-01 to 2 days"):
        market_tick(raw, None, now, times)


# --- Prices ------------------------------------------------------------------------------------

BUND = quoted_bond(
    "DE000BU2Z023",
    "DE-BUND",
    issue_date="2024-01-12",
    maturity_date="2034-02-15",
    coupon_rate=0.022,
    first_coupon_date="2025-02-15",
)
BUND_ID = "BOND-DE000BU2Z023"


def test_a_bonds_price_is_its_yield_from_here_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The yield on the settlement of the business date, by plain QuantLib."""
    with_bonds(monkeypatch, BUND)
    raw = changed(curves={}, prices={"EUR-GOVT": {BUND_ID: 98.42}})
    dates = ql.Date(8, 3, 2024), ql.Date(12, 1, 2024), ql.Date(15, 2, 2034)
    wanted = annual_yield(98.42, *dates, 0.022, first=ql.Date(15, 2, 2025))
    for tick in (market_tick(raw, b"EUR"), checked_tick(raw)):
        assert tick.prices == {}
        assert tick.curves == {"EUR-GOVT": {BUND_ID: pytest.approx(wanted, abs=1e-10)}}


@pytest.mark.parametrize(
    ("price", "day", "code", "reason"),
    [
        (0.9842, "2024-03-06", "RANGE", "0.9842 of a face of 1 is 98.42"),
        (98.42, "2034-02-14", "RANGE", "it matures on 2034-02-15, and a trade settles on"),
        (5000.0, "2024-03-06", "RANGE", "a clean price per 100 of face, 2 to 1000"),
    ],
)
def test_a_price_that_a_bond_cannot_have_names_it(
    monkeypatch: pytest.MonkeyPatch, price: float, day: str, code: str, reason: str
) -> None:
    with_bonds(monkeypatch, BUND)
    as_of = f"{day}T17:00:00Z"
    raw = changed(as_of=as_of, curves={}, prices={"EUR-GOVT": {BUND_ID: price}})
    with pytest.raises(BadTick) as caught:
        market_tick(raw, b"EUR", dt.datetime.fromisoformat(as_of))
    assert caught.value.code == code
    assert f"EUR-GOVT {BUND_ID}: " in caught.value.reason
    assert reason in caught.value.reason
