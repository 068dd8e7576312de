"""What people say of breaches: acknowledgements, with the rule of four eyes."""

from __future__ import annotations

from typing import Any

from instruments import access
from pricing.errors import BadInput
from risk.models import LimitBreach, LimitReview

MAY_ACKNOWLEDGE = "instruments.change_limit"
"""Who may change limits judges their breaches: risk administrators."""


def acknowledge(
    breach: LimitBreach, user: Any, *, classification: str, resolution: str, comment: str
) -> LimitReview:
    """Add a review; the last one of a breach counts, and none is ever changed.

    Raises:
        BadInput: The limit needs four eyes, and the user trades for the desk of the breach.
    """
    check_four_eyes(breach, user)
    return LimitReview.objects.create(
        breach=breach,
        user=user,
        by=user.get_username(),
        classification=classification,
        resolution=resolution,
        comment=comment,
    )


def check_four_eyes(breach: LimitBreach, user: Any) -> None:
    """Refuse a judge who trades for the desk; errors as ``acknowledge``."""
    if breach.limit.four_eyes and trades_for(user, breach.desk):
        whom = breach.desk or "a desk of the firm"
        raise BadInput(
            "user", str(user), f"somebody who does not trade for {whom}: four eyes are needed"
        )


def trades_for(user: Any, desk: str) -> bool:
    """Whether the user is a trader of a desk; of any, where the breach is of all desks."""
    own = access.own_desks(user)
    rows = own.filter(code=desk) if desk else own
    return bool(rows.exists())
