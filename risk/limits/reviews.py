"""Reviews of breaches (acknowledgements), with the four-eyes rule."""

from __future__ import annotations

from typing import Any

from instruments import access
from pricing.errors import BadInput
from risk.models import LimitBreach, LimitReview

MAY_ACKNOWLEDGE = "instruments.change_limit"
"""The permission to change limits is also the permission to review breaches."""


def acknowledge(
    breach: LimitBreach, user: Any, *, classification: str, resolution: str, comment: str
) -> LimitReview:
    """Add a review. The last review of a breach counts; none is ever changed.

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
    """Refuse a reviewer who trades for the desk; raises as ``acknowledge``."""
    if breach.limit.four_eyes and trades_for(user, breach.desk):
        whom = breach.desk or "a desk of the firm"
        raise BadInput(
            "user", str(user), f"somebody who does not trade for {whom}: four eyes are needed"
        )


def trades_for(user: Any, desk: str) -> bool:
    """Return whether the user trades for the desk, or for any desk if the breach is on all."""
    own = access.own_desks(user)
    rows = own.filter(code=desk) if desk else own
    return bool(rows.exists())
