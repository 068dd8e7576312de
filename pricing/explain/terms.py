"""The terms of a P&L explain: their names, order and meaning.

Money, trade currency. A gain is positive. REST, stored results and screens follow this table.
Definitions: docs/definitions.md, P&L explain.
"""

from __future__ import annotations

from typing import NamedTuple


class Term(NamedTuple):
    """One term.

    Attributes:
        name: As in answers.
        title: As on screens.
        doc: What it is.
    """

    name: str
    title: str
    doc: str


TERMS = (
    Term(
        "carry",
        "Carry",
        "time passes and the forwards of the start are realised; includes cash paid",
    ),
    Term("roll_down", "Roll-down", "the same quotes by tenor at the new date"),
    Term("fixings", "Fixings", "fixings differ from their forecasts"),
    Term("delta", "Delta", "first-order effect of the quotes' moves, by curve and quote"),
    Term("gamma", "Gamma", "second-order effect of the same moves"),
    Term("spread", "Spread", "a price or spread of a bond was edited"),
    Term("new", "New trades", "value of new trades minus the amount paid for them"),
    Term("terminated", "Terminated", "proceeds of terminated trades minus their value"),
    Term("amended", "Amended", "value of new terms minus value of old terms and fees"),
    Term("transfer", "Transfer", "trades that moved to another book; 0 for the firm"),
    Term("residual", "Residual", "what the other terms do not explain"),
)
"""Terms that add up to ``total``."""

MEMOS = (
    Term("total", "Total P&L", "change of value plus cash minus considerations"),
    Term("hpl", "HPL", "P&L of the trades of the start, from time and market only"),
    Term("rtpl", "RTPL", "carry, roll-down, fixings, delta and gamma"),
    Term("market_pnl", "Market P&L", "the trades of the start at the new quotes on the old date"),
    Term("theta_pnl", "Theta P&L", "carry and roll-down"),
    Term("cash", "Cash", "flows paid in the period; already in carry and fixings"),
    Term("consideration", "Consideration", "amounts paid for new trades and fees, minus proceeds"),
    Term("value_start", "Value at start", "includes coupons that are ex-dividend and not yet paid"),
    Term("value_end", "Value at end", "value of the trades of the end, with the same coupons"),
)
"""Figures shown beside the terms; they are not added to the total."""

PERIOD_TERMS = ("carry", "roll_down", "fixings", "delta", "gamma", "residual")
"""Terms of trades that are in the book at the start of the period."""

TRADE_TERMS = ("spread", "new", "terminated", "amended", "transfer")
"""Terms of trades that changed in the period."""

TERM_NAMES = tuple(term.name for term in TERMS)
RTPL = ("carry", "roll_down", "fixings", "delta", "gamma")
