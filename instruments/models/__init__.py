"""The tables of the security master, one module per table."""

from instruments.models.bond import Bond
from instruments.models.book_version import BookVersion
from instruments.models.control import (
    Limit,
    ScenarioShock,
    SetStatus,
    TemporaryLimit,
    WhatIfSet,
)
from instruments.models.counterparty import Counterparty
from instruments.models.desk import Book, Desk
from instruments.models.fixing import Fixing
from instruments.models.floating_rate_note import FloatingRateNote
from instruments.models.futures import BondFuture, Deliverable, InterestRateFuture
from instruments.models.fx_rate import FxRate
from instruments.models.idempotent_response import Reply
from instruments.models.issuer import Issuer
from instruments.models.position import BondPosition, SecurityTrade
from instruments.models.quarantine import Quarantine
from instruments.models.row import PricedRow, Row, StaleRow
from instruments.models.swap import Swap
from instruments.models.swaps import BasisSwap, ForwardRateAgreement, ZeroCouponSwap
from instruments.models.trade import QuotedTrade, Status, Trade, trade_models

__all__ = (
    "BasisSwap",
    "Bond",
    "BondFuture",
    "BondPosition",
    "Book",
    "BookVersion",
    "Counterparty",
    "Deliverable",
    "Desk",
    "Fixing",
    "ForwardRateAgreement",
    "FloatingRateNote",
    "FxRate",
    "InterestRateFuture",
    "Issuer",
    "Limit",
    "PricedRow",
    "Quarantine",
    "QuotedTrade",
    "Reply",
    "Row",
    "ScenarioShock",
    "SecurityTrade",
    "SetStatus",
    "StaleRow",
    "Status",
    "Swap",
    "TemporaryLimit",
    "Trade",
    "WhatIfSet",
    "ZeroCouponSwap",
    "trade_models",
)
