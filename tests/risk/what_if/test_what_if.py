"""The book with trades that are not saved: before, after, and then booked to the same numbers."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
import QuantLib as ql

from instruments.models import BondPosition, BookVersion, InterestRateFuture, Swap, WhatIfSet
from pricing.measures.table import LIVE_SUMMED
from tests.risk.made import DATE, QUOTES
from tests.risk.what_if.conftest import user

URL = "/api/v1/what-if/"
SETS = "/api/v1/what-if-sets/"
EVERYTHING = {
    "text": "rec 50m USD 10Y 3.85\npay 25m USD 5Y10Y\nbuy 20m US91282CFV81 @99.16 book B2\n"
    "sell 100 SR3H6\namend S2 notional=7000000 fixed_rate=0.0405\nterminate S3 fee 1000",
    "book": "B1",
}


def post(client: Any, path: str, body: Any = None, status: int = 200) -> Any:
    answer = client.post(path, body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def group(answer: Any, **labels: str) -> Any:
    (found,) = [g for g in answer["groups"] if labels.items() <= g.items()]
    return found


def test_a_new_swap_is_worth_what_plain_quantlib_says(client, compile_and_publish) -> None:
    """Built here of QuantLib's own classes, with the terms that the line was understood as."""
    compile_and_publish()
    answer = post(client, URL, {"text": "rec 50m USD 10Y 3.85", "book": "B1"})
    (entry,) = answer["entries"]
    assert entry["sentence"].startswith("Receive 3.85 % fixed against SOFR on USD 50,000,000")

    ql.Settings.instance().evaluationDate = ql.Date(DATE.day, DATE.month, DATE.year)
    handle = ql.RelinkableYieldTermStructureHandle()
    index = ql.OvernightIndex(
        "SOFR", 0, ql.USDCurrency(), ql.UnitedStates(ql.UnitedStates.SOFR), ql.Actual360(), handle
    )
    quotes = QUOTES["USD"]["USD-SOFR"]
    helpers: list[Any] = [
        ql.DepositRateHelper(
            quotes["1D"], ql.Period("1D"), 0, ql.UnitedStates(ql.UnitedStates.SOFR),
            ql.Following, False, ql.Actual360(),
        )
    ]  # fmt: skip
    for tenor in ("1Y", "5Y", "10Y", "30Y"):
        rate = ql.QuoteHandle(ql.SimpleQuote(quotes[tenor]))
        helpers.append(ql.OISRateHelper(2, ql.Period(tenor), rate, index, paymentLag=2))
    curve = ql.PiecewiseLogLinearDiscount(
        ql.Settings.instance().evaluationDate, helpers, ql.Actual365Fixed()
    )
    handle.linkTo(curve)
    swap = ql.MakeOIS(
        ql.Period("10Y"), index, 0.0385, nominal=50e6, receiveFixed=True, settlementDays=2,
        paymentLag=2, discountingTermStructure=handle,
    )  # fmt: skip
    assert math.isclose(entry["new"]["measures"]["npv"], swap.NPV(), abs_tol=50e6 * 1e-9)
    ql.Settings.instance().evaluationDate = ql.Date()


def test_before_is_the_frame_and_after_adds_and_takes_away(client, compile_and_publish) -> None:
    """By hand: after is before, plus what comes, less what goes, for every measure and bucket."""
    sums = compile_and_publish()["USD"]
    answer = post(client, f"{URL}?group_by=currency,book,type", EVERYTHING)
    assert [e["action"] for e in answer["entries"]] == ["new"] * 4 + ["amend", "terminate"]
    for cell in sums.cells:
        row = group(answer, book=cell.book, type=cell.product)
        assert row["before"]["npv"] == cell.npv
        assert row["before"]["trades"] == cell.trades
    for row in answer["groups"]:
        sides = [
            (sign, entry[name])
            for entry in answer["entries"]
            for name, sign in (("new", 1), ("old", -1))
            if entry[name]
            and (entry[name]["book"], entry[name]["type"]) == (row["book"], row["type"])
        ]
        for name in ("npv", "dv01_par", "gamma", "theta", "pv01"):
            before = row["before"][name] if row["before"] else 0.0
            moved = sum(sign * side["measures"][name] for sign, side in sides)
            gross = abs(before) + sum(abs(side["measures"][name]) for _, side in sides)
            assert abs(row["after"][name] - before - moved) <= 1e-12 * gross, name
            assert abs(row["difference"][name] - moved) <= 1e-12 * gross, name
        for tenor, value in row["after"]["ladder_par"]["USD-SOFR"].items():
            before = row["before"]["ladder_par"]["USD-SOFR"][tenor] if row["before"] else 0.0
            parts = [sign * side["ladder_par"]["USD-SOFR"][tenor] for sign, side in sides]
            gross = abs(before) + sum(map(abs, parts))
            assert abs(value - before - sum(parts)) <= 1e-12 * gross
    swaps = group(answer, book="B1", type="swap")
    assert (swaps["before"]["trades"], swaps["after"]["trades"]) == (3, 4)
    assert not Swap.objects.filter(notional=50_000_000).exists()


