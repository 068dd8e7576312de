"""The explain of a published portfolio: coupon legs in dollars, over two weeks in 2023."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest

from pricing.products.fixed_floating_swap import SwapTerms
from tests.not_run import SAMPLE_DATA, stop
from tests.pricing.explain import periods
from tests.pricing.explain.periods import state

FILE = Path(__file__).resolve().parents[4] / "shared" / "truth" / "ore_pnl_explain.json"
LEG = {
    "SwapLeg": (dt.date(2023, 2, 1), dt.date(2024, 2, 1)),
    "SwapLegFlow": (dt.date(2022, 2, 5), dt.date(2024, 2, 5)),
}
T0, T1 = dt.date(2023, 1, 31), dt.date(2023, 2, 14)


@pytest.fixture(scope="module")
def published() -> dict:
    if not FILE.exists():
        stop(SAMPLE_DATA, str(FILE.name))
    return json.loads(FILE.read_text())


def quotes_on(published: dict, date: dt.date) -> dict:
    """The deposit and the overnight swaps up to a year; later ones need basis swaps."""
    made = {}
    for name, rate in published["quotes"][date.isoformat()].items():
        if name.startswith("MM/RATE/USD/0D/"):
            made["1D"] = rate
        elif name.startswith("IR_SWAP/RATE/USD/2D/1D/"):
            made[name.rsplit("/", 1)[1]] = rate
    return {"USD-SOFR": made}


def leg(name: str, trade_id: str | None = None) -> list[SwapTerms]:
    """A receiver of 5 % and a payer of 0 %: what is left is the coupon leg."""
    start, end = LEG[name]
    swap = SwapTerms(
        trade_id=trade_id or name,
        book=trade_id or name,
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=1_000_000,
        effective_date=start,
        termination_date=end,
        fixed_rate=0.05,
        fixed_day_count="30/360",
        payment_lag=0,
        calendar="US",
        business_day_convention="FOLLOWING",
    )
    none = msgspec.structs.replace(
        swap, trade_id=f"{swap.trade_id}-0", pay_receive="pay", fixed_rate=0.0
    )
    return [swap, none]


def fixings_before(date: dt.date) -> dict:
    days = [date - dt.timedelta(days=n) for n in range(1, 800)]
    return {"SOFR": {day: 0.043 for day in days if day.weekday() < 5}}


def states(published: dict):
    known = fixings_before(T1)
    return (
        state(T0, quotes_on(published, T0), known),
        state(T1, quotes_on(published, T1), known),
    )


@pytest.mark.parametrize("name", LEG)
def test_values_cash_and_totals_are_the_published_ones(published, name):
    found = periods.by_group(leg(name), *states(published))
    expected = published["full_revaluation"][name]
    cash = expected.get("cash", 0.0)
    values = {term: periods.total(found, term) for term in found.terms}
    assert values["value_start"] == pytest.approx(expected["t0_m0"], abs=1e-3)
    assert values["value_end"] == pytest.approx(expected["t1_m1"], abs=1e-3)
    rolled = expected["t1_m0"] - expected["t0_m0"] + cash
    assert values["theta_pnl"] + values["fixings"] == pytest.approx(rolled, abs=1e-3)
    market = expected["t0_m1"] - expected["t0_m0"]
    assert values["market_pnl"] == pytest.approx(market, abs=1e-3)
    assert values["cash"] == pytest.approx(cash, abs=1e-6)
    total = expected["t1_m1"] - expected["t0_m0"] + cash
    assert values["total"] == pytest.approx(total, abs=2e-4)


@pytest.mark.parametrize("name", LEG)
def test_gamma_leaves_a_residual_below_a_five_thousandth_of_the_market_move(published, name):
    found = periods.by_group(leg(name), *states(published))
    values = {term: periods.total(found, term) for term in found.terms}
    assert abs(values["residual"]) < 2e-4 * abs(values["market_pnl"])
    assert abs(values["gamma"]) > 10 * abs(values["residual"])


def test_a_trade_booked_on_the_last_day_is_new_and_one_that_is_gone_is_terminated(published):
    """ORE's TradeChangePnL and New: the value of the trade at the end."""
    start, end = states(published)
    rest = leg("SwapLeg")
    found = periods.by_group(
        [*rest, *leg("SwapLegFlow")], start, end, [*rest, *leg("SwapLegFlow", "SwapLegFlow2")]
    )
    expected = published["expected_par_sensitivities"]
    place = {name: row for row, (name, _) in enumerate(found.names)}
    new = found.terms["new"][place["SwapLegFlow2"]]
    assert new == pytest.approx(expected["SwapLegFlow2"]["NPV(t1_m1_p1)"], abs=1e-3)
    gone = found.terms["terminated"][place["SwapLegFlow"]]
    assert gone == pytest.approx(expected["SwapLegFlow"]["TradeChangePnL"], abs=1e-3)
