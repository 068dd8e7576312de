"""The Django admin of the security master; importing this package registers every page."""

from instruments.admin import (
    accounts,
    audit,
    bonds,
    desks,
    limits,
    market,
    parties,
    quarantine,
    site,
    trades,
)
from instruments.admin.shared.display_format import percent

__all__ = (
    "accounts",
    "audit",
    "bonds",
    "desks",
    "limits",
    "market",
    "parties",
    "percent",
    "quarantine",
    "site",
    "trades",
)
