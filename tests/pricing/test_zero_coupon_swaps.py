"""A zero-coupon swap compounds its fixed rate: refused until it is priced so."""

from __future__ import annotations

import datetime as dt

import pytest

from pricing.errors import BadInput
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade


@pytest.mark.parametrize("frequency", ["ZERO", "ONCE", "NONE"])
def test_a_fixed_leg_that_pays_once_is_refused_by_name(frequency: str) -> None:
    """Simple interest over ten years would be 30.0 instead of 34.4 million on 100m at 3 %."""
    terms = SwapTerms(
        trade_id="zc",
        book="b",
        convention="EUR-EURIBOR-6M",
        pay_receive="receive",
        notional=100e6,
        effective_date=dt.date(2025, 9, 15),
        termination_date=dt.date(2035, 9, 15),
        fixed_rate=0.03,
        fixed_frequency=frequency,
    )
    with pytest.raises(BadInput, match=r"fixed_frequency: .*zero-coupon swaps are not priced yet"):
        compile_trade(terms)
