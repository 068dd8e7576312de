"""The Python client against a running web server, and the notebook that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import nbformat
import pytest
from live_risk_client import ApiError, Client, Unreachable
from nbclient import NotebookClient

from tests.risk.api.conftest import Live
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
UP = [{"space": "par", "shape": "parallel", "move_bp": 100}]


@pytest.fixture(scope="module")
def risk(live: Live) -> Iterator[Client]:
    for currency in live.manifests:
        live.publish(currency)
    live.system.start_worker("scenarios", "scenarios", 1)
    with Client(live.url, token=live.system.token) as client:
        until(lambda: _answers(client))
        yield client


def _answers(client: Client) -> bool:
    """The workers of previews and scenarios may still be starting."""
    try:
        client.what_if("rec 1m USD 5Y", book=_book(client))
        client.price_shock(UP)
    except ApiError as error:
        if error.status != 503:
            raise
        return False
    return True


def _book(client: Client) -> str:
    return str(client.rows("books")[0]["code"])


def test_tables_are_the_answers_of_the_api(risk: Client, live: Live) -> None:
    answer = live.get("risk/portfolio/?currency=USD&group_by=book").json()
    table = risk.portfolio(group_by="book", currency="USD")
    assert table.column("npv_usd") == [group["npv"] for group in answer["groups"]]
    assert table.about["frames"][0]["frame"] == answer["frames"][0]["frame"]
    (group,) = live.get("risk/portfolio/?currency=USD").json()["groups"]
    ladder = risk.ladders(currency="USD")
    assert [(r["curve"], r["tenor"], r["ladder_par_usd_per_bp"]) for r in ladder] == [
        (curve, tenor, value)
        for curve, tenors in group["ladder_par"].items()
        for tenor, value in tenors.items()
    ]
    assert {row["amounts_in"] for row in risk.portfolio()} == {"USD", "EUR", "GBP"}
    assert "npv_local" in risk.portfolio().columns
    trades = risk.trades(currency="USD")
    assert sorted(trades.column("trade_id")) == ["P1", "S1"]
    assert (
        risk.trade("S1")["npv"] == trades.column("npv_usd")[trades.column("trade_id").index("S1")]
    )
    assert risk.curves().column("quote_decimal")
    assert risk.history(currency="USD").column("npv_usd")
    (explained,) = risk.explain(currency="USD").about["frames"]
    assert (explained["currency"], bool(explained["reason"])) == ("USD", True)  # no close yet
    assert risk.explain_days(days=1).about["market"] == "live"
    of_usd = risk.explain_trades(currency="USD", limit=1).about
    assert "no close of an earlier date" in of_usd["frames"][0]["reason"]
    with pytest.raises(ApiError, match="no close of 2024-03-05 is stored"):
        risk.explain(as_of="2024-03-05")
    assert risk.session()["user"] == "admin"


def test_value_at_risk_and_scenarios_are_tables(risk: Client, live: Live) -> None:
    answer = live.get("var/?group_by=desk").json()
    table = risk.var(group_by="desk")
    assert table.columns[:4] == ["group", "level_percent", "amounts_in", "var_usd"]
    total = [row for row in table if row["group"] == "total"]
    assert [row["var_usd"] for row in total] == [x["var"] for x in answer["total"]["levels"]]
    assert {row["group"] for row in table} == {"total", *(g["desk"] for g in answer["groups"])}
    stress = live.get("scenarios/").json()["scenarios"]
    assert risk.scenarios().column("pnl_usd") == [each["pnl"] for each in stress]
    of_trade = live.get("scenarios/trades/S1/").json()["scenarios"]
    assert risk.trade_scenarios("S1").column("pnl_usd") == [each["pnl"] for each in of_trade]


def test_a_shock_that_is_not_stored_is_priced_like_one_that_is(risk: Client, live: Live) -> None:
    table = risk.price_shock(UP, scenario="up", currency="USD")
    stored = {row["scenario"]: row for row in risk.scenarios(currency="USD")}["parallel_+100"]
    assert (table[0]["scenario"], table[0]["set"]) == ("up", "not stored")
    assert table[0]["pnl_usd"] == pytest.approx(stored["pnl_usd"], rel=1e-9)
    assert {move["move_bp"] for move in table.about["moves"]} == {100.0}
    with pytest.raises(ApiError, match="row 1, move_bp"):
        risk.price_shock([{**UP[0], "move_bp": 5000}])


def test_sensitivities_limits_and_stored_days(risk: Client, live: Live, tmp_path: Path) -> None:
    rows = live.get("crif/?currency=USD&ladder=par").json()["rows"]
    assert list(risk.crif(currency="USD", ladder="par")) == rows
    charges = live.get("girr-delta/?currency=USD&ladder=par").json()
    table = risk.girr_delta(currency="USD", ladder="par")
    (total,) = [row for row in table if row["desk"] == "total" and row["counts"]]
    assert total["charge_usd"] == charges["total"]["charge"]
    states = live.get("limit-states/").json()
    assert list(risk.limits()) == states["limits"]
    assert risk.limits().about["stamp"].keys() == states["stamp"].keys()
    assert len(risk.breaches()) == live.get("limit-breaches/").json()["count"]
    assert risk.closes(days=1).about["market"] == "live"
    with pytest.raises(ApiError, match=r"manage\.py backtest"):
        risk.backtest()
    with pytest.raises(ApiError, match=r"manage\.py pla"):
        risk.pla()
    with pytest.raises(ApiError, match=r"manage\.py report"):
        risk.report("2024-03-05", tmp_path / "day.xlsx")
    with pytest.raises(ValueError, match=r"day.pdf: the ending must be one of .csv, .xlsx, .html"):
        risk.report("2024-03-05", tmp_path / "day.pdf")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ApiError) as unknown:
        risk.acknowledge(999_999, "error", "closed")
    assert unknown.value.status in (400, 404)


def test_what_if_and_hedge(risk: Client) -> None:
    book = _book(risk)
    found = risk.what_if("rec 50m USD 10Y 3.85", book=book, group_by="currency")
    (trade,) = found.trades()
    before, after, difference = found.sums()
    assert after["npv_usd"] == pytest.approx(before["npv_usd"] + trade["npv_usd"])
    assert difference["dv01_par_usd_per_bp"] == pytest.approx(trade["dv01_par_usd_per_bp"])
    assert {row["side"] for row in found.ladders()} == {"before", "after", "difference"}
    hedge = risk.hedge("USD", book=book, tolerance=1.0, buckets=["USD-SOFR:10Y"])
    assert hedge.status == "optimal"
    assert hedge.trades().columns == ["instrument", "size", "notional_usd", "cost_usd"]
    after_hedge = {row["tenor"]: row["after_usd_per_bp"] for row in hedge.ladder()}
    assert abs(after_hedge["10Y"]) <= 1.0 + 1e-6
    assert hedge.by_bucket()[0]["bucket"] == "USD-SOFR:10Y"
    problem = risk.quick_text("rec 50m USD ten")[0]["problem"]
    assert problem.startswith("tenor: 'ten' is not valid")
    with pytest.raises(ApiError, match="entry 1: tenor: 'ten' is not valid"):
        risk.what_if("rec 50m USD ten", book=book)


def test_sets_are_kept_previewed_and_booked(risk: Client) -> None:
    book = risk.rows("books")[0]
    entries = risk.what_if("rec 5m USD 10Y", book=book["code"]).entries
    risk.save_set("CLIENT-1", entries, desk=book["desk"])
    assert risk.preview_set("CLIENT-1").entries == entries
    (name,) = risk.book_set("CLIENT-1")["trade_ids"]
    assert risk.rows("swaps", search=name)[0]["notional"] == 5_000_000


def test_loads_of_rows_and_files(risk: Client, tmp_path: Path) -> None:
    row = {"index": "SOFR", "date": "2020-01-02", "rate": 0.0154, "source": "test"}
    (told,) = risk.load("fixings", [row], dry_run=True)
    assert told["status"] == "new"
    file = tmp_path / "fixings.csv"
    file.write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    loaded = risk.load("fixings", file)
    assert (loaded.about["written"], loaded[0]["status"]) == (True, "new")
    with pytest.raises(ApiError) as refused:
        risk.load("fixings", [{**row, "rate": 5}])
    assert refused.value.code == "BAD_ROWS"


def test_the_stream_brings_frames_and_resumes(risk: Client, live: Live) -> None:
    (first,) = islice(risk.stream(currency="USD"), 1)
    number = live.publish("USD")
    (second,) = islice(risk.stream(currency="USD", last_id=first.id), 1)
    assert (second.number, second.currency) == (number, "USD")
    assert second.sums().columns[:1] == ["currency"]
    assert "npv_usd" in second.sums().columns
    assert second.ladders().columns[-1] == "ladder_par_usd_per_bp"


def test_a_wrong_token_and_a_server_that_is_down_are_told_apart(live: Live) -> None:
    with Client(live.url, token="wrong") as client, pytest.raises(ApiError) as refused:
        client.portfolio()
    assert refused.value.status == 401
    with Client("http://127.0.0.1:1", token="x") as client, pytest.raises(Unreachable):
        client.portfolio()


def test_the_notebook_runs(risk: Client, live: Live, monkeypatch: Any) -> None:
    monkeypatch.setenv("LIVE_RISK_URL", live.url)
    monkeypatch.setenv("LIVE_RISK_TOKEN", live.system.token)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "client"))
    path = ROOT / "docs/examples/client.ipynb"
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute(cwd=str(ROOT))
    printed = [
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ())
    ]
    assert any("entry 1: tenor: 'ten' is not valid" in text for text in printed)
    assert all(not cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)
