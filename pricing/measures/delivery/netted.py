"""Net the flows of bonds that may be delivered, by group, contract and bond.

Which bond is delivered is not known before the market is, so the flows of its bonds are kept apart.
Those of one contract in one group add up: all its positions choose the same bond. Two positions
whose bonds have other flows or spreads are of different contracts here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.measures.delivery.choice import NO_CHOICES, Choices, Deliveries, choices_of
from pricing.measures.netted_terms import NettedTerms, merge_terms
from pricing.netting_kernel import Added

DIGITS = 12
"""Significant digits of amounts in the name of a contract, relative to the largest amount."""


class NettedDeliveries(NamedTuple):
    """Terms by alternative, ascending by group, contract and number of the bond.

    Attributes:
        group: Group of each alternative.
        contract: A name of its contract and all its bonds; int64.
        number: Number of its bond.
        cash_ptr: These and the next are terms of alternatives, as ``NettedTerms`` has those of
            groups.
    """

    group: IntArray
    contract: IntArray
    number: IntArray
    cash_ptr: IntArray
    cash_key: IntArray
    cash_money: FloatArray
    growth_ptr: IntArray
    growth_key: IntArray
    growth_alpha: FloatArray

    @property
    def terms(self) -> NettedTerms:
        """The terms alone."""
        return NettedTerms(*self[3:])

    @property
    def choices(self) -> Choices:
        """Which alternatives belong to one choice, and the group that it adds to."""
        if not len(self.group):
            return NO_CHOICES
        sizes = np.diff(self.growth_ptr)
        of_term = np.repeat(np.arange(len(sizes)), sizes)
        grows = np.asarray(
            np.bincount(of_term, weights=self.growth_alpha, minlength=len(sizes)), np.float64
        )
        pairs = np.stack([self.group, self.contract])
        is_new = np.any(np.diff(pairs, axis=1) != 0, axis=0)
        return choices_of(self.group, np.concatenate(([0], np.cumsum(is_new))), grows)


def no_deliveries(columns: int | None) -> NettedDeliveries:
    """Return an empty set; ``columns`` are those of cash money, None where it has one dimension."""
    none, ptr = np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
    money = np.zeros(0) if columns is None else np.zeros((0, columns))
    return NettedDeliveries(none, none, none, ptr, none, money, ptr, none, np.zeros(0))


def contract_names(deliveries: Deliveries, keys: Sequence[IntArray], alpha: FloatArray) -> IntArray:
    """A name for the contract of each alternative; shape (alternatives,).

    Args:
        deliveries: The alternatives of a block.
        keys: What else its flows depend on, one row a flow of ``deliveries.flow``.
        alpha: Money that each of these flows grows.
    """
    trade_of_flow = deliveries.trade[deliveries.alternative]
    number_of_flow = deliveries.number[deliveries.alternative]
    names: dict[int, int] = {}
    for trade in np.unique(deliveries.trade).tolist():
        mine = np.flatnonzero(trade_of_flow == trade)
        money = alpha[mine]
        share = np.round(money / money[np.argmax(np.abs(money))], DIGITS)
        parts = [number_of_flow[mine], *(key[mine] for key in keys)]
        text = b"".join(np.ascontiguousarray(part, dtype=np.int64).tobytes() for part in parts)
        digest = hashlib.blake2b(text + share.tobytes(), digest_size=8).digest()
        names[trade] = int.from_bytes(digest, "little", signed=True)
    return np.array([names[trade] for trade in deliveries.trade.tolist()], dtype=np.int64)


def place_alternatives(
    group: IntArray, contract: IntArray, number: IntArray
) -> tuple[IntArray, IntArray]:
    """The distinct alternatives in order, shape (3, distinct), and the place of each; int32."""
    rows, place = np.unique(np.stack([group, contract, number]), axis=1, return_inverse=True)
    return rows, place.reshape(-1).astype(np.int32)


def netted(rows: IntArray, cash: Added, growth: Added) -> NettedDeliveries:
    """Deliveries from terms that were added by alternative.

    Args:
        rows: Group, contract and number of each alternative; shape (3, alternatives).
        cash: Its cash terms.
        growth: Its growth terms.
    """
    group, contract, number = rows
    return NettedDeliveries(
        group=group,
        contract=contract,
        number=number,
        cash_ptr=cash.ptr,
        cash_key=cash.key,
        cash_money=cash.money,
        growth_ptr=growth.ptr,
        growth_key=growth.key,
        growth_alpha=growth.money[:, 0],
    )


def merge_deliveries(
    parts: Sequence[NettedDeliveries], places: Sequence[IntArray]
) -> NettedDeliveries:
    """Add those of several blocks.

    Args:
        parts: Of each block.
        places: By block, the place of each of its groups among all groups.
    """
    some = [(part, place) for part, place in zip(parts, places, strict=True) if len(part.group)]
    if not some:
        return parts[0]
    group = np.concatenate([place[part.group] for part, place in some]).astype(np.int64)
    contract, number = (
        np.concatenate([getattr(part, name) for part, _ in some]) for name in ("contract", "number")
    )
    rows, place = place_alternatives(group, contract, number)
    ends = np.cumsum([len(part.group) for part, _ in some])[:-1]
    terms = merge_terms([part.terms for part, _ in some], np.split(place, ends), rows.shape[1])
    return NettedDeliveries(rows[0], rows[1], rows[2], **terms._asdict())


def with_deliveries(terms: NettedTerms, deliveries: NettedDeliveries) -> NettedTerms:
    """The terms of groups, and those of alternatives as more groups behind them."""
    if not len(deliveries.group):
        return terms
    more = deliveries.terms
    return NettedTerms(
        np.concatenate((terms.cash_ptr, terms.cash_ptr[-1] + more.cash_ptr[1:])),
        np.concatenate((terms.cash_key, more.cash_key)),
        np.concatenate((terms.cash_money, more.cash_money)),
        np.concatenate((terms.growth_ptr, terms.growth_ptr[-1] + more.growth_ptr[1:])),
        np.concatenate((terms.growth_key, more.growth_key)),
        np.concatenate((terms.growth_alpha, more.growth_alpha)),
    )
