"""What a limit is: its scope, its measure and its bounds, and what makes a row of them valid.

Definitions: docs/definitions.md, Limits; docs/limits.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import msgspec

from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.measures.table import BY_NAME, LIVE_SUMMED
from pricing.products.registry import PRODUCT_NAMES
from pricing.scenarios.tail import tail_count

Source = Literal["sums", "explain", "scenarios"]
Direction = Literal["absolute", "upper", "lower"]

ABSOLUTE, UPPER, LOWER = DIRECTIONS = ("absolute", "upper", "lower")
DEFAULT_LEVEL = "99"
DEFAULT_MAX_AGE_S = 60.0
"""Oldest age of results that are made beside the frames; a limit on older ones is unknown."""


@dataclass(frozen=True, kw_only=True)
class LimitMeasure:
    """One quantity that can be limited.

    Attributes:
        name: Its name in files, REST answers and code.
        label: Its name on screens.
        source: The results that it is read from.
        unit: What one unit of it is.
        column: The sum or ladder of a frame that it is made from; empty for other sources.
        ladder: ``bucket`` for one bucket or one curve, ``gross`` for a sum of absolute buckets.
        needs: Fields of a limit that it cannot do without.
        takes: Fields of a limit that it may have besides.
        sensitivity: It moves with trades far more than with the market.
    """

    name: str
    label: str
    source: Source
    unit: str
    column: str = ""
    ladder: Literal["", "bucket", "gross"] = ""
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    sensitivity: bool = False


def _sums() -> list[LimitMeasure]:
    return [
        LimitMeasure(
            name=name,
            label=BY_NAME[name].label,
            source="sums",
            unit=BY_NAME[name].unit.replace("trade currency", "money"),
            column=name,
            sensitivity=name != "npv",
        )
        for name in LIVE_SUMMED
    ]


def _ladders() -> list[LimitMeasure]:
    found = []
    for column, label in (("ladder_par", "Par ladder"), ("krd", "Key rates")):
        found += [
            LimitMeasure(
                name=column,
                label=f"{label}: one bucket, or one curve",
                source="sums",
                unit="money per bp",
                column=column,
                ladder="bucket",
                needs=("curve",),
                takes=("tenor",),
                sensitivity=True,
            ),
            LimitMeasure(
                name=f"{column}_gross",
                label=f"{label}: sum of absolute buckets",
                source="sums",
                unit="money per bp",
                column=column,
                ladder="gross",
                takes=("curve",),
                sensitivity=True,
            ),
        ]
    return found


MEASURES: Mapping[str, LimitMeasure] = MappingProxyType(
    {
        row.name: row
        for row in (
            *_sums(),
            *_ladders(),
            LimitMeasure(
                name="pnl_close", label="P&L since the close", source="explain", unit="money"
            ),
            LimitMeasure(
                name="var",
                label="Value at risk",
                source="scenarios",
                unit="money, a loss is positive",
                takes=("level",),
            ),
            LimitMeasure(
                name="expected_shortfall",
                label="Expected shortfall",
                source="scenarios",
                unit="money, a loss is positive",
                takes=("level",),
            ),
            LimitMeasure(
                name="scenario_loss",
                label="Loss in a stress scenario",
                source="scenarios",
                unit="money, a loss is positive",
                needs=("scenario",),
            ),
        )
    }
)
"""Measures that a limit may have, by name."""

PARAMETERS = ("curve", "tenor", "level", "scenario")
"""Fields of a limit that only some measures have."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which trades count. Empty fields take all; all empty is the firm."""

    desk: str = ""
    book: str = ""
    currency: str = ""
    product: str = ""

    def __str__(self) -> str:
        parts = [f"{n} {getattr(self, n)}" for n in self.__struct_fields__ if getattr(self, n)]
        return ", ".join(parts) or "firm"


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The amounts that a number is compared with; ``warning`` None: there is no warning."""

    hard: float
    warning: float | None = None


class Temporary(msgspec.Struct, frozen=True, kw_only=True):
    """An approved override from one moment to another, ns since 1970; the end is not in it."""

    code: str
    bounds: Bounds
    from_ns: int
    until_ns: int


class LimitTerms(msgspec.Struct, frozen=True, kw_only=True):
    """One limit.

    Attributes:
        code: Its name.
        scope: The trades that count.
        measure: A name of ``MEASURES``.
        amounts_in: The currency of all amounts.
        bounds: The amounts.
        direction: ``absolute`` compares the size of a number, ``upper`` the number itself, and
            ``lower`` is broken by numbers below the bounds.
        hysteresis: How far a number must come back behind a bound before the state falls.
        curve: Of a ladder.
        tenor: Of a ladder; empty for the sum of a curve.
        level: Percent, of value at risk and expected shortfall.
        scenario: Name of a stress scenario.
        max_age_s: A number that is older is unknown; None: of any age.
        from_ns: The limit does not judge what was published before.
        until_ns: Nor what was published from then on; None: no end.
        temporaries: Overrides.
    """

    code: str
    scope: Scope
    measure: str
    amounts_in: str
    bounds: Bounds
    direction: Direction = "absolute"
    hysteresis: float = 0.0
    curve: str = ""
    tenor: str = ""
    level: str = DEFAULT_LEVEL
    scenario: str = ""
    max_age_s: float | None = None
    from_ns: int = 0
    until_ns: int | None = None
    temporaries: tuple[Temporary, ...] = ()

    def in_force(self, now_ns: int) -> bool:
        """Return whether the limit judges what is published now."""
        return self.from_ns <= now_ns and (self.until_ns is None or now_ns < self.until_ns)

    def bounds_at(self, now_ns: int) -> tuple[Bounds, str]:
        """The bounds in force, and the code of the temporary limit that they are of, or empty.

        Of several temporary limits the one that began last counts. One without a warning keeps the
        limit's own where that still comes before its hard bound.
        """
        found = [one for one in self.temporaries if one.from_ns <= now_ns < one.until_ns]
        if not found:
            return self.bounds, ""
        one = max(found, key=lambda each: (each.from_ns, each.code))
        bounds, own = one.bounds, self.bounds.warning
        if bounds.warning is None and own is not None:
            inside = own > bounds.hard if self.direction == LOWER else own < bounds.hard
            bounds = Bounds(hard=bounds.hard, warning=own if inside else None)
        return bounds, one.code

    def changes_at(self) -> list[int]:
        """Moments at which the bounds, or whether it is in force, can change; ns since 1970."""
        ends = [] if self.until_ns is None else [self.until_ns]
        return sorted(
            [self.from_ns, *ends, *(t for o in self.temporaries for t in (o.from_ns, o.until_ns))]
        )


def check_bounds(
    direction: str, hard: float, warning: float | None, hysteresis: float, *, field: str
) -> None:
    """Refuse bounds that mean nothing.

    Args:
        direction: One of ``DIRECTIONS``.
        hard: The hard bound.
        warning: The warning, or None.
        hysteresis: See ``LimitTerms``.
        field: The name of the hard bound's field, for the sentence.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    for name, value in ((field, hard), ("warning", warning), ("hysteresis", hysteresis)):
        if value is not None and not math.isfinite(value):
            raise BadInput(name, value, "a number")
    if direction == ABSOLUTE and hard <= 0.0:
        raise BadInput(field, hard, "above zero, as sizes are compared")
    if hysteresis < 0.0:
        raise BadInput("hysteresis", hysteresis, "zero or more")
    if direction == ABSOLUTE and hysteresis >= hard:
        raise BadInput("hysteresis", hysteresis, f"less than the hard limit of {hard:g}")
    if warning is None:
        return
    if direction == ABSOLUTE and not 0.0 <= warning < hard:
        raise BadInput("warning", warning, f"from 0 to less than the hard limit of {hard:g}")
    if direction == UPPER and warning >= hard:
        raise BadInput("warning", warning, f"less than the hard limit of {hard:g}")
    if direction == LOWER and warning <= hard:
        raise BadInput("warning", warning, f"more than the hard limit of {hard:g}")