def test_what_the_market_gives_makes_the_trade_worth_nothing_new(
    client, compile_and_publish
) -> None:
    compile_and_publish()
    answer = post(client, URL, EVERYTHING)
    _, forward, bond, future, *_ = answer["entries"]
    assert abs(forward["new"]["measures"]["npv"]) < 25e6 * 1e-8
    assert forward["solved"].keys() == {"fixed_rate"}
    assert abs(future["new"]["measures"]["npv"]) < 1e-3
    assert future["solved"].keys() == {"trade_price"}
    assert bond["solved"].keys() == {"z_spread_bp"}
    assert bond["new"]["measures"]["npv"] > 0


def test_a_set_that_is_booked_has_the_sums_of_its_preview(client, compile_and_publish) -> None:
    """Same quotes: every measure and bucket of every book and product, to 1e-12 of gross."""
    compile_and_publish()
    entries = post(client, URL, EVERYTHING)["entries"]
    kept = [{name: entry[name] for name in ("action", "kind", "row", "solve")} for entry in entries]
    made = {"code": "W1", "desk": "RATES", "entries": kept}
    assert client.post(SETS, made, format="json").status_code == 201
    promised = post(client, f"{SETS}W1/preview/?group_by=currency,book,type")
    assert set(client.get(f"{SETS}W1/").json()["solved"]) == {
        entry["trade_id"] for entry in promised["entries"] if entry["solved"]
    }
    version = BookVersion.current()
    booked = post(client, f"{SETS}W1/book/")
    assert booked["rows"] == 6
    assert BookVersion.current() == version + 1

    cells = {(cell.book, cell.product): cell for cell in compile_and_publish()["USD"].cells}
    assert {(g["book"], g["type"]) for g in promised["groups"]} == set(cells)
    for row in promised["groups"]:
        cell, sides = cells[row["book"], row["type"]], [row["before"], row["difference"]]
        assert (row["after"]["trades"], row["after"]["notional"]) == (cell.trades, cell.notional)
        for name in LIVE_SUMMED:
            value = getattr(cell, name)
            if row["after"][name] is None:
                assert value is None
                continue
            gross = sum(abs(side[name]) for side in sides if side) + gross_of(promised, row, name)
            if name in ("npv", "gamma", "theta"):  # differences of legs: theirs is the gross
                gross += 1e4 * gross_of(promised, row, "dv01_par")
            assert abs(value - row["after"][name]) <= 1e-12 * gross, (row["type"], name)
        ladder = [value for _, value in by_key(row["after"]["ladder_par"])]
        total = sum(map(abs, ladder)) + gross_of(promised, row, "dv01_par")
        for value, expected in zip(cell.ladder_par, ladder, strict=True):
            assert abs(value - expected) <= 1e-12 * total

    position = BondPosition.objects.get(face_amount=20_000_000)
    (bond,) = [e for e in promised["entries"] if e["kind"] == "positions"]
    assert float(position.z_spread_bp) == bond["solved"]["z_spread_bp"]
    assert float(position.clean_price) == 99.16
    future = InterestRateFuture.objects.get()
    assert (future.contract, future.contracts) == ("SR3H26", -100)
    assert Swap.objects.get(trade_id="S3").status == "cancelled"
    assert Swap.objects.get(trade_id="S2").history.first().history_change_reason == "what-if W1"
    found = WhatIfSet.objects.get()
    assert (found.status, found.booked is not None) == ("booked", True)


