"""The numbers of limits, beside sums that are written out in loops."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from pricing.exposure.definition import Bounds, LimitTerms, Scope
from pricing.exposure.numbers import Group, GroupTable, Numbers, ScenarioTable

KEYS = {
    "USD": (("USD-SOFR", "1Y"), ("USD-SOFR", "10Y"), ("USD-GOVT", "10Y")),
    "EUR": (("EUR-ESTR", "1Y"), ("EUR-ESTR", "10Y")),
}
BOOKS = {"B1": "RATES", "B2": "RATES", "B3": "GOVIES"}
FACTORS = {"USD": {"USD": 1.0, "EUR": 1 / 1.1}, "EUR": {"USD": 1.1, "EUR": 1.0}}
NOW = 10_000_000_000


def table(currency: str, seed: int = 1, **changes) -> GroupTable:
    draw = random.Random(seed)
    groups = tuple(Group(b, p, d) for b, d in BOOKS.items() for p in ("swap", "bond"))
    sums = tuple((name, "", "") for name in ("npv", "dv01_par"))
    ladder = tuple(("ladder_par", *key) for key in KEYS[currency])
    columns = sums + ladder
    usual = {
        "groups": groups,
        "columns": columns,
        "values": np.array([[draw.uniform(-9, 9) for _ in columns] for _ in groups]),
        "unpriced": np.zeros(len(groups), dtype=np.int64),
        "elsewhere": 0,
        "factors": FACTORS[currency],
        "frame": seed,
        "published_ns": NOW,
    }
    return GroupTable(**{**usual, **changes})


def limit(measure: str = "dv01_par", **changes) -> LimitTerms:
    usual = {
        "code": "L",
        "scope": Scope(),
        "measure": measure,
        "amounts_in": "USD",
        "bounds": Bounds(hard=1.0),
    }
    return LimitTerms(**{**usual, **changes})


def by_hand(one: LimitTerms, tables: dict[str, GroupTable]) -> float:
    """The number of a limit, trade group by trade group."""
    total = 0.0
    name = one.measure.removesuffix("_gross")
    for currency, found in tables.items():
        if one.scope.currency not in ("", currency):
            continue
        for n, (column, curve, tenor) in enumerate(found.columns):
            if column != name or one.curve not in ("", curve) or one.tenor not in ("", tenor):
                continue
            amount = 0.0
            for row, group in enumerate(found.groups):
                if (
                    one.scope.desk in ("", group.desk)
                    and one.scope.book in ("", group.book)
                    and one.scope.product in ("", group.product)
                ):
                    amount += found.values[row, n]
            amount *= FACTORS[currency][one.amounts_in]
            total += abs(amount) if one.measure.endswith("_gross") else amount
    return total


SCOPES = [
    Scope(),
    Scope(desk="RATES"),
    Scope(book="B3"),
    Scope(currency="EUR"),
    Scope(product="bond"),
    Scope(desk="RATES", currency="USD", product="swap"),
    Scope(desk="NOBODY"),
]
MEASURES = [
    {"measure": "npv"},
    {"measure": "dv01_par"},
    {"measure": "ladder_par", "curve": "USD-SOFR", "tenor": "10Y"},
    {"measure": "ladder_par", "curve": "USD-SOFR"},
    {"measure": "ladder_par_gross"},
    {"measure": "ladder_par_gross", "curve": "EUR-ESTR"},
]


def test_numbers_equal_sums_that_are_written_out():
    limits = [
        limit(scope=scope, amounts_in=money, **measure)
        for scope in SCOPES
        for measure in MEASURES
        for money in ("USD", "EUR")
    ]
    numbers = Numbers(limits)
    tables = {"USD": table("USD", 1), "EUR": table("EUR", 2)}
    for currency in ("USD", "EUR"):
        numbers.put("sums", currency, table(currency, 99))  # replaced
    for currency, found in tables.items():
        numbers.put("sums", currency, found)
    assert numbers.known(NOW).all()
    wanted = [by_hand(one, tables) for one in limits]
    assert numbers.values() == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert max(map(abs, wanted)) > 1.0


def test_a_trade_without_a_number_makes_its_scopes_unknown_and_no_other():
    unpriced = np.array([0, 0, 2, 0, 0, 0])  # B2 swap
    limits = [limit(scope=scope) for scope in SCOPES]
    numbers = Numbers(limits)
    numbers.put("sums", "USD", table("USD", unpriced=unpriced))
    assert numbers.known(NOW).tolist() == [False, False, True, True, True, False, True]
    assert numbers.reason(0, NOW) == "2 trades of USD are not priced"
    numbers.put("sums", "USD", table("USD", elsewhere=1))
    assert numbers.known(NOW).tolist() == [False, False, False, True, False, False, False]
    numbers.put("sums", "USD", table("USD"))
    assert numbers.known(NOW).all()


def test_a_currency_with_trades_and_no_frame_is_missing():
    numbers = Numbers([limit(), limit(scope=Scope(currency="USD"))])
    numbers.expect(["USD", "EUR"])
    numbers.put("sums", "USD", table("USD"))
    assert numbers.known(NOW).tolist() == [False, True]
    assert numbers.reason(0, NOW) == "no frame of EUR yet"
    numbers.put("sums", "EUR", table("EUR"))
    assert numbers.known(NOW).all()


def test_what_cannot_be_converted_or_is_not_quoted_is_unknown():
    limits = [
        limit(),
        limit(amounts_in="EUR"),
        limit("ladder_par", curve="USD-SOFR", tenor="7Y"),
    ]
    numbers = Numbers(limits)
    numbers.put("sums", "USD", table("USD", factors={"USD": 1.0}))
    assert numbers.known(NOW).tolist() == [True, False, False]
    assert "no exchange rate to EUR" in numbers.reason(1, NOW)
    assert numbers.reason(2, NOW) == "USD does not quote USD-SOFR 7Y"


def test_a_missing_number_spreads_to_no_other_scope():
    found = table("USD")
    found.values[0, 1] = np.nan  # dv01_par of B1 swap
    limits = [limit(), limit(scope=Scope(book="B2")), limit("npv")]
    numbers = Numbers(limits)
    numbers.put("sums", "USD", found)
    assert numbers.known(NOW).tolist() == [False, True, True]
    wanted = [by_hand(one, {"USD": found}) for one in limits[1:]]
    assert numbers.values()[1:] == pytest.approx(wanted)
    assert numbers.reason(0, NOW) == "trades of USD have no dv01_par"


def test_a_number_that_is_too_old_is_unknown():
    numbers = Numbers([limit(max_age_s=60.0), limit()])
    numbers.put("sums", "USD", table("USD"))
    assert numbers.known(NOW + 60 * 10**9).tolist() == [True, True]
    assert numbers.known(NOW + 60 * 10**9 + 1).tolist() == [False, True]
    assert numbers.reason(0, NOW + 61 * 10**9) == "older than 60 s"


def test_profit_and_loss_has_the_move_of_the_exchange_rate():
    columns = (("pnl_close", "", ""), ("left", "", ""))
    groups = (Group("B1", "swap", "RATES"),)
    found = table(
        "EUR",
        groups=groups,
        columns=columns,
        values=np.array([[10.0, 1000.0]]),
        unpriced=np.zeros(1, dtype=np.int64),
        factors={"USD": 1.1},
        moves={"USD": 0.02},
        moved=1,
    )
    numbers = Numbers([limit("pnl_close"), limit("pnl_close", amounts_in="EUR")])
    numbers.put("explain", "EUR", found)
    assert numbers.values() == pytest.approx([10 * 1.1 + 1000 * 0.02, 10.0])
    numbers.put("explain", "EUR", replace(found, refused="there is no close"))
    assert not numbers.known(NOW).any()
    assert "there is no close" in numbers.reason(0, NOW)


def scenario_tables(unpriced: int = 0) -> dict[str, ScenarioTable]:
    pnl = np.arange(1.0, 101.0) - 50.0  # -49 .. 50
    groups = (Group("B1", "swap", "RATES"), Group("B3", "bond", "GOVIES"))
    usd = ScenarioTable(
        groups=groups,
        unpriced=np.array([0, unpriced]),
        usd=1.0,
        historical=np.array([pnl, 2 * pnl]),
        stress=np.array([[-5.0, 1.0], [-7.0, np.nan]]),
        frame=3,
    )
    eur = replace(usd, usd=1.1, historical=np.array([pnl[::-1], 0 * pnl]))
    return {"USD": usd, "EUR": eur}


def test_value_at_risk_shortfall_and_scenario_losses_of_scopes():
    rates_usd = Scope(desk="RATES", currency="USD")
    limits = [
        limit("var", scope=rates_usd),
        limit("expected_shortfall", scope=rates_usd, level="97.5"),
        limit("var", scope=Scope(desk="RATES")),
        limit("scenario_loss", scope=rates_usd, scenario="up"),
        limit("scenario_loss", scope=Scope(currency="USD"), scenario="down"),
    ]
    numbers = Numbers(limits)
    assert not numbers.known(NOW).any()
    numbers.put_scenarios(scenario_tables(), ["up", "down"], {}, NOW)
    # By hand: of -49 .. 50 the worst of a hundred is -49; of 97.5 % the worst three of them.
    total = np.arange(1.0, 101.0) - 50.0 + 1.1 * (np.arange(1.0, 101.0) - 50.0)[::-1]
    assert numbers.values()[:4] == pytest.approx([49.0, 48.0, -total.min(), 5.0])
    assert numbers.known(NOW).tolist() == [True, True, True, True, False]
    numbers.put_scenarios(scenario_tables(unpriced=1), ["up", "down"], {}, NOW)
    assert numbers.known(NOW).tolist() == [True, True, True, True, False]
    numbers.put_scenarios(scenario_tables(), ["up"], {"EUR": "it has no stored closes"}, NOW)
    assert numbers.known(NOW).tolist() == [True, True, False, True, False]
    assert "it has no stored closes" in numbers.reason(2, NOW)
