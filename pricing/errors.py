"""Errors of pricing, typed by what the caller does next.

Fields are kept in ``args``, so that an error survives pickling to another process; ``__str__``
makes the message for users.
"""

from __future__ import annotations

import msgspec

MAX_SHOWN = 80
"""Characters of a value that an error message quotes; longer values are cut."""


def shortened(text: str, limit: int = MAX_SHOWN) -> str:
    """The text, cut in its middle when it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def one_line(text: str) -> str:
    """QuantLib breaks some of its texts into ten lines; a sentence of a table or log has one."""
    return " ".join(text.split())


class PricingError(Exception):
    """Root of the pricing library's errors. ``code`` is stable and machine-readable."""

    code = "PRICING"


class BadInput(PricingError):
    """The input is wrong and stays wrong: refuse it, name field, value and what is allowed."""

    code = "BAD_INPUT"

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(field, value, allowed)
        self.field, self.value, self.allowed = field, value, allowed

    def __str__(self) -> str:
        field, value = shortened(self.field), shortened(repr(self.value))
        return f"{field}: {value} is not valid; {self.allowed}"


class MissingFixing(PricingError):
    """A coupon has fixed, but its fixing is not stored; the trade fails until it is."""

    code = "MISSING_FIXING"

    def __init__(self, index: str, date: str) -> None:
        super().__init__(index, date)
        self.index, self.date = index, date

    def __str__(self) -> str:
        return (
            f"no {self.index} fixing for {self.date}: load the published one with manage.py "
            "load_fixings FILE, or a proxy with manage.py load_fixings --derive"
        )


class MissingCurve(PricingError):
    """The market has no such curve; the trade fails until it has."""

    code = "MISSING_CURVE"

    def __init__(self, curve: str, present: str) -> None:
        super().__init__(curve, present)
        self.curve, self.present = curve, present

    def __str__(self) -> str:
        return f"the market has no curve {self.curve}; it has {self.present or 'none'}"


class BootstrapFailed(PricingError):
    """The quotes of one curve admit no curve: the frame fails, and the previous one stays.

    ``quote`` is a decimal per year; None where the tenors alone admit none.
    """

    code = "BOOTSTRAP"

    def __init__(self, curve: str, tenor: str, quote: float | None, reason: str) -> None:
        super().__init__(curve, tenor, quote, reason)
        self.curve, self.tenor, self.quote, self.reason = curve, tenor, quote, reason

    def __str__(self) -> str:
        quote = "" if self.quote is None else f" at {self.quote!r}"
        return f"{self.curve} {self.tenor}{quote} does not bootstrap: {one_line(self.reason)}"


class CurveRefused(PricingError):
    """The quotes make a curve that fails a sanity check, and the feed is read strictly.

    ``warnings`` are sentences, each of which names a quote.
    """

    code = "CURVE_SANITY"

    def __init__(self, warnings: tuple[str, ...]) -> None:
        super().__init__(warnings)
        self.warnings = warnings

    def __str__(self) -> str:
        more = len(self.warnings) - 1
        return self.warnings[0] + (f" (and {more} more)" if more else "")


class Unpriceable(PricingError):
    """One trade could not be valued; it is shown as failed with this reason, never as 0."""

    code = "UNPRICEABLE"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return one_line(self.reason)


class Matured(Unpriceable):
    """A bond has made its last payment; ``date`` is the day of it, as 2024-05-15."""

    def __init__(self, date: str) -> None:
        super().__init__(date)
        self.reason = f"maturity_date: the bond has matured; it pays nothing after {date}"


class NothingAfterSettlement(Unpriceable):
    """The bond has a value but no price: a buyer who trades today would receive nothing."""

    code = "NOTHING_AFTER_SETTLEMENT"


class SpreadNotSolved(PricingError):
    """A trade has a quote from which no market has solved a number yet: it waits for the first."""

    code = "SPREAD_NOT_SOLVED"

    def __init__(self, quote: str, number: str = "z-spread") -> None:
        super().__init__(quote, number)
        self.quote, self.number = quote, number

    def __str__(self) -> str:
        return f"{self.quote}: its {self.number} is solved on the next market"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A trade without a number, and why."""

    trade_id: str
    code: str
    message: str