def test_other_swaps_are_made_at_par_too(client, books, compile_and_publish) -> None:
    """Par is: worth nothing, but for the digits of the column."""
    Swap.objects.create(
        trade_id="E1",
        book=books["B1"],
        convention="EUR-ESTR-OIS",
        pay_receive="pay",
        notional=1_000_000,
        effective_date="2024-03-07",
        termination_date="2030-03-07",
        fixed_rate="0.02",
    )
    compile_and_publish()
    swap = {name: SWAP[name] for name in ("trade_id", "book", "pay_receive", "notional")}
    dates = {"effective_date": "2024-06-19", "termination_date": "2031-06-19"}
    zero = {**swap, **dates, "convention": "USD-SOFR-OIS", "fixed_rate": "par"}
    basis = {
        **{**swap, **dates, "trade_id": "N2", "first_spread_bp": "par", "second_spread_bp": 3},
        **{"first_index": "ESTR", "second_index": "EURIBOR6M"},
        "second_forecast_curve": "EUR-ESTR",
    }
    agreement = {
        **{**swap, "trade_id": "N3", "index": "EURIBOR6M", "forecast_curve": "EUR-ESTR"},
        **{"effective_date": "2024-06-19", "fixed_rate": "par"},
    }
    rows = {"zero_coupon_swaps": zero, "basis_swaps": basis, "fras": agreement}
    entries = [{"kind": kind, "row": row} for kind, row in rows.items()]
    answer = post(client, URL, {"entries": entries})
    solved = [entry["solved"] for entry in answer["entries"]]
    assert [list(found) for found in solved] == [
        ["fixed_rate"],
        ["first_spread_bp"],
        ["fixed_rate"],
    ]
    assert 0.03 < solved[0]["fixed_rate"] < 0.06
    assert -5.0 < solved[1]["first_spread_bp"] < 5.0
    assert 0.02 < solved[2]["fixed_rate"] < 0.05
    for entry in answer["entries"]:
        assert abs(entry["new"]["measures"]["npv"]) < 1e-2


def gross_of(answer: Any, row: Any, name: str) -> float:
    return sum(
        abs(entry[side]["measures"].get(name) or 0.0)
        for entry in answer["entries"]
        for side in ("new", "old")
        if entry[side] and entry[side]["type"] == row["type"]
    )


def by_key(ladder: Any) -> list[tuple[tuple[str, str], float]]:
    return [((c, t), value) for c, tenors in ladder.items() for t, value in tenors.items()]


def test_a_set_is_booked_once_and_only_as_it_was_previewed(client, compile_and_publish) -> None:
    compile_and_publish()
    entries = [
        {"kind": "swaps", "row": {**SWAP, "fixed_rate": "par"}},
        {"action": "amend", "trade_id": "S1", "row": {"notional": 5_000_000}},
    ]
    made = {"code": "W1", "desk": "RATES", "entries": entries}
    assert client.post(SETS, made, format="json").status_code == 201
    assert "Preview the set first" in post(client, f"{SETS}W1/book/", status=409)["detail"]
    post(client, f"{SETS}W1/preview/")
    row = Swap.objects.get(trade_id="S1")
    row.notional += 1
    row.save()
    refused = post(client, f"{SETS}W1/book/", status=400)
    assert "S1" in refused["detail"]
    assert "version" in refused["detail"]
    assert Swap.objects.count() == 3
    post(client, f"{SETS}W1/preview/")
    post(client, f"{SETS}W1/book/")
    assert "already been booked" in post(client, f"{SETS}W1/book/", status=409)["detail"]
    changed = client.patch(f"{SETS}W1/", {"entries": []}, format="json")
    assert changed.status_code == 409
    assert [line.history_type for line in WhatIfSet.objects.get().history.all()][-1] == "+"


SWAP = {
    "trade_id": "N1",
    "book": "B1",
    "convention": "USD-SOFR-OIS",
    "pay_receive": "receive",
    "notional": 1_000_000,
    "effective_date": "2024-03-07",
    "tenor": "10Y",
    "fixed_rate": 0.04,
}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"text": "rec 50m EUR 10Y 3 vs ESTR"}, "entry 1: currency: 'EUR'"),
        ({"text": "rec 50m USD ten"}, "entry 1: tenor: 'ten' is not valid"),
        ({"text": "buy 1m NOPE @99 book B2"}, "entry 1: bond: 'NOPE' does not exist"),
        ({"text": "terminate NOPE"}, "entry 1: trade_id: 'NOPE' is not valid; there is no such"),
        ({"text": "amend S1 notional=1000000"}, "nothing would change"),
        ({"text": "amend S1 notinal=5"}, "did you mean notional?"),
        ({"kind": "swaps", "row": {**SWAP, "notional": -1}}, "entry 1: notional: -1"),
        ({"kind": "swaps", "row": {**SWAP, "trade_id": "S1"}}, "amend it instead"),
        ({"kind": "swaps", "row": {**SWAP, "book": "B9"}}, "book: 'B9' does not exist"),
        ({"kind": "bonds", "row": {}}, "entry 1: kind: 'bonds' is not valid; allowed: positions"),
        ({"action": "sell"}, "entry 1: action: 'sell' is not valid; allowed: new, amend"),
        ({"kind": "swaps", "rows": {}}, "entry 1: rows: {} is not valid; fields of an entry"),
        ({"kind": "swaps", "row": SWAP, "solve": "notional"}, "the market can give: fixed_rate"),
        ({"action": "terminate", "trade_id": "S1", "row": {"notional": 1}}, "only a termination"),
        ("rec", "entry 1: entry: 'rec' is not valid; an object"),
    ],
)
def test_bad_entries_get_a_sentence_with_entry_and_field(
    client, compile_and_publish, entry: Any, words: str
) -> None:
    compile_and_publish()
    refused = post(client, URL, {"entries": [entry]}, status=400)
    assert words in refused["detail"], refused["detail"]


