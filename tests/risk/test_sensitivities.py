"""CRIF rows and the GIRR charge of live frames and stored closes, over REST and as a command."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from pricing.frtb.girr_delta import tenor_correlations
from pricing.frtb.vertices import VERTICES
from risk.explain.frame_closes import keep_close
from risk.models import FrameClose
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from tests.risk.made import DATE, bond, store, swap
from tests.risk.published import publish
from tests.risk.rest import caller_of, trader


@pytest.fixture
def client(redis_client, redis_url, settings, admin_user):
    return caller_of(redis_url, settings, admin_user)


@pytest.fixture
def frames(client, redis_client) -> Frames:
    """USD with a book on each of two desks, and EUR."""
    books = CompiledBooks(redis_client)
    usd = store(books, swap("S1", notional=5e8), bond("P1"))
    eur = store(books, swap("E1", convention="EUR-ESTR-OIS"), currency="EUR")
    for made in (usd, eur):
        publish(redis_client, books, made, 1, detail=False)
    return Frames(redis_client)


def get(client, path: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == status, answer.content
    return answer.json()


def desk_names(frames: Frames) -> list[str]:
    found = frames.current("USD")
    assert found is not None
    return sorted({cell.desk for cell in found.cells})


@pytest.mark.parametrize(("ladder", "measure"), [("zero", "krd"), ("par", "ladder_par")])
def test_rows_add_up_to_minus_10000_times_the_ladder_that_they_name(
    client, frames, ladder, measure
) -> None:
    rows = get(client, f"crif/?ladder={ladder}")["rows"]
    added: dict[tuple[str, str, str], float] = defaultdict(float)
    for row in rows:
        assert (row["RiskType"], row["Ladder"]) == ("GIRR_DELTA", ladder)
        assert float(row["Label1"]) in VERTICES
        added[row["PortfolioID"], row["Qualifier"], row["Label2"]] += row["Amount"]
    expected = {
        (group["desk"], group["currency"], curve): -10_000.0 * sum(by_tenor.values())
        for group in get(client, "risk/portfolio/?group_by=desk,currency")["groups"]
        for curve, by_tenor in group[measure].items()
    }
    assert added.keys() == expected.keys()
    for name, amount in expected.items():
        assert added[name] == pytest.approx(amount, rel=1e-12)
    total = -10_000.0 * sum(
        group["dv01_zero" if ladder == "zero" else "dv01_par"]
        for group in get(client, "risk/portfolio/")["groups"]
        if group["currency"] == "USD"
    )
    of_usd = sum(row["Amount"] for row in rows if row["Qualifier"] == "USD")
    assert of_usd == pytest.approx(total, rel=1e-6)


def test_basis_spreads_are_left_out_of_the_par_ladder_as_dv01_leaves_them_out(
    client, redis_client
) -> None:
    books = CompiledBooks(redis_client)
    made = store(books, swap("E1", convention="EUR-EURIBOR-3M"), currency="EUR")
    six = {"6M": 0.0262, "5Y": 0.0237, "10Y": 0.0251}
    three = {"3M": 0.0259, "BASIS-EURIBOR6M-5Y": 0.0006, "BASIS-EURIBOR6M-10Y": 0.0007}
    curves = {"EUR-ESTR": six, "EUR-EURIBOR6M": six, "EUR-EURIBOR3M": three}
    publish(redis_client, books, made, 1, detail=False, curves=curves)
    (group,) = get(client, "risk/portfolio/")["groups"]
    to_spreads = [
        value
        for name, value in group["ladder_par"]["EUR-EURIBOR3M"].items()
        if name.startswith("BASIS")
    ]
    assert abs(sum(to_spreads)) > 0.5 * abs(group["dv01_par"])
    for ladder, dv01 in (("par", "dv01_par"), ("zero", "dv01_zero")):
        rows = get(client, f"crif/?ladder={ladder}")["rows"]
        total = sum(row["Amount"] for row in rows)
        assert total == pytest.approx(-10_000.0 * group[dv01], rel=1e-6)


def test_a_receiver_swap_has_negative_sensitivities_and_dollars_by_the_frames_rate(
    client, frames
) -> None:
    rows = get(client, "crif/?currency=EUR&by=book")["rows"]
    assert sum(row["Amount"] for row in rows) < 0
    for row in rows:
        assert row["AmountCurrency"] == row["Qualifier"] == "EUR"
        assert row["AmountUSD"] == pytest.approx(1.1 * row["Amount"])
        assert row["PortfolioID"] == "B1"


def test_the_same_rows_as_csv(client, frames) -> None:
    answer = client.get("/api/v1/crif/", headers={"accept": "text/csv"})
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    as_json = get(client, "crif/")["rows"]
    assert [float(row["Amount"]) for row in rows] == [row["Amount"] for row in as_json]
    assert list(rows[0]) == list(as_json[0])


def test_the_charge_of_a_desk_by_its_rows_and_hand(client, frames) -> None:
    """From the CRIF rows of one currency: a sum of pairs, written once more."""
    found = get(client, "girr-delta/?currency=EUR&reporting_currency=EUR")
    rows = get(client, "crif/?currency=EUR")["rows"]
    weights = dict(zip(VERTICES, (1.7, 1.7, 1.6, 1.3, 1.2, *(5 * [1.1])), strict=True))
    weighted = {
        float(row["Label1"]): row["Amount"] * weights[float(row["Label1"])] / 100 / math.sqrt(2)
        for row in rows
    }

    def rho(a: float, b: float) -> float:
        return max(math.exp(-0.03 * abs(a - b) / min(a, b)), 0.4)

    squared = sum(x * y * rho(a, b) for a, x in weighted.items() for b, y in weighted.items())
    medium = found["total"]["scenarios"]["medium"]
    assert medium["charge"] == pytest.approx(math.sqrt(squared), rel=1e-9)
    assert rho(2.0, 10.0) == tenor_correlations()[3, 6]
    assert found["total"]["charge"] == max(
        one["charge"] for one in found["total"]["scenarios"].values()
    )
    (desk,) = found["desks"]
    assert desk["charge"] == found["total"]["charge"]


def test_desks_diversify_and_amounts_are_converted_by_the_frames_rates(client, frames) -> None:
    found = get(client, "girr-delta/?reporting_currency=USD")
    in_euro = get(client, "girr-delta/?reporting_currency=EUR")
    assert found["total"]["charge"] <= sum(desk["charge"] for desk in found["desks"]) * (1 + 1e-9)
    # EUR and USD are liquid currencies with either reporting currency: a matter of units.
    assert in_euro["total"]["charge"] * 1.1 == pytest.approx(found["total"]["charge"], rel=1e-12)
    assert {frame["currency"] for frame in found["frames"]} == {"USD", "EUR"}


def test_a_trader_sees_rows_and_charges_of_the_own_desk_alone(client, frames) -> None:
    mine, other = desk_names(frames)[-1], desk_names(frames)[0]
    assert mine != other
    own = trader(mine)
    rows = get(own, "crif/")["rows"]
    assert {row["PortfolioID"] for row in rows} == {mine}
    everything = get(client, "girr-delta/")
    seen = get(own, "girr-delta/")
    assert [desk["desk"] for desk in seen["desks"]] == [mine]
    (same,) = [desk for desk in everything["desks"] if desk["desk"] == mine]
    assert seen["desks"] == [same]
    assert seen["total"] == {name: same[name] for name in ("charge", "scenario", "scenarios")}
    nothing = get(trader("NOBODY"), "crif/")
    assert nothing["rows"] == []


def test_a_stored_close_gives_the_rows_that_its_frame_gave(client, frames) -> None:
    live = get(client, "crif/")["rows"]
    for rollup in frames.current_all(("USD", "EUR")).values():
        keep_close(rollup)
    assert get(client, f"crif/?date={DATE}")["rows"] == live
    later = DATE + dt.timedelta(days=1)
    # Of a later day with a close of USD alone: EUR was on holiday, keeps its own and says so.
    FrameClose.objects.filter(currency="USD").update(date=later)
    found = get(client, f"girr-delta/?date={later}")
    dates = {frame["currency"]: frame["valuation_date"] for frame in found["frames"]}
    assert dates["EUR"] == DATE.isoformat()
    refusal = get(client, f"crif/?date={later + dt.timedelta(days=1)}", 404)
    assert "no close of 2024-03-07 is stored in the market 'live'" in refusal["detail"]
    assert "manage.py closes" in refusal["detail"]
    assert "none is stored" not in refusal["detail"]
    assert "0001-01-01" in get(client, "crif/?date=0001-01-01", 404)["detail"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("date=2024-02-30", "not a date such as"),
        ("market=svb", "with date only"),
        ("ladder=forward", "allowed: zero, par"),
        ("by=trade", "allowed: desk, book"),
        ("dates=2024-03-05", "dates"),
    ],
)
def test_a_wrong_parameter_is_refused_with_a_sentence(client, frames, query, said) -> None:
    assert said in get(client, f"crif/?{query}", 400)["detail"]


def test_without_a_frame_it_says_what_to_start(client) -> None:
    assert "make demo" in get(client, "crif/", 503)["detail"]
    with pytest.raises(CommandError, match=r"no risk is published in .*make demo"):
        call_command("crif")


def test_the_command_writes_the_same_rows_and_the_charge(client, frames, tmp_path) -> None:
    file, out, err = tmp_path / "crif.csv", io.StringIO(), io.StringIO()
    call_command("crif", "--out", str(file), stdout=out, stderr=err)
    rows = list(csv.DictReader(file.open()))
    as_json = get(client, "crif/")["rows"]
    assert [float(row["Amount"]) for row in rows] == [row["Amount"] for row in as_json]
    assert "USD: frame 1 of 2024-03-05, 2 of 2 trades priced" in err.getvalue()
    call_command("crif", "--charge", stdout=out, stderr=err)
    charge = get(client, "girr-delta/")["total"]["charge"]
    assert out.getvalue().splitlines()[-1].endswith(f"{charge:,.2f} USD")
    with pytest.raises(CommandError, match="no close of 2024-03-06 is stored"):
        call_command("crif", "--date", "2024-03-06")


def theirs(tmp_path, rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    """A CRIF file of another system."""
    file = tmp_path / "theirs.csv"
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return str(file)


def compared(capsys) -> tuple[list[dict[str, str]], str]:
    printed = capsys.readouterr()
    return list(csv.DictReader(io.StringIO(printed.out))), printed.err


def test_rows_of_another_system_are_compared(
    client, frames, settings, redis_url, tmp_path, capsys
) -> None:
    settings.REDIS_URL = redis_url
    ours = get(client, "crif/")["rows"]
    changed = [dict(row) for row in ours]
    changed[0]["Amount"] += 1000.0
    gone = changed.pop()
    # A tenor in another way of writing, and an amount in two rows: both are the same sensitivity.
    half = dict(changed[1], Amount=changed[1]["Amount"] / 2, Label1=f"{changed[1]['Label1']}y")
    added = [*changed[:1], half, half, *changed[2:]]
    other = dict(gone, RiskType="Risk_FX")
    new = dict(gone, PortfolioID="ELSEWHERE", Amount=5.0)
    call_command("crif", compare=Path(theirs(tmp_path, [*added, other, new], "\t")))
    rows, said = compared(capsys)
    first = [row for row in rows if float(row["Difference"])]
    assert {row["PortfolioID"] for row in first if not row["Ours"]} == {"ELSEWHERE"}
    by_size = sorted((1000.0, 5.0, abs(gone["Amount"])), reverse=True)
    assert [abs(float(row["Difference"])) for row in first] == pytest.approx(by_size)
    assert f"{len(ours) - 1:,} rows in both, 1 in ours alone, 1 in theirs alone" in said
    assert "1 rows of Risk_FX are not compared" in said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"Amount": "1.234,50"}, "row 2, Amount: '1.234,50' is not a number"),
        ({"Label1": "7"}, "row 2, Label1: '7' is not a tenor in years; allowed: 0.25, 0.5"),
        ({"Qualifier": "XXX"}, "row 2, Qualifier: 'XXX' is not a currency with a market"),
        (
            {"AmountCurrency": "EUR"},
            "row 2, AmountCurrency: 'EUR' is not the currency of the curve",
        ),
    ],
)
def test_a_wrong_row_of_a_file_to_compare_is_named(
    client, frames, settings, redis_url, tmp_path, change, sentence
) -> None:
    settings.REDIS_URL = redis_url
    row = get(client, "crif/?currency=USD")["rows"][0] | change
    with pytest.raises(CommandError, match=re.escape(sentence)):
        call_command("crif", compare=Path(theirs(tmp_path, [row])))


def test_a_file_to_compare_that_is_none_is_refused(tmp_path) -> None:
    with pytest.raises(CommandError, match="columns are missing: PortfolioID"):
        call_command("crif", compare=Path(theirs(tmp_path, [{"a": 1}])))
    with pytest.raises(CommandError, match="No such file"):
        call_command("crif", compare=tmp_path / "gone.csv")
    with pytest.raises(CommandError, match="not together with --charge"):
        call_command("crif", compare=tmp_path / "gone.csv", charge=True)
