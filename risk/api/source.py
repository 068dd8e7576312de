"""Read the published frames that answers are made from, or explain why there are none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import TypeVar

import redis
from django.conf import settings
from redis import RedisError
from rest_framework.exceptions import APIException, ValidationError

from pricing.curves.quotes import CurveOptions
from pricing.markets.conventions import CURRENCIES
from risk.queries import trade_detail
from risk.queries.trade_detail import FrameMoved, FrameView
from risk.store.block_analytics import AnalyticsStore, FrameAnalytics
from risk.store.compiled_book import Manifest
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, connect
from risk.store.results import Rollup
from riskproject.web.problems import RETRY_AFTER_S, DependencyDown

T = TypeVar("T")
TRIES = 3
MANIFESTS_KEPT = 6
"""Two of each currency: the current book and the one before."""


class NoFrameYet(APIException):
    """Nothing has been published."""

    status_code = 503
    default_code = "no_frame"
    wait = RETRY_AFTER_S
    default_detail = (
        "No risk has been published yet: start the bridge and a feed"
        " (manage.py runbridge, manage.py replay), or `make demo`"
    )


class KeptBooks(CompiledBooks):
    """Keeps the manifests it has read: a version never changes, and decoding it takes time."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client)
        self._kept: dict[tuple[str, str], Manifest] = {}

    def manifest(self, currency: str, version: str) -> Manifest | None:
        """The manifest of one version."""
        name = (currency, version)
        found = self._kept.get(name) or super().manifest(currency, version)
        if found is not None:
            self._kept[name] = found
            for old in list(self._kept)[:-MANIFESTS_KEPT]:
                self._kept.pop(old, None)
        return found


@cache
def frames() -> Frames:
    """The frames in Redis."""
    return Frames(connect(settings.REDIS_URL))


@cache
def books() -> KeptBooks:
    """The compiled books in Redis."""
    return KeptBooks(frames().client)


def options() -> CurveOptions:
    """How the pricing processes make curves."""
    return CurveOptions(
        indexed=settings.IBOR_COUPONS == "indexed", interpolation=settings.CURVE_INTERPOLATION
    )


def views(currencies: Collection[str] = CURRENCIES) -> list[FrameView]:
    """The frames published now.

    Raises:
        NoFrameYet: There is none in any currency.
        ValidationError: There are frames, but none in these currencies.
        DependencyDown: Redis does not answer.
    """
    found = _published(currencies)
    if found:
        return found
    published = [view.rollup.currency for view in _published(CURRENCIES)]
    if not published:
        raise NoFrameYet
    asked, known = ", ".join(currencies), ", ".join(published)
    raise ValidationError({"currency": [f"currency: no risk in {asked}; published: {known}"]})


def _published(currencies: Collection[str]) -> list[FrameView]:
    return read(lambda: trade_detail.current_views(frames(), books(), currencies))


def analytics(rollups: Iterable[Rollup]) -> dict[str, FrameAnalytics]:
    """Sums of the measures of a lower cadence, by currency."""
    store = AnalyticsStore(frames().client)
    return {rollup.currency: FrameAnalytics(rollup, store.of(rollup)) for rollup in rollups}


def read(question: Callable[[], T]) -> T:
    """Ask, and ask again from the pointer on when the frame expired meanwhile.

    Raises:
        DependencyDown: Redis does not answer, or is always a frame ahead.
    """
    for _ in range(TRIES):
        try:
            return question()
        except FrameMoved:
            continue
        except RedisError as error:
            # Its text names host and port: not for everyone who may call.
            raise DependencyDown("redis", type(error).__name__) from None
    raise DependencyDown("redis", "frames are replaced faster than they can be read")
