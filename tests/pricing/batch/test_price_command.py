"""``manage.py price`` prices files without a server, or explains what is wrong with them."""

from __future__ import annotations

import copy
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[3]
MARKET = {
    "valuation_date": "2025-02-10",
    "markets": [
        {
            "currency": "EUR",
            "curves": {
                "EUR-ESTR": {
                    "1W": 0.0267,
                    "1Y": 0.0225,
                    "5Y": 0.0218,
                    "10Y": 0.0231,
                    "30Y": 0.0225,
                },
                "EUR-EURIBOR6M": {
                    "6M": 0.0257,
                    "2Y": 0.0228,
                    "5Y": 0.0229,
                    "10Y": 0.0241,
                    "30Y": 0.0226,
                },
                "EUR-GOVT": {"1Y": 0.021, "5Y": 0.0215, "10Y": 0.0236, "30Y": 0.026},
            },
            "fixings": {"EURIBOR6M": {"2025-02-06": 0.0255, "2024-10-08": 0.031}},
        },
        {"currency": "USD", "curves": {"USD-SOFR": {"1Y": 0.041, "10Y": 0.0395}}},
    ],
    "ibor_coupons": "at_par",
}
SWAP = {
    "trade_id": "SWAP-1",
    "book": "B1",
    "convention": "EUR-EURIBOR-6M",
    "pay_receive": "receive",
    "notional": 10_000_000,
    "effective_date": "2024-10-10",
    "termination_date": "2034-10-10",
    "fixed_rate": 0.025,
}
BOND = {
    "trade_id": "BOND-1",
    "book": "B1",
    "convention": "DE-BUND",
    "issue_date": "2023-01-13",
    "maturity_date": "2033-02-15",
    "first_coupon_date": "2024-02-15",
    "coupon_rate": 0.023,
    "face_amount": 5_000_000,
    "clean_price": 98.5,
}
BOOK = {"swaps": [SWAP], "bonds": [BOND]}


