"""Choose the bond that is cheapest to deliver into a future, on each market anew.

A bond future is worth what the least of several forward prices says. Flows of all its bonds stand
side by side. The flows of one bond are an alternative, and a choice takes one of its alternatives.
By trade, flows of bonds that are not chosen count as 0. Netted flows have a row for each
alternative behind the rows of the groups: all rows are priced, then each choice adds one
alternative to its group.

The value of a short position is the greatest that its alternatives offer, not the least: its price
is the same. ``sign`` says which.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.kernel_arrays import Flows
from pricing.measures.compounding.chains import Chains, chained


class Deliveries(NamedTuple):
    """The alternatives of a block's trades, ascending by trade and number of the bond.

    Attributes:
        flow: Places among the floating flows of those that are of alternatives.
        alternative: The alternative that each of these is of.
        trade: Row of the trade of each alternative.
        number: Number of the bond of each alternative.
    """

    flow: IntArray
    alternative: IntArray
    trade: IntArray
    number: IntArray


class Choices(NamedTuple):
    """How the values of alternatives become values of their owners, which are groups or trades.

    Attributes:
        owner: The row that each choice adds to; shape (choices,).
        first: The first alternative of each choice; the others follow it; shape (choices,).
        sign: 1 for a long position, -1 for a short one; shape (alternatives,).
    """

    owner: IntArray
    first: IntArray
    sign: FloatArray

    @property
    def alternatives(self) -> int:
        """The number of alternatives."""
        return len(self.sign)


_NONE = np.zeros(0, dtype=np.int64)
NO_DELIVERIES = Deliveries(_NONE, _NONE, _NONE, _NONE)
NO_CHOICES = Choices(_NONE, _NONE, np.zeros(0))


def deliveries_of(flow: IntArray, trade: IntArray, number: IntArray) -> Deliveries:
    """Number the alternatives of a block.

    Args:
        flow: Places of the flows of alternatives.
        trade: The trade of each.
        number: The number of the bond of each.
    """
    if not len(flow):
        return NO_DELIVERIES
    pairs, alternative = np.unique(
        np.stack([trade, number]).astype(np.int64), axis=1, return_inverse=True
    )
    return Deliveries(flow.astype(np.int64), alternative.reshape(-1), pairs[0], pairs[1])


def choices_of(owner: IntArray, choice: IntArray, alpha: FloatArray) -> Choices:
    """The choices among alternatives that stand in the order of their choices.

    Args:
        owner: Of each alternative.
        choice: A number of the choice of each alternative, the same for all of a choice.
        alpha: Money that each alternative grows: its sign is that of the position.
    """
    if not len(owner):
        return NO_CHOICES
    first = np.flatnonzero(np.diff(choice, prepend=choice[0] - 1))
    return Choices(owner[first], first, np.where(alpha < 0.0, -1.0, 1.0))


def chosen(choices: Choices, values: FloatArray) -> IntArray:
    """The cheapest alternative of each choice; shape (choices,).

    Args:
        choices: The choices.
        values: Values of the alternatives; shape (alternatives,).
    """
    sizes = np.diff(choices.first, append=choices.alternatives)
    of_choice = np.repeat(np.arange(len(sizes)), sizes)
    order = np.lexsort((values * choices.sign, of_choice))
    return np.asarray(order[choices.first])


def fold(rows: FloatArray, picked: IntArray, choices: Choices) -> FloatArray:
    """Add the alternatives that were picked to their owners' rows, which stand before them."""
    owners = len(rows) - choices.alternatives
    folded = rows[:owners].copy()
    np.add.at(folded, choices.owner, rows[owners:][picked])
    return folded


def fold_values(values: FloatArray, choices: Choices) -> FloatArray:
    """Add the cheapest alternative of each choice to its owner, column by column.

    Args:
        values: Of owners, then of alternatives; shape (owners + alternatives, ...).
        choices: The choices.

    Returns:
        Shape (owners, ...).
    """
    if not choices.alternatives:
        return values
    owners = len(values) - choices.alternatives
    sign = choices.sign.reshape(-1, *[1] * (values.ndim - 1))
    least = np.minimum.reduceat(values[owners:] * sign, choices.first, axis=0)
    folded = values[:owners].copy()
    np.add.at(folded, choices.owner, least * sign[choices.first])
    return folded


def fold_all(found: Any, choices: Choices, value_columns: tuple[str, ...] = ()) -> Any:
    """Fold a named tuple of arrays by the values of its ``leg_npv``.

    Args:
        found: Arrays of owners, then of alternatives.
        choices: The choices.
        value_columns: Values on other markets, on which the choice is made again.
    """
    if not choices.alternatives:
        return found
    owners = len(found.leg_npv) - choices.alternatives
    picked = chosen(choices, found.leg_npv[owners:].sum(axis=1))
    return type(found)(
        **{
            name: fold_values(array, choices)
            if name in value_columns
            else fold(array, picked, choices)
            for name, array in found._asdict().items()
        }
    )


class Cheapest(NamedTuple):
    """The cheapest bonds of a block's contracts on a market.

    Attributes:
        flows: The flows of the block with those of the cheapest bonds alone; all others are 0.
        values: Value of each alternative, trade currency; shape (alternatives,).
        picked: The alternatives that are chosen, one a trade.
    """

    flows: Flows
    values: FloatArray
    picked: IntArray


def cheapest(flows: Flows, deliveries: Deliveries, discount: FloatArray) -> Cheapest:
    """Choose the cheapest bond of each trade.

    Args:
        flows: Flows of all bonds; at least one is of an alternative.
        deliveries: Which they are.
        discount: Discount factors of the points.
    """
    # A slice where nothing stands between them: to gather them costs as much as to price them.
    mine = _as_slice(deliveries.flow)
    alpha, beta = flows.float_alpha[mine], flows.float_beta[mine]
    growth = discount[flows.float_start[mine]] / discount[flows.float_end[mine]]
    paid = (alpha * growth + beta) * discount[flows.float_pay[mine]]
    count = len(deliveries.trade)
    values, grows = (
        np.asarray(np.bincount(deliveries.alternative, weights=weights, minlength=count), float)
        for weights in (paid, alpha)
    )
    choices = choices_of(deliveries.trade, deliveries.trade, grows)
    picked = chosen(choices, values)
    is_picked = np.zeros(count, dtype=bool)
    is_picked[picked] = True
    kept = is_picked[deliveries.alternative]
    new_alpha, new_beta = flows.float_alpha.copy(), flows.float_beta.copy()
    new_alpha[mine], new_beta[mine] = np.where(kept, alpha, 0.0), np.where(kept, beta, 0.0)
    chosen_flows = flows._replace(float_alpha=new_alpha, float_beta=new_beta)
    return Cheapest(chosen_flows, values, picked)


def _as_slice(places: IntArray) -> IntArray | slice:
    """Ascending places as a slice, if none is left out between them."""
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last - first + 1 == len(places) else places


def flows_to_price(
    flows: Flows, deliveries: Deliveries, chains: Chains, discount: FloatArray
) -> Flows:
    """The flows that a block has on a market.

    Those of bonds that are not delivered are 0; chains and their links have the amounts of the
    market.
    """
    if len(deliveries.flow):
        flows = cheapest(flows, deliveries, discount).flows
    return chained(flows, chains, discount) if len(chains.flow) else flows
