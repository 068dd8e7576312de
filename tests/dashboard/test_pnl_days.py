"""Days before and trades of a group on the P&L page, on the real views of REST."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import redis
from msgspec.structs import replace

from dashboard.access.login import Web
from dashboard.answers import pnl_answers
from dashboard.pnl import pnl_of_answer
from dashboard.risk import Choice
from pricing.products.registry import PRODUCT_NAMES
from risk.explain.close_explains import keep_explain, without
from risk.explain.frame_closes import keep_close
from risk.store.explains import ExplainStore
from tests.dashboard import made
from tests.dashboard.conftest import Open, metrics
from tests.dashboard.test_app import chart, clean, data, texts
from tests.dashboard.test_pnl import explain
from tests.risk.limits_made import frame

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [dt.date(2024, 3, day) for day in (1, 4)]
WHOLE = Choice(("USD", "EUR"))


@pytest.fixture
def days(redis_client: redis.Redis) -> None:
    """Explains of now, of two closes of USD, and of one of EUR: the other has none."""
    made.publish_all(redis_client)
    for currency in ("USD", "EUR"):
        ExplainStore(redis_client).put(explain(currency))
    for number, date in enumerate(BEFORE, 1):
        for currency in ("USD", "EUR"):
            row = keep_close(frame(number, valuation_date=date, currency=currency))
            if (currency, date) == ("EUR", BEFORE[0]):
                keep_explain(row, without(row, "its book is no longer held"))
                continue
            made_then = explain(currency, frame=number, valuation_date=date)
            since = replace(made_then.periods["close"], start_frame=number - 1)
            keep_explain(row, replace(made_then, periods={"close": since}))


@pytest.mark.usefixtures("web", "days")
def test_the_days_before_are_drawn_by_term(open_app: Open) -> None:
    """A euro is 2 dollars: -650 x (1 + 2) of the last day, and -650 of the one before."""
    app = clean(open_app("pnl"))
    drawn = chart(app, "pnl-days")
    assert drawn["xAxis"]["data"] == ["2024-03-01", "2024-03-04"]
    lines = data(drawn)
    assert lines["Total"] == [-650.0, -1950.0]
    assert lines["Carry and roll-down"] == [300.0, 900.0]
    assert lines["Delta"] == [-1000.0, -3000.0]
    assert "Residual" not in lines
    assert (
        "1 close without an explain, such as 2024-03-01 EUR: its book is no longer held"
        in texts(app)
    )


@pytest.mark.usefixtures("web", "days")
def test_a_day_before_takes_the_place_of_now(open_app: Open) -> None:
    app = open_app("pnl")
    assert app.selectbox(key="pnl-day").options == ["Now", "2024-03-04", "2024-03-01"]
    app.selectbox(key="pnl-day").set_value("2024-03-01").run()
    assert metrics(clean(app))["Total P&L"] == "-$650"
    assert "EUR: its book is no longer held." in texts(app)
    assert "of 2024-03-01, as stored with its close: not of now." in texts(app)
    assert "USD frame 0 of 2024-03-05 to 1" in texts(app)
    app.get_by_key("product").set_value(["bond"]).run()
    assert metrics(clean(app))["Total P&L"] == "+$300"
    assert data(chart(app, "pnl-days"))["Total"] == [300.0, 900.0]
    app.selectbox(key="pnl-day").set_value("Now").run()
    assert "as stored with its close" not in texts(app)
    assert metrics(clean(app))["Total P&L"] == "+$900"


@pytest.mark.usefixtures("web", "days")
def test_a_web_process_that_is_away_takes_no_chosen_day_back(
    open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app("pnl")
    app.selectbox(key="pnl-day").set_value("2024-03-01").run()
    monkeypatch.setattr(Web, "get", lambda *_: None)
    app.session_state["kept_answers"] = {}
    app.run()
    assert app.selectbox(key="pnl-day").value == "2024-03-01"
    assert "The web process does not answer" in texts(clean(app))
    assert not metrics(app)


@pytest.mark.usefixtures("web")
def test_without_a_stored_day_it_says_when_one_is(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    ExplainStore(redis_client).put(explain("USD"))
    app = clean(open_app("pnl"))
    assert "a close is explained when the first frame of the next date is" in app.info[-1].value


# --- Trades of a group -----------------------------------------------------------------------


def terms(**amounts: float | None) -> dict[str, float | None]:
    names = {name for names in pnl_answers.STACKED.values() for name in names}
    return {**dict.fromkeys(names, 0.0), "total": 0.0, **amounts}


TRADES: dict[str, Any] = {
    "period": "close",
    "frames": [
        {
            "currency": "USD",
            "reason": None,
            "frame": 2**32 + 7,
            "start": {"frame": 3, "valuation_date": "2024-03-04"},
        },
        {"currency": "EUR", "reason": "no close"},
    ],
    "trades": 41,
    "terms": terms(carry=5.0, total=-1200.0, delta=-1205.0),
    "results": [
        {
            "trade_id": "S/1",
            "currency": "USD",
            "desk": "D2",
            "book": "S",
            "type": "swap",
            "amounts_in": "USD",
            "terms": terms(carry=2.0, roll_down=1.5, gamma=None, total=-900.0),
        }
    ],
    "unpriced": [{"trade_id": "X", "message": "no fixing"}],
}


@pytest.fixture
def trades(web: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of trades that were asked for; tests/risk/explain holds what they answer."""
    asked: list[str] = []
    rest = Web.get

    def get(self: Web, key: str, path: str, timeout_s: float) -> tuple[int, bytes]:
        if path.startswith("/api/v1/explain/trades/?"):
            asked.append(path)
            return 200, json.dumps(TRADES).encode()
        found: tuple[int, bytes] = rest(self, key, path, timeout_s)
        return found

    monkeypatch.setattr(Web, "get", get)
    return asked


