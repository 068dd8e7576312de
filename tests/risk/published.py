"""Publish frames of compiled books: their sums, and, unless told otherwise, their detail."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import redis

from risk.store.compiled_book import Manifest
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.store.messages import FrameHeader
from risk.store.publication import publish_detail, publish_parts
from risk.workers.book_netter import BookNetter
from risk.workers.session import Session
from tests.risk.made import QUOTES, header, job, sums_job


def publish(
    client: redis.Redis,
    books: CompiledBooks,
    made: Manifest,
    number: int,
    *,
    excluded: Collection[int] = (),
    detail: bool = True,
    late: Collection[int] = (),
    **more: Any,
) -> None:
    """Publish one frame at the usual quotes of the book's currency.

    Args:
        client: Where frames are.
        books: Where the book is.
        made: The book.
        number: The frame's number.
        excluded: Blocks that the sums, and so the detail, leave out.
        detail: False publishes sums only.
        late: Blocks that the detail alone leaves out.
        **more: Other fields of the header.
    """
    usual = {
        "curves": QUOTES.get(made.currency, {}),
        "labels": {},
        "book_version": made.version,
        "parts": 1,
    }
    opened = header(number, made.blocks, currency=made.currency, **{**usual, **more})
    frames, session = Frames(client), Session(books)
    assert frames.open(opened)
    sums = BookNetter(session).sums(
        sums_job(made.version, number, excluded=sorted(excluded), **_inputs(opened))
    )
    assert sums is not None
    frames.put(made.currency, number, sums)
    head = books.head(made.currency, made.version)
    assert head is not None
    assert publish_parts(frames, opened, head, books) == "PUBLISHED"
    if detail:
        put_detail(frames, session, opened, {*late, *excluded})


def put_detail(
    frames: Frames, session: Session, opened: FrameHeader, late: Collection[int] = ()
) -> None:
    """Publish the detail of a published frame without the late blocks."""
    name, number = opened.currency, opened.frame
    assert frames.open_detail(name, number) == "OPENED"
    for block in set(range(opened.blocks)) - set(late):
        a_job = job(opened.book_version, number, block=block, **_inputs(opened))
        frames.put_detail(name, number, *session.price(a_job))
    rollup = frames.rollup(name, number)
    assert rollup is not None
    assert publish_detail(frames, rollup, sorted(late)) == "PUBLISHED"


def _inputs(opened: FrameHeader) -> dict[str, Any]:
    return {
        "currency": opened.currency,
        "blocks": opened.blocks,
        "valuation_date": opened.valuation_date,
        "curves": opened.curves,
    }
