"""A shock on the curve: what is drawn, what an editor means, and the panel of the page."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
import redis
from streamlit.testing.v1 import AppTest

from dashboard.access.login import Viewer, Web
from dashboard.answers import shocks
from dashboard.answers.shocks import Own, Picture
from dashboard.charts import curve_charts
from dashboard.risk import Choice
from dashboard.scenarios import shock_panel
from pricing.scenarios.definition import Scenario
from risk.scenarios.messages import CurrencyScenarios, ScenarioFrame
from risk.scenarios.store import ScenarioStore
from tests.dashboard import made
from tests.dashboard.conftest import APP, TIMEOUT_S, LogIn, Open
from tests.dashboard.test_app import chart, clean, texts
from tests.dashboard.test_scenarios import results

KEYS = [("USD-SOFR", "10Y"), ("USD-SOFR", "2Y"), ("USD-GOVT", "5Y")]
YEARS, QUOTES, ZEROS = [10.0, 2.0, 5.0], [0.04, 0.05, 0.03], [0.041, 0.052, 0.031]
MOVES = [[25.0, -25.0, 0.0], [math.nan] * 3]
UP = "Parallel +100 bp (standard)"


def raw(values: Any) -> bytes:
    return np.array(values, dtype=float).tobytes()


def usd(**changes: Any) -> CurrencyScenarios:
    fields: dict[str, Any] = {
        "keys": KEYS,
        "years": raw(YEARS),
        "quotes": raw(QUOTES),
        "zero_rates": raw(ZEROS),
        "moves": raw(MOVES),
    }
    return msgspec.structs.replace(results().currencies["USD"], **{**fields, **changes})


def run(**changes: Any) -> ScenarioFrame:
    return results(currencies={"USD": usd(**changes)})


# --- What is drawn ---------------------------------------------------------------------------


def test_a_stored_scenario_is_drawn_by_tenor_as_it_was_priced() -> None:
    found = shocks.stored_picture(run(), 0, usd(), "USD-SOFR")
    assert isinstance(found, Picture)
    assert found.tenors == ["2Y", "10Y"]
    assert found.now == [0.05, 0.04]
    assert found.moved == pytest.approx([0.0475, 0.0425])
    assert found.moves_bp == [-25.0, 25.0]
    said = shocks.gist("Tilt", "USD-SOFR", found)
    assert said == (
        "USD-SOFR now and under Tilt: 2Y 5.000% to 4.750% (-25.0 bp), "
        "10Y 4.000% to 4.250% (+25.0 bp)"
    )


def test_zero_rates_are_drawn_of_a_scenario_of_zero_rates() -> None:
    moved = usd(moves=raw([[0.0] * 3, [10.0, 20.0, 0.0]]), stress_reasons={})
    found = shocks.stored_picture(run(), 1, moved, "USD-SOFR")
    assert isinstance(found, Picture)
    assert found.now == [0.052, 0.041]
    assert found.moved == pytest.approx([0.054, 0.042])


def test_what_is_not_defined_or_not_published_is_a_sentence_and_no_curve() -> None:
    assert shocks.stored_picture(run(), 1, usd(), "USD-SOFR") == "EU 2024/856 has no shock of USD."
    old = results().currencies["USD"]
    assert "earlier release" in str(shocks.stored_picture(run(), 0, old, "USD-SOFR"))
    assert "earlier release" in str(shocks.own_picture(tilt(), old, "USD-SOFR"))
    lost = usd(stress_reasons={0: "no curve at these quotes"}, unmatched={"up": ["USD-X"]})
    found = shocks.stored_picture(run(), 0, lost, "USD-SOFR")
    assert isinstance(found, Picture)
    assert found.note == ("No P&L: no curve at these quotes. The market does not quote USD-X.")


def test_basis_spreads_are_not_drawn_among_rates() -> None:
    keys = [("EUR-X", "10Y"), ("EUR-X", "BASIS-EURIBOR6M-5Y"), ("EUR-Y", "BASIS-EURIBOR6M-5Y")]
    found = usd(keys=keys)
    assert shocks.picture(found, "EUR-X", "par", np.zeros(3)).tenors == ["10Y"]
    assert len(shocks.picture(found, "EUR-X", "zero", np.zeros(3)).tenors) == 2
    assert shocks.picture(found, "EUR-Y", "par", np.zeros(3)).tenors == ["BASIS-EURIBOR6M-5Y"]


def test_the_chart_has_both_lines_in_percent_and_bars_in_basis_points() -> None:
    option = curve_charts.shock_chart(["2Y", "10Y"], [0.05, 0.04], [0.0475, 0.0425], [-25.0, 25.0])
    lines = {series["name"]: series for series in option["series"]}
    assert lines["Now"]["data"] == [5.0, 4.0]
    assert lines["Moved"]["data"] == [4.75, 4.25]
    assert lines["Move"]["data"] == [-25.0, 25.0]
    assert lines["Move"]["xAxisIndex"] == 1
    assert lines["Now"]["color"] != lines["Moved"]["color"]


# --- An own shock ----------------------------------------------------------------------------


def tilt() -> Scenario:
    found = Own([(1, "2Y", "-10"), (2, "10Y", "30")], "par", "USD", "USD-SOFR").scenario()
    assert isinstance(found, Scenario)
    return found


def test_an_own_shock_is_linear_between_its_points_and_moves_its_curve_alone() -> None:
    found = shocks.own_picture(tilt(), usd(), "USD-SOFR")
    assert isinstance(found, Picture)
    assert found.moves_bp == pytest.approx([-10.0, 30.0])
    other = shocks.own_picture(tilt(), usd(), "USD-GOVT")
    assert isinstance(other, Picture)
    assert other.moves_bp == [0.0]
    whole = Own([(1, "2Y", "-10"), (2, "10Y", "30")]).scenario()
    assert isinstance(whole, Scenario)
    between = shocks.own_picture(whole, usd(), "USD-GOVT")
    assert isinstance(between, Picture)
    assert between.moves_bp == pytest.approx([5.0])  # 3 of 8 years from -10 to 30


def test_rows_of_an_editor_keep_their_numbers_and_empty_ones_are_left_out() -> None:
    table = [
        {"Tenor": "2y ", "Move bp": 5.0},
        {"Tenor": None, "Move bp": math.nan},
        {"Tenor": "10Y", "Move bp": math.nan},
    ]
    assert shocks.points(table) == [(1, "2Y", "5.0"), (3, "10Y", "")]
    said = str(Own(shocks.points(table)).scenario())
    assert said.startswith("row 3, move_bp: '' is not valid; basis points from -1000 to 1000")
    assert Own([]).scenario() == shocks.EMPTY
    assert "row 1, tenor: 'TEN'" in str(Own([(1, "TEN", "5")]).scenario())


def test_only_filters_that_rest_has_are_asked_for_and_the_note_says_which() -> None:
    both = Choice(("USD", "EUR"), ("swap", "bond"))
    assert shocks.scope(both) == {"group_by": "desk"}
    assert shocks.scope_note(both) == "all currencies, all products, your desks"
    one = Choice(("USD",), ("swap",), "D1")
    assert shocks.scope(one) == {
        **{"group_by": "desk", "desk": "D1", "currency": "USD", "type": "swap"},
    }
    assert shocks.scope_note(one) == "USD, Swap, D1"


def test_an_answer_is_a_table_with_frames_their_age_and_what_is_missing() -> None:
    near = {"delta": 900.0, "delta_gamma": None}
    answer = {
        "stamp": {
            "inputs": [{"currency": "USD", "frame": 7, "age_s": 2.0}],
            "unavailable": {"EUR": "no curve"},
        },
        "excluded": [{"currency": "GBP", "reason": "no exchange rate"}],
        "scenarios": [
            {
                **{"pnl": None, "approximation": near, "reasons": {"USD": "no curve at these"}},
                **{"not_quoted": ["USD-X"], "groups": [{"desk": "", "pnl": 5.0}]},
            }
        ],
    }
    answer["scenarios"][0]["groups"][0]["approximation"] = near  # type: ignore[index]
    assert shocks.pnl_rows(answer) == [
        ("Total", "n/a", "+$900", "n/a"),
        ("No desk", "+$5.00", "+$900", "n/a"),
    ]
    assert shocks.frames_note(answer, 3.0) == "USD frame 7 of 5.0s ago"
    assert shocks.reasons(answer) == [
        "GBP is in no sum: no exchange rate.",
        "EUR: no curve.",
        "No P&L in USD: no curve at these.",
        "The market does not quote USD-X.",
    ]


class Told(Web):
    """A web process that answers what it is told to."""

    def __init__(self, stored: list[str], status: int = 200) -> None:
        super().__init__("http://127.0.0.1:1")
        self.stored, self.status = stored, status
        self.sent: list[Any] = []

    def get(self, key: str, path: str, timeout_s: float) -> tuple[int, bytes]:
        return 200, msgspec.json.encode({"results": [{"scenario": name} for name in self.stored]})

    def send(
        self, method: str, key: str, path: str, body: object, timeout_s: float
    ) -> tuple[int, bytes]:
        self.sent.append(body)
        return self.status, msgspec.json.encode({"detail": "Needs the role risk_admin."})


def test_a_saved_shock_has_codes_of_its_own_and_never_the_name_of_another() -> None:
    own = Own([(1, "2Y", "5"), (2, "10Y", "7")], name="Öl, shock ")
    web = Told([])
    assert shocks.save(web, "k", own, ["up"]) == ""
    (rows,) = web.sent
    assert [row["scenario"] for row in rows] == ["Öl, shock"] * 2
    assert [row["tenor"] for row in rows] == ["2Y", "10Y"]
    codes = {row["code"] for row in rows}
    assert len(codes) == 2
    assert all(code.startswith("l-shock-") for code in codes)
    again = Told([])
    shocks.save(again, "k", own, [])
    assert not codes & {row["code"] for row in again.sent[0]}
    for refused in (Told(["Öl, shock"]), Told([])):
        assert "choose another name" in shocks.save(refused, "k", own, ["Öl, shock"])
        assert not refused.sent
    assert "1 to 64 characters" in shocks.save(web, "k", Own(own.points), [])
    assert shocks.save(Told([], 403), "k", own, []) == "Needs the role risk_admin."


# --- The panel -------------------------------------------------------------------------------


def opened(open_app: Open, client: redis.Redis, frame: ScenarioFrame | None = None) -> AppTest:
    made.publish_all(client)
    ScenarioStore(client).publish(frame or run())
    return clean(open_app("scenarios"))


def choose(app: AppTest, key: str, value: str) -> AppTest:
    return clean(app.selectbox(key=key).set_value(value).run())


def lines(app: AppTest) -> dict[str, Any]:
    return {series["name"]: series["data"] for series in chart(app, "shock-chart")["series"]}


def alt(app: AppTest) -> str:
    found = [c for c in app.get("echarts_chart") if c.proto.id.endswith("-shock-chart")]
    return str(found[0].proto.alt)


def edited(app: AppTest, **state: Any) -> AppTest:
    usual: dict[str, Any] = {"edited_rows": {}, "added_rows": [], "deleted_rows": []}
    app.session_state[shock_panel.EDITOR] = usual | state
    return clean(app.run())


def test_the_page_draws_a_stored_scenario_on_a_chosen_curve(
    open_app: Open, redis_client: redis.Redis
) -> None:
    app = opened(open_app, redis_client)
    assert app.selectbox(key="shock").value == UP
    assert lines(app) == {"Now": [5.0, 4.0], "Moved": [4.75, 4.25], "Move": [-25.0, 25.0]}
    assert "2Y 5.000% to 4.750%" in alt(app)
    app = choose(app, "shock-curve", "USD-GOVT")
    assert lines(app)["Move"] == [0.0]
    app = choose(app, "shock", "Steepener (EU 2024/856)")
    assert "EU 2024/856 has no shock of USD." in [box.value for box in app.info]


def test_scenario_and_curve_of_the_url_are_those_of_the_page(
    open_app: Open, redis_client: redis.Redis
) -> None:
    opened(open_app, redis_client)
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S).run()
    app.switch_page("views/scenarios.py")
    app.query_params["shock"] = shock_panel.OWN
    app.query_params["shock-curve"] = "USD-GOVT"
    app = clean(app.run())
    assert app.selectbox(key="shock").value == shock_panel.OWN
    assert app.selectbox(key="shock-curve").value == "USD-GOVT"


def test_an_own_shock_is_drawn_at_once_and_outlives_refreshes(
    open_app: Open, redis_client: redis.Redis
) -> None:
    app = choose(opened(open_app, redis_client), "shock", shock_panel.OWN)
    assert lines(app)["Move"] == [-25.0, 25.0]
    app = edited(app, edited_rows={0: {"Move bp": 40.0}})
    assert lines(app)["Move"] == [40.0, 25.0]
    assert lines(app)["Moved"] == pytest.approx([5.4, 4.25])
    ScenarioStore(redis_client).publish(run(quotes=raw([0.03, 0.06, 0.03])))
    app = clean(app.run())
    assert lines(app)["Now"] == [6.0, 3.0]
    assert lines(app)["Move"] == [40.0, 25.0]
    app = choose(choose(app, "shock", UP), "shock", shock_panel.OWN)
    assert lines(app)["Move"] == [40.0, 25.0]
    app = clean(app.checkbox(key="shock-curves").uncheck().run())
    app = choose(app, "shock-curve", "USD-GOVT")
    assert lines(app)["Move"] == pytest.approx([40.0 - 15.0 * 3 / 8], abs=1e-4)


def test_a_mistake_in_the_editor_is_said_and_cannot_be_priced(
    open_app: Open, redis_client: redis.Redis
) -> None:
    app = choose(opened(open_app, redis_client), "shock", shock_panel.OWN)
    app = edited(app, edited_rows={1: {"Move bp": 5000.0}})
    assert "row 2, move_bp: '5000.0' is not valid; basis points from" in app.warning[0].value
    assert app.button(key="shock-price").disabled
    app = edited(app, deleted_rows=[0, 1])
    assert app.warning[0].value == shocks.EMPTY


def test_without_the_web_process_a_sentence_says_that_nothing_was_priced(
    open_app: Open, redis_client: redis.Redis
) -> None:
    app = choose(opened(open_app, redis_client), "shock", shock_panel.OWN)
    app = clean(app.button(key="shock-price").click().run())
    assert "does not answer" in app.error[0].value


def test_a_trader_draws_on_the_same_curve(
    open_app: Open, log_in: LogIn, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    ScenarioStore(redis_client).publish(run())
    log_in(Viewer(user="tina", roles=("trader",), desks=frozenset({"D2"})))
    app = clean(open_app("scenarios"))
    assert lines(app)["Move"] == [-25.0, 25.0]
    assert "D1" not in texts(app)


def test_results_of_an_earlier_release_are_said_to_be_that(
    open_app: Open, redis_client: redis.Redis
) -> None:
    app = opened(open_app, redis_client, results())
    assert "earlier release" in texts(app)
