"""The states of limits: numbers at, beyond and back behind their bounds."""

from __future__ import annotations

import numpy as np
import pytest

from pricing.errors import BadInput
from pricing.exposure.definition import (
    Bounds,
    LimitTerms,
    Scope,
    Temporary,
    check_terms,
)
from pricing.exposure.states import STATES, judge, levels_of, nothing_before, utilisation

SECOND = 1_000_000_000


def terms(**changes) -> LimitTerms:
    usual = {
        "code": "L1",
        "scope": Scope(),
        "measure": "dv01_par",
        "amounts_in": "USD",
        "bounds": Bounds(hard=1.0),
    }
    return LimitTerms(**{**usual, **changes})


def walk(limit: LimitTerms, numbers: list[float | None], times: list[int] | None = None):
    """The states of one limit over a sequence of numbers; None is a number that is missing."""
    before, last, found = nothing_before(1), None, []
    for n, number in enumerate(numbers):
        now = times[n] if times else n + 1
        bounds, code = limit.bounds_at(now)
        before = judge(
            np.array([np.nan if number is None else number]),
            np.array([number is not None]),
            np.array([limit.in_force(now)]),
            levels_of([limit.direction], [bounds], [limit.hysteresis]),
            before,
            np.array([last is not None and last != (bounds, code)]),
        )
        last = (bounds, code)
        found.append(STATES[before.state[0]])
    return found


def test_a_number_at_its_limit_keeps_it_and_one_beyond_breaks_it():
    assert walk(terms(), [0.9, 1.0, 1.1]) == ["ok", "ok", "breach"]


def test_a_temporary_limit_counts_from_its_start_to_its_end():
    temporary = Temporary(
        code="T", bounds=Bounds(hard=1.15), from_ns=2 * SECOND, until_ns=4 * SECOND
    )
    times = [SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND, 5 * SECOND]
    found = walk(terms(temporaries=(temporary,)), [1.1] * 5, times)
    assert found == ["breach", "ok", "ok", "breach", "breach"]


def test_a_breach_ends_when_the_number_has_come_back_by_the_hysteresis():
    limit = terms(hysteresis=0.1)
    assert walk(limit, [1.05, 0.95, 0.901, 0.9, 0.95]) == [
        *("breach", "breach", "breach", "ok", "ok")
    ]


def test_a_warning_comes_before_the_breach_and_has_the_same_hysteresis():
    limit = terms(bounds=Bounds(hard=1.0, warning=0.8), hysteresis=0.05)
    assert walk(limit, [0.8, 0.81, 1.01, 0.96, 0.94, 0.76, 0.75]) == [
        *("ok", "warning", "breach", "breach", "warning", "warning", "ok")
    ]


def test_directions():
    assert walk(terms(direction="absolute"), [-1.1, 1.1]) == ["breach", "breach"]
    assert walk(terms(direction="upper"), [-1.1, 1.1]) == ["ok", "breach"]
    loss = terms(direction="lower", bounds=Bounds(hard=-100.0, warning=-80.0), hysteresis=5.0)
    assert walk(loss, [500.0, -80.0, -90.0, -101.0, -96.0, -95.0, -75.0]) == [
        *("ok", "ok", "warning", "breach", "breach", "warning", "ok")
    ]


def test_a_missing_number_is_unknown_and_is_remembered_as_before():
    """One breach with a gap in it is one breach, within the hysteresis too."""
    limit = terms(hysteresis=0.1)
    assert walk(limit, [None, 1.1, None, 0.95, None, 0.85]) == [
        *("unknown", "breach", "unknown", "breach", "unknown", "ok")
    ]


def test_bounds_that_have_changed_have_no_memory():
    temporary = Temporary(
        code="T", bounds=Bounds(hard=1.15), from_ns=2 * SECOND, until_ns=3 * SECOND
    )
    limit = terms(hysteresis=0.1, temporaries=(temporary,))
    # 1.1 is within 0.1 of 1.15: with the memory of the old bound it would stay a breach.
    assert walk(limit, [1.1, 1.1], [SECOND, 2 * SECOND]) == ["breach", "ok"]


def test_a_limit_judges_only_while_it_is_in_force():
    limit = terms(from_ns=2, until_ns=4)
    assert walk(limit, [1.1] * 4, [1, 2, 3, 4]) == ["inactive", "breach", "breach", "inactive"]


def test_a_temporary_limit_without_a_warning_keeps_one_that_still_comes_first():
    own = terms(bounds=Bounds(hard=1.0, warning=0.8))

    def at_one(hard: float):
        once = Temporary(code="T", bounds=Bounds(hard=hard), from_ns=1, until_ns=2)
        limit = LimitTerms(
            **{n: getattr(own, n) for n in own.__struct_fields__ if n != "temporaries"},
            temporaries=(once,),
        )
        return limit.bounds_at(1)[0]

    assert at_one(1.5) == Bounds(hard=1.5, warning=0.8)
    assert at_one(0.7) == Bounds(hard=0.7)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"measure": "vega"}, "measure"),
        ({"measure": "ladder_par"}, "curve"),
        ({"measure": "ladder_par", "curve": "USD-X"}, "curve"),
        ({"measure": "ladder_par", "curve": "USD-SOFR", "scope": Scope(currency="EUR")}, "curve"),
        ({"curve": "USD-SOFR"}, "curve"),
        ({"tenor": "10Y"}, "tenor"),
        ({"measure": "var", "level": "20"}, "level"),
        ({"level": "97.5"}, "level"),
        ({"measure": "scenario_loss"}, "scenario"),
        ({"scope": Scope(desk="A", book="B")}, "book"),
        ({"scope": Scope(currency="XXX")}, "currency"),
        ({"scope": Scope(product="option")}, "trade_type"),
        ({"amounts_in": "XXX"}, "amounts_in"),
        ({"direction": "sideways"}, "direction"),
        ({"bounds": Bounds(hard=-1.0)}, "hard_limit"),
        ({"bounds": Bounds(hard=float("nan"))}, "hard_limit"),
        ({"bounds": Bounds(hard=1.0, warning=1.0)}, "warning"),
        ({"bounds": Bounds(hard=1.0, warning=2.0), "direction": "upper"}, "warning"),
        ({"bounds": Bounds(hard=-1.0, warning=-2.0), "direction": "lower"}, "warning"),
        ({"hysteresis": -0.1}, "hysteresis"),
        ({"hysteresis": 1.0}, "hysteresis"),
        ({"from_ns": 5, "until_ns": 5}, "valid_until"),
    ],
)
def test_a_limit_that_means_nothing_is_refused_at_its_field(changes, field):
    with pytest.raises(BadInput) as caught:
        check_terms(terms(**changes))
    assert caught.value.field == field


def test_good_limits_pass():
    check_terms(terms())
    check_terms(terms(measure="ladder_par", curve="USD-SOFR", tenor="10Y"))
    check_terms(terms(measure="var", level="97.5", direction="upper"))
    check_terms(terms(measure="pnl_close", direction="lower", bounds=Bounds(hard=-1e6)))


def test_utilisation_is_one_at_the_limit():
    assert utilisation(-0.5, Bounds(hard=1.0), "absolute") == 0.5
    assert utilisation(-50.0, Bounds(hard=-100.0), "lower") == 0.5
    assert utilisation(50.0, Bounds(hard=-100.0), "lower") == 0.0
    assert utilisation(1.0, Bounds(hard=0.0), "upper") is None
