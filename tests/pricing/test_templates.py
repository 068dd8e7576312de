"""Trades of one template are what QuantLib makes of each by itself."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from demo import sample
from pricing.errors import PricingError
from pricing.products.cash_flows import FLOW, make_block
from pricing.products.fixed_floating_swap import NotionalStep, SwapTerms
from pricing.products.fixed_rate_bond_flows import make_bond, resolve_bond
from pricing.products.flows import compile_block, compile_trade, make_template, scaling_of
from pricing.products.leg_rows import fixed_leg_rows, floating_leg_rows
from pricing.products.swaps.fixed_floating_legs import resolve_swap
from pricing.products.swaps.fixed_floating_reference import swap_legs
from pricing.products.templates import Templates, template_key
from tests.pricing import sample_markets
from tests.risk.made import bond, swap

ROUNDING = 2e-15
"""Of the notional of a flow: QuantLib adds 1 to a coupon and takes it off again."""

MONEY = ("scale", "accrued", "amount", "unit")
NAMES = tuple(name for name in FLOW.names if name not in MONEY)


def by_itself(terms, *, indexed=False):
    """The flows of QuantLib's own legs of a trade, with its notionals, rate, spread and sign."""
    if isinstance(terms, SwapTerms):
        made = resolve_swap(terms)
        fixed, floating = swap_legs(made, indexed=indexed)
        flows = np.array(
            fixed_leg_rows(fixed) + floating_leg_rows(floating, made.index, indexed), dtype=FLOW
        )
        signs = np.where(flows["leg"] == 0, made.sign, -made.sign)
    else:
        legs = make_bond(resolve_bond(terms)).cashflows()
        flows = np.array(fixed_leg_rows(legs), dtype=FLOW)
        signs = terms.face_amount / 100.0
    for column in MONEY:
        flows[column] *= signs
    return flows


def largest(terms):
    return max(terms.size, *(abs(each) for each in scaling_of(terms).notionals))


def assert_same(flows, expected, notional):
    for column in NAMES:
        assert np.array_equal(flows[column], expected[column]), column
    for column in MONEY:
        worst = np.abs(flows[column] - expected[column])
        allowed = ROUNDING * np.maximum(np.abs(expected[column]), notional)
        assert (worst <= allowed).all(), (column, worst.max())


def test_the_sample_book_compiles_as_each_trade_by_itself():
    keys, names = set(), set()
    for terms in sample.trades(600):
        if getattr(terms, "waits_for_market", False):
            terms = msgspec.structs.replace(terms, z_spread_bp=12.5)
        assert_same(compile_trade(terms).flows, by_itself(terms), terms.size)
        if terms.product == "bond":
            keys.add(template_key(terms, indexed=False))
            names.add(terms.name)
    assert len(keys) == len(names) > 50


@pytest.mark.parametrize("currencies", sample_markets.GROUPS)
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
@given(data=st.data())
def test_any_book_compiles_as_each_trade_by_itself(currencies, data):
    currency, indexed = data.draw(st.sampled_from(currencies)), data.draw(st.booleans())
    book = data.draw(sample_markets.books(currency, data.draw(sample_markets.dates)))
    # Of other products and variants, their own tests make the flows by hand.
    book = [one for one in book if one.trade_id[0] in "SB"]
    book += [changed(one, data.draw(amounts)) for one in book]
    for terms in book:
        try:
            found = compile_trade(terms, indexed=indexed)
        except PricingError:
            continue
        assert_same(found.flows, by_itself(terms, indexed=indexed), largest(terms))


amounts = st.tuples(st.floats(1.0, 1e9), st.floats(-0.05, 0.15), st.floats(-200.0, 200.0))


def changed(terms, by):
    """Another trade of the same template."""
    size, rate, spread_bp = by
    name = f"{terms.trade_id}-2"
    if isinstance(terms, SwapTerms):
        other = "pay" if terms.pay_receive == "receive" else "receive"
        return msgspec.structs.replace(
            terms,
            trade_id=name,
            notional=size,
            fixed_rate=rate,
            spread_bp=spread_bp,
            pay_receive=other,
        )
    return msgspec.structs.replace(terms, trade_id=name, face_amount=-size)


