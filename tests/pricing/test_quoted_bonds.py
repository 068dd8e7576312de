"""Bonds as quotes of a curve: laid out as QuantLib lays them out, bootstrapped as its helpers do,
fitted with the residual of each bond in its own yield, and refused with a sentence."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.price_quotes import with_prices
from pricing.curves.quotes import CurveQuotes, check_quotes, curve_version, shape_of
from pricing.errors import BadInput, BootstrapFailed, NothingAfterSettlement
from pricing.markets import conventions
from pricing.markets.calendars import date_of, later
from pricing.markets.conventions import QuotedBond
from pricing.measures.bond_analytics import PricedBond
from pricing.products.bonds.quoted_bond import quoted_bond_flows, yields_from_prices
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.schedules import to_ql
from pricing.reference import Reference
from pricing.scenarios.curve_batch import solve_columns
from tests.pricing.explain.periods import by_trade, state
from tests.pricing.fitted_markets import quoted_bond, with_bonds, with_curve
from tests.pricing.pricing_of import priced as priced_book

DAY = dt.date(2024, 3, 5)
GOVT = "EUR-GOVT"
LIKE_QUANTLIB = 1e-10


def row(
    name: str, convention: str, issue: str, maturity: str, coupon: float, first: str | None = None
) -> QuotedBond:
    market = conventions.BONDS[convention]
    return quoted_bond(
        name,
        convention,
        currency=market.currency or "USD",
        curve=market.discount_curve or "USD-GOVT",
        issue_date=issue,
        maturity_date=maturity,
        coupon_rate=coupon,
        first_coupon_date=first,
    )


BUNDS = (
    row("B1", "DE-BUND", "2023-03-14", "2025-03-13", 0.025),
    row("B2", "DE-BUND", "2021-01-14", "2026-04-16", 0.0, "2022-04-16"),
    row("B5", "DE-BUND", "2024-01-16", "2029-04-12", 0.021, "2025-04-12"),
    row("B10", "DE-BUND", "2024-01-12", "2034-02-15", 0.022, "2025-02-15"),
    row("B30", "DE-BUND", "2023-08-15", "2054-08-14", 0.025),
)
CLEAN = {"B1": 99.21, "B2": 94.52, "B5": 98.35, "B10": 98.42, "B30": 99.85}
MORE = (
    row("B3", "FR-OAT", "2021-02-25", "2027-02-25", 0.01),
    row("B7", "IT-BTP", "2021-06-15", "2031-06-15", 0.0325),
    row("B15", "DE-BUND", "2019-05-15", "2038-05-15", 0.01),
    row("B20", "FR-OAT", "2014-05-25", "2045-05-25", 0.0325),
)
CLEAN_MORE = CLEAN | {"B3": 95.6, "B7": 103.1, "B15": 79.4, "B20": 107.5}
PRICES_LATER = {"B2": 97.6, "B5": 98.9, "B10": 97.0, "B30": 94.1}
"""A year later, when B1 is about to mature."""

FEW_NODES = ("1Y", "5Y", "10Y", "30Y")


def priced(clean: dict[str, float], day: dt.date = DAY) -> CurveQuotes:
    return with_prices("EUR", {}, {GOVT: {f"BOND-{n}": p for n, p in clean.items()}}, day)


def solved(quotes: CurveQuotes, day: dt.date = DAY) -> tuple[CurveSet, Solved]:
    curves = CurveSet(day, shape_of(quotes))
    return curves, curves.solve(curves.vector(quotes))


def terms_of(bond: QuotedBond) -> BondTerms:
    return BondTerms(
        trade_id=bond.name, book="b", face_amount=100.0, convention=bond.convention,
        currency=bond.currency, issue_date=bond.issue_date, maturity_date=bond.maturity_date,
        coupon_rate=bond.coupon_rate, first_coupon_date=bond.first_coupon_date,
    )  # fmt: skip


@pytest.fixture
def bunds(monkeypatch: pytest.MonkeyPatch) -> None:
    with_bonds(monkeypatch, *BUNDS, *MORE)


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch, bunds: None) -> None:
    with_curve(monkeypatch, GOVT, nodes=FEW_NODES, fit="least_squares")


# --- The bond itself -------------------------------------------------------------------------

CONVENTIONS = tuple(conventions.BONDS)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_quoted_bond_pays_accrues_and_yields_as_quantlib_lays_it_out(monkeypatch, data):
    name = data.draw(st.sampled_from(CONVENTIONS), "convention")
    currency = conventions.BONDS[name].currency or "USD"
    issue = data.draw(st.dates(dt.date(2012, 1, 1), dt.date(2030, 12, 31)), "issue")
    maturity = issue + dt.timedelta(days=data.draw(st.integers(20, 15_000), "life"))
    coupon = data.draw(st.sampled_from((0.0, 0.0125, 0.05)), "coupon")
    first = None
    if data.draw(st.booleans(), "long first period"):
        months = {"6M": 6, "1Y": 12}[conventions.BONDS[name].payment_frequency]
        count = data.draw(st.integers(1, 60), "periods")
        first = later(maturity, -count * months, "M")
        assume(first is not None and first > issue and (first - issue).days < 31 * 2 * months)
        ends = (maturity + dt.timedelta(days=1)).day == 1
        assume(not ends and first.day == maturity.day)
    bond = quoted_bond(
        "X",
        name,
        currency=currency,
        curve=f"{currency}-GOVT",
        issue_date=issue,
        maturity_date=maturity,
        coupon_rate=coupon,
        first_coupon_date=first,
    )
    with_bonds(monkeypatch, bond)
    near = data.draw(st.sampled_from(("issue", "a coupon", "anywhere")), "near")
    if near == "issue":
        today = issue + dt.timedelta(days=data.draw(st.integers(-20, 400), "days"))
    elif near == "a coupon":
        coupon_date = later(maturity, -data.draw(st.integers(0, 20), "half years") * 6, "M")
        assert coupon_date is not None
        today = coupon_date - dt.timedelta(days=data.draw(st.integers(-4, 20), "days"))
    else:
        today = issue + dt.timedelta(days=data.draw(st.integers(0, (maturity - issue).days), "day"))
    same_as_quantlib(bond, max(today, issue - dt.timedelta(days=20)))


def same_as_quantlib(bond: QuotedBond, today: dt.date) -> None:
    curves, at = solved({bond.curve: {"1Y": 0.03, "30Y": 0.03}}, today)
    try:
        truth = PricedBond(terms_of(bond), curves, at)
    except NothingAfterSettlement:
        with pytest.raises(BadInput, match="nothing is left to pay"):
            quoted_bond_flows(bond.name, today)
        return
    flows, found = truth.flows(), quoted_bond_flows(bond.name, today)
    assert found.days.tolist() == flows.days.tolist()
    assert found.amounts == pytest.approx(flows.amounts, abs=1e-12)
    assert found.settled == flows.settled
    assert found.accrued_per_100 == pytest.approx(flows.accrued_per_100, abs=1e-12)
    for ytm in (-0.004, 0.031):
        assert found.clean_from_yield(ytm) == pytest.approx(
            truth.dirty_from_yield(ytm) - flows.accrued_per_100, abs=1e-10
        )
    clean = found.clean_from_yield(0.04)
    if clean > 2.0:
        assert yields_from_prices({bond.name: clean}, today)[bond.name] == pytest.approx(
            0.04, abs=1e-10
        )


@pytest.mark.parametrize(
    "market",
    [row for row in conventions.BONDS.values() if row.ex_coupon_days],
    ids=lambda r: r.name,
)
def test_it_goes_ex_dividend_on_the_day_of_its_market(monkeypatch, market):
    bond = row("X", market.name, "2019-10-22", "2031-10-22", 0.04)
    with_bonds(monkeypatch, bond)
    for day in range(25):
        same_as_quantlib(bond, dt.date(2024, 10, 24) - dt.timedelta(days=day))


@pytest.mark.parametrize("name", ["SE-SGB", "CORP-30-360", "DE-BUND", "US-TREASURY"])
@pytest.mark.parametrize("issue", ["2023-03-31", "2023-06-17"])
@pytest.mark.parametrize("maturity", ["2030-02-28", "2031-08-30", "2031-08-31"])
def test_its_odd_first_period_accrues_and_yields_by_its_market(monkeypatch, name, issue, maturity):
    bond = row("X", name, issue, maturity, 0.04)
    with_bonds(monkeypatch, bond)
    for days in range(0, 500, 11):
        same_as_quantlib(bond, dt.date.fromisoformat(issue) + dt.timedelta(days=days))
    for days in range(8):  # from 28 February to 30 August 30/360 counts more than the coupon
        same_as_quantlib(bond, dt.date(2024, 8, 31) - dt.timedelta(days=days))


# --- The curve -------------------------------------------------------------------------------


def quantlib_bootstrap(clean: dict[str, float]) -> ql.YieldTermStructure:
    """Plain QuantLib: helpers of the clean prices, log-linear discount factors."""
    today = ql.Date(5, 3, 2024)
    ql.Settings.instance().evaluationDate = today
    helpers = []
    for bond in BUNDS:
        issue, maturity = to_ql(bond.issue_date), to_ql(bond.maturity_date)
        first = to_ql(bond.first_coupon_date) if bond.first_coupon_date else ql.Date()
        schedule = ql.Schedule(
            issue, maturity, ql.Period(1, ql.Years), ql.NullCalendar(), ql.Unadjusted,
            ql.Unadjusted, ql.DateGeneration.Backward, False, first,
        )  # fmt: skip
        helpers.append(
            ql.FixedRateBondHelper(
                ql.QuoteHandle(ql.SimpleQuote(clean[bond.name])), 2, 100.0, schedule,
                [bond.coupon_rate], ql.ActualActual(ql.ActualActual.ISMA, schedule), ql.Following,
                100.0, issue, ql.TARGET(),
            )
        )  # fmt: skip
    curve = ql.PiecewiseLogLinearDiscount(today, helpers, ql.Actual365Fixed())
    curve.enableExtrapolation()
    return curve


def test_prices_of_bonds_make_the_curve_of_quantlibs_bond_helpers(bunds):
    quotes = priced(CLEAN)
    curves, found = solved(quotes)
    truth = quantlib_bootstrap(CLEAN)
    days = curves.grid.curves[0].days
    assert len(days) == len(BUNDS)
    for day, x in zip(days.tolist(), found.x, strict=True):
        date = to_ql(date_of(day))
        assert x == pytest.approx(math.log(truth.discount(date)), abs=LIKE_QUANTLIB)
    assert found.rate_error < 1e-12


def model_price(curves: CurveSet, found: Solved, bond: QuotedBond) -> tuple[PricedBond, float]:
    made = PricedBond(terms_of(bond), curves, found)
    return made, made.dirty_per_100(0.0)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_random_bonds_reprice_where_each_has_a_node(monkeypatch, data):
    count = data.draw(st.integers(1, 8))
    names = [name for name, market in conventions.BONDS.items() if market.currency == "EUR"]
    rows = []
    for number in range(count):
        years = data.draw(st.integers(1, 4)) + 4 * number
        issue = DAY - dt.timedelta(days=data.draw(st.integers(1, 3000)))
        maturity = DAY + dt.timedelta(days=365 * years + data.draw(st.integers(1, 300)))
        coupon = data.draw(st.floats(0.0, 0.06))
        convention = data.draw(st.sampled_from(names))
        made = quoted_bond(
            f"R{number}",
            convention,
            issue_date=issue,
            maturity_date=maturity,
            coupon_rate=coupon,
        )
        rows.append(made)
    with_bonds(monkeypatch, *rows)
    quotes = {GOVT: {f"BOND-{bond.name}": data.draw(st.floats(0.02, 0.035)) for bond in rows}}
    try:
        curves, found = solved(quotes)
    except BootstrapFailed as error:
        # Bonds that mature a few months apart may be quoted so that no forward rate is possible.
        assume("its forward rate is" not in str(error))
        raise
    assert found.rate_error < 1e-10
    for bond in rows:
        made, dirty = model_price(curves, found, bond)
        wanted = made.dirty_from_yield(quotes[GOVT][f"BOND-{bond.name}"])
        assert dirty == pytest.approx(wanted, abs=1e-10)


def test_a_tenor_and_a_bond_stand_on_one_curve_of_zero_rates(bunds):
    quotes = {GOVT: {"6M": 0.036, "1Y": 0.033} | priced(CLEAN)[GOVT]}
    del quotes[GOVT]["BOND-B1"]
    curves, found = solved(quotes)
    half = curves.grid.discount(
        curves.grid.tables(np.array([0]), curves.grid.curves[0].days[:1]), found.x
    )
    years = (curves.grid.curves[0].days[0] - curves.grid.today) / 365.0
    assert math.log(half[0]) == pytest.approx(-0.036 * years, abs=1e-14)
    assert found.rate_error < 1e-12


def jacobian_by_moves(curves: CurveSet, found: Solved, step: float = 1e-6) -> np.ndarray:
    columns = []
    for place in range(len(curves.keys)):
        move = np.zeros(len(curves.keys))
        move[place] = step
        up, down = (curves.solve(found.quotes + sign * move).x for sign in (1.0, -1.0))
        columns.append((up - down) / (2.0 * step))
    return np.stack(columns, axis=1)


def test_the_ladder_of_a_bond_quote_is_a_move_of_its_yield_and_a_new_bootstrap(bunds):
    curves, found = solved(priced(CLEAN))
    again = jacobian_by_moves(curves, found)
    assert np.abs(found.jacobian - again).max() < 1e-6 * np.abs(again).max()
    # The yield moved, the price of that yield by QuantLib's bond, and QuantLib's bootstrap of it.
    rows = {bond.name: bond for bond in BUNDS}
    place = [key.tenor for key in curves.keys].index("BOND-B10")
    made = PricedBond(terms_of(rows["B10"]), curves, found)
    nodes = []
    for move in (ONE_BP, -ONE_BP):
        dirty = made.dirty_from_yield(found.quotes[place] + move)
        moved = quantlib_bootstrap(CLEAN | {"B10": dirty - made.accrued_per_100})
        nodes.append([moved.discount(to_ql(date_of(d))) for d in curves.grid.curves[0].days])
    slope = (np.log(nodes[0]) - np.log(nodes[1])) / (2.0 * ONE_BP)
    assert found.jacobian[:, place] == pytest.approx(slope, abs=2e-5)


# --- The fit ---------------------------------------------------------------------------------


def test_the_residual_of_a_fit_is_the_yield_above_that_of_the_model_price(fitted):
    curves, found = solved(priced(CLEAN_MORE))
    assert len(curves.grid.unknown) == len(FEW_NODES) < len(curves.keys)
    rows = conventions.QUOTED_BONDS
    for key, quote, residual in zip(curves.keys, found.quotes, found.residuals, strict=True):
        made, dirty = model_price(curves, found, rows[key.tenor.removeprefix("BOND-")])
        fair = made.yield_from_clean(dirty - made.accrued_per_100)
        assert residual == pytest.approx(quote - fair, abs=1e-12)
    assert np.abs(found.residuals).max() > ONE_BP


def test_a_bond_that_becomes_cheaper_has_the_higher_residual(fitted):
    _, before = solved(priced(CLEAN_MORE))
    curves, after = solved(priced(CLEAN_MORE | {"B7": CLEAN_MORE["B7"] - 0.5}))
    place = [key.tenor for key in curves.keys].index("BOND-B7")
    assert after.residuals[place] > before.residuals[place] + ONE_BP


def test_no_other_nodes_leave_a_smaller_sum_of_squares(fitted):
    curves, found = solved(priced(CLEAN_MORE))

    def squares(x: np.ndarray) -> float:
        return float(
            (curves.weights * (found.quotes - curves.instruments.par_rates(x).rate) ** 2).sum()
        )

    least = squares(found.x)
    for place in curves.grid.unknown.tolist():
        for move in (1e-5, -1e-5):
            x = found.x.copy()
            x[place] += move
            assert squares(x) > least


def test_the_ladder_of_a_fit_is_a_move_of_a_yield_and_a_new_fit(fitted):
    curves, found = solved(priced(CLEAN_MORE))
    again = jacobian_by_moves(curves, found)
    assert np.abs(found.jacobian - again).max() < 1e-7 * np.abs(again).max()


def test_a_weight_of_zero_leaves_a_bond_out_and_keeps_its_residual(monkeypatch, fitted):
    without = {name: price for name, price in CLEAN_MORE.items() if name != "B15"}
    _, wanted = solved(priced(without))
    with_curve(monkeypatch, GOVT, weights={"BOND-B15": 0.0})
    curves, found = solved(priced(CLEAN_MORE))
    place = [key.tenor for key in curves.keys].index("BOND-B15")
    assert found.x[:4] == pytest.approx(wanted.x[:4], abs=1e-12)
    assert found.residuals[place] != 0.0
    assert not found.jacobian[:, place].any()


@pytest.mark.parametrize("few", [False, True])
def test_scenarios_solve_the_curve_as_it_solves_itself(monkeypatch, bunds, few):
    if few:
        with_curve(monkeypatch, GOVT, nodes=FEW_NODES, fit="least_squares")
    curves, found = solved(priced(CLEAN_MORE if few else CLEAN))
    moves = (
        np.array([0.01, -0.008, 0.0004])[None, :] * np.linspace(0.5, 1.5, len(curves.keys))[:, None]
    )
    many = solve_columns(curves, found, found.quotes[:, None] + moves)
    assert not many.failures
    for column in range(moves.shape[1]):
        alone = curves.solve(found.quotes + moves[:, column])
        assert many.x[:, column] == pytest.approx(alone.x, abs=1e-10)


def test_the_version_of_a_curve_names_the_terms_of_its_bonds(monkeypatch, bunds):
    quotes = priced(CLEAN)
    before = curve_version(quotes, DAY)
    other = row("B10", "DE-BUND", "2024-01-12", "2034-02-15", 0.023, "2025-02-15")
    with_bonds(monkeypatch, *[bond for bond in BUNDS if bond.name != "B10"], other)
    assert curve_version(quotes, DAY) != before


# --- Bad input -------------------------------------------------------------------------------


PRICE = "a clean price per 100 of face, 2 to 1000"
REFUSED: list[tuple[CurveQuotes, str]] = [
    (
        {GOVT: {"BOND-B10": 0.99}},
        f"BOND-B10: 0.99 is not valid; {PRICE}; 0.99 of a face of 1 is 99",
    ),
    ({GOVT: {"BOND-B1": 40.0}}, "a clean price whose yield is from -0.05 to 0.5; on 2024-03-05"),
    ({GOVT: {"BOND-B10": math.nan}}, f"EUR-GOVT BOND-B10: nan is not valid; {PRICE}"),
    ({GOVT: {"BOND-NONE": 99.0}}, "no table quoted_bonds.NONE is in the market files"),
    ({GOVT: {"10Y": 99.0}}, "a bond or a future; send rates and spreads under curves"),
    ({"EUR-ESTR": {"BOND-B10": 99.0}}, "EUR-ESTR is made of a number and D, W, M or Y"),
    ({"EUR-NONE": {"BOND-B10": 99.0}}, "curve: 'EUR-NONE' is not valid; curves of EUR: "),
    ({"USD-SOFR": {"SR3H25": 95.0}}, "curve: 'USD-SOFR' is not valid; curves of EUR: "),
    ({"EUR-ESTR": {"ER3H25": 0.0295}}, "ER3H25: 0.0295 is not valid; a price of a future from 50"),
]


@pytest.mark.parametrize(("prices", "sentence"), REFUSED)
def test_a_price_that_cannot_be_is_refused_with_a_sentence(bunds, prices, sentence):
    with pytest.raises(BadInput) as refused:
        with_prices("EUR", {}, prices, DAY)
    assert sentence in str(refused.value)


def test_a_price_after_maturity_is_refused_and_so_is_a_yield(bunds):
    late = dt.date(2025, 3, 12)  # settles on 2025-03-14
    with pytest.raises(
        BadInput, match=r"EUR-GOVT BOND-B1: .*it matures on 2025-03-13, and a trade"
    ):
        priced(CLEAN, late)
    with pytest.raises(BootstrapFailed, match=r"BOND-B1.*it matures on 2025-03-13.*leave it out"):
        solved({GOVT: {"BOND-B1": 0.03, "BOND-B10": 0.025}}, late)


def test_a_price_beside_a_rate_of_the_same_quote_is_refused(bunds):
    with pytest.raises(BadInput, match="give its price or its rate"):
        with_prices("EUR", {GOVT: {"BOND-B10": 0.024}}, {GOVT: {"BOND-B10": 98.0}}, DAY)


def test_a_price_among_the_rates_is_refused_with_where_to_send_it(bunds):
    with pytest.raises(BadInput, match=r"quoted by its yield.*send a clean price under prices"):
        check_quotes("EUR", {GOVT: {"BOND-B10": 98.42}})


def test_a_bond_of_another_curve_is_refused(bunds, monkeypatch):
    rows = (*BUNDS, row("U", "US-TREASURY", "2020-02-15", "2030-02-15", 0.02))
    with_bonds(monkeypatch, *rows)
    with pytest.raises(BadInput, match="it is a quote of USD-GOVT; of EUR-GOVT: B1, B2, B5"):
        check_quotes("EUR", {GOVT: {"BOND-U": 0.04}})


def test_the_price_of_a_future_is_its_rate():
    found = with_prices("USD", {"USD-SOFR": {"2Y": 0.04}}, {"USD-SOFR": {"SR3H25": 95.705}}, DAY)
    assert found == {"USD-SOFR": {"2Y": 0.04, "SR3H25": pytest.approx(0.04295, abs=1e-15)}}


# --- What a curve of bonds is used for --------------------------------------------------------


def test_positions_on_a_curve_of_bonds_are_priced_as_quantlib_prices_them(fitted):
    quotes, rows = priced(CLEAN_MORE), conventions.QUOTED_BONDS
    book = [terms_of(rows[name]) for name in ("B1", "B7", "B30")]
    curves, found = solved(quotes)
    for truth, terms in zip(Reference(DAY, quotes).price(book), book, strict=True):
        assert truth.failure is None
        made = PricedBond(terms, curves, found)
        settles = curves.grid.discount(
            curves.grid.tables(np.array([0]), np.array([made.flows().settled])), found.x
        )
        # Nothing is paid before settlement: the value is the price, discounted from there.
        assert truth.npv == pytest.approx(made.dirty_per_100(0.0) * settles[0], abs=1e-8)


def test_an_explain_puts_a_move_of_a_yield_into_the_delta_of_its_bond(fitted):
    book = [terms_of(conventions.QUOTED_BONDS["B10"])]
    quotes = priced(CLEAN_MORE)
    moved = {GOVT: quotes[GOVT] | {"BOND-B10": quotes[GOVT]["BOND-B10"] + ONE_BP}}
    found = by_trade(book, state(DAY, quotes), state(DAY, moved))["B10"]
    keys = [key.tenor for key in CurveSet(DAY, shape_of(quotes)).keys]
    ladder = priced_book(book, DAY, quotes).risk.ladder_par[0]
    wanted = np.where([key == "BOND-B10" for key in keys], -ladder, 0.0)
    assert found["by_quote"] == pytest.approx(wanted, abs=1e-9)
    assert abs(found["residual"]) < 1e-4 * abs(found["delta"])


def test_an_explain_over_the_last_day_of_a_bond_takes_its_yield_from_the_other_curve(bunds):
    """B1 matures in between: what it would be quoted at on either side is the curve's own yield."""
    day, after = dt.date(2025, 3, 10), dt.date(2025, 3, 12)
    quotes = {GOVT: {"6M": 0.024} | priced({"B1": 99.99} | PRICES_LATER, day)[GOVT]}
    later_on = {GOVT: {"6M": 0.0241} | priced(PRICES_LATER, after)[GOVT]}
    book = [terms_of(conventions.QUOTED_BONDS["B10"])]
    found = by_trade(book, state(day, quotes), state(after, later_on))["B10"]
    named = ("carry", "roll_down", "fixings", "delta", "gamma", "residual")
    assert found["total"] == pytest.approx(sum(found[name] for name in named), abs=1e-9)
    assert abs(found["residual"]) < 1e-4
