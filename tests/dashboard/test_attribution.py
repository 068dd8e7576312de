"""What the page P&L makes of an attribution test that REST gives."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
import redis

from dashboard import theme
from dashboard.access.login import Web
from dashboard.answers import attribution
from dashboard.charts import pnl_charts
from risk.store.explains import ExplainStore
from tests.dashboard import made
from tests.dashboard.conftest import Open, html_rows
from tests.dashboard.test_app import chart, clean, texts
from tests.dashboard.test_pnl import explain

ADDRESS = "/api/v1/pla/?series=true"
SERIES = [
    {"date": "2024-03-05", "hpl": 100.0, "rtpl": 90.0},
    {"date": "2024-03-06", "hpl": None, "rtpl": 5.0},
    {"date": "2024-03-07", "hpl": -50.0, "rtpl": -50.004},
]
GOOD = {
    "desk": "D1", "days": 250, "spearman": 0.999991, "ks": 0.008, "zone": "green",
    "reason": None, "series": SERIES,
}  # fmt: skip
BAD = {**GOOD, "desk": "D2", "days": 3, "spearman": -0.5, "ks": 1 / 3, "zone": "red"}
NONE = {
    **GOOD, "desk": "", "days": 1, "spearman": None, "ks": None, "zone": None,
    "reason": "the test needs two days or more", "series": SERIES[:1],
}  # fmt: skip
TEST = {
    "made": "2024-03-07T21:30:00Z", "amounts_in": "USD", "days_of_the_zones": 250,
    "desks": [NONE, GOOD, BAD], "notes": ["EUR 2024-03-06 is left out: no quotes"],
}  # fmt: skip


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the web process answers; 404 when it is emptied."""
    answers: dict[str, Any] = {ADDRESS: TEST}

    def get(self: Web, key: str, path: str, timeout_s: float) -> tuple[int, bytes]:
        if path not in answers:
            return 404, b'{"detail": "No P&L attribution test is stored: run it"}'
        return 200, json.dumps(answers[path]).encode()

    monkeypatch.setattr(Web, "get", get)
    return answers


# --- View models -----------------------------------------------------------------------------


def test_each_desk_has_its_numbers_and_what_is_missing_its_reason() -> None:
    assert attribution.rows(TEST) == [
        ("(no desk)", "n/a", "1", "n/a", "n/a"),
        ("D1", "green", "250", "0.99999", "0.0080"),
        ("D2", "red", "3", "-0.50000", "0.3333"),
    ]
    assert attribution.reasons(TEST) == ["(no desk): the test needs two days or more."]
    assert attribution.note(TEST) == "HPL against RTPL of 250 days; made 2024-03-07 21:30"
    assert attribution.note({**TEST, "desks": []}).startswith("HPL against RTPL of 0 days")
    assert attribution.short_series(TEST, BAD) == (
        "Only 3 days of 250: the KS distance comes in steps of 1/3."
    )
    assert attribution.short_series(TEST, GOOD) == attribution.short_series(TEST, NONE) == ""


@pytest.mark.parametrize(
    ("rank", "distance", "zones"),
    [
        (0.80, 0.09, ("green", "green")),
        (0.79, 0.091, ("amber", "amber")),
        (0.70, 0.12, ("amber", "amber")),
        (0.69, 0.121, ("red", "red")),
        (0.99, 0.17, ("green", "red")),
        (0.50, 0.01, ("red", "green")),
        (None, 0.09, (None, "green")),
    ],
)
def test_a_number_lies_in_the_band_of_its_zone(
    rank: float | None, distance: float, zones: tuple[str | None, str]
) -> None:
    meters = attribution.meters({**GOOD, "spearman": rank, "ks": distance})
    assert tuple(meter.zone for meter in meters) == zones
    for meter in meters:
        within = {
            band.zone for band in meter.bands if band.start <= (meter.value or 0.0) <= band.end
        }
        assert meter.zone is None or meter.zone in within


def test_bands_join_and_amber_is_of_the_same_width_on_both_scales() -> None:
    for meter in attribution.meters(GOOD):
        assert all(one.end == other.start for one, other in pairwise(meter.bands))
        widths = {band.zone: band.end - band.start for band in meter.bands}
        whole = meter.bands[-1].end - meter.bands[0].start
        assert widths["amber"] / whole == pytest.approx(1 / 6)


# --- Charts ----------------------------------------------------------------------------------


