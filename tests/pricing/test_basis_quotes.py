"""Curves quoted by a basis against another curve: the nodes are QuantLib's, each basis swap is
worth 0, and spreads stay where they are when rates move in parallel."""

from __future__ import annotations

import copy
import datetime as dt
import math
from typing import Literal

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pricing.curves.basis_quotes import as_rates
from pricing.curves.curve_set import ONE_BP, CurveSet
from pricing.curves.quotes import CurveQuotes, QuoteId, check_quotes, curve_version, shape_of
from pricing.errors import BadInput, BootstrapFailed, MissingCurve
from pricing.markets.calendars import date_of, day_of
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.swaps.basis_swap import BasisSwapTerms
from pricing.products.terms import Terms
from pricing.reference import Reference
from pricing.scenarios.curve_batch import solve_columns
from pricing.scenarios.definition import moves_of, read_table
from pricing.scenarios.historical import Closes, historical_moves
from pricing.scenarios.standard import plain, supervisory
from tests.pricing.explain.periods import by_trade, state
from tests.pricing.fitted_markets import with_basis_swap
from tests.pricing.pricing_of import priced

DAY = dt.date(2025, 2, 10)
LIKE_QUANTLIB = 1e-10
THREE, SIX = "EUR-EURIBOR3M", "EUR-EURIBOR6M"
ESTR = {"1D": 0.0291, "1Y": 0.0226, "2Y": 0.0211, "5Y": 0.0221, "10Y": 0.0238, "30Y": 0.0232}
OUTRIGHT_6M = {"6M": 0.0262, "1Y": 0.0245, "2Y": 0.0231, "5Y": 0.0237, "10Y": 0.0251}
BASIS = {"1Y": 0.0003, "2Y": 0.00055, "5Y": 0.00068, "10Y": 0.0007}


def against(index: str, spreads: dict[str, float]) -> dict[str, float]:
    return {f"BASIS-{index}-{tenor}": spread for tenor, spread in spreads.items()}


QUOTES: CurveQuotes = {
    "EUR-ESTR": ESTR,
    THREE: {"3M": 0.0259, **against("EURIBOR6M", BASIS)},
    SIX: OUTRIGHT_6M,
}
TURNED: CurveQuotes = {
    "EUR-ESTR": ESTR,
    THREE: {"3M": 0.0259, "1Y": 0.0242, "2Y": 0.02255, "5Y": 0.023, "10Y": 0.0244},
    SIX: {"6M": 0.0262, **against("EURIBOR3M", BASIS)},
}


@pytest.fixture
def on_first_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    with_basis_swap(monkeypatch, "EUR-3M-6M", spread_on="first_leg")


def agree(curves: CurveSet, x: np.ndarray, name: str, truth: ql.YieldTermStructure) -> None:
    for date in truth.dates():
        day = np.array([date.serialNumber() - ql.Date(1, 1, 1970).serialNumber()])
        tables = curves.grid.tables(np.array([curves.names.index(name)]), day)
        found = float(curves.grid.discount(tables, x)[0])
        assert math.log(found) == pytest.approx(math.log(truth.discount(date)), abs=LIKE_QUANTLIB)


def handle(rate: float) -> ql.QuoteHandle:
    return ql.QuoteHandle(ql.SimpleQuote(rate))


def by_quantlib(helpers: list[ql.RateHelper]) -> ql.YieldTermStructure:
    curve = ql.PiecewiseLogLinearDiscount(ql.Date(10, 2, 2025), helpers, ql.Actual365Fixed())
    curve.enableExtrapolation()
    return curve


Handle = ql.YieldTermStructureHandle


def estr() -> ql.YieldTermStructure:
    ql.Settings.instance().evaluationDate = ql.Date(10, 2, 2025)
    index = ql.Estr()
    overnight = ql.DepositRateHelper(
        handle(ESTR["1D"]), ql.Period("1D"), 0, ql.TARGET(), ql.Following, False, ql.Actual360()
    )
    swaps = [
        ql.OISRateHelper(2, ql.Period(tenor), handle(rate), index, paymentLag=1)
        for tenor, rate in ESTR.items()
        if tenor != "1D"
    ]
    return by_quantlib([overnight, *swaps])


