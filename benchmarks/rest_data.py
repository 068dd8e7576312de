"""Fill a database with swaps and publish a frame of them, for the REST benchmark.

The frame is made from compiled copies of a few swaps with random numbers, because the benchmark
measures reading, not pricing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from rest_framework.test import APIClient

from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
from instruments.models import Book, Desk, Swap
from pricing.measures.table import LIVE_SUMMED
from pricing.products.cash_flows import CompiledTrade
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from risk.store.compiled_book import Books
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames, connect
from risk.store.messages import FrameHeader
from risk.store.publication import publish_parts
from risk.store.results import (
    REQUIRED_NUMBERS,
    BlockTotals,
    CellSums,
    Detail,
    PartColumns,
    PartSums,
)
from risk.workers.block_result import pack

CONVENTIONS = {"USD": "USD-SOFR-OIS", "EUR": "EUR-ESTR-OIS", "GBP": "GBP-SONIA-OIS"}
DESKS, BLOCKS, KEYS = 10, 2, 20
DATE = dt.date(2024, 3, 5)


def fill(trades: int) -> APIClient:
    """Fill both stores; returns a client that is logged in."""
    call_command("migrate", verbosity=0)
    client = connect(settings.REDIS_URL, timeout_s=60.0)
    client.flushdb()
    Swap.objects.all()._raw_delete("default")
    books = _books()
    names = [f"T{number:07d}" for number in range(trades)]
    _store(trades, books)
    for place, currency in enumerate(CURRENCIES):
        _publish(client, currency, names[place :: len(CURRENCIES)], [book.code for book in books])
    user = get_user_model().objects.filter(username="bench").first()
    user = user or get_user_model().objects.create_superuser("bench")
    api = APIClient(HTTP_HOST="localhost")
    api.force_authenticate(user)
    return api


def _books() -> list[Book]:
    made = []
    for number in range(DESKS):
        desk, _ = Desk.objects.get_or_create(code=f"DESK-{number}", defaults={"name": "Desk"})
        book, _ = Book.objects.get_or_create(
            code=f"BOOK-{number}", defaults={"name": "Book", "desk": desk}
        )
        made.append(book)
    return made


def _terms(name: str, currency: str, book: str) -> dict[str, Any]:
    return {
        "trade_id": name,
        "book": book,
        "convention": CONVENTIONS[currency],
        "pay_receive": "receive",
        "notional": 1e6,
        "effective_date": dt.date(2024, 3, 7),
        "termination_date": dt.date(2029, 3, 7),
        "fixed_rate": 0.04,
    }


def _store(trades: int, books: list[Book]) -> None:
    """Copies of one swap, made by the database itself."""
    terms = _terms("MODEL", CURRENCIES[0], books[0].code) | {"book": books[0]}
    model = Swap(**terms | {"notional": Decimal(1_000_000), "fixed_rate": Decimal("0.04")})
    Swap.objects.bulk_create([model])
    changed = {
        "trade_id": "'T' || lpad(n::text, 7, '0')",
        "book_id": f"(%s::bigint[])[n %% {len(books)} + 1]",
        "convention": f"(%s::text[])[n %% {len(CURRENCIES)} + 1]",
        "notional": "1000000 + n",
    }
    columns = [f.column for f in Swap._meta.concrete_fields if not f.primary_key]
    values = [changed.get(column, column) for column in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO instruments_swap ({', '.join(columns)}) SELECT {', '.join(values)}"  # noqa: S608
            " FROM instruments_swap, generate_series(0, %s) n WHERE trade_id = 'MODEL'",
            [_placed(column, books) for column in columns if column in ("book_id", "convention")]
            + [trades - 1],
        )
        cursor.execute("DELETE FROM instruments_swap WHERE trade_id = 'MODEL'")
        cursor.execute("ANALYZE instruments_swap")


def _placed(column: str, books: list[Book]) -> list[Any]:
    if column == "book_id":
        return [book.pk for book in books]
    return [CONVENTIONS[currency] for currency in CURRENCIES]


def _publish(client: Any, currency: str, names: list[str], books: list[str]) -> None:
    model = compile_trade(msgspec.convert(_terms("-", currency, books[0]), SwapTerms))
    trades: list[CompiledTrade] = [
        replace(model, trade_id=name, book=books[int(name[1:]) % DESKS]) for name in names
    ]
    manifest = CompiledBooks(client).store(
        currency,
        1,
        trades,
        blocks=BLOCKS,
        desk_of_book={f"BOOK-{n}": f"DESK-{n}" for n in range(DESKS)},
        failures=[],
        fixings={},
    )
    frames = Frames(client)
    header = FrameHeader(
        frame=1,
        currency=currency,
        as_of=dt.datetime.combine(DATE, dt.time(17), tzinfo=dt.UTC),
        valuation_date=DATE,
        curves={"USD-SOFR": {tenor: 0.04 for _, tenor in _keys()}} if currency == "USD" else {},
        labels={},
        book_version=manifest.version,
        blocks=BLOCKS,
        opened_ns=1,
        received_ns=1,
        fx=dict.fromkeys(CURRENCIES, 1.0),
    )
    assert frames.open(header)
    frames.put(currency, 1, _sums([book for books in manifest.books for book in books]))
    head = Books(client).head(currency, manifest.version)
    assert head is not None
    assert publish_parts(frames, header, head, Books(client)) == "PUBLISHED"
    assert frames.open_detail(currency, 1) == "OPENED"
    for block, ids in enumerate(manifest.trade_ids):
        frames.put_detail(currency, 1, _totals(block), _columns(block, len(ids)))
    assert frames.publish_detail(_detail(currency, BLOCKS)) == "PUBLISHED"


def _keys() -> list[tuple[str, str]]:
    return [("USD-SOFR", f"{number}Y") for number in range(1, KEYS + 1)]


def _sums(books: list[str]) -> PartSums:
    cells = [
        CellSums(
            book=book,
            product="swap",
            trades=books.count(book),
            failed=0,
            notional=1e6,
            notional_failed=0.0,
            ladder_par=[0.0] * KEYS,
            krd=[0.0] * KEYS,
            **dict.fromkeys(LIVE_SUMMED, 1.0),
        )
        for book in sorted(set(books))
    ]
    return PartSums(
        part=0,
        worker="bench",
        started_ns=1,
        finished_ns=2,
        keys=_keys(),
        curve_version="bench",
        rate_error=0.0,
        zero_rates=[0.0] * KEYS,
        cells=cells,
        failures=[],
    )


def _totals(block: int) -> BlockTotals:
    return BlockTotals(
        block=block,
        worker="bench",
        started_ns=1,
        finished_ns=2,
        cells=[],
        ladders=[],
        ladders_gross=[],
    )


def _detail(currency: str, blocks: int) -> Detail:
    """Its numbers are random, so nothing is compared with the sums."""
    return Detail(
        frame=1,
        currency=currency,
        blocks=blocks,
        missing=[],
        sums_error=0.0,
        opened_ns=1,
        started_ns=1,
        finished_ns=2,
        published_ns=3,
    )


def _columns(block: int, trades: int) -> PartColumns:
    random = np.random.default_rng(block)
    table = random.normal(size=(len(REQUIRED_NUMBERS), trades))
    ladder = random.normal(size=(trades, KEYS))
    packed = pack(ladder)
    return PartColumns(
        block=block,
        trades=trades,
        keys=KEYS,
        numbers=table.tobytes(),
        ladder_par=packed,
        krd=packed,
    )
