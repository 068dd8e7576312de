"""Find the currencies for which a demo needs fixings and a history of curves."""

from __future__ import annotations

from feedbridge.replay.history.daily import SAMPLE_CURRENCIES
from instruments.models import (
    BasisSwap,
    Bond,
    FloatingRateNote,
    ForwardRateAgreement,
    InterestRateFuture,
    Swap,
    ZeroCouponSwap,
)
from pricing.markets import conventions


def currencies_of_trades() -> list[str]:
    """Return the currencies of the sample book, and those of all trades and bonds stored."""
    found = set(Bond.objects.values_list("currency", flat=True).distinct())
    for model, field, table in (
        (Swap, "convention", conventions.SWAPS),
        (ZeroCouponSwap, "convention", conventions.SWAPS),
        (BasisSwap, "first_index", conventions.INDICES),
        (ForwardRateAgreement, "index", conventions.INDICES),
        (FloatingRateNote, "floating_index", conventions.INDICES),
    ):
        names = model._default_manager.values_list(field, flat=True).distinct()
        found |= {table[name].currency for name in names if name in table}
    found |= {future.currency for future in InterestRateFuture.objects.only("contract")}
    others = [name for name in conventions.CURRENCIES if name in found]
    return list(dict.fromkeys((*SAMPLE_CURRENCIES, *others)))
