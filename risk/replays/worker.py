"""Price the frames of a replay: ``python -m risk.replays.worker``.

Reads books, then one frame after another from its standard input, and writes each priced frame to
its standard output. It needs no server, and ends when its input ends.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import msgspec

from pricing.curves.quotes import CurveOptions
from pricing.errors import PricingError
from risk.replays.messages import Priced, decode_header, decode_setup, read, write
from risk.reprice.past_book import PastBook
from risk.reprice.priced_frame import PricedFrame
from risk.store.messages import FrameHeader

_encode = msgspec.msgpack.Encoder().encode


def price(books: Mapping[str, PastBook], header: FrameHeader, options: CurveOptions) -> Priced:
    """Price one frame; quotes that admit no curve are a failure with its reason."""
    frame = PricedFrame(books[header.currency], header, options)
    try:
        return Priced(rollup=_encode(frame.rollup))
    except PricingError as error:
        return Priced(failure=f"{error.code}: {error}")


def main() -> None:
    """Price frames until the input ends."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    setup = decode_setup(read(requests))
    books = {currency: sent.book() for currency, sent in setup.books.items()}
    while raw := read(requests):
        write(answers, price(books, decode_header(raw), setup.options()))


if __name__ == "__main__":
    main()
