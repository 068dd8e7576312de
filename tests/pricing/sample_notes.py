"""Floating-rate notes to draw from."""

from __future__ import annotations

import datetime as dt

from hypothesis import strategies as st

from pricing.markets import conventions, vocabulary
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms, SpreadStep

NOTIONAL = 1_000_000.0
INDICES_OF = {
    currency: [name for name, row in conventions.INDICES.items() if row.currency == currency]
    for currency in conventions.CURRENCIES
}


@st.composite
def notes(draw, currency: str, today: dt.date, number: int) -> FloatingRateNoteTerms:
    index = conventions.INDICES[draw(st.sampled_from(INDICES_OF[currency]))]
    issue = today + dt.timedelta(days=draw(st.integers(-2200, 300)))
    issue = issue.replace(day=min(issue.day, 28))
    maturity = max(issue, today) + dt.timedelta(days=draw(st.integers(40, 365 * 12)))
    optional: dict[str, object] = {}
    if index.kind == "overnight":
        days = draw(st.sampled_from([None, 1, 2, 5]))
        optional["lookback_days"] = days
        optional["observation_shift"] = draw(st.booleans()) if days else None
        if draw(st.booleans()):
            years = draw(st.integers(1, 8))
            maturity = dt.date(max(issue.year + years, today.year + 1), issue.month, issue.day)
            optional["lockout_days"] = draw(st.sampled_from([1, 3]))
        optional["payment_frequency"] = draw(st.sampled_from([None, "1M", "6M", "1Y"]))
    else:
        optional["fixing_days"] = draw(st.sampled_from([None, 0, 1, 5]))
    if draw(st.booleans()):
        optional["spread_bp"] = draw(st.floats(-50, 250))
    if draw(st.integers(0, 3)) == 0:
        steps = sorted(draw(st.sets(st.integers(30, 2000), min_size=1, max_size=3)))
        optional["spread_schedule"] = [
            SpreadStep(date=issue + dt.timedelta(days=day), spread_bp=10.0 * day) for day in steps
        ]
    if draw(st.integers(0, 3)) == 0:
        optional["ex_coupon_days"] = draw(st.integers(1, 8))
    if draw(st.integers(0, 3)) == 0:
        optional["payment_lag"] = draw(st.integers(0, 4))
    if draw(st.integers(0, 3)) == 0:
        optional["day_count"] = draw(st.sampled_from(vocabulary.DAY_COUNTS))
    if draw(st.booleans()):
        optional["z_spread_bp"] = draw(st.floats(-80, 400))
    return FloatingRateNoteTerms(
        trade_id=f"N{number}",
        book="book",
        floating_index=index.name,
        face_amount=draw(st.sampled_from([NOTIONAL, -NOTIONAL])),
        issue_date=issue,
        maturity_date=maturity,
        **optional,
    )


def a_note() -> FloatingRateNoteTerms:
    """A plain one."""
    return FloatingRateNoteTerms(
        trade_id="note",
        book="book",
        floating_index="EURIBOR3M",
        face_amount=NOTIONAL,
        issue_date=dt.date(2023, 5, 15),
        maturity_date=dt.date(2029, 5, 15),
        spread_bp=65.0,
        z_spread_bp=50.0,
    )
