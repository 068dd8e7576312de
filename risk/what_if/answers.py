"""The book before and after a what-if, of the sums of published frames and of priced entries.

The sums before are those of the frame. After are those, less the trades as they are, plus the
trades as they would be. All of one currency is on the quotes of one frame.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pricing.measures.table import LIVE_SUMMED, with_new_names
from risk.queries.portfolio import portfolio
from risk.queries.trade_detail import by_curve
from risk.store.results import BookProductTotals, Rollup
from risk.what_if.messages import TradeNumbers

Json = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """A trade as it is, or as it would be.

    Attributes:
        sign: 1 for what comes, -1 for what goes.
        desk: Code of the desk of its book.
        book: Code of its book.
        product: Name of its product.
        notional: Unsigned, trade currency.
        numbers: Its numbers, or why there are none.
    """

    sign: int
    desk: str
    book: str
    product: str
    notional: float
    numbers: TradeNumbers

    def record(self, keys: Sequence[tuple[str, str]]) -> Json:
        """Return the side as answers show it."""
        found = self.numbers
        failure = found.failure
        return {
            "desk": self.desk,
            "book": self.book,
            "type": self.product,
            "notional": self.notional,
            "measures": with_new_names(dict(found.values)),
            "ladder_par": by_curve(keys, found.ladder_par) if found.ladder_par else {},
            "krd": by_curve(keys, found.krd) if found.krd else {},
            "failure": None
            if failure is None
            else {"code": failure.code, "message": failure.message},
        }


def cell_of(side: Side) -> BookProductTotals:
    """Return what a side adds to the sums of its book and product."""
    sign, numbers = side.sign, side.numbers
    failed = numbers.failure is not None
    values = {name: _signed(sign, numbers.values.get(name)) for name in LIVE_SUMMED}
    size = [0.0] * len(numbers.ladder_par)
    return BookProductTotals(
        book=side.book,
        product=side.product,
        desk=side.desk,
        trades=sign,
        failed=sign if failed else 0,
        notional=sign * side.notional,
        notional_failed=sign * side.notional if failed else 0.0,
        ladder_par=size if failed else [sign * value for value in numbers.ladder_par],
        krd=size if failed else [sign * value for value in numbers.krd],
        **(dict.fromkeys(LIVE_SUMMED, 0.0) if failed else values),
    )


def _signed(sign: int, value: float | None) -> float | None:
    return None if value is None else sign * value


def before_and_after(
    rollups: Sequence[Rollup],
    sides: Mapping[str, Sequence[Side]],
    group_by: Sequence[str],
    reporting: str | None,
    desks: Collection[str] | None,
) -> list[Json]:
    """Sums and ladders by group: before, after, and what the entries make of difference.

    Args:
        rollups: One frame a currency.
        sides: By currency, what comes and what goes.
        group_by: As of ``portfolio``.
        reporting: Currency to convert to, or None.
        desks: Only these; None for all.

    Raises:
        ValueError: As ``portfolio``.
    """
    changes = {
        rollup.currency: cells_of(sides.get(rollup.currency, ()), len(rollup.keys))
        for rollup in rollups
    }
    after = [
        msgspec.structs.replace(rollup, cells=[*rollup.cells, *changes[rollup.currency]])
        for rollup in rollups
    ]
    only = [msgspec.structs.replace(rollup, cells=changes[rollup.currency]) for rollup in rollups]
    tables = [
        {_place(group, group_by): group for group in portfolio(each, group_by, reporting, desks)}
        for each in (rollups, after, only)
    ]
    return [
        {
            **dict(zip(group_by, place, strict=True)),
            "amounts_in": tables[1][place]["amounts_in"],
            "before": _sums(tables[0].get(place), group_by),
            "after": _sums(tables[1].get(place), group_by),
            "difference": _sums(tables[2].get(place), group_by),
        }
        for place in sorted(tables[1])
    ]


def cells_of(sides: Sequence[Side], keys: int) -> list[BookProductTotals]:
    """Return what sides add to the sums of a frame with so many keys."""
    zero = {"ladder_par": [0.0] * keys, "krd": [0.0] * keys}
    return [
        cell if cell.ladder_par else msgspec.structs.replace(cell, **zero)
        for cell in map(cell_of, sides)
    ]


def _place(group: Json, group_by: Sequence[str]) -> tuple[str, ...]:
    return tuple(group[name] for name in group_by)


LABELS = ("amounts_in", "reporting_currency", "valuation_dates")


def _sums(group: Json | None, group_by: Sequence[str]) -> Json | None:
    """The numbers of a group without its labels; None where the group has no trade."""
    if group is None:
        return None
    return {name: value for name, value in group.items() if name not in (*group_by, *LABELS)}