@pytest.mark.usefixtures("days")
def test_a_group_is_drilled_down_to_its_trades(open_app: Open, trades: list[str]) -> None:
    app = open_app("pnl")
    assert trades == []
    # By name, whatever they earned: a list that is open must not change.
    assert app.selectbox(key="pnl-trades-of").options == ["D1", "D2"]
    app.selectbox(key="pnl-trades-of").set_value("D2").run()
    shown = texts(clean(app))
    assert '<a href="trade?trade=S%2F1">S/1</a>' in shown
    assert "1 of 41, largest first; USD; since 2024-03-04; frame USD 7" in shown
    assert "All 41 trades" in shown
    assert "EUR: no close." in shown
    assert "1 trade not explained, such as X: no fixing." in shown
    assert "desk=D2" in trades[0]
    app.get_by_key("switch-pnl-group").set_value("Ccy").run()
    assert "Trades of D2" not in texts(clean(app))
    app.selectbox(key="pnl-trades-of").set_value("EUR").run()
    assert "currency=EUR&" in trades[-1]


def test_the_address_of_a_groups_trades_has_the_filters() -> None:
    bonds = Choice(("USD", "EUR"), ("bond",), "D1")
    path = pnl_answers.trades_path(bonds, ("USD", "EUR"), "Book", "B & C", "frame")
    assert path == (
        "explain/trades/?currency=USD%2CEUR&type=bond&desk=D1&book=B+%26+C&period=frame"
        "&reporting_currency=USD&limit=20"
    )
    whole = Choice(("USD",), PRODUCT_NAMES)
    of_type = pnl_answers.trades_path(whole, ("USD",), "Type", "swap", "close")
    assert "type=swap" in of_type
    assert "desk" not in of_type


def test_a_term_that_could_not_be_computed_is_no_zero() -> None:
    (first, whole) = pnl_answers.trade_rows(TRADES)
    names = [column.title for column in pnl_answers.COLUMNS]
    row = dict(zip(names, first, strict=True))
    assert row["Gamma"] == "n/a"
    assert row["Carry and roll-down"] == "+4"  # 3.5, rounded to even
    assert row["Total"] == "-900"
    assert whole[-1] == "-1,200"


def test_an_answer_of_rest_is_filtered_as_frames_are() -> None:
    names = ("currency", "desk", "book", "type")
    places = [("USD", "D1", "D1", "bond"), ("USD", "D2", "D2", "swap"), ("GBP", "D1", "D1", "bond")]
    rows = [
        {**dict(zip(names, place, strict=True)), "delta": {}, "terms": terms(total=total)}
        for total, place in zip((1.0, 2.0, 3.0), places, strict=True)
    ]
    answer = {
        "groups": rows,
        "frames": [],
        "unpriced": [{"currency": "USD", "book": "D2"}, {"currency": "GBP", "book": "D1"}],
        "changes": [],
    }
    assert pnl_of_answer(answer, WHOLE).total["total"] == 3.0
    assert len(pnl_of_answer(answer, WHOLE).unpriced) == 1
    of_desk = pnl_of_answer(answer, Choice(("USD", "EUR"), desk="D1"))
    assert (of_desk.total["total"], list(of_desk.unpriced)) == (1.0, [])
