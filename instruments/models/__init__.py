"""The tables of the security master, one noun a file."""

from instruments.models.bond import Bond
from instruments.models.book_version import BookVersion
from instruments.models.desk import Book, Desk
from instruments.models.fixing import Fixing
from instruments.models.position import BondPosition
from instruments.models.quarantine import Quarantine
from instruments.models.reply import Reply
from instruments.models.row import PricedRow, StaleRow
from instruments.models.swap import Swap
from instruments.models.trade import Status, Trade

__all__ = (
    "Bond",
    "BondPosition",
    "Book",
    "BookVersion",
    "Desk",
    "Fixing",
    "PricedRow",
    "Quarantine",
    "Reply",
    "StaleRow",
    "Status",
    "Swap",
    "Trade",
)
