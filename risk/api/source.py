"""Read the published frames that answers are made from, or explain why there are none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

import redis
from django.conf import settings
from redis import RedisError
from rest_framework.exceptions import APIException, ValidationError

from pricing.curves.quotes import CurveOptions
from pricing.markets.conventions import CURRENCIES
from risk.queries import trade_detail
from risk.queries.trade_detail import FrameMoved, FrameView
from risk.store.compiled_book import Manifest
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, connect
from risk.store.results import Rollup
from riskproject.web.problems import RETRY_AFTER_S, DependencyDown

T = TypeVar("T")
TRIES = 3
MANIFESTS_KEPT = 2 * len(CURRENCIES)
"""Number of manifests kept: of each currency that of the newest sums and that of the detail."""


class NoFrameYet(APIException):
    """Nothing has been published."""

    status_code = 503
    default_code = "no_frame"
    wait = RETRY_AFTER_S
    default_detail = (
        "No risk has been published yet: start the bridge and a feed"
        " (manage.py runbridge, manage.py replay), or `make demo`"
    )


class NoDetailYet(APIException):
    """Sums are published, and numbers by trade are not."""

    status_code = 503
    default_code = "no_detail"
    wait = RETRY_AFTER_S

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Only sums are published so far, and no numbers of {what}: try again, or start a"
            " worker of the detail (celery -A riskproject worker --queues detail); a single trade"
            " is priced at once with /risk/trades/TRADE_ID/?now=true"
        )


class KeptBooks(CompiledBooks):
    """Caches the manifests it has read: a version never changes, and decoding takes time."""

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


def rollups(currencies: Collection[str] = CURRENCIES) -> list[Rollup]:
    """The sums published now.

    Raises:
        NoFrameYet: There are none in any currency.
        ValidationError: There are sums, but none in these currencies.
        DependencyDown: Redis does not answer.
    """
    found = _published(currencies)
    if found:
        return found
    published = [rollup.currency for rollup in _published(CURRENCIES)]
    if not published:
        raise NoFrameYet
    asked, known = ", ".join(currencies), ", ".join(published)
    raise ValidationError({"currency": [f"currency: no risk in {asked}; published: {known}"]})


def _published(currencies: Collection[str]) -> list[Rollup]:
    return read(lambda: list(frames().current_all(tuple(currencies)).values()))


@dataclass(frozen=True)
class Views:
    """The details published now, and the currencies of which only sums are published."""

    found: list[FrameView]
    without: list[str]


def views(currencies: Collection[str] = CURRENCIES) -> Views:
    """The details published now.

    Raises:
        NoFrameYet: There are no sums in any currency.
        NoDetailYet: There are sums in these currencies, and no detail.
        ValidationError: There are sums, but none in these currencies.
        DependencyDown: Redis does not answer.
    """
    found = read(lambda: trade_detail.detailed_views(frames(), books(), currencies))
    known = {view.rollup.currency for view in found}
    left = [name for name in currencies if name not in known]
    pointers = read(lambda: frames().pointers(left)) if left else {}
    without = [name for name, number in pointers.items() if number]
    if not found:
        rollups(currencies)
        raise NoDetailYet(f"the trades in {', '.join(without or currencies)}")
    return Views(found, without)


def views_of_sums() -> Iterator[FrameView]:
    """The frames of the newest sums with their books, one at a time, read when asked for.

    Raises:
        DependencyDown: Redis does not answer.
    """
    for name in CURRENCIES:
        view = read(partial(trade_detail.view_of_sums, frames(), books(), name))
        if view is not None:
            yield view


def read(question: Callable[[], T]) -> T:
    """Read the published frames; if one expires meanwhile, start again from the newest.

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
