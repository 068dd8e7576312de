"""Tables of scenarios: what a row means, and the sentence for a row that means nothing."""

from __future__ import annotations

import numpy as np
import pytest

from pricing.curves.quotes import QuoteId
from pricing.errors import BadInput
from pricing.scenarios.definition import moves_of, read_table

HEAD = "scenario,space,currency,curve,shape,tenor,move_bp\n"
KEYS = tuple(QuoteId("EUR-ESTR", tenor) for tenor in ("1Y", "2Y", "3Y", "10Y"))
YEARS = np.array([1.0, 2.0, 3.0, 10.0])


def moves(text: str) -> list[float]:
    return (moves_of(read_table(HEAD + text), "EUR", KEYS, YEARS).par[0] * 1e4).tolist()


def test_a_parallel_row_moves_every_tenor():
    assert moves("up,par,,,parallel,,25\n") == pytest.approx([25.0] * 4)


def test_points_are_linear_between_their_tenors_and_flat_outside():
    found = moves("tilt,par,EUR,,points,2Y,-10\ntilt,par,EUR,,points,4Y,10\n")
    assert found == pytest.approx([-10.0, -10.0, 0.0, 10.0])


def test_a_key_rate_moves_one_tenor_however_it_is_spelled():
    assert moves("k,par,EUR,EUR-ESTR,key_rate,24M,7\n") == pytest.approx([0.0, 7.0, 0.0, 0.0])


def test_rows_of_a_scenario_add_up_and_other_currencies_stay():
    text = "a,par,EUR,,parallel,,5\na,par,,,key_rate,10Y,1\na,par,USD,,parallel,,99\n"
    assert moves(text) == pytest.approx([5.0, 5.0, 5.0, 6.0])


def test_a_key_rate_that_no_quote_has_is_named():
    scenario = read_table(HEAD + "k,par,EUR,EUR-ESTR,key_rate,7Y,7\n")[0]
    assert scenario.unmatched("EUR", KEYS) == ["EUR-ESTR 7Y"]


def test_a_curve_without_quotes_is_named():
    text = "p,par,,EUR-EURIBOR6M,points,1Y,7\np,par,,EUR-EURIBOR6M,parallel,,1\n"
    scenario = read_table(HEAD + text)[0]
    assert scenario.unmatched("EUR", KEYS) == ["EUR-EURIBOR6M"]
    assert scenario.unmatched("USD", KEYS) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,par,,,parallel,,ten", "row 2, move_bp: 'ten' is not valid; basis points from"),
        ("a,par,,,parallel,,20000", "row 2, move_bp"),
        ("a,yield,,,parallel,,1", "row 2, space: 'yield' is not valid; allowed: par, zero"),
        ("a,par,XXX,,parallel,,1", "row 2, currency: 'XXX'"),
        ("a,par,USD,EUR-ESTR,parallel,,1", "row 2, curve: 'EUR-ESTR'"),
        ("a,par,,,points,10,1", "row 2, tenor: '10'"),
        ("a,par,,,key_rate,BASIS-EURIBOR6M-999Y,1", "row 2, tenor: '999Y' is not valid; at most"),
        ("a,par,,,points,BASIS-EURIBOR6M-10Y,1", "row 2, tenor: 'BASIS-EURIBOR6M-10Y'"),
        ("a,par,,,parallel,5Y,1", "row 2, tenor: '5Y' is not valid; empty for a parallel move"),
        ("a,par,,,wave,,1", "row 2, shape: 'wave'"),
        (",par,,,parallel,,1", "row 2, scenario"),
        ("a,par,,,parallel,,1\na,zero,,,parallel,,1", "row 3, space: 'zero'"),
        ("a,par,,,points,1Y,1\na,par,,,points,12M,1", "row 3, tenor: '12M'"),
    ],
)
def test_a_bad_row_is_refused_with_its_number_column_and_value(row, said):
    with pytest.raises(BadInput) as caught:
        read_table(HEAD + row + "\n")
    assert said in str(caught.value)


def test_other_columns_are_refused_by_name():
    with pytest.raises(BadInput, match="exactly: scenario, space"):
        read_table("scenario,bp\na,1\n")