def test_a_trade_that_cannot_be_priced_is_counted_and_in_no_sum(
    client, compile_and_publish
) -> None:
    compile_and_publish()
    row = {**SWAP, "effective_date": "2023-03-07"}
    answer = post(client, URL, {"entries": [{"kind": "swaps", "row": row}]})
    (entry,) = answer["entries"]
    assert entry["new"]["failure"]["code"] == "MISSING_FIXING"
    (found,) = answer["groups"]
    assert found["after"]["failed"] == found["before"]["failed"] + 1
    assert found["after"]["npv"] == found["before"]["npv"]


def test_rows_of_a_file_are_new_trades_or_amendments(client, compile_and_publish) -> None:
    compile_and_publish()
    header = ",".join(SWAP)
    lines = [header, ",".join(str(value) for value in SWAP.values())]
    lines += [lines[1].replace("N1", "S1")]
    answer = client.generic("POST", f"{URL}?kind=swaps", "\n".join(lines), "text/csv")
    assert answer.status_code == 200, answer.content
    assert [entry["action"] for entry in answer.json()["entries"]] == ["new", "amend"]
    bad = client.generic("POST", URL, "a,b\n1,2", "text/csv")
    assert "kind: allowed: positions, swaps" in bad.json()["detail"]


def test_text_is_explained_line_by_line_without_pricing(client, compile_and_publish) -> None:
    compile_and_publish()
    body = {"text": "rec 50m USD 10Y 3.85\n\npay 1m USD ten"}
    answer = post(client, f"{URL}text/", body)
    assert answer["valuation_dates"] == {"USD": DATE.isoformat()}
    good, bad = answer["lines"]
    assert good["entry"]["row"]["effective_date"] == dt.date(2024, 3, 7).isoformat()
    assert (bad["line"], bad["problem"]["field"], bad["problem"]["text"]) == (3, "tenor", "ten")


def test_desks_see_and_book_their_own(client, compile_and_publish, books) -> None:
    compile_and_publish()
    trader, other = user("trader", desk="RATES"), user("trader", desk="GOVIES")
    viewer = user("viewer")
    body = {"text": "terminate S1"}
    (row,) = post(trader, f"{URL}?group_by=currency,desk", body)["groups"]
    assert row["desk"] == "RATES"
    assert "there is no such trade" in post(other, URL, body, 400)["detail"]
    entries = [{"action": "terminate", "trade_id": "S1"}]
    made = {"code": "W1", "desk": "RATES", "entries": entries}
    assert other.post(SETS, made, format="json").status_code == 400
    assert viewer.post(SETS, made, format="json").status_code == 403
    assert trader.post(SETS, made, format="json").status_code == 201
    assert other.get(f"{SETS}W1/").status_code == 404
    assert viewer.get(f"{SETS}W1/").status_code == 200
    post(other, f"{SETS}W1/preview/", status=404)
    post(viewer, f"{SETS}W1/preview/")
    assert WhatIfSet.objects.get().frames == {}
    post(trader, f"{SETS}W1/preview/")
    post(viewer, f"{SETS}W1/book/", status=403)
    post(other, f"{SETS}W1/book/", status=404)
    post(trader, f"{SETS}W1/book/")
    assert Swap.objects.get(trade_id="S1").status == "cancelled"
    book_of_others = [{"kind": "swaps", "row": {**SWAP, "book": "B2"}}]
    made = {"code": "W2", "desk": "RATES", "entries": book_of_others}
    assert trader.post(SETS, made, format="json").status_code == 201
    assert "does not exist" in post(trader, f"{SETS}W2/preview/", status=400)["detail"]