STEPS = [NotionalStep(date=dt.date(2026, 3, 9), notional=4e5), 7e5]


@pytest.mark.parametrize("schedule", [STEPS[:1], [9e5, 8e5, 0.0, 6e5, 5e5]])
def test_schedules_of_notionals_share_a_template_by_their_dates(schedule):
    first = swap(notional_schedule=schedule)
    half = [
        msgspec.structs.replace(step, notional=step.notional / 3)
        if isinstance(step, NotionalStep)
        else step / 3
        for step in schedule
    ]
    other = swap(notional=5e5, notional_schedule=half)
    assert template_key(first, indexed=False) == template_key(other, indexed=False)
    for terms in (first, other):
        assert_same(compile_trade(terms).flows, by_itself(terms), terms.size)


@pytest.mark.parametrize(
    "change",
    [
        {"termination_date": dt.date(2029, 3, 8)},
        {"payment_lag": 1},
        {"fixed_day_count": "30/360"},
        {"notional_schedule": STEPS[:1]},
        {"notional_schedule": [9e5, 8e5, 7e5, 6e5, 5e5]},
        {"convention": "EUR-ESTR-OIS"},
    ],
)
def test_what_changes_dates_or_accruals_changes_the_template(change):
    assert template_key(swap(**change), indexed=False) != template_key(swap(), indexed=False)


def test_what_only_scales_does_not():
    change = {"notional": 2.0, "fixed_rate": 0.01, "spread_bp": 3.0, "pay_receive": "pay"}
    one = template_key(swap(**change, trade_id="X", book="Y"), indexed=False)
    assert one == template_key(swap(), indexed=False) != template_key(swap(), indexed=True)
    assert template_key(bond(face_amount=-5.0), indexed=False) == template_key(
        bond(z_spread_bp=99.0), indexed=False
    )


def test_a_block_is_that_of_its_trades_laid_side_by_side():
    """Of two indices and three curves; trades without an index between them."""
    euribor = {"convention": "EUR-EURIBOR-6M", "discount_curve": "EUR-EURIBOR6M"}
    book = [
        swap("A", convention="EUR-ESTR-OIS"),
        bond("B", convention="FR-OAT", discount_curve=None, coupon_rate=0.03),
        swap("C", convention="EUR-EURIBOR-6M", notional_schedule=STEPS[:1]),
        swap("D", **euribor, pay_receive="pay", spread_bp=7.0),
    ]
    block, failures = compile_block(book)
    expected = make_block([compile_trade(terms) for terms in book])
    assert failures == []
    for name in expected.__dataclass_fields__:
        mine, other = getattr(block, name), getattr(expected, name)
        assert np.array_equal(mine, other), name
        assert getattr(mine, "dtype", None) == getattr(other, "dtype", None), name


def test_a_trade_that_does_not_compile_is_named_beside_the_others():
    late = swap("LATE", notional_schedule=[1.0])
    block, failures = compile_block(
        [swap("A"), late, bond("W", clean_price=98.0, z_spread_bp=None)]
    )
    assert block.trade_ids == ("A",)
    assert [(f.trade_id, f.code) for f in failures] == [
        ("LATE", "BAD_INPUT"),
        ("W", "SPREAD_NOT_SOLVED"),
    ]


def test_a_process_keeps_the_templates_that_it_used_last():
    made = []

    def make(terms):
        made.append(terms.trade_id)
        return make_template(terms)

    kept = Templates(make, indexed=False, size=2)
    ends = {name: dt.date(2029 + year, 3, 7) for year, name in enumerate("ABC")}
    for name in "ABABCACB":
        kept.of(swap(name, termination_date=ends[name], notional=float(len(made) + 1)))
    assert made == ["A", "B", "C", "A", "B"]
    assert scaling_of(swap(notional=3.0)).notionals == [3.0]
