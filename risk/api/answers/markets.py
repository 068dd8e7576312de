"""Read the current closes of a replay's market, in place of the frames published now.

The current close of a currency is its last one on or before the day that the replay is at. Sums and
curves are stored with it; numbers by trade and the explain are made by the preview worker.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request

from risk.api import parameters, previewer, source
from risk.api.preview import CannotBePriced
from risk.explain.frame_closes import frame_of
from risk.models import LIVE, FrameClose, Replay
from risk.store import previews
from risk.store.explains import Explain
from risk.store.results import Rollup
from riskproject.web.problems import RETRY_AFTER_S

Json = dict[str, Any]

ANSWER_S = 20.0
"""Seconds that a caller waits: a close may have to be compiled and priced first."""

MARKET = parameters.parameter(
    "market",
    "live (the default), or the name of a replay: the closes of the day that it is at, instead of"
    " the frames published now",
)


class NoCloseYet(APIException):
    """A replay has not stored a close."""

    status_code = 503
    default_code = "no_close"
    wait = RETRY_AFTER_S

    def __init__(self, market: str, currencies: Collection[str]) -> None:
        super().__init__(
            f"The replay {market} has no close in {', '.join(currencies)} yet:"
            f" see /replays/{market}/"
        )


def current_closes(
    market: str, currencies: Collection[str], *columns_left_out: str
) -> list[FrameClose]:
    """The close of each currency that a replay is at, in the order of the currencies.

    Args:
        market: The name of the replay.
        currencies: Which.
        *columns_left_out: Columns that are not read.
    """
    day = Replay.objects.filter(name=market).values_list("date", flat=True).first()
    if day is None:
        return []
    rows = FrameClose.objects.filter(market=market, currency__in=currencies, date__lte=day)
    last = rows.order_by("currency", "-date").distinct("currency").defer(*columns_left_out)
    found = {row.currency: row for row in last}
    return [found[name] for name in currencies if name in found]


def rollups(request: Request) -> list[Rollup]:
    """The sums that a request asks for, of its market and currencies.

    Raises:
        NoCloseYet: A replay has none.
        NoFrameYet: Nothing is published in the live market.
        ValidationError: Its currency or market is none, or has no sums.
        DependencyDown: Redis does not answer.
    """
    market, currencies = parameters.market(request), parameters.currencies(request)
    if market == LIVE:
        return source.rollups(currencies)
    return rollups_of(market, currencies)


def rollups_of(market: str, currencies: Collection[str]) -> list[Rollup]:
    """The sums of a replay's current closes. Errors as ``rollups``."""
    rows = current_closes(market, currencies, "head", "quotes")
    if not rows:
        raise NoCloseYet(market, currencies)
    return [_rollup(row) for row in rows]


def _rollup(row: FrameClose) -> Rollup:
    try:
        return msgspec.structs.replace(frame_of(row), frame=row.frame)
    except msgspec.MsgspecError:
        raise NotFound(
            f"market: the close of {row.currency} {row.date} was stored by another release: run"
            f" manage.py replay_market {row.market} again"
        ) from None


def trades(
    request: Request, market: str, query: Json, page: int, page_size: int, desks: Any
) -> Json:
    """A page of the trades of a replay's current closes. Errors as ``ask``."""
    return _ask(request, market, query=query, page=page, page_size=page_size, desks=_sorted(desks))


def trade(request: Request, market: str, trade_id: str, desks: Any) -> Json | None:
    """One trade of a replay's current closes; None where they have none of it. As ``ask``."""
    found: Json | None = _ask(request, market, trade_id=trade_id, desks=_sorted(desks))["trade"]
    return found


def explains(request: Request, market: str) -> tuple[list[Explain], dict[str, str]]:
    """The explains of a replay's current closes since the ones before, and why some have none."""
    found = _ask(request, market)
    return msgspec.convert(found["explains"], list[Explain]), found["reasons"]


def _ask(request: Request, market: str, **asked: Any) -> Json:
    """Ask the preview worker.

    Raises:
        NoCloseYet: The replay has no close.
        NotFound: A close is gone, or another release stored it.
        CannotBePriced: Its quotes price nothing.
        PreviewerBusy: No worker answered in time.
        TooMany: The user has as many open questions as allowed.
        DependencyDown: Redis does not answer.
    """
    currencies = parameters.currencies(request)
    rows = current_closes(market, currencies, "head", "quotes", "sums", "labels", "fx")
    if not rows:
        raise NoCloseYet(market, currencies)
    question = previews.MarketQuestion(
        answer_key=previews.answer_key(uuid.uuid4().hex), closes=[row.pk for row in rows], **asked
    )
    with previewer.slot_of(request.user.pk):
        answer = previewer.ask(previews.MARKET_TASK, question, ANSWER_S)
    failure = answer.get("failure")
    if failure is None:
        return answer
    if failure["code"] == "NOTHING_STORED":
        raise NotFound(failure["message"])
    raise CannotBePriced(failure["message"], code=failure["code"])


def _sorted(desks: Collection[str] | None) -> Sequence[str] | None:
    return None if desks is None else sorted(desks)


def live_only(request: Request, market: str, name: str) -> None:
    """Refuse a parameter that a replay's market does not have.

    Raises:
        ValidationError: It is given beside such a market.
    """
    if market != LIVE and request.query_params.get(name):
        raise ValidationError({name: [f"{name}: of the live market alone; leave market out"]})
