"""Make the flows of quoted bonds: the payments against the dirty price, at settlement.

The quote is the yield, and the price that belongs to it stands where other instruments have their
quote: ``Instruments`` turns one into the other.
"""

from __future__ import annotations

import datetime as dt

from pricing.curves.quote_ids import Bond
from pricing.curves.quotes import QuoteId
from pricing.curves.rate_instruments import RateInstrument
from pricing.errors import BadInput, BootstrapFailed
from pricing.products.bonds.quoted_bond import quoted_bond_flows
from pricing.products.cash_flows import Row


def make_bond(key: QuoteId, made: Bond, today: dt.date) -> RateInstrument:
    """A bond per unit of face: pay the price at settlement, receive what a buyer receives.

    Raises:
        BootstrapFailed: It has matured by settlement.
    """
    try:
        flows = quoted_bond_flows(made.name, today)
    except BadInput as error:
        raise BootstrapFailed(key.curve, key.tenor, None, error.allowed) from None
    paid = [
        Row(pay=day, amount=amount / 100.0)
        for day, amount in zip(flows.days.tolist(), flows.amounts.tolist(), strict=True)
    ]
    price = Row(pay=flows.settled, unit=-1.0)
    return RateInstrument(int(flows.days[-1]), (price, *paid), yields=flows.yields)
