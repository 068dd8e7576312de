"""The tables of the security master, one module per table."""

from instruments.models.bond import Bond
from instruments.models.book_version import BookVersion
from instruments.models.counterparty import Counterparty
from instruments.models.desk import Book, Desk
from instruments.models.fixing import Fixing
from instruments.models.floating_rate_note import FloatingRateNote
from instruments.models.futures import InterestRateFuture
from instruments.models.fx_rate import FxRate
from instruments.models.idempotent_response import Reply
from instruments.models.issuer import Issuer
from instruments.models.position import BondPosition, SecurityTrade
from instruments.models.quarantine import Quarantine
from instruments.models.row import PricedRow, Row, StaleRow
from instruments.models.swap import Swap
from instruments.models.swaps import BasisSwap, ForwardRateAgreement, ZeroCouponSwap
from instruments.models.trade import Status, Trade, trade_models

__all__ = (
    "BasisSwap",
    "Bond",
    "BondPosition",
    "Book",
    "BookVersion",
    "Counterparty",
    "Desk",
    "Fixing",
    "ForwardRateAgreement",
    "FloatingRateNote",
    "FxRate",
    "InterestRateFuture",
    "Issuer",
    "PricedRow",
    "Quarantine",
    "Reply",
    "Row",
    "SecurityTrade",
    "StaleRow",
    "Status",
    "Swap",
    "Trade",
    "ZeroCouponSwap",
    "trade_models",
)
