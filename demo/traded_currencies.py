"""Find the currencies for which a demo needs fixings and a history of curves."""

from __future__ import annotations

from feedbridge.replay.history.daily import SAMPLE_CURRENCIES
from instruments.models import Bond, trade_models
from pricing.markets import conventions


def currencies_of_trades() -> list[str]:
    """Return the currencies of the sample book, and those of all trades and bonds stored."""
    found = set(Bond.objects.values_list("currency", flat=True).distinct())
    for model in trade_models():
        found |= model.currencies()
    others = [name for name in conventions.CURRENCIES if name in found]
    return list(dict.fromkeys((*SAMPLE_CURRENCIES, *others)))