def ibor(index: ql.IborIndex, quotes: dict[str, float], discount: Handle) -> list[ql.RateHelper]:
    deposit, *rest = quotes.items()
    return [
        ql.DepositRateHelper(handle(deposit[1]), index),
        *(
            ql.SwapRateHelper(
                handle(rate), ql.Period(tenor), ql.TARGET(), ql.Annual, ql.ModifiedFollowing,
                ql.Thirty360(ql.Thirty360.BondBasis), index, ql.QuoteHandle(), ql.Period("0D"),
                discount,
            )
            for tenor, rate in rest
        ),
    ]  # fmt: skip


def basis_helpers(
    first: ql.IborIndex, second: ql.IborIndex, discount: Handle, *, of_first: bool
) -> list[ql.RateHelper]:
    return [
        ql.IborIborBasisSwapRateHelper(
            handle(spread), ql.Period(tenor), 2, ql.TARGET(), ql.ModifiedFollowing, False, first,
            second, discount, of_first,
        )
        for tenor, spread in BASIS.items()
    ]  # fmt: skip


def test_a_curve_quoted_by_a_basis_is_quantlibs_bootstrap(on_first_leg) -> None:
    discount = ql.YieldTermStructureHandle(estr())
    six = by_quantlib(ibor(ql.Euribor6M(), OUTRIGHT_6M, discount))
    helpers = [ql.DepositRateHelper(handle(0.0259), ql.Euribor3M())]
    known = ql.Euribor6M(ql.YieldTermStructureHandle(six))
    helpers += basis_helpers(ql.Euribor3M(), known, discount, of_first=True)
    curves = CurveSet(DAY, shape_of(QUOTES))
    found = curves.solve(curves.vector(QUOTES))
    agree(curves, found.x, SIX, six)
    agree(curves, found.x, THREE, by_quantlib(helpers))
    assert found.rate_error < 1e-12


def test_the_other_way_round_it_is_quantlibs_too(on_first_leg) -> None:
    discount = ql.YieldTermStructureHandle(estr())
    three = by_quantlib(ibor(ql.Euribor3M(), TURNED[THREE], discount))
    known = ql.Euribor3M(ql.YieldTermStructureHandle(three))
    helpers = [ql.DepositRateHelper(handle(0.0262), ql.Euribor6M())]
    helpers += basis_helpers(known, ql.Euribor6M(), discount, of_first=False)
    curves = CurveSet(DAY, shape_of(TURNED))
    found = curves.solve(curves.vector(TURNED))
    agree(curves, found.x, SIX, by_quantlib(helpers))


def test_in_euro_the_quote_is_the_difference_of_two_fixed_rates() -> None:
    """The market's own convention: a curve of swap rates less the basis is the same curve."""
    discount = ql.YieldTermStructureHandle(estr())
    outright = {"3M": 0.0259} | {t: OUTRIGHT_6M[t] - spread for t, spread in BASIS.items()}
    curves = CurveSet(DAY, shape_of(QUOTES))
    found = curves.solve(curves.vector(QUOTES))
    agree(curves, found.x, THREE, by_quantlib(ibor(ql.Euribor3M(), outright, discount)))


def basis_swap(years: int, spread: float, name: str = "basis") -> BasisSwapTerms:
    return BasisSwapTerms(
        trade_id=name,
        book="book",
        first_index="EURIBOR3M",
        second_index="EURIBOR6M",
        pay_receive="receive",
        notional=1.0,
        effective_date=dt.date(2025, 2, 12),
        termination_date=dt.date(2025 + years, 2, 12),
        first_spread_bp=spread / ONE_BP,
    )


def swap(
    months: int, years: int, rate: float, side: Literal["pay", "receive"] = "receive"
) -> SwapTerms:
    return SwapTerms(
        trade_id=f"swap-{months}-{years}",
        book="book",
        convention=f"EUR-EURIBOR-{months}M",
        pay_receive=side,
        notional=1.0,
        effective_date=dt.date(2025, 2, 12),
        termination_date=dt.date(2025 + years, 2, 12),
        fixed_rate=rate,
    )


