"""Parts of a frame and the manifest of its book in; one row per trade out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricing.books import Manifest
from pricing.core.messages import Failure
from pricing.core.results import MEASURES, LostTrade, PartColumns, Rollup

TEXTS = ("trade", "currency", "desk", "book", "product", "status", "message")
OK, FAILED, MISSING = "ok", "failed", "missing"


@dataclass(frozen=True)
class TradeRow:
    """Where a trade's ladders stand, and in which currency."""

    trade: str
    currency: str
    block: int
    row: int


@dataclass(frozen=True)
class Trades:
    """The trades of one frame; ``table`` serves all readers: do not write to it."""

    currency: str
    frame: int
    keys: list[tuple[str, str]]
    table: pd.DataFrame
    parts: Mapping[int, PartColumns]

    def ladder(self, place: TradeRow) -> pd.DataFrame:
        """KRD and par ladder of one trade by curve and tenor; trade currency per bp."""
        part = self.parts.get(place.block)
        if part is None:
            return pd.DataFrame(columns=["curve", "tenor", "krd", "ladder_par"])
        found = pd.DataFrame(self.keys, columns=["curve", "tenor"])
        for name in ("krd", "ladder_par"):
            found[name] = part.ladder(name)[place.row]
        return found


def trades_of(rollup: Rollup, manifest: Manifest, parts: Mapping[int, PartColumns]) -> Trades:
    """One row per trade, priced, failed or missing; money in the trade's currency."""
    failures = {failure.trade_id: failure for failure in rollup.failures}
    blocks = [
        _block(manifest, block, parts.get(block), failures) for block in range(manifest.blocks)
    ]
    listed = {trade for names in manifest.trade_ids for trade in names}
    others = [failure for failure in rollup.failures if failure.trade_id not in listed]
    blocks.append(_not_compiled(others, {lost.trade_id: lost for lost in manifest.failures}))
    table = pd.concat([block for block in blocks if len(block)] or blocks, ignore_index=True)
    table["currency"] = rollup.currency
    table["desk"] = table["book"].map(lambda book: manifest.desk_of_book.get(book, ""))
    return Trades(rollup.currency, rollup.frame, rollup.keys, table, dict(parts))


def _block(
    manifest: Manifest, block: int, part: PartColumns | None, failures: Mapping[str, Failure]
) -> pd.DataFrame:
    names = manifest.trade_ids[block]
    table = pd.DataFrame({"trade": names, "book": manifest.books[block]})
    table["product"] = manifest.products[block]
    for measure in MEASURES:
        table[measure] = np.full(len(names), np.nan) if part is None else part.column(measure)
    found = [failures.get(trade) for trade in names]
    normal = MISSING if part is None else OK
    table["status"] = [normal if f is None else f"{FAILED}: {f.code}" for f in found]
    table["message"] = ["" if f is None else f.message for f in found]
    table["block"], table["row"] = block, np.arange(len(names))
    return table


def _not_compiled(failures: Iterable[Failure], lost: Mapping[str, LostTrade]) -> pd.DataFrame:
    """Trades that no block has, since they could not be compiled."""
    rows = [
        {
            "trade": failure.trade_id,
            "book": lost[failure.trade_id].book if failure.trade_id in lost else "",
            "product": lost[failure.trade_id].product if failure.trade_id in lost else "",
            "status": f"{FAILED}: {failure.code}",
            "message": failure.message,
            "block": -1,
            "row": -1,
        }
        for failure in failures
    ]
    columns = ["trade", "book", "product", "status", "message", "block", "row"]
    table = pd.DataFrame(rows, columns=columns)
    for measure in MEASURES:
        table[measure] = np.full(len(table), np.nan)
    return table


def csv_bytes(table: pd.DataFrame) -> bytes:
    """CSV that a spreadsheet reads as text and numbers, never as formulas."""
    safe = table.copy()
    for column in safe.columns.intersection(list(TEXTS)):
        safe[column] = safe[column].map(_as_text)
    return str(safe.to_csv(index=False)).encode()


def _as_text(value: object) -> str:
    text = str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
