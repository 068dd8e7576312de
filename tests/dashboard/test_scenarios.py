"""The scenarios page: empty, with results, without a history, stale, and of own desks alone."""

from __future__ import annotations

import datetime as dt
import time

import numpy as np
import redis

from dashboard.access.login import Viewer
from risk.scenarios.messages import CurrencyScenarios, GroupHead, ScenarioFrame, ScenarioHead
from risk.scenarios.store import ScenarioStore
from tests.dashboard import made
from tests.dashboard.conftest import LogIn, Open, html_rows, metrics
from tests.dashboard.test_app import chart, clean, texts

DAYS = [dt.date(2023, 1, 1) + dt.timedelta(days=n) for n in range(100)]


def results(**changes: object) -> ScenarioFrame:
    """Bonds lose n dollars on day n, swaps gain a tenth of it; two scenarios."""
    losses = -np.arange(100.0)
    usd = CurrencyScenarios(
        currency="USD",
        frame=1,
        as_of=dt.datetime(2024, 3, 5, 9, tzinfo=dt.UTC),
        valuation_date=dt.date(2024, 3, 5),
        book_version="1-abc",
        published_ns=time.time_ns(),
        usd=1.0,
        groups=[
            GroupHead(book="B", product="bond", desk="D1", trades=2, failed=1),
            GroupHead(book="S", product="swap", desk="D2", trades=1, failed=0),
        ],
        stress=np.array([[1000.0, np.nan], [-200.0, np.nan]]).tobytes(),
        delta=np.array([[1100.0, np.nan], [-210.0, np.nan]]).tobytes(),
        delta_gamma=np.array([[1010.0, np.nan], [-201.0, np.nan]]).tobytes(),
        stress_reasons={1: "EU 2024/856 has no shock of USD"},
        historical=np.array([losses, -losses / 10]).tobytes(),
        by_curve={"USD-SOFR": np.array([[-99.0], [9.9]]).tobytes()},
        proxies={"USD-SOFR": "USD-GOVT"},
        holidays=2,
    )
    now = time.time_ns()
    fields: dict[str, object] = {
        "number": now // 1_000_000,
        "started_ns": now - 10**8,
        "finished_ns": now,
        "worker": "w",
        "every_s": 5.0,
        "scenarios": [
            ScenarioHead(name="up", title="Parallel +100 bp", set_name="standard", space="par"),
            ScenarioHead(name="irrbb", title="Steepener", set_name="EU 2024/856", space="zero"),
        ],
        "days": DAYS,
        "kind": "absolute",
        "left_out": {},
        "tail_days": [99],
        "currencies": {"USD": usd},
    }
    return ScenarioFrame(**{**fields, **changes})  # type: ignore[arg-type]


def test_before_the_first_run_the_page_says_what_to_start(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    assert "--queues scenarios" in clean(open_app("scenarios")).info[0].value


def test_the_page_shows_tails_desks_and_scenarios(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    ScenarioStore(redis_client).publish(results())
    app = clean(open_app("scenarios"))
    found = metrics(app)
    assert found["VaR 99 %, 1 day"] == "$89.1"  # 99 less a tenth of it
    assert found["ES 97.5 %, 1 day"] == "$88.2"  # of 99, 98 and 97
    assert found["Scenarios"] == "100 days"
    tail = html_rows(app, "Most by curve")
    assert [row["Day"] for row in tail] == [str(DAYS[n]) for n in (99, 98, 97)]
    assert tail[0]["Most by curve"].startswith("USD-SOFR")
    assert [row["Desk"] for row in html_rows(app, "VaR 99 %")] == ["D1", "D2"]
    stress = html_rows(app, "Approximation: delta")
    assert (stress[0]["Total"], stress[0]["D1"]) == ("+$800", "+$1.00k")
    assert stress[1]["Total"] == "n/a"
    assert "EU 2024/856 has no shock of USD" in texts(app)
    assert sum(bar["value"] for bar in chart(app, "distribution")["series"][0]["data"]) == 100


def test_without_a_history_the_stress_scenarios_are_there_and_the_reason(
    open_app: Open, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    usd = results().currencies["USD"]
    bare = CurrencyScenarios(
        **{
            name: getattr(usd, name)
            for name in CurrencyScenarios.__struct_fields__
            if name not in ("historical", "by_curve")
        }
    )
    ScenarioStore(redis_client).publish(
        results(days=[], tail_days=[], currencies={"USD": bare}, no_history="no closes are stored")
    )
    app = clean(open_app("scenarios"))
    assert metrics(app)["VaR 99 %, 1 day"] == "n/a"
    assert "no closes are stored" in texts(app)
    assert html_rows(app, "Approximation: delta")


def test_results_of_long_ago_are_called_old(open_app: Open, redis_client: redis.Redis) -> None:
    made.publish_all(redis_client)
    before = time.time_ns() - 10**11
    ScenarioStore(redis_client).publish(results(finished_ns=before, started_ns=before - 1))
    assert "no run has followed" in texts(clean(open_app("scenarios")))


def test_a_trader_sees_the_own_desks_alone(
    open_app: Open, log_in: LogIn, redis_client: redis.Redis
) -> None:
    made.publish_all(redis_client)
    ScenarioStore(redis_client).publish(results())
    log_in(Viewer(user="tina", roles=("trader",), desks=frozenset({"D2"})))
    app = clean(open_app("scenarios"))
    assert metrics(app)["VaR 99 %, 1 day"] == "$0"
    assert [row["Desk"] for row in html_rows(app, "VaR 99 %")] == ["D2"]
    assert "D1" not in texts(app)