def test_a_trade_at_the_quote_is_worth_nothing_and_has_its_whole_ladder_there(on_first_leg):
    found = priced([basis_swap(5, BASIS["5Y"])], DAY, QUOTES)
    own = found.curves.keys.index((THREE, "BASIS-EURIBOR6M-5Y"))
    ladder = found.risk.ladder_par[0]
    assert abs(found.risk.npv[0]) < 1e-10
    # A fall of the quoted spread earns what a basis point of spread received is worth.
    assert ladder[own] == pytest.approx(found.risk.pv01[0], rel=1e-9)
    assert np.abs(np.delete(ladder, own)).max() < 1e-12
    assert abs(found.risk.dv01_par[0]) < 1e-12
    assert abs(found.risk.gamma[0]) < 1e-12


def test_two_swaps_at_rates_that_differ_by_the_quote_are_worth_nothing():
    book = [swap(6, 10, 0.0251), swap(3, 10, 0.0251 - BASIS["10Y"], "pay")]
    found = priced(book, DAY, QUOTES)
    assert np.abs(found.risk.npv).max() < 1e-10
    own = found.curves.keys.index((THREE, "BASIS-EURIBOR6M-10Y"))
    total = found.risk.ladder_par.sum(axis=0)
    assert np.abs(np.delete(total, own)).max() < 1e-12
    # A fall of the spread earns what a basis point of the fixed leg is worth.
    assert total[own] == pytest.approx(found.risk.pv01[0], rel=1e-9)


BOOK: list[Terms] = [
    swap(3, 4, 0.021),
    swap(6, 9, 0.027, "pay"),
    basis_swap(7, 0.0011),
    swap(3, 1, 0.02, "pay"),
]


@pytest.mark.parametrize("quotes", [QUOTES, TURNED], ids=["3M against 6M", "6M against 3M"])
def test_ladders_are_those_of_moving_each_quote_and_solving_again(quotes) -> None:
    found = priced(BOOK, DAY, quotes)
    truth = Reference(DAY, quotes).price(BOOK)
    for row, risk in enumerate(truth):
        assert found.risk.npv[row] == pytest.approx(risk.npv, abs=1e-9)
        assert found.risk.ladder_par[row] == pytest.approx(risk.ladder_par, abs=1e-10)
        assert found.risk.krd[row] == pytest.approx(risk.krd, abs=1e-10)
        assert found.risk.dv01_par[row] == pytest.approx(risk.dv01_par, abs=1e-10)
        assert found.risk.gamma[row] == pytest.approx(risk.gamma, abs=1e-11)


def test_dv01_is_the_ladder_of_outright_quotes_and_the_curves_move_in_parallel() -> None:
    found = priced(BOOK, DAY, QUOTES)
    rates = [not key.tenor.startswith("BASIS") for key in found.curves.keys]
    of_rates = found.risk.ladder_par[:, rates].sum(axis=1)
    assert found.risk.dv01_par == pytest.approx(of_rates, rel=1e-12)
    assert np.abs(found.risk.ladder_par[:, ~np.array(rates)]).max() > 1e-5
    # Rates up by 1 bp with spreads held move both projection curves by about 1 bp.
    up = found.curves.solve(found.solved.quotes + found.curves.parallel(ONE_BP))
    moves = found.curves.grid.zero_rates(up.x) - found.curves.grid.zero_rates(found.solved.x)
    three = [key.curve == THREE for key in found.curves.keys]
    assert moves[three] == pytest.approx(np.full(5, ONE_BP), rel=0.03)


TENORS = ("1Y", "18M", "2Y", "3Y", "4Y", "5Y", "7Y", "10Y", "12Y", "15Y", "20Y", "30Y")


@st.composite
def quote_sets(draw) -> CurveQuotes:
    """Both projection curves, either of them quoted by rates or spreads from tenor to tenor."""
    level, slope = draw(st.floats(-0.01, 0.06)), draw(st.floats(-0.01, 0.02))

    def rate(tenor: str, add: float) -> float:
        return level + add + slope * min(TENORS.index(tenor), 9) / 9.0

    of_three = draw(st.sets(st.sampled_from(TENORS), min_size=2))
    of_six = draw(st.sets(st.sampled_from(TENORS), min_size=2))
    spread_of_three = draw(st.booleans())
    made: CurveQuotes = {"EUR-ESTR": {"1D": level} | {t: rate(t, 0.0) for t in TENORS}}
    quoted, other = (THREE, SIX) if spread_of_three else (SIX, THREE)
    index = "EURIBOR6M" if spread_of_three else "EURIBOR3M"
    made[other] = {"6M" if spread_of_three else "3M": level + 0.002}
    made[other] |= {t: rate(t, 0.002) for t in (of_six if spread_of_three else of_three)}
    mine: dict[str, float] = {"3M" if spread_of_three else "6M": level + 0.001}
    for tenor in of_three if spread_of_three else of_six:
        if draw(st.booleans()):
            mine[tenor] = rate(tenor, 0.0015)
        else:
            mine[f"BASIS-{index}-{tenor}"] = draw(st.floats(-0.002, 0.004))
    return made | {quoted: mine}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(quotes=quote_sets(), leg=st.sampled_from(("first_leg", "second_leg", "fixed_leg")))
