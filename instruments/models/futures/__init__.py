"""Tables of positions in futures, one module per table."""

from instruments.models.futures.interest_rate_future import InterestRateFuture

__all__ = ("InterestRateFuture",)
