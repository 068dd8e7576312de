"""Hashes of what a frame published: equal ones mean equal bits in every number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from pricing.errors import Failure
from risk.store.results import PartColumns, Rollup, UnpricedTrade

NOT_NUMBERS = (
    "frame", "sent_ns", "received_ns", "opened_ns", "started_ns", "finished_ns", "published_ns",
    "slowest_ns", "ticks", "as_of",
)  # fmt: skip
"""Fields in which two frames with the same numbers may differ."""

_encode = msgspec.msgpack.Encoder().encode


def digest_of(rollup: Rollup) -> str:
    """The hash of what a frame published, without its number and times."""
    fields = msgspec.structs.asdict(rollup)
    for name in NOT_NUMBERS:
        del fields[name]
    fields["failures"] = [_without_headline(failure) for failure in rollup.failures]
    return hashlib.sha256(_encode(sorted(fields.items()))).hexdigest()


def _without_headline(failure: Failure) -> Failure:
    """Return the record without its headline, which is not a number; old closes have none."""
    if not isinstance(failure, UnpricedTrade):
        return failure
    return msgspec.structs.replace(failure, headline=msgspec.UNSET)


def digest_of_detail(columns: Sequence[PartColumns]) -> str:
    """The hash of numbers by trade, in the order of their blocks."""
    digest = hashlib.sha256()
    for each in sorted(columns, key=lambda part: part.block):
        digest.update(_encode(each))
    return digest.hexdigest()