def test_any_mixture_of_rates_and_spreads_is_met_and_its_jacobian_is_that_of_moves(quotes, leg):
    with pytest.MonkeyPatch.context() as patch:
        with_basis_swap(patch, "EUR-3M-6M", spread_on=leg)
        curves = CurveSet(DAY, shape_of(quotes))
        found = curves.solve(curves.vector(quotes))
        assert found.rate_error < 1e-12
        assert np.abs(curves.instruments.at(found.x, found.quotes).value).max() < 1e-10
        moves = np.eye(len(found.quotes)) * ONE_BP
        up, down = (
            solve_columns(curves, found, found.quotes[:, None] + sign * moves) for sign in (1, -1)
        )
        assert not up.failures | down.failures
        slope = (up.x - down.x) / (2.0 * ONE_BP)
        scale = np.abs(found.jacobian).max()
        assert np.abs(slope - found.jacobian).max() < 5e-5 * scale


# --- What a spread is to scenarios, history and explain ------------------------------------------

KEYS = tuple(QuoteId(curve, tenor) for curve, tenors in shape_of(QUOTES) for tenor in tenors)
SPREADS = np.array([key.tenor.startswith("BASIS") for key in KEYS])
YEARS = np.linspace(0.5, 30.0, len(KEYS))


def test_scenarios_of_rates_leave_spreads_and_those_of_zero_rates_move_every_curve() -> None:
    moves = moves_of([*plain(), *supervisory()], "EUR", KEYS, YEARS)
    assert not moves.par[:, SPREADS].any()
    assert moves.par[:, ~SPREADS].any(axis=1).sum() == len(plain())
    assert np.abs(moves.zero[-1, SPREADS]).min() > 0.0


def test_a_key_rate_may_name_a_spread() -> None:
    head = "scenario,space,currency,curve,shape,tenor,move_bp\n"
    row = f"basis,par,EUR,{THREE},key_rate,BASIS-EURIBOR6M-10Y,3\n"
    moves = moves_of(read_table(head + row), "EUR", KEYS, YEARS).par[0]
    assert moves == pytest.approx(3e-4 * (np.array(KEYS)[:, 1] == "BASIS-EURIBOR6M-10Y"))
    for shape in ("points", "parallel"):
        with pytest.raises(BadInput, match="tenor"):
            read_table(head + row.replace("key_rate", shape))


def stored(rates: list[list[float]], keys: tuple[QuoteId, ...]) -> Closes:
    days = tuple(dt.date(2025, 2, 3) + dt.timedelta(days=n) for n in range(len(rates)))
    return Closes("EUR", days, keys, np.array(rates))


def test_spreads_move_as_stored_spreads_do_and_never_as_rates() -> None:
    keys = (QuoteId(THREE, "1Y"), QuoteId(THREE, "BASIS-EURIBOR6M-2Y"), QuoteId(SIX, "10Y"))
    wanted = (*keys, QuoteId(THREE, "BASIS-EURIBOR6M-5Y"), QuoteId(THREE, "10Y"))
    closes = stored([[0.02, 0.0004, 0.025], [0.021, 0.0006, 0.027]], keys)
    found = historical_moves([closes], {"EUR": wanted}).currencies["EUR"]
    assert found.moves[0] == pytest.approx([0.001, 0.0002, 0.002, 0.0002, 0.001])
    now = {"EUR": np.array([0.04, 0.0008, 0.025, 0.0008, 0.04])}
    scaled = historical_moves([closes], {"EUR": wanted}, now, kind="relative").currencies["EUR"]
    assert scaled.moves[0] == pytest.approx([0.002, 0.0002, 0.002, 0.0002, 0.002])


