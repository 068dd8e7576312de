"""Tables of positions in futures, one module per table."""

from instruments.models.futures.bond_future import BondFuture
from instruments.models.futures.deliverable import Deliverable
from instruments.models.futures.interest_rate_future import InterestRateFuture

__all__ = ("BondFuture", "Deliverable", "InterestRateFuture")