def check_terms(terms: LimitTerms) -> None:
    """Refuse a limit that means nothing.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    scope = terms.scope
    if scope.desk and scope.book:
        raise BadInput("book", scope.book, "a desk or a book, not both: a book has one desk")
    if scope.currency and scope.currency not in conventions.CURRENCIES:
        raise BadInput("currency", scope.currency, f"allowed: {', '.join(conventions.CURRENCIES)}")
    if scope.product and scope.product not in PRODUCT_NAMES:
        raise BadInput("trade_type", scope.product, f"allowed: {', '.join(PRODUCT_NAMES)}")
    if terms.amounts_in not in conventions.CURRENCIES:
        allowed = ", ".join(conventions.CURRENCIES)
        raise BadInput("amounts_in", terms.amounts_in, f"allowed: {allowed}")
    measure = MEASURES.get(terms.measure)
    if measure is None:
        raise BadInput("measure", terms.measure, f"allowed: {', '.join(MEASURES)}")
    if terms.direction not in DIRECTIONS:
        raise BadInput("direction", terms.direction, f"allowed: {', '.join(DIRECTIONS)}")
    _check_parameters(terms, measure)
    check_bounds(
        terms.direction,
        terms.bounds.hard,
        terms.bounds.warning,
        terms.hysteresis,
        field="hard_limit",
    )
    if terms.until_ns is not None and terms.until_ns <= terms.from_ns:
        raise BadInput("valid_until", "that day", "later than valid_from")


def _check_parameters(terms: LimitTerms, measure: LimitMeasure) -> None:
    for name in PARAMETERS:
        value = getattr(terms, name)
        if name in measure.needs and not value:
            raise BadInput(name, value, f"{measure.name} needs it")
        given = value and not (name == "level" and value == DEFAULT_LEVEL)
        if given and name not in (*measure.needs, *measure.takes):
            raise BadInput(name, value, f"empty: {measure.name} has none")
    if terms.curve:
        curve = conventions.CURVES.get(terms.curve)
        if curve is None:
            raise BadInput("curve", terms.curve, f"allowed: {', '.join(conventions.CURVES)}")
        if terms.scope.currency not in ("", curve.currency):
            raise BadInput("curve", terms.curve, f"a curve of {terms.scope.currency}")
    if "level" in measure.takes:
        tail_count(1, terms.level)


def currency_of_curve(curve: str) -> str:
    """The currency whose frames have a curve."""
    return str(conventions.CURVES[curve].currency)
