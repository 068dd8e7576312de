"""Write bonds of the security master as tables of a market file: quotes of a curve.

The pricing library reads market files and no database; this is how a site's own bonds become
quotes of its government curve.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from instruments.models import Bond
from pricing.markets import conventions
from pricing.markets.loader import QUOTED_BOND_NAME

OWN_TERMS = (
    "coupon_schedule",
    "face_schedule",
    "penultimate_coupon_date",
    "payment_frequency",
    "day_count",
    "settlement_days",
    "ex_coupon_days",
    "calendar",
    "business_day_convention",
    "end_of_month",
)
"""Fields of a bond that a quoted one has from its convention, or cannot have."""

FIRST_LINE = "# Written by manage.py quote_bonds; it replaces this file."


@dataclass(frozen=True)
class LeftOut:
    """A bond that cannot be a quote, and why."""

    code: str
    reason: str


@dataclass(frozen=True)
class QuotedBonds:
    """Tables of a market file, the names of the bonds in it, and the bonds that are not."""

    text: str
    names: Sequence[str]
    left_out: Sequence[LeftOut]


def curve_of(bond: Bond) -> str:
    """The curve that a bond is discounted on."""
    row = conventions.BONDS.get(bond.convention)
    named = bond.discount_curve or (row.discount_curve if row else None)
    return named or conventions.CURRENCY_ROWS[bond.currency].bond_discount_curve


def write_quoted_bonds(
    bonds: Iterable[Bond], curve: str, today: dt.date, nodes: Sequence[str] = ()
) -> QuotedBonds:
    """Tables ``quoted_bonds`` of the bonds that can be quotes of a curve.

    Args:
        bonds: Of the security master.
        curve: A curve of par yields or zero rates.
        today: Bonds that mature by this day are left out.
        nodes: Tenors of the nodes of a fit; none: the row of the curve is not written.
    """
    tables, names, left_out = list[str](), list[str](), list[LeftOut]()
    for bond in bonds:
        name = bond.isin or bond.code.upper()
        reason = _why_not(bond, name, curve, today)
        if reason or name in names:
            left_out.append(LeftOut(bond.code, reason or f"another bond has the name {name}"))
            continue
        names.append(name)
        tables.append(_table(bond, name, curve))
    source = f"Security master of this site, as of {today}: table of bonds"
    fit = [_curve(curve, nodes)] if nodes else []
    texts = {"SECURITY_MASTER": source, **(_cited(curve) if nodes else {})}
    head = f"{FIRST_LINE}\n\n{_lines('sources', {k: json.dumps(t) for k, t in texts.items()})}"
    return QuotedBonds("\n".join((head, *fit, *tables)), names, left_out)


def _why_not(bond: Bond, name: str, curve: str, today: dt.date) -> str:
    """Why a bond cannot be a quote of a curve; "" where it can."""
    if curve_of(bond) != curve:
        return f"it is discounted on {curve_of(bond)}"
    if bond.maturity_date <= today:
        return f"it matures on {bond.maturity_date}"
    if not bond.convention:
        return "it has no convention"
    if bond.coupon_rate < 0:
        return f"its coupon is {bond.coupon_rate:f}"
    own = [field for field in OWN_TERMS if getattr(bond, field) not in (None, "", [])]
    if own:
        return f"it has terms of its own: {', '.join(own)}"
    if not QUOTED_BOND_NAME.fullmatch(name):
        return f"its code {name} is no name of a table: at most 27 letters, digits and hyphens"
    return ""


def _table(bond: Bond, name: str, curve: str) -> str:
    fields = {
        "curve": json.dumps(curve),
        "convention": json.dumps(bond.convention),
        "issue_date": (bond.dated_date or bond.issue_date).isoformat(),
        "maturity_date": bond.maturity_date.isoformat(),
        "coupon_rate": repr(float(bond.coupon_rate)),
    }
    if bond.first_coupon_date is not None:
        fields["first_coupon_date"] = bond.first_coupon_date.isoformat()
    fields["source"] = '"SECURITY_MASTER"'
    return _lines(f"quoted_bonds.{name}", fields)


def _cited(curve: str) -> dict[str, str]:
    """Return the sources of the curve's row by key: another file may give a key another text."""
    keys = conventions.MARKETS.source_keys
    return {keys[text]: text for text in conventions.CURVES[curve].sources.values()}


def _curve(name: str, nodes: Sequence[str]) -> str:
    """The curve's row with a fit; its other fields and their sources stay."""
    row, keys = conventions.CURVES[name], conventions.MARKETS.source_keys
    given = {
        field: getattr(row, field)
        for field in row.__struct_fields__
        if field not in ("name", "currency", "sources") and getattr(row, field) is not None
    }
    sources = {field: keys[text] for field, text in row.sources.items()}
    given |= {"nodes": list(nodes), "fit": "least_squares"}
    sources |= {"nodes": "SECURITY_MASTER", "fit": "SECURITY_MASTER"}
    fields = {field: _toml(value) for field, value in given.items()}
    of = {field: json.dumps(key) for field, key in sources.items()}
    return f"{_lines(f'curves.{name}', fields)}\n{_lines(f'curves.{name}.sources', of)}"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {v}" for k, v in value.items()) + " }"
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value)


def _lines(table: str, fields: dict[str, str]) -> str:
    return f"[{table}]\n" + "".join(f"{field} = {value}\n" for field, value in fields.items())