def test_the_meter_marks_its_number_on_zones_that_are_named() -> None:
    option = pnl_charts.meter_chart(attribution.meters(GOOD))
    rank, distance = option["series"]
    assert rank["data"][0]["value"] == [0.999991, 0]
    assert distance["data"][0]["value"] == [0.008, 0]
    colors = theme.PALETTES["dark"]
    drawn = [
        [(a["name"], a["xAxis"], b["xAxis"], a["itemStyle"]["color"]) for a, b in areas]
        for areas in (one["markArea"]["data"] for one in (rank, distance))
    ]
    assert drawn == [
        [
            ("red", 0.4, 0.7, colors.down),
            ("amber", 0.7, 0.8, colors.warning),
            ("green", 0.8, 1.0, colors.up),
        ],
        [
            ("green", 0.0, 0.09, colors.up),
            ("amber", 0.09, 0.12, colors.warning),
            ("red", 0.12, 0.18, colors.down),
        ],
    ]
    assert [axis["data"] for axis in option["yAxis"]] == [
        ["Spearman\n0.99999 green"],
        ["KS distance\n0.0080 green"],
    ]
    assert [(axis["min"], axis["max"], axis["interval"]) for axis in option["xAxis"]] == [
        (0.4, 1.0, 0.1),
        (0.0, 0.18, 0.03),
    ]


def test_a_number_beyond_the_scale_is_an_arrow_at_its_end_and_a_missing_one_has_no_mark() -> None:
    rank, distance = pnl_charts.meter_chart(attribution.meters(BAD))["series"]
    assert (rank["data"][0]["value"], rank["data"][0]["symbolRotate"]) == ([0.4, 0], 90)
    assert (distance["data"][0]["value"], distance["data"][0]["symbolRotate"]) == ([0.18, 0], -90)
    option = pnl_charts.meter_chart(attribution.meters(NONE))
    assert [one["data"] for one in option["series"]] == [[], []]
    assert option["yAxis"][0]["data"] == ["Spearman\nn/a"]


def test_both_series_are_drawn_and_the_difference_and_a_hole_is_a_gap() -> None:
    option = pnl_charts.attribution_chart(
        [day["date"] for day in SERIES],
        [day["hpl"] for day in SERIES],
        [day["rtpl"] for day in SERIES],
    )
    hpl, rtpl, missed = option["series"]
    assert hpl["data"] == [100.0, None, -50.0]
    assert (rtpl["data"], rtpl["lineStyle"]["type"]) == ([90.0, 5.0, -50.0], "dashed")
    assert (missed["type"], missed["data"]) == ("bar", [10.0, None, 0.0])
    assert [axis["data"] for axis in option["xAxis"]] == [[day["date"] for day in SERIES]] * 2
    one = pnl_charts.attribution_chart(["2024-03-05"], [1.0], [1.0])
    assert one["series"][0]["symbol"] == "circle"  # a line of one day would not be seen


# --- The page --------------------------------------------------------------------------------


@pytest.fixture
def published(redis_client: redis.Redis) -> redis.Redis:
    made.publish_all(redis_client)
    for currency in ("USD", "EUR"):
        ExplainStore(redis_client).put(explain(currency))
    return redis_client


@pytest.mark.usefixtures("published", "rest")
def test_the_page_shows_zones_by_desk_and_the_meters_of_the_chosen_one(open_app: Open) -> None:
    app = clean(open_app("pnl"))
    zones = {row["Desk"]: row["Zone"] for row in html_rows(app, "KS distance")}
    assert zones == {"(no desk)": "n/a", "D1": "green", "D2": "red"}
    shown = texts(app)
    assert "EUR 2024-03-06 is left out: no quotes" in shown
    assert "(no desk): the test needs two days or more." in shown
    app.get_by_key("attribution").set_value("D2").run()
    app = clean(app)
    marks = [one["data"][0]["value"][0] for one in chart(app, "attribution-meters")["series"]]
    assert marks == [0.4, 0.18]
    assert "Only 3 days of 250" in texts(app)
    assert chart(app, "attribution-chart")["series"][0]["data"] == [100.0, None, -50.0]


@pytest.mark.usefixtures("redis_client")
def test_the_test_is_there_also_when_no_trade_changed(
    open_app: Open, redis_client: redis.Redis, rest: dict[str, Any]
) -> None:
    made.publish_all(redis_client)
    quiet = explain("USD")
    whole = quiet.periods["close"]
    whole.changes.clear()
    whole.unpriced.clear()
    ExplainStore(redis_client).put(quiet)
    app = clean(open_app("pnl"))
    assert "no trade changed" in texts(app)
    assert html_rows(app, "KS distance")


@pytest.mark.usefixtures("published")
def test_without_a_test_or_a_desk_the_page_says_so(open_app: Open, rest: dict[str, Any]) -> None:
    rest[ADDRESS] = {**TEST, "desks": [], "notes": []}
    assert "No desk that you may see is in it." in texts(clean(open_app("pnl")))
    rest.clear()
    assert "No P&amp;L attribution test is stored: run it" in texts(clean(open_app("pnl")))
