"""The Python client: tables, units, errors and the stream; its package as a user installs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from live_risk_client import ApiError, Client, Table, Unreachable
from live_risk_client.stream import frames, parse
from live_risk_client.table import MONEY, OTHER_UNITS, with_units

from pricing.measures.table import TABLE

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = {
    "trade currency": "",
    "trade currency per bp": "_per_bp",
    "trade currency per bp squared": "_per_bp2",
    "trade currency per bp of coupon": "_per_bp",
    "trade currency per bp of z-spread": "_per_bp",
    "trade currency per bp of yield": "_per_bp",
    "trade currency per calendar day": "_per_day",
}
OTHERS = {
    "decimal per year": "_decimal",
    "years": "_years",
    "years squared": "_years2",
    "per 100 of face": "_per_100",
    "per 100 of face of the bond": "_per_100",
    "price per 1 of face": "_per_1",
    "basis points": "_bp",
}


@pytest.mark.parametrize("measure", TABLE, ids=lambda row: row.name)
def test_every_measure_has_the_unit_of_the_table_of_measures(measure: Any) -> None:
    if measure.unit in SUFFIXES:
        assert MONEY[measure.name] == SUFFIXES[measure.unit]
    else:
        suffix = OTHERS[measure.unit]
        named = measure.name.endswith(suffix)
        assert OTHER_UNITS[measure.name] == ("" if named else suffix)


def test_money_is_called_by_its_currency_or_local() -> None:
    usd = {"amounts_in": "USD", "npv": 1.0, "dv01_par": 2.0, "annuity_bp": 3.0, "par_rate": None}
    assert with_units([usd]).columns == [
        *("amounts_in", "npv_usd", "dv01_par_usd_per_bp", "annuity_usd_per_bp"),
        "par_rate_decimal",
    ]
    both = with_units([usd, {**usd, "amounts_in": "EUR"}])
    assert both.columns[1:3] == ["npv_local", "dv01_par_local_per_bp"]


def test_a_table_is_a_sequence_and_a_data_frame() -> None:
    table = Table([{"a": 1, "b": None}, {"a": 2, "c": 0.5}])
    assert (len(table), table[1], table.columns) == (
        2,
        {"a": 2, "b": None, "c": 0.5},
        ["a", "b", "c"],
    )
    assert table.column("a") == [1, 2]
    with pytest.raises(KeyError, match="no column 'd'; columns: a, b, c"):
        table.column("d")
    assert list(table.to_pandas().columns) == ["a", "b", "c"]
    assert table.to_pandas()["c"].isna().tolist() == [True, False]


EVENT = (
    "event: risk\nid: USD:{n}\n"
    'data: {{"stamp": {{"currency": "USD", "frame": {n}}}, "groups": []}}\n'
)


def test_comments_and_retries_are_no_frames() -> None:
    lines = ("retry: 2000\n\n: alive\n\n" + EVENT.format(n=7) + "\n").split("\n")
    (frame,) = parse(lines)
    assert (frame.id, frame.currency, frame.number) == ("USD:7", "USD", 7)
    with pytest.raises(Unreachable, match="redis"):
        list(parse(["event: problem", 'data: {"detail": "redis does not answer"}', ""]))


def test_a_line_that_breaks_is_resumed_behind_the_last_frame() -> None:
    """By httpx's own transport for tests: each answer is what a server would send."""
    asked: list[str] = []
    answers = iter(
        [
            httpx.Response(200, text=EVENT.format(n=1) + "\n" + EVENT.format(n=2) + "\n"),
            httpx.Response(503, json={"detail": "busy"}, headers={"Retry-After": "5"}),
            httpx.ReadError("gone"),
            httpx.Response(200, text=EVENT.format(n=3) + "\n"),
            httpx.Response(401, json={"code": "AUTHENTICATION_FAILED", "detail": "no such token"}),
        ]
    )

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID", ""))
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://x")

    @contextmanager
    def open_stream(event_id: str) -> Iterator[httpx.Response]:
        with http.stream("GET", "/", headers={"Last-Event-ID": event_id}) as found:
            yield found

    waits: list[float] = []
    coming = frames(open_stream, sleep=waits.append)
    found = [frame.number for frame in islice(coming, 3)]
    with pytest.raises(ApiError, match="401 AUTHENTICATION_FAILED: no such token"):
        next(coming)
    assert found == [1, 2, 3]
    assert asked == ["", "USD:2", "USD:2", "USD:2", "USD:3"]
    assert waits[1] >= 5.0


def test_the_package_installs_and_needs_only_httpx(tmp_path: Path) -> None:
    """As a user installs it, without its dependencies; nothing else of the project is needed."""
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--no-deps"),
            *("--target", str(tmp_path), str(ROOT / "client")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code = (
        "import sys, live_risk_client\n"
        "assert live_risk_client.__file__.startswith(sys.argv[1])\n"
        "assert not {'pandas', 'polars', 'django', 'numpy'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=environment, cwd=tmp_path, check=True
    )


def answering(body: Any) -> Client:
    """A client whose server has one answer, by httpx's own transport for tests."""
    client = Client("http://x", token="t")
    client._api.http = httpx.Client(
        base_url="http://x/api/v1/",
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json=body)),
    )
    return client


def test_terms_of_an_explain_are_money() -> None:
    group = {"currency": "USD", "amounts_in": "USD", "trades": 2, "terms": {"carry": 1.5}}
    other = {**group, "currency": "EUR", "amounts_in": "EUR", "terms": {"carry": None}}
    assert list(answering({"groups": [group], "changes": []}).explain()) == [
        {"currency": "USD", "amounts_in": "USD", "trades": 2, "carry_usd": 1.5}
    ]
    both = answering({"groups": [group, other]}).explain()
    assert both.column("carry_local") == [1.5, None]


def test_the_attribution_test_has_a_row_for_each_desk() -> None:
    row = {
        "desk": "RATES", "days": 1, "spearman": None, "ks": None, "zone": None,
        "reason": "the test needs two days or more",
    }  # fmt: skip
    day = {"date": "2024-03-05", "hpl": 1.0, "rtpl": 2.0}
    table = answering({"desks": [{**row, "series": [day]}], "notes": []}).pla()
    assert list(table) == [row]
    assert table.about["desks"][0]["series"] == [day]


def test_pages_are_read_to_the_end() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        asked.append(str(request.url.params))
        rows = [{"trade_id": f"T{n}", "failure": None, "npv": 1.0, "currency": "USD"}
                for n in range(500 if page < 3 else 1)]  # fmt: skip
        return httpx.Response(200, json={"count": 1001, "frames": [page], "results": rows})

    client = Client("http://x", token="t")
    client._api.http = httpx.Client(
        base_url="http://x/api/v1/", transport=httpx.MockTransport(answer)
    )
    table = client.trades(desk="RATES")
    assert (len(table), table.about) == (1001, [1])
    assert table.column("npv_usd")[-1] == 1.0
    assert asked[0] == "page=1&page_size=500&desk=RATES"
