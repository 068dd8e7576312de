"""The replay page on the real views of REST, and its tables by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dashboard.access.login import Viewer
from dashboard.answers import replays
from dashboard.answers.replays import Days
from risk.explain.frame_closes import keep_close
from risk.models import Replay
from tests.dashboard.conftest import LogIn, Open
from tests.dashboard.test_app import chart, clean, data, texts
from tests.risk.limits_made import frame

pytestmark = pytest.mark.django_db(transaction=True)

DATES = [dt.date(2024, 3, day) for day in (4, 5, 6)]


@pytest.fixture
def replay() -> Replay:
    """A replay whose three days closed with another NPV each."""
    made = Replay.objects.create(
        name="svb", currencies=["USD"], start=DATES[0], end=DATES[-1], state="running", steps=4,
        place=3, date=DATES[-1], frames=3,
    )  # fmt: skip
    for number, (date, dv01) in enumerate(zip(DATES, (1.0, 2.5, -0.5), strict=True), 1):
        keep_close(frame(number, dv01, valuation_date=date), "svb")
    return made


@pytest.mark.usefixtures("web")
def test_without_a_replay_it_says_what_to_run(open_app: Open) -> None:
    app = clean(open_app("replay"))
    assert "replay_market NAME --event svb-2023" in app.info[0].value
    assert "svb-2023" in texts(app)


@pytest.mark.usefixtures("web", "replay")
def test_it_shows_how_far_a_replay_is_and_what_its_days_did(open_app: Open) -> None:
    app = clean(open_app("replay"))
    for said in ("svb", "running", "75%", "2024-03-06"):
        assert said in texts(app)
    npv, dv01 = (data(chart(app, f"replay-{name}")) for name in ("npv", "dv01"))
    assert npv == {"GOVIES": [0.0] * 3, "RATES": [0.0, 150.0, -150.0]}
    assert dv01 == {"GOVIES": [0.0] * 3, "RATES": [1.0, 2.5, -0.5]}
    assert "need the role risk_admin" in app.caption[0].value


@pytest.mark.usefixtures("web")
def test_who_may_asks_it_to_pause_and_to_go_to_a_day(
    open_app: Open, log_in: LogIn, replay: Replay
) -> None:
    log_in(Viewer(user="rita", roles=("risk_admin",), desks=None))
    app = clean(open_app("replay"))
    app.button(key="replay-pause").click().run()
    app.date_input(key="replay-day-svb").set_value(DATES[1]).run()
    app.button(key="replay-seek").click().run()
    replay.refresh_from_db()
    assert (replay.wanted, replay.seek) == ("paused", DATES[1])
    replay.delete()
    clean(app).button(key="replay-stop").click().run()
    assert not app.exception


@pytest.mark.usefixtures("log_in")
def test_without_web_it_says_so(open_app: Open) -> None:
    app = clean(open_app("replay"))
    assert "The web process does not answer" in app.error[0].value


def test_a_missing_number_is_a_gap_and_no_zero() -> None:
    def day(date: str, **groups: float | None) -> dict[str, Any]:
        sums = [
            {"desk": desk, "npv": npv, "dv01_par": 1.0, "trades": 2, "failed": 0}
            for desk, npv in groups.items()
        ]
        return {"date": date, "frames": [], "groups": sums}

    answer = {"closes": [day("d1", A=1.0, B=None), day("d2", A=3.0), day("d3", A=4.0, B=9.0)]}
    days = Days.of(answer, "desk")
    assert days.changes() == {"A": [0.0, 2.0, 3.0], "B": [None, None, None]}
    assert [row[1] for row in replays.day_rows(answer)] == ["+$13.0", "+$3.00", "n/a"]
    assert [row[2] for row in replays.day_rows(answer)] == ["+$10.0", "n/a", "n/a"]