def test_a_spread_without_a_history_stays_and_is_named() -> None:
    keys = (QuoteId(THREE, "1Y"), QuoteId(SIX, "10Y"))
    wanted = (*keys, QuoteId(THREE, "BASIS-EURIBOR6M-5Y"))
    found = historical_moves([stored([[0.02, 0.025], [0.03, 0.035]], keys)], {"EUR": wanted})
    assert found.currencies["EUR"].moves[0] == pytest.approx([0.01, 0.01, 0.0])
    assert found.currencies["EUR"].without == (f"{THREE} against EURIBOR6M",)


def test_an_explain_puts_a_move_of_spreads_into_delta_by_quote() -> None:
    moved = copy.deepcopy(QUOTES)
    for name in moved[THREE]:
        if name.startswith("BASIS"):
            moved[THREE][name] += 2 * ONE_BP
    found = by_trade([swap(3, 7, 0.023)], state(DAY, QUOTES), state(DAY, moved))["swap-3-7"]
    ladder = priced([swap(3, 7, 0.023)], DAY, QUOTES).risk.ladder_par[0]
    by_quote = np.where(SPREADS, -2.0 * ladder, 0.0)
    assert found["by_quote"] == pytest.approx(by_quote, rel=1e-9, abs=1e-15)
    assert found["delta"] == pytest.approx(by_quote.sum(), rel=1e-9)
    assert abs(found["residual"]) < 1e-4 * abs(found["delta"])


# --- What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curve", "quote", "value", "said"),
    [
        (THREE, "BASIS-EURIBOR6M-10Y", 5.5, "0.05: 5.5 bp is 0.00055"),
        (THREE, "BASIS-EURIBOR6M-10Y", 0.06, "a decimal spread from -0.05 to 0.05"),
        (THREE, "BASIS-ESTR-10Y", 0.001, "no basis swap of EURIBOR3M against ESTR"),
        (THREE, "BASIS-EURIBOR6M-99Y", 0.001, "at most 60Y"),
        ("EUR-ESTR", "BASIS-EURIBOR6M-10Y", 0.001, "EUR-ESTR is made of"),
    ],
)
def test_a_quote_that_is_no_basis_of_its_curve_is_refused(curve, quote, value, said) -> None:
    with pytest.raises(BadInput) as caught:
        check_quotes("EUR", {curve: {quote: value}})
    assert said in str(caught.value)


def test_the_curve_on_the_other_side_is_needed() -> None:
    with pytest.raises(MissingCurve, match=SIX):
        CurveSet(DAY, shape_of({name: QUOTES[name] for name in ("EUR-ESTR", THREE)}))


def test_one_swap_quoted_on_both_curves_is_refused() -> None:
    both = {**QUOTES, SIX: {**OUTRIGHT_6M, "BASIS-EURIBOR3M-120M": 0.0007}}
    with pytest.raises(BootstrapFailed, match="which is the same swap"):
        CurveSet(DAY, shape_of(both))


def test_curves_that_are_quoted_by_each_other_alone_are_refused() -> None:
    quotes: CurveQuotes = {
        "EUR-ESTR": ESTR,
        THREE: against("EURIBOR6M", {"5Y": 0.0006}),
        SIX: against("EURIBOR3M", {"10Y": 0.0007}),
    }
    curves = CurveSet(DAY, shape_of(quotes))
    with pytest.raises(BootstrapFailed, match="no quote determines its node"):
        curves.solve(curves.vector(quotes))


def test_the_start_of_a_spread_is_a_rate_of_its_curve() -> None:
    ends = np.array([day_of(date_of(day_of(DAY)))] * len(KEYS))
    ends += (YEARS * 365).astype(int)
    quotes = np.array([QUOTES[key.curve][key.tenor] for key in KEYS])
    rates = as_rates(KEYS, quotes, ends)
    assert rates[~SPREADS] == pytest.approx(quotes[~SPREADS])
    assert rates[SPREADS] == pytest.approx(np.full(4, 0.0245), abs=0.003)


def test_the_name_of_a_market_changes_with_the_leg_that_pays_the_spread(monkeypatch) -> None:
    before = curve_version(QUOTES, DAY)
    with_basis_swap(monkeypatch, "EUR-3M-6M", spread_on="second_leg")
    assert curve_version(QUOTES, DAY) != before