class Run:
    """A run of the command; see the last test for one in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self, book: Any, market: Any) -> list[str]:
        for name, content in (("book", book), ("market", market)):
            text = content if isinstance(content, str) else json.dumps(content)
            (self.folder / f"{name}.json").write_text(text)
        paths = [str(self.folder / f"{name}.json") for name in ("book", "market")]
        return ["--book", paths[0], "--market", paths[1]]

    def __call__(self, book: Any, market: Any = MARKET, *options: str) -> tuple[int, Any, str]:
        """Exit status, the answer, and what stood on stderr."""
        out, stderr = self.folder / "out.json", io.StringIO()
        out.unlink(missing_ok=True)
        arguments = [*self.files(book, market), "--out", str(out), *options]
        status, said = 0, ""
        try:
            call_command("price", *arguments, stdout=io.StringIO(), stderr=stderr)
        except CommandError as error:
            status, said = error.returncode, str(error)
        answer = json.loads(out.read_text()) if out.exists() else None
        return status, answer, stderr.getvalue() + said


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def changed(**fields: Any) -> dict[str, Any]:
    return {"swaps": [{**SWAP, **fields}], "bonds": [BOND]}


def test_a_price_that_may_be_a_fraction_is_taken_with_a_warning(run):
    """A bond in default trades there, so it is priced."""
    bonds = [{**BOND, "trade_id": "LOW", "clean_price": 2.5}, BOND]
    status, answer, said = run({"bonds": bonds})
    assert (status, len(answer["trades"])) == (0, 2)
    assert "Warning: LOW: clean_price: 2.5 is read as 2.5 % of face; if 250 % is meant" in said
    assert said.count("Warning") == 1


def test_both_engines_give_every_measure_and_the_same_numbers(run):
    status, fast, _ = run(BOOK)
    assert status == 0
    _, slow, _ = run(BOOK, MARKET, "--engine", "quantlib")
    assert (fast["engine"], slow["engine"]) == ("compiled", "quantlib")
    assert fast["curve_version"] == slow["curve_version"]
    for ours, truth in zip(fast["trades"], slow["trades"], strict=True):
        assert set(ours) == set(truth)
        for name in ("npv", "pv01", "gamma", "theta"):
            assert ours[name] == pytest.approx(truth[name], abs=1e-9 * 1e7)
        for name in ("ladder_par", "krd"):
            for curve, ladder in truth[name].items():
                assert ours[name][curve] == pytest.approx(ladder, abs=1e-6 * abs(truth["dv01_par"]))


def test_a_bond_with_a_price_has_that_price_and_keeps_its_spread_off_the_ladder(run):
    _, answer, _ = run(BOOK)
    bond = answer["trades"][1]
    assert bond["clean_per_100"] == pytest.approx(98.5, abs=1e-9)
    assert bond["dirty_per_100"] == pytest.approx(98.5 + bond["accrued_per_100"], abs=1e-9)
    assert bond["z_spread_bp"] != 0
    stated = {**BOND, "z_spread_bp": bond["z_spread_bp"]}
    del stated["clean_price"]
    _, again, _ = run({"bonds": [stated]})
    assert again["trades"][0]["ladder_par"]["EUR-GOVT"] == pytest.approx(
        bond["ladder_par"]["EUR-GOVT"], rel=1e-9
    )


def test_sums_are_those_of_the_trades(run):
    _, answer, _ = run(BOOK)
    total = answer["totals"]["EUR"]
    for name in ("npv", "dv01_par", "dv01_zero", "gamma", "theta"):
        assert total[name] == pytest.approx(sum(t[name] for t in answer["trades"]), rel=1e-12)
    for trade in answer["trades"]:
        for name, ladder in (("dv01_par", "ladder_par"), ("dv01_zero", "krd")):
            flat = sum(sum(curve.values()) for curve in trade[ladder].values())
            assert flat == pytest.approx(trade[name], rel=1e-6)


def test_indexed_coupons_are_a_choice_of_the_market_and_change_its_version(run):
    _, at_par, _ = run(BOOK)
    _, indexed, _ = run(BOOK, {**MARKET, "ibor_coupons": "indexed"})
    assert at_par["curve_version"] != indexed["curve_version"]
    assert at_par["trades"][0]["npv"] != indexed["trades"][0]["npv"]


@pytest.mark.parametrize(
    ("book", "trade_id", "code", "words"),
    [
        (changed(fixed_rate=2.5), "SWAP-1", "BAD_INPUT", ["fixed_rate", "2.5"]),
        (changed(notional="1.000.000,00"), "SWAP-1", "BAD_INPUT", ["notional", "1.000.000,00"]),
        (changed(convention="EUR-LIBOR"), "SWAP-1", "BAD_INPUT", ["convention", "EUR-EURIBOR-6M"]),
        (changed(pay_receive="hold"), "SWAP-1", "BAD_INPUT", ["pay_receive", "'receive'"]),
        (
            changed(effective_date="10.10.2024"),
            "SWAP-1",
            "BAD_INPUT",
            ["effective_date", "2025-02-10"],
        ),
        (
            changed(termination_date="2024-01-01"),
            "SWAP-1",
            "BAD_INPUT",
            ["termination_date", "after"],
        ),
        (changed(fixed_day_count="ACT/361"), "SWAP-1", "BAD_INPUT", ["fixed_day_count", "ACT/360"]),
        (
            changed(
                convention="EUR-EURIBOR-6M",
                effective_date="2024-11-29",
                termination_date="2024-11-30",
            ),
            "SWAP-1",
            "BAD_INPUT",
            ["termination_date: '2024-11-30'", "effective_date 2024-11-29"],
        ),
        (changed(termination_date="2999-10-10"), "SWAP-1", "BAD_INPUT", ["2198-12-31"]),
        (changed(couponn=1), "SWAP-1", "BAD_INPUT", ["couponn", "no such field"]),
        (changed(floating_index="SOFR"), "SWAP-1", "BAD_INPUT", ["floating_index", "EURIBOR6M"]),
        (changed(notional_schedule=[-5]), "SWAP-1", "BAD_INPUT", ["notional_schedule"]),
        (
            changed(effective_date="2024-09-10", termination_date="2034-09-10"),
            "SWAP-1",
            "MISSING_FIXING",
            ["EURIBOR6M", "2024-09-06"],
        ),
        (changed(convention="EUR-EURIBOR-3M"), "SWAP-1", "MISSING_CURVE", ["EUR-EURIBOR3M"]),
        (changed(convention="GBP-SONIA-OIS"), "SWAP-1", "MISSING_CURVE", ["GBP"]),
        ({"swaps": [SWAP, SWAP], "bonds": [BOND]}, "SWAP-1", "BAD_INPUT", ["once"]),
        ({"swaps": [{"book": "B"}], "bonds": [BOND]}, "swaps[0]", "BAD_INPUT", ["required"]),
    ],
)
def test_a_bad_trade_is_named_and_never_stops_the_rest(run, book, trade_id, code, words):
    status, answer, stderr = run(book)
    assert status == 1
    (failure,) = answer["failed"]
    assert (failure["trade_id"], failure["code"]) == (trade_id, code)
    for word in words:
        assert word in failure["message"]
    assert trade_id in stderr
    assert "Traceback" not in stderr
    assert "BOND-1" in {trade["trade_id"] for trade in answer["trades"]}


def market_with(curve: str, quotes: Any) -> dict[str, Any]:
    market = copy.deepcopy(MARKET)
    market["markets"][0]["curves"][curve] = quotes
    return market


def market_with_fixings(index: str, rates: Any) -> dict[str, Any]:
    market = copy.deepcopy(MARKET)
    market["markets"][0]["fixings"][index] = rates
    return market


def market_with_fixing(index: str, date: str, rate: Any) -> dict[str, Any]:
    market = copy.deepcopy(MARKET)
    market["markets"][0]["fixings"].setdefault(index, {})[date] = rate
    return market


@pytest.mark.parametrize(
    ("market", "words"),
    [
        ("{not json", ["market.json", "not JSON", "line 1"]),
        (market_with("EUR-ESTR", {"5Y": 2.5}), ["EUR-ESTR 5Y", "2.5", "decimal expected"]),
        (market_with("EUR-ESTR", {"5Q": 0.025}), ["tenor", "5Q", "10Y", "quotes of EUR-ESTR"]),
        (market_with("EUR-LIBOR", {"5Y": 0.025}), ["EUR-LIBOR", "EUR-ESTR"]),
        (market_with("EUR-ESTR", {}), ["EUR-ESTR", "at least one quote"]),
        ('{"valuation_date": "2025-02-10", "markets": [], "markets": []}', ["markets", "twice"]),
        ({**MARKET, "valuation_date": "1066-10-14"}, ["valuation_date", "1066"]),
        ({**MARKET, "ibor_cupons": "indexed"}, ["ibor_cupons", "no such field"]),
        ({"markets": []}, ["valuation_date", "required"]),
        (market_with("EUR-ESTR", {"5Y": None}), ["EUR: EUR-ESTR 5Y: None", "a number is expected"]),
        (market_with("EUR-ESTR", {"5Y": "2 %"}), ["EUR: EUR-ESTR 5Y: '2 %'", "a number"]),
        (market_with("EUR-ESTR", None), ["EUR: EUR-ESTR: None", "rates by tenor"]),
        (
            market_with("EUR-ESTR", {"1Y": 0.02, "12M": 0.02}),
            ["EUR: tenor: '12M'", "EUR-ESTR has 1Y too", "give one of them"],
        ),
        (
            market_with_fixing("EURIBOR6M", "2025-02-06", 2.55),
            ["EUR: fixings of EURIBOR6M on 2025-02-06: rate: 2.55", "write 2.55 % as 0.0255"],
        ),
        (
            market_with_fixing("EURIBOR6M", "2025-02-06", None),
            ["EUR: fixings of EURIBOR6M on 2025-02-06: rate: None", "a number is expected"],
        ),
        (
            market_with_fixing("EURIBOR6M", "06/02/2025", 0.02),
            ["EUR: fixings of EURIBOR6M on 06/02/2025: date", "a date such as 2025-02-10"],
        ),
        (
            market_with_fixing("EURIBOR6M", "2025-02-30", 0.02),
            ["EUR: fixings of EURIBOR6M on 2025-02-30: date", "a date such as 2025-02-10"],
        ),
        (
            market_with_fixing("EURIBOR6M", "2999-02-06", 0.02),
            ["EUR: fixings of EURIBOR6M on 2999-02-06: date", "to 2198-12-31"],
        ),
        (
            market_with_fixing("EURIBOR6M", "2025-02-08", 0.02),
            ["EUR: fixings of EURIBOR6M on 2025-02-08: date", "Saturday", "on a weekend"],
        ),
        (
            market_with_fixing("SOFR", "2025-02-06", 0.02),
            ["EUR: fixings: index: 'SOFR'", "an index of USD; indices of EUR: ESTR, EURIBOR3M"],
        ),
        (
            market_with_fixings("EURIBOR6M", 0.02),
            ["EUR: fixings: EURIBOR6M: 0.02", "rates by date are expected"],
        ),
        (
            market_with_fixings("SONIA", {}),
            ["EUR: fixings: index: 'SONIA'", "an index of GBP"],
        ),
        (
            {**MARKET, "interpolation": {"EUR-ESTR": "cubic"}},
            [
                "interpolation of EUR-ESTR: 'cubic'",
                "allowed: log_linear, natural_log_cubic, monotone_convex",
            ],
        ),
        (
            {**MARKET, "interpolation": "cubic"},
            ["interpolation: 'cubic'", "by curve", "log_linear, natural_log_cubic"],
        ),
        ({**MARKET, "ibor_coupons": "par"}, ["ibor_coupons: 'par'", "allowed: at_par, indexed"]),
        ({**MARKET, "valuation_date": "2999-01-01"}, ["valuation_date: '2999-01-01'", "2100"]),
        ({**MARKET, "valuation_date": "10.2.2025"}, ["valuation_date: '10.2.2025'", "2025-02-10"]),
    ],
)
def test_a_market_file_that_cannot_be_used_is_one_sentence_and_status_2(run, market, words):
    status, answer, stderr = run(BOOK, market)
    assert status == 2
    assert answer is None
    for word in words:
        assert word in stderr
    assert "Traceback" not in stderr


def test_tenors_that_end_on_one_day_fail_their_currency_with_curve_and_both_names(run):
    market = copy.deepcopy(MARKET)
    market["markets"][0]["curves"]["EUR-ESTR"] = {"1Y": 0.02, "52W": 0.021, "10Y": 0.02}
    dollar = {
        **SWAP,
        "trade_id": "USD-1",
        "convention": "USD-SOFR-OIS",
        "effective_date": "2025-02-12",
    }
    status, answer, _ = run({"swaps": [SWAP, dollar]}, market)
    assert status == 1
    assert [trade["trade_id"] for trade in answer["trades"]] == ["USD-1"]
    (failure,) = answer["failed"]
    assert failure["code"] == "BOOTSTRAP"
    assert "EUR-ESTR 1Y" in failure["message"]
    assert "give 52W or 1Y, not both" in failure["message"]


def test_without_servers_or_an_output_file_a_table_is_printed_and_the_status_tells(run):
    servers = ("DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")
    done = subprocess.run(
        [sys.executable, "manage.py", "price", *run.files(changed(fixed_rate=2.5), MARKET)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in servers},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "BOND-1" in done.stdout
    assert "dv01_par" in done.stdout
    assert "SWAP-1: BAD_INPUT: fixed_rate" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_table_has_a_dash_for_a_measure_that_a_product_does_not_have(run):
    done = subprocess.run(
        [sys.executable, "manage.py", "price", *run.files(BOOK, MARKET)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (swap,) = [line for line in done.stdout.splitlines() if "SWAP-1" in line]
    assert "swap" in swap
    assert " - " in swap  # a swap has no cs01


def test_theta_of_a_friday_reaches_over_the_weekend(run):
    market = {**MARKET, "valuation_date": "2025-02-14"}
    _, answer, _ = run(BOOK, market)
    _, truth, _ = run(BOOK, market, "--engine", "quantlib")
    for ours, slow in zip(answer["trades"], truth["trades"], strict=True):
        assert ours["theta"] == pytest.approx(slow["theta"], abs=0.01)
        assert ours["theta"] is not None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ["compiled", "quantlib"])
def test_a_matured_bond_fails_with_the_date_of_its_last_payment(run, engine):
    """Until the day before, it is worth what it pays; 15 February 2025 is a Saturday."""
    dates = {"issue_date": "2015-02-15", "maturity_date": "2025-02-15"}
    bond = {k: v for k, v in BOND.items() if k not in ("first_coupon_date", "clean_price")} | dates
    priced = {**bond, "trade_id": "BOND-2", "clean_price": 99.9}
    ended = SWAP | {"effective_date": "2020-01-10", "termination_date": "2025-01-10"}

    def found(date: str) -> tuple[dict[str, Any], dict[str, str]]:
        market = copy.deepcopy(MARKET) | {"valuation_date": date}
        market["markets"][0]["fixings"]["EURIBOR6M"] = {}
        book = {"swaps": [ended], "bonds": [bond, priced]}
        _, answer, _ = run(book, market, "--engine", engine)
        trades = {row["trade_id"]: row for row in answer["trades"]}
        return trades, {f["trade_id"]: f"{f['code']}: {f['message']}" for f in answer["failed"]}

    sentence = "UNPRICEABLE: maturity_date: the bond has matured; it pays nothing after 2025-02-17"
    trades, failed = found("2025-02-16")
    assert failed == {}
    assert trades["BOND-1"]["npv"] == pytest.approx(5_115_000, rel=1e-3)
    # Tomorrow's payment has left the value of tomorrow.
    assert trades["BOND-1"]["theta"] == pytest.approx(-trades["BOND-1"]["npv"], rel=1e-12)
    for date in ("2025-02-17", "2025-02-18"):
        trades, failed = found(date)
        assert failed == {"BOND-1": sentence, "BOND-2": sentence}
        assert trades["SWAP-1"]["npv"] == 0
