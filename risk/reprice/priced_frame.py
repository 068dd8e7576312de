"""Price a past book on a past market, by the code that prices live frames."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.quotes import CurveOptions
from risk.reprice.past_book import PastBook
from risk.store.digests import digest_of_detail
from risk.store.messages import FrameHeader, FrameInputs, PriceJob, SumsJob
from risk.store.publication import make_rollup
from risk.store.results import PartColumns, Rollup
from risk.workers.book_netter import BookNetter
from risk.workers.session import Session

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Rollup).decode


def header_of(frame: Rollup, book: PastBook, parts: int | None = None) -> FrameHeader:
    """Return what a frame was opened with, for another book.

    Args:
        frame: The frame whose market is priced on.
        book: The book that is priced.
        parts: Into how many parts the sums are divided; None for as many as the frame had.
    """
    same = {
        name: getattr(frame, name)
        for name in FrameHeader.__struct_fields__
        if name in Rollup.__struct_fields__
    }
    changed = {
        "book_version": book.made.version,
        "blocks": book.made.blocks,
        "parts": parts or frame.parts,
    }
    return FrameHeader(**{**same, **changed})


class PricedFrame:
    """A frame in this process: sums and numbers by trade, each made when asked for."""

    def __init__(
        self,
        book: PastBook,
        header: FrameHeader,
        options: CurveOptions,
        missing: Sequence[int] = (),
    ) -> None:
        """Price nothing yet.

        Args:
            book: The book.
            header: Market, date and parts.
            options: How curves are made.
            missing: Blocks that the frame leaves out.
        """
        self.book, self.header, self.missing = book, header, list(missing)
        self.session = Session(book, options)

    @cached_property
    def rollup(self) -> Rollup:
        """The sums, as a reader of the published frame has them.

        Raises:
            PricingError: The quotes admit no curve.
        """
        header, netter, sums = self.header, BookNetter(self.session), []
        for part in range(header.parts):
            job = SumsJob(
                **self._inputs(), part=part, parts=header.parts, excluded=list(self.missing)
            )
            found = netter.sums(job)
            if found is not None and len(found.excluded) < len(job.blocks_of_part()):
                sums.append(found)
        return _decode(_encode(make_rollup(header, sums, self.book.made, self.book)))

    @cached_property
    def columns(self) -> list[PartColumns]:
        """Numbers by trade, by block. Errors as ``rollup``."""
        return [
            self.session.price(PriceJob(**self._inputs(), block=block))[1]
            for block in range(self.header.blocks)
            if block not in self.missing
        ]

    def detail_digest(self) -> str:
        """The hash of the numbers by trade."""
        return digest_of_detail(self.columns)

    def trades(self) -> dict[str, tuple[str, str, float]]:
        """Book, product and NPV by trade, for trades that have a number; trade currency."""
        found: dict[str, tuple[str, str, float]] = {}
        for columns in self.columns:
            block = self.book.blocks[self.book.made.block_names[columns.block]]
            npv: FloatArray = columns.column("npv")
            for row in np.flatnonzero(np.isfinite(npv)).tolist():
                place = (block.books[row], block.products[row], float(npv[row]))
                found[block.trade_ids[row]] = place
        return found

    def _inputs(self) -> dict[str, Any]:
        return {name: getattr(self.header, name) for name in FrameInputs.__struct_fields__}
