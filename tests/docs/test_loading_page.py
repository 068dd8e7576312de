"""The pages about files say what the importer does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import make_columns
from instruments import loading
from instruments.loading import KINDS
from instruments.models import Book, Desk

PAGE = Path(make_columns.__file__).parent / "loading.md"
HEADER = "trade_id,convention,pay_receive,notional,effective_date,tenor,fixed_rate,book"
LINE = "S1,USD-SOFR-OIS,pay,10000000,2023-03-15,10Y,0.035,B1"


def test_the_page_of_columns_is_what_the_importer_reads() -> None:
    assert make_columns.PAGE.read_text() == make_columns.page(), "run: python -m docs.make_columns"


def test_every_kind_and_limit_stands_on_the_page() -> None:
    text = PAGE.read_text()
    assert [name for name in KINDS if f"`{name}`" not in text] == []
    assert f"{loading.MOST_ROWS:,} rows" in text
    assert f"{loading.MOST_BYTES // 2**20} MB" in text


def sentences(content: str | bytes) -> list[str]:
    kind = KINDS["swaps"]
    raw = content if isinstance(content, bytes) else content.encode()
    try:
        return loading.load(kind, loading.read_table(raw, kind), dry_run=True).sentences()
    except loading.BadFile as error:
        return list(error.errors)


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n" + "\n" * 15 + LINE.replace("10000000", '"1.000.000,00"'),
        f"{HEADER}\n{LINE.replace('0.035', '4.25%')}",
        f"{HEADER}\n{LINE.replace('2023-03-15', '15.03.2023')}",
        f"{HEADER}\n{LINE.replace('USD-SOFR-OIS', 'USD-LIBOR')}",
        f"{HEADER}\n{LINE}\n{LINE}",
        f"{HEADER.replace('notional', 'notionl')}\n{LINE}",
        f"{HEADER}\n\n\n\n{LINE},x",
        f"{HEADER}\n{LINE}\nS\u00e9,USD".encode("latin-1"),
    ],
    ids=range(8),
)
def test_the_sentences_of_the_page_are_those_of_the_importer(
    db: None, content: str | bytes
) -> None:
    desk = Desk.objects.create(code="D", name="Desk")
    Book.objects.create(code="B1", name="Book", desk=desk)
    shown = re.findall(r"\| `([^`|]+)` \|$", PAGE.read_text(), re.MULTILINE)
    found = sentences(content)
    # A sentence that ends in dots stands for one with more names.
    assert any(
        text == sentence or (text.endswith("...") and sentence.startswith(text[:-3]))
        for text in shown
        for sentence in found
    ), found
